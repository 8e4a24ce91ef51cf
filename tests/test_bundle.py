"""Bundles of a run's chosen files and of strangers' files: what is in them, and what is refused."""

import json
import re
import zipfile

import cv2
import known_detectors as detectors
import made_up_records as made_up
import made_up_run
import numpy as np
import pytest
from conftest import ROOT
from test_workflow import DATA, jobs

import bundle
import gather
import select_models
from pinch import runtimes
from pinch.apps.bundle import contract, describe
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.files import sha256, write_json
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.core.typed_json import to_json
from pinch.run.identity import Model
from pinch.tables import gathering
from pinch.tables.cells import clean

CHOSEN = ["demo_full.onnx", "demo_int8.onnx"]
CONTENTS = {"Decoder.java", "MODEL_CARD.md", "check.py", "decoder.py", "labels.txt", "model.json"}
PICTURES = {"test_1.png", "test_2.png"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return detectors.dataset(tmp_path_factory.mktemp("data"), {"train": 2, "val": 2, "test": 5})


@pytest.fixture
def run(tmp_path):
    """A made-up run whose chosen files are real, in a folder whose name has a space."""
    folder = made_up_run.make(tmp_path / "some run", coarse=(), fine=())
    gather.main([str(folder)])
    select_models.main([str(folder)])
    (folder / "artifacts").mkdir()
    for file in CHOSEN:
        detectors.onnx_detector(folder / "artifacts" / file)
    choose(folder, CHOSEN)
    return folder


def choose(folder, files):
    """Have the run's choice name these files, in turns."""
    table = gathering.read(folder, "selection")
    table["file"] = [files[number % len(files)] for number in range(len(table))]
    gathering.write(folder, "selection", table)


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def said(path):
    return contract.parse(json.loads(contents(path)["model.json"]), path)


def row(folder, table, file):
    return next(row for row in clean(gathering.read(folder, table)) if row["file"] == file)


def test_the_chosen_files_are_packed_with_what_the_run_knows(run, data, capsys):
    bundle.main(["--results", str(run), "--data", str(data)])
    assert capsys.readouterr().out.count(" bytes\n") == 2
    assert {path.name for path in (run / "bundles").glob("*.zip")} == {f"{file}.zip" for file in CHOSEN}
    for file in CHOSEN:
        found, path = contents(run / f"bundles/{file}.zip"), run / "artifacts" / file
        assert found.keys() == CONTENTS | PICTURES | {file}
        assert found[file] == path.read_bytes()
        assert found["labels.txt"] == b"blue\nred\n"
        it, measured = said(run / f"bundles/{file}.zip"), row(run, "artifacts", file)
        assert (it.file, it.sha256, it.bytes) == (file, sha256(path), path.stat().st_size)
        assert [(a.split, a.map50_95, a.low) for a in it.measured.accuracy] == [
            ("val", measured["val_map50_95"], measured["val_map50_95_low"]),
            ("test", measured["map50_95"], measured["map50_95_low"]),
        ]
        assert {each.threads: each.p50_ms for each in it.measured.times}[1] == row(run, "inference", file)["p50_ms"]
        assert (it.measured.kept, it.measured.bytes_zipped) == (measured["val_kept"], measured["bytes_zipped"])
        assert row(run, "selection", file)["reason"] in [each.reason for each in it.chosen_for]
        card = found["MODEL_CARD.md"].decode()
        assert f"| test | 100 | {measured['map50']:.3f} | {measured['map50_95']:.3f} |" in card
        assert it.chosen_for[0].reason in card
        assert "from the test split of the data set" in card


def test_expected_boxes_are_those_of_the_runtime_in_pixels_of_the_picture(run, data):
    bundle.main(["--results", str(run), "--data", str(data)])
    found = contents(run / "bundles/demo_full.onnx.zip")
    height, width = detectors.SHAPE
    x, y, w, h = detectors.BOX
    for picture in said(run / "bundles/demo_full.onnx.zip").test_pictures:
        image = cv2.imdecode(np.frombuffer(found[picture.file], np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (height, width, 3)
        assert any(np.array_equal(image, detectors.picture(number)) for number in range(5))
        ((*corners, score, label),) = picture.boxes
        wanted = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        np.testing.assert_allclose(corners, wanted, atol=0.3)
        assert (round(score, 3), label) == (0.9, 0)


def test_the_same_run_gives_the_same_bytes_and_leaves_nothing_of_an_earlier_choice(run, data):
    line = ["--results", str(run), "--data", str(data)]
    bundle.main(line)
    first = {path.name: path.read_bytes() for path in (run / "bundles").glob("*.zip")}
    choose(run, ["demo_int8.onnx"])
    bundle.main(line)
    assert {path.name for path in (run / "bundles").glob("*.zip")} == {"demo_int8.onnx.zip"}
    choose(run, CHOSEN)
    bundle.main(line)
    assert {path.name: path.read_bytes() for path in (run / "bundles").glob("*.zip")} == first
    with zipfile.ZipFile(run / "bundles/demo_full.onnx.zip") as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_card_says_how_a_model_was_made_smaller(tmp_path, data):
    width, coarse = Model("demo", "width", 0.5, True), Model("demo", "coarse", 0.5, True)
    folder = made_up_run.make(tmp_path / "demo", devices=[("cpu", 1)], coarse=(50,), fine=(), rivals={width: 0.9})
    for made in (made_up.rival_record(width.untuned), made_up.pruning_record(coarse.untuned)):
        records.write(folder / f"records/pruning/{made.model}.json", made)
    gather.main([str(folder)])
    (folder / "artifacts").mkdir()
    sentences = {"demo": "Not pruned, or", width: "Not pruned, but made smaller (width 50%)", coarse: "Pruned: method"}
    for model, sentence in sentences.items():
        file = detectors.onnx_detector(folder / f"artifacts/{model}_full.onnx")
        bundle.main([str(file), "--results", str(folder), "--data", str(data), "--output", str(tmp_path)])
        assert f"- {sentence}" in contents(tmp_path / f"{file.name}.zip")["MODEL_CARD.md"].decode()


def test_a_run_that_hides_its_images_gives_none_away(run, data):
    write_json(run / "config.json", {"hide_images": True})
    bundle.main(["--results", str(run), "--data", str(data)])
    found = contents(run / "bundles/demo_full.onnx.zip")
    assert found.keys() == CONTENTS | {"demo_full.onnx"}
    assert said(run / "bundles/demo_full.onnx.zip").test_pictures == []
    sentence = "none, since the images of the data set are not to be shown, and nothing that it detects can be rendered"
    assert sentence in found["MODEL_CARD.md"].decode()


def test_a_strangers_file_is_packed_with_rendered_hands_and_says_what_is_not_known(tmp_path):
    model = detectors.onnx_detector(tmp_path / "a b.onnx", names={0: "fist", 1: "like | or\nnot"})
    bundle.main([str(model), "--output", str(tmp_path / "out")])
    found = contents(tmp_path / "out/a b.onnx.zip")
    assert found.keys() == CONTENTS | PICTURES | {"a b.onnx"}
    assert found["labels.txt"] == b"fist\nlike | or not\n"
    card = found["MODEL_CARD.md"].decode()
    assert "rendered hands, since no others were given" in card
    assert card.count("\nNot known: ") == 5
    it = said(tmp_path / "out/a b.onnx.zip")
    assert it.measured == contract.Measured(bytes_zipped=it.measured.bytes_zipped)
    assert (it.threshold.score, it.threshold.score_from) == (0.25, "Ultralytics' default, since the file says none")


def test_pictures_that_are_named_are_shrunk_and_taken(tmp_path):
    model = detectors.onnx_detector(tmp_path / "toy.onnx")
    cv2.imwrite(str(tmp_path / "large.jpg"), np.full((1000, 2000, 3), 99, np.uint8))
    bundle.main([str(model), "--pictures", str(tmp_path / "large.jpg"), "--output", str(tmp_path)])
    found = contents(tmp_path / "toy.onnx.zip")
    assert cv2.imdecode(np.frombuffer(found["test_1.png"], np.uint8), cv2.IMREAD_COLOR).shape == (320, 640, 3)
    assert "test_2.png" not in found


@pytest.mark.parametrize(("half", "imgsz"), [(True, 64), (False, None)])
def test_tensors_are_described_as_the_file_has_them(tmp_path, half, imgsz):
    path = detectors.onnx_detector(tmp_path / "toy_half.onnx", imgsz=imgsz, half=half)
    it = describe.describe(runtimes.open(path))
    side = detectors.IMGSZ
    assert (it.input.name, it.input.shape, it.input.layout) == ("images", [1, 3, side, side], "NCHW")
    assert it.input.dtype == it.output.dtype == ("float16" if half else "float32")
    assert (it.output.name, it.output.shape) == ("output0", [1, 6, 8])
    assert it.output.columns == ["x", "y", "width", "height", "blue", "red"]


def test_contracts_come_back_as_they_were_and_others_are_refused(tmp_path):
    it = describe.describe(runtimes.open(detectors.onnx_detector(tmp_path / "toy.onnx")))
    written = json.loads(json.dumps(to_json(it)))
    assert contract.parse(written, "it") == it
    with pytest.raises(PinchError, match="no contract of version 1"):
        contract.parse(written | {"version": 2}, "it")
    with pytest.raises(PinchError, match="it has no letterbox"):
        contract.parse({key: value for key, value in written.items() if key != "letterbox"}, "it")


def refused(sentence, *line):
    with pytest.raises(PinchError, match=sentence):
        bundle.main([str(argument) for argument in line])


def test_what_cannot_be_packed_is_refused_in_a_sentence(run, data, tmp_path):
    model = run / "artifacts/demo_full.onnx"
    refused("nothing to pack: name files")
    folder = tmp_path / "x_openvino"
    folder.mkdir()
    refused("x_openvino cannot be bundled: apps on phones run .onnx, .tflite files", folder)
    refused("two of the files have the same name", model, model)
    other = detectors.onnx_detector(tmp_path / "other_full.onnx")
    refused("measured no other_full.onnx", other, "--results", run)
    choose(run, ["demo_full_openvino"])
    refused("names no file that an app runs", "--results", run, "--data", data)
    record = run / "records/accuracy/demo_full.onnx.json"
    made_up_run.edit(record, AccuracyRecord, sha256="0" * 64)
    refused("measured another state of demo_full.onnx", model, "--results", run, "--data", data)
    foreign = tmp_path / "demo_full.onnx.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("letters.txt", "of someone else")
    refused("a .zip file that Pinch did not make", model, "--data", data, "--output", tmp_path)
    assert contents(foreign) == {"letters.txt": b"of someone else"}


def test_the_target_packs_after_the_choice(snakemake, tmp_path):
    found = jobs(snakemake(tmp_path, "-n", "bundle", config=DATA))
    assert found["make_bundles"] == found["select_models"] == found["bundle"] == 1
    assert "render_report" not in found


def test_the_guide_names_what_a_contract_has(tmp_path):
    """Every key that its Kotlin reads is in a contract."""
    it = to_json(describe.describe(runtimes.open(detectors.onnx_detector(tmp_path / "toy.onnx"))))
    text = (ROOT / "docs/phone.md").read_text()
    keys = set(re.findall(r"\.(?:getJSONObject|getJSONArray|getString|getDouble|getInt|getBoolean)\(\"(\w+)\"\)", text))
    known = {*it, *(name for part in it.values() if isinstance(part, dict) for name in part)}
    assert len(keys) > 10
    assert keys <= known
