"""The layer scan and the study of mistakes: what is pruned, tuned and measured, in parts and as a whole."""

import dataclasses
import weakref

import detectors
import known_detectors
import made_up_records as made_up
import pytest
from test_gpu import needs_no_gpu

import explain_pruning
import gather_study
import scan_layers
from pinch.core import records
from pinch.core.environment import DEADLINE
from pinch.core.errors import PausedError, PinchError
from pinch.core.files import write_json
from pinch.core.record_types.studies import ExplainRecord, LayerScanRecord
from pinch.operations import rates
from pinch.run import studies
from pinch.studies import parts, validation
from pinch.weights import checkpoints
from pinch.weights.pruning import images, spread
from pinch.weights.pruning.graph import ChannelGraph

UNTUNED = [name for name, variant in studies.VARIANTS.items() if not variant.tuned]
TUNED = [name for name, variant in studies.VARIANTS.items() if variant.tuned]
# A YOLO with one size of features, which takes milliseconds.
PLAN = {
    "nc": 2,
    "backbone": [[-1, 1, "Conv", [16, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C2f", [16]]],
    "head": [[-1, 1, "Conv", [16, 3, 2]], [[3], 1, "Detect", ["nc"]]],
}
TUNING = ["--batch", "4", "--images", "4"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return known_detectors.dataset(tmp_path_factory.mktemp("data"), {"train": 4, "val": 6, "test": 6})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return known_detectors.checkpoint(tmp_path_factory.mktemp("model") / "toy.pt", PLAN)


@pytest.fixture
def run(model, data):
    """Run a command of a study in this process."""

    def run(command, output, *arguments):
        command.main([str(model), str(data), *map(str, arguments), "--output", str(output)])
        return output

    return run


def gathered(study, found, output):
    gather_study.main([study, *map(str, found), "--output", str(output)])
    return output


def test_a_layer_scan_prunes_each_layer_alone_and_a_spread_reads_what_its_parts_found(run, tmp_path):
    ratios = (0.3, 0.5)
    found = [run(scan_layers, tmp_path / f"{ratio}.json", "--ratios", ratio, "--images", 4) for ratio in ratios]
    record = gathered("layers", found, tmp_path / "layers.json")
    whole = run(scan_layers, tmp_path / "whole.json", "--ratios", *ratios, "--images", 4)
    scan, together = (records.read(path, LayerScanRecord).value for path in (record, whole))
    assert (scan.model, scan.method, scan.split, scan.images) == ("toy", "coarse", "val", 4)
    assert [row.ratio for row in scan.layers] == sorted(row.ratio for row in scan.layers)
    assert sorted(scan.layers, key=str) == sorted(together.layers, key=str)
    assert dataclasses.replace(scan, layers=[]) == dataclasses.replace(together, layers=[])
    assert scan.base_map50_95 > 0
    assert any(row.map50_95 != row.base_map50_95 for row in scan.layers)
    curves = spread.read_curves(record)
    assert len(curves) == 11
    assert all(curve.keys() >= {0.3, 0.5} for curve in curves.values())


def test_each_mistake_is_recorded_beside_the_right_way(run, tmp_path, capsys):
    found = [run(explain_pruning, tmp_path / f"{name}.json", "--variant", name, "--ratios", 0.3) for name in UNTUNED]
    study = records.read(gathered("explain", found, tmp_path / "explain.json"), ExplainRecord).value
    assert (study.model, study.split, study.images) == ("toy", "test", 6)
    titles = ["without DFL", "with DFL", "DFL alone"]
    assert [(row.variant, row.ratio, row.tuned) for row in study.rows] == [(title, 0.3, False) for title in titles]
    right, wrong, table = study.rows
    assert right.sparsity == wrong.sparsity == pytest.approx(0.3, abs=0.01)
    assert table.sparsity == 0
    assert right.map50_95 > 0 == wrong.map50_95 == table.map50_95
    assert "with DFL 30% not tuned" in capsys.readouterr().out
    whole = run(explain_pruning, tmp_path / "whole.json", "--variant", *UNTUNED, "--ratios", 0.3)
    assert records.read(whole, ExplainRecord).value == study


def test_a_plan_counts_as_many_layers_as_are_scanned():
    assert len(ChannelGraph(detectors.network(width=0.125)).units) == rates.SCANNED_LAYERS


@pytest.mark.slow
def test_tuned_variants_stay_and_a_second_call_measures_them_again(run, tmp_path, capsys):
    def study():
        arguments = ("--variant", *TUNED, "--tuning-ratio", 0.3, "--epochs", 1, *TUNING)
        return records.read(run(explain_pruning, tmp_path / "explain.json", *arguments), ExplainRecord).value

    first = study()
    held, lost, table = first.rows
    assert all(row.tuned and row.ratio == 0.3 and row.tuning.epochs_run == 1 for row in first.rows)
    assert held.sparsity == pytest.approx(0.3, abs=0.01)
    assert max(lost.sparsity, table.sparsity) < 0.01
    assert checkpoints.load(tmp_path / "explain/masks_held.pt").meta["tuned"]
    capsys.readouterr()
    again = study()
    assert capsys.readouterr().out.count("of this request and finished: its model is reused") == len(TUNED)
    assert [(row.map50_95, row.sparsity) for row in again.rows] == [(row.map50_95, row.sparsity) for row in first.rows]


@pytest.mark.slow
@pytest.mark.fault
def test_a_variant_whose_tuning_was_interrupted_goes_on_where_it_was(run, tmp_path, monkeypatch, capsys):
    output = tmp_path / "records/masks_held.json"
    arguments = ["--variant", "masks_held", "--epochs", 2, *TUNING, "--project", tmp_path / "studies"]
    with monkeypatch.context() as patch:
        # The time is over with the first epoch, and no Slurm is there to run the job again.
        patch.setenv(DEADLINE, "1")
        patch.setenv("PATH", "/nowhere")
        with pytest.raises(PausedError, match=r"^training masks_held pauses.*: start the same command again$"):
            run(explain_pruning, output, *arguments)
    assert not output.exists()
    study = records.read(run(explain_pruning, output, *arguments), ExplainRecord).value
    assert "resuming from" in capsys.readouterr().out
    (row,) = study.rows
    assert (row.variant, row.tuning.epochs_run, row.tuning.taken_over) == ("masks held", 2, False)
    assert row.sparsity == pytest.approx(0.3, abs=0.01)


# --- Gathering --------------------------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize(
    ("record", "provenance", "sentence"),
    [
        ({}, {"data": "other"}, "because data is other in the first and None in the second"),
        ({}, {"seed": 7}, "because seed is 7 in the first and 0 in the second"),
        ({"model_sha256": "abc"}, {}, "because model_sha256 is abc in the first"),
        ({"images": 12}, {}, "because images is 12 in the first and 80 in the second"),
    ],
)
def test_parts_of_different_studies_are_not_gathered(tmp_path, record, provenance, sentence):
    value, made = made_up.explain_record(), made_up.PROVENANCE
    changed = dataclasses.replace(value, **record), dataclasses.replace(made, **provenance)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path, stored in zip(paths, [(value, made), changed], strict=True):
        write_json(path, records.content(records.Stored(*stored)))
    with pytest.raises(PinchError, match=r"second.json and .*first.json are not parts of one study.*delete") as refused:
        parts.gather("explain", paths)
    assert sentence in str(refused.value)
    with pytest.raises(PinchError, match="is a record of an earlier version"):
        parts.gather("layers", paths)


def test_every_study_has_parts_with_names_that_are_safe_in_files():
    found = {study: studies.parts(study, (0.3, 0.125)) for study in studies.STUDIES}
    assert found["layers"] == ["30", "12.5"]
    assert found["explain"] == [*UNTUNED, *TUNED] == [name for name in studies.VARIANTS if name.isidentifier()]


# --- Measuring --------------------------------------------------------------------------------------------------------


def measured(model, data, **conditions):
    checkpoint = checkpoints.load(model)
    found = validation.Validation(data, "test", checkpoint, validation.Conditions(**{"images": 100} | conditions))
    return found.map50_95(checkpoint.model), found.images


def test_accuracy_depends_on_the_images_alone_and_the_seed_draws_them(model, data):
    assert measured(model, data) == pytest.approx(measured(model, data, batch=2, threads=2))
    accuracies = {measured(model, data, images=2, seed=seed) for seed in range(4)}
    assert {count for _, count in accuracies} == {2}
    assert len(accuracies) > 1


def test_images_that_are_too_many_to_keep_are_read_in_batches(model, data, monkeypatch):
    kept = measured(model, data)
    monkeypatch.setattr(validation, "_KEPT_BYTES", 0)
    batches, seen, alive = images.Drawn.batches, [], []

    def watched(self):
        for batch in batches(self):
            seen.append(weakref.ref(batch["img"]))
            alive.append(sum(reference() is not None for reference in seen))
            yield batch

    monkeypatch.setattr(images.Drawn, "batches", watched)
    assert measured(model, data, batch=1) == pytest.approx(kept)
    assert (len(seen), max(alive)) == (6, 2)


@needs_no_gpu
def test_nothing_is_measured_on_the_cpu_when_a_gpu_is_asked_for(run, tmp_path):
    for command, arguments in ((scan_layers, []), (explain_pruning, ["--variant", "with_dfl"])):
        with pytest.raises(PinchError, match=r"NVIDIA driver|built without CUDA"):
            run(command, tmp_path / "record.json", *arguments, "--device", "gpu")


def test_a_split_without_images_is_refused_before_anything_is_tuned(run, model, tmp_path):
    empty = known_detectors.dataset(tmp_path / "data", {"train": 1, "val": 1, "test": 0})
    arguments = [str(model), str(empty), "--variant", "masks_held", "--output", str(tmp_path / "explain.json")]
    with pytest.raises(PinchError, match="has no images in its test split"):
        explain_pruning.main(arguments)
    assert not (tmp_path / "explain").exists()
