"""Records: what is written is read again, also from older versions, or refused in one sentence."""

import dataclasses
import json

import made_up_intervals
import made_up_records as made_up
import made_up_run
import pytest

from pinch.core import records, typed_json
from pinch.core.errors import PinchError
from pinch.core.provenance import Hardware, current
from pinch.core.record_types.base import Record
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.devices import GpuRecord, ProcessorRecord
from pinch.core.record_types.exports import ExportRecord, Guard
from pinch.core.record_types.measurements import AccuracyRecord, Energy, InferenceRecord, OperatingPoint
from pinch.core.record_types.studies import LayerScanRecord
from pinch.core.record_types.weights import BaseCheckRecord, FineRecord, PruningRecord, TrainingRecord
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing
from pinch.tables import gathering
from pinch.weights.pruning import spread

COARSE = Model("demo", "coarse", 0.5)
FULL, INT8 = (Artifact(dataclasses.replace(COARSE, tuned=True), FORMATS["onnx"], p) for p in ("full", "int8"))
TIMED = made_up.inference_record(Timing("cpu", 2, INT8), 12.5, 0.3)
JOULES = Energy(source="RAPL package-0", gross_mj=90.0, net_mj=60.0, idle_w=9.5, seconds=5.0, inferences=400)
POINT = OperatingPoint(threshold=0.3, f1=0.8, precision=0.9, recall=0.7)
VALUES = [
    made_up.dataset_record(),
    made_up.training_record(Model("demo"), 0.7),
    made_up.pruning_record(COARSE),
    dataclasses.replace(made_up.pruning_record(COARSE), tuning=made_up.training_record(COARSE, 0.7)),
    made_up.pruning_record(Model("demo", "fine", 0.7)),
    made_up.export_record(FULL, 10**7),
    made_up.export_record(INT8, 10**6),
    ProcessorRecord(cpu="made up", target="x86"),
    dataclasses.replace(made_up.export_record(INT8, 10**6), guard=Guard(skipped="nothing to find")),
    made_up.accuracy_record(COARSE, made_up.splits(0.9)),
    made_up.artifact_accuracy(INT8, {"val": made_up.accuracy(None, None)}, 10**6, 10**6),
    dataclasses.replace(made_up.accuracy_record(COARSE, made_up.splits(0.9)), operating_point=POINT),
    made_up_intervals.intervals_record(
        [
            made_up.accuracy_record(Model("demo"), made_up.splits(1.0)),
            *(made_up.artifact_accuracy(each, made_up.splits(0.9), 10**6, 10**6) for each in (FULL, INT8)),
        ]
    ),
    TIMED,
    dataclasses.replace(TIMED, energy=JOULES, energy_mj=90.0, baseline=None, round_ratios=[]),
    made_up.imported_record(INT8),
    made_up.layer_scan_record(),
    made_up.explain_record(),
    BaseCheckRecord(base_model="a.pt", parameters=9, classes=["fist"], coarse_ratios=[0.5], fine_ratios=[]),
    GpuRecord(gpu="H100", driver="580.65.06", torch="2.9", cuda="13.0"),
]


def stored(path, kind, result):
    """A record as JSON that some version wrote."""
    made = typed_json.to_json(made_up.PROVENANCE)
    path.write_text(json.dumps({"kind": kind, "result": result, "provenance": made}))
    return path


def older(value, *newer):
    """A record's JSON without keys that came later."""
    return {key: item for key, item in typed_json.to_json(value).items() if key not in newer}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_written_is_read_again(value, tmp_path):
    records.write(tmp_path / "record.json", value, 3)
    found, provenance = records.read(tmp_path / "record.json", type(value))
    assert found == value
    assert provenance.seed == 3
    content = json.loads((tmp_path / "record.json").read_text())
    assert content["kind"] == value.kind
    assert content["result"].keys() == {field.name for field in dataclasses.fields(value)}


def test_every_type_is_tried_above():
    def leaves(kind):
        return set().union(*map(leaves, kind.__subclasses__())) if kind.__subclasses__() else {kind}

    assert {type(value) for value in VALUES} == leaves(Record)


def test_either_pruning_is_read_by_what_both_have(tmp_path):
    for value in VALUES:
        if isinstance(value, PruningRecord):
            records.write(tmp_path / "record.json", value)
            found = records.read(tmp_path / "record.json", PruningRecord).value
            assert (found.before, found.after, found.tuning) == (value.before, value.after, value.tuning)


def test_provenance_says_where_when_and_with_what():
    made = current(7)
    assert made.seed == 7
    assert made.time.endswith("+00:00")
    assert made.versions["numpy"]
    assert isinstance(made.hardware, Hardware)
    assert made.hardware.cores >= 1


