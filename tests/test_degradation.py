"""What chosen files lose of the unpruned model: tables, pictures, captions, and the sheet of where they fail."""

import shutil
from dataclasses import replace

import made_up_evidence as made_up
import made_up_run
import numpy as np
import pytest
import shapes
from PIL import Image
from test_at_threshold import DETECTIONS, NAMES, TRUTH

import compare_chosen
import draw_failures
from pinch.core.errors import PinchError
from pinch.data import contact_sheet
from pinch.data import dataset as datasets
from pinch.measuring import at_threshold, evidence, statistics
from pinch.report import captions, degradation_facts, failures
from pinch.report.plots import degradation as plots
from pinch.report.plots import style
from pinch.run import comparing
from pinch.tables import compared, degradation, gathering, output_types


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with evidence, whose chosen files were compared with the unpruned model."""
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "results/demo", coarse=(30, 50), fine=(), twin=1.02)
    made_up_run.add_evidence(folder)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    compare_chosen.main([str(folder)])
    return folder


def of_file(folder, file):
    return evidence.read(folder / f"records/accuracy/{file.removesuffix('.pt')}.npz", None)["test"]


def test_chosen_files_are_compared_with_the_better_of_base_and_twin(run):
    table = {name: gathering.read(run, name) for name in compared.COLUMNS}
    reference = f"{comparing.unpruned(gathering.rows(gathering.read(run, 'models')))['model']}.pt"
    chosen = gathering.read(run, "selection")["file"]
    assert reference == "demo_tuned.pt"
    assert set(table["agreement"]["file"]) == set(chosen)
    assert table["agreement"]["file"].iloc[0] == chosen.value_counts().index[0]
    assert list(table["classes"]["file"].unique()) == [reference, *table["agreement"]["file"]]
    first = table["classes"][table["classes"]["file"] == reference]
    assert first[["reference", "ap_loss", "recall_loss_low"]].isna().all(axis=None)
    for file, rows in table["classes"].groupby("file"):
        found = of_file(run, file)
        counts = at_threshold.counts(found)
        assert rows["recall"].tolist() == pytest.approx((counts.found.sum(0) / counts.boxes.sum(0)).tolist())
        assert rows["precision"].tolist() == pytest.approx((counts.found.sum(0) / counts.detections.sum(0)).tolist())
        assert rows["ap"].tolist() == pytest.approx(statistics.resample(found).values[0].tolist())
        own = table["confusion"][table["confusion"]["file"] == file]
        assert own["boxes"].sum() == at_threshold.confusion(found).sum()
        assert own.loc[own["class"] == own["detected"], "boxes"].sum() == counts.found.sum()
        if file != reference:
            assert (rows["ap"].to_numpy() + rows["ap_loss"].to_numpy()) == pytest.approx(first["ap"].to_numpy())
            assert (rows["ap_loss_low"] < rows["ap_loss_high"]).all()
    sizes = table["sizes_of_boxes"][table["sizes_of_boxes"]["file"] == reference]
    assert sizes["size"].tolist() == ["small", "medium", "large"]
    assert sizes["boxes"].sum() == table["agreement"]["boxes"].iloc[0]
    assert sizes["boxes"].max() - sizes["boxes"].min() <= 2
    assert sizes["side_to"].tolist()[:2] == sizes["side_from"].tolist()[1:]


def test_agreement_counts_what_both_find(run):
    row = gathering.rows(gathering.read(run, "agreement"))[0]
    ours, theirs = (of_file(run, row[name]) for name in ("file", "reference"))
    pairs = (at_threshold.partners(theirs, ours) >= 0).sum()
    assert row["agrees"] == pytest.approx(pairs / len(theirs.boxes))
    assert row["reference_agrees"] == pytest.approx(pairs / len(ours.boxes))
    assert 0 < row["agrees_low"] < row["agrees"] < row["agrees_high"] <= 1
    mine, other = at_threshold.found(ours), at_threshold.found(theirs)
    assert (row["boxes_lost"], row["boxes_gained"]) == ((other & ~mine).sum(), (mine & ~other).sum())
    assert row["boxes_lost"] - row["boxes_gained"] == other.sum() - mine.sum()


def test_a_class_of_which_less_is_found_is_named_even_if_its_average_precision_stays(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "demo")
    table = gathering.read(folder, "classes")
    file = gathering.read(folder, "agreement")["file"].iloc[0]
    first, second = table.index[table["file"] == file][:2]
    table.loc[[first, second], ["recall_loss", "recall_loss_low"]] = 0.9, 0.5
    table.loc[first, "ap_loss_low"], table.loc[second, "ap_loss_low"] = -0.1, 0.1
    gathering.write(folder, "classes", table)
    (row,) = [row for row in degradation_facts.collect(folder) if row["file"] == file]
    assert [one["class"] for one in row["found_less"]] == [table.loc[first, "class"]]
    captions.render(folder, tuple(f"plots/{name}.png" for name in ("failures",)))
    said = (folder / "captions/class_losses.rst").read_text()
    assert f"Recall alone falls in **{table.loc[first, 'class']}** by 0.900." in said


def test_captions_name_the_largest_losers_and_the_pictures_show_them(run):
    captions.render(run, tuple(f"plots/{name}.png" for name in ("failures",)))
    agreement, classes = gathering.read(run, "agreement"), gathering.read(run, "classes")
    rows = classes[classes["file"] == agreement["file"].iloc[0]]
    largest = rows.sort_values("ap_loss", ascending=False).iloc[0]
    text = " ".join((run / "captions/class_losses.rst").read_text().split())
    assert f"**{largest['class']}**" in text
    assert f"{largest['ap_loss']:.3f}" in text
    with style.applied():
        axes = plots.class_losses(run).axes
        sizes, confusion = plots.size_losses(run), plots.confusion(run)
    shown = min(style.SHOWN, len(agreement))
    assert len(axes) == 3 * shown
    assert axes[0].get_yticklabels()[0].get_text() == largest["class"]
    dots = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == sorted(rows["ap_loss"], reverse=True)
    beyond = {
        style.VERMILLION if row["ap_loss_low"] > 0 else style.BLUE if row["ap_loss_high"] < 0 else style.GREY
        for _, row in rows.iterrows()
    }
    assert {line.get_color() for line in dots} == beyond
    assert len(sizes.axes) == 2 * shown
    titles = [axis.get_title(loc="left") for axis in confusion.axes]
    assert titles[: 1 + shown] == ["demo_tuned.pt", *agreement["file"][:shown]]
    first = of_file(run, "demo_tuned.pt")
    numbers = sum(int(text.get_text()) for text in confusion.axes[0].texts)
    assert numbers == at_threshold.confusion(first).sum()


@pytest.mark.fault
def test_files_without_boxes_are_left_out_with_a_warning_and_nothing_is_invented(run, capsys):
    agreement = gathering.read(run, "agreement")
    file = agreement["file"].iloc[0]
    path = run / f"records/accuracy/{file}.npz"
    whole = path.read_bytes()
    older = dict.fromkeys(("threshold", "boxes", "truths", "sides", "truth_boxes"))
    evidence.write(path, "0" * 64, {"test": replace(of_file(run, file), **older)})
    found = degradation.compute(run)
    assert f"{file}.npz is of an earlier version of Pinch, which kept no boxes" in capsys.readouterr().err
    assert not (found["classes"]["file"] == file).any()
    assert len(found["agreement"]) == len(agreement) - 1
    path.write_bytes(whole)
    base = run / "records/accuracy/demo_tuned.npz"
    base.rename(base.with_suffix(".away"))
    assert all(table.empty for table in degradation.compute(run).values())
    assert "demo_tuned.npz does not exist. demo_tuned.pt is compared with nothing" in capsys.readouterr().err
    base.with_suffix(".away").rename(base)
    other = replace(of_file(run, file), images=[f"other/{n}.png" for n in range(100)])
    evidence.write(path, "0" * 64, {"test": other})
    with pytest.raises(PinchError, match=rf"{file} and demo_tuned\.pt \(test\): two models were evaluated on other"):
        degradation.compute(run)
    path.write_bytes(whole)


@pytest.mark.fault
def test_a_run_in_which_nothing_was_compared_says_so(tmp_path):
    with style.applied():
        for draw in (plots.class_losses, plots.size_losses, plots.confusion):
            assert "Nothing was compared in this run" in draw(tmp_path).axes[0].texts[0].get_text()
    for table in degradation.nothing().values():
        assert table.empty
    data = shapes.write(tmp_path / "shapes", train=1, val=1, imgsz=32)
    draw_failures.main([str(tmp_path), str(data), str(tmp_path / "failures.png")])
    assert (tmp_path / "failures.png").stat().st_size > 100


def test_the_sheet_shows_exactly_the_pictures_where_the_choice_fails_and_the_base_does_not(run, tmp_path, monkeypatch):
    """Picture n is of the colour (n, 255 - n, 128), which no other part of the sheet has."""
    monkeypatch.setattr(style, "SHOWN", 1)
    dataset = datasets.load(shapes.write(tmp_path / "shapes", train=1, val=1, imgsz=32))
    for number in range(100):
        Image.new("RGB", (32, 32), (number, 255 - number, 128)).save(dataset.root / f"{number}.png")
    row = gathering.rows(gathering.read(run, "agreement"))[0]
    ours, theirs = (of_file(run, row[name]) for name in ("file", "reference"))
    lost = at_threshold.found(theirs) & ~at_threshold.found(ours)
    wanted = set(ours.truth_images[lost].tolist())
    for most in (1000, 5):
        assert failures.draw(run, dataset, tmp_path / "sheet.png", most) == min(most, len(wanted))
        with Image.open(tmp_path / "sheet.png") as sheet:
            columns, pixels = sheet.width // contact_sheet.CELL, np.asarray(sheet).reshape(-1, 3).astype(int)
        shown = pixels[(pixels[:, 0] + pixels[:, 1] == 255) & (pixels[:, 2] == 128), 0]
        areas = np.bincount(shown, minlength=100)
        found = set(np.flatnonzero(areas > contact_sheet.CELL**2 / 3).tolist())
        assert columns == failures.COLUMNS
        assert (found == wanted) if most > len(wanted) else (found < wanted and len(found) == most)
    assert len(wanted) == row["images_lost"] > 5
    assert sum(len(failure.boxes) for failure in failures.find(ours, theirs)) == row["boxes_lost"]


def test_failures_come_surest_first_and_say_what_is_detected_instead(tmp_path):
    known = made_up.hand_made(DETECTIONS, TRUTH, NAMES, 5)
    perfect = [(image, number, 0.99 - image / 10, place) for image, number, place in TRUTH]
    found = failures.find(known, made_up.hand_made(perfect, TRUTH, NAMES, 5))
    assert [(failure.image, failure.boxes) for failure in found] == [(0, [1]), (2, [3]), (3, [4])]
    assert [failure.score for failure in found] == pytest.approx([0.99, 0.79, 0.69])
    assert failures.find(known, known) == []
    data = datasets.load(shapes.write(tmp_path / "shapes", train=1, val=1, imgsz=32))
    picture = next((tmp_path / "shapes").rglob("*.png"))
    named = replace(known, images=[str(picture)] * 5)
    captions_of = [failures._cell(failure, named, data)[1] for failure in found]
    assert captions_of == ["four: fist detected", "like: nothing detected", "fist: nothing detected"]