def test_older_records_have_the_defaults_of_what_came_later(tmp_path):
    training = made_up.training_record(Model("demo"), 0.7)
    path = stored(tmp_path / "training.json", "training", older(training, "taken_over", "versions"))
    assert records.read(path, TrainingRecord).value == training
    export = older(made_up.export_record(FULL, 10**7), "method", "ratio", "tuned", "target", "calibration", "guard")
    del export["parity"]["notes"]
    found = records.read(stored(tmp_path / "export.json", "export", export), ExportRecord).value
    assert (found.model, found.method, found.guard) == ("demo_coarse_prune_50_tuned", None, None)
    assert found.parity.notes == []
    timed = older(TIMED, "method", "ratio", "tuned", "notes", "gpu")
    found = records.read(stored(tmp_path / "inference.json", "inference", timed), InferenceRecord).value
    assert (found.method, found.notes, found.gpu) == (None, [], None)
    assert found.p50_ms == TIMED.p50_ms


def test_a_run_of_older_records_is_gathered(tmp_path):
    run = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=())
    whole = gathering.gather(run).tables
    newer = {"taken_over", "versions", "notes", "method", "ratio", "tuned", "target", "gpu", "nothing_of_the_kind"}
    for path in (run / "records").rglob("*.json"):
        content = json.loads(path.read_text())
        if content["kind"] != "sensitivity":
            content["result"] = {key: value for key, value in content["result"].items() if key not in newer}
        path.write_text(json.dumps(content))
    again = gathering.gather(run).tables
    assert again["models"].equals(whole["models"])
    assert again["inference"].equals(whole["inference"])
    assert again["training"].equals(whole["training"])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "result", "sentence"),
    [
        (AccuracyRecord, {"file": "a.pt"}, "(it has no model): delete it and run the workflow again"),
        (DatasetRecord, {"data_yaml": "d", "classes": ["a"], "splits": {"val": {"images": 1}}}, "no splits.val.boxes"),
        (GpuRecord, {"gpu": None, "driver": "1", "torch": "2", "cuda": "3"}, "(its gpu is of another type)"),
        (FineRecord, [], "(its content is of another type)"),
        (LayerScanRecord, older(made_up.layer_scan_record(), "layers"), "(it has no layers)"),
    ],
)
def test_what_a_record_lacks_is_named(kind, result, sentence, tmp_path):
    path = stored(tmp_path / "old.json", kind.kind, result)
    with pytest.raises(PinchError, match=r"old\.json is a record of an earlier version of Pinch") as raised:
        records.read(path, kind)
    assert sentence in str(raised.value)
    assert str(raised.value).endswith(f"make it with {kind.made_by}")


def test_gathering_names_a_record_of_an_earlier_version(tmp_path):
    run = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=())
    stored(run / "records/accuracy/demo.json", "accuracy", {"model": "demo", "map50": 0.9})
    with pytest.raises(
        PinchError, match=r"accuracy/demo.json \(is a record of an earlier version of Pinch .*evaluate.py"
    ):
        gathering.gather(run)


def test_unknown_keys_are_ignored(tmp_path):
    value = made_up.accuracy_record(COARSE, made_up.splits(0.9))
    content = typed_json.to_json(value)
    content["later"] = content["splits"]["val"]["later"] = 1
    assert records.read(stored(tmp_path / "a.json", "accuracy", content), AccuracyRecord).value == value


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not valid JSON"), ("[]", "not a record of Pinch"), ('{"kind": "gpu"}', "not a record of Pinch")],
)
def test_what_is_no_record_is_refused(text, message, tmp_path):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(PinchError, match=message):
        records.read(tmp_path / "record.json", GpuRecord)


def test_another_kind_is_refused(tmp_path):
    records.write(tmp_path / "record.json", VALUES[-1])
    with pytest.raises(PinchError, match="is a record of kind gpu, not accuracy"):
        records.read(tmp_path / "record.json", AccuracyRecord)


def test_a_spread_reads_losses_from_a_layer_scan_alone(tmp_path):
    path = tmp_path / "scan.json"
    records.write(path, made_up.layer_scan_record())
    assert spread.read_curves(path)["model.0.conv"] == {0.3: pytest.approx(0.54), 0.5: pytest.approx(0.9)}
    for other in (made_up.explain_record(), VALUES[0]):
        records.write(path, other)
        with pytest.raises(PinchError, match=r"is not the record of a layer scan .* run scan_layers.py"):
            spread.read_curves(path)
    with pytest.raises(PinchError, match="does not exist"):
        spread.read_curves(tmp_path / "nowhere.json")
