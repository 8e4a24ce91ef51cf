"""What only a GPU can show: that the commands of training, pruning and measuring work there, and agree with the CPU.

All of it runs without a network, as on a compute node.
"""

import pytest
from conftest import ROOT

import check_gpu
import coarse_prune
import evaluate
import fine_prune
import hagrid_to_yolo
import measure_inference
import scan_layers
import synthesize_hands
import train
from pinch.core import gpu, records
from pinch.core.record_types.devices import GpuRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.core.record_types.studies import LayerScanRecord
from pinch.core.record_types.weights import CoarseRecord, TrainingRecord
from pinch.weights import checkpoints
from pinch.weights.pruning import masks as mask_tools

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(gpu.driver_version() is None, reason="this machine has no NVIDIA GPU"),
]
HANDS = ROOT / "resources/hands.pt"
ON_GPU = ("--device", "gpu")


def run(command, *arguments):
    command.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """Rendered hands of the ten gestures that the base detector knows."""
    folder = tmp_path_factory.mktemp("hands")
    run(synthesize_hands, folder / "raw", "--images", 6, 3, 3, "--users", 12, "--size", 192)
    made = ("--images", folder / "raw/images", "--annotations", folder / "raw/annotations")
    classes = checkpoints.load(HANDS).names
    run(hagrid_to_yolo, *made, "--targets", *classes[:-1], "--out", folder / "data")
    return folder / "data/data.yaml"


@pytest.fixture(scope="module")
def tuned(hands, tmp_path_factory):
    """The base detector after one more epoch on the GPU."""
    project = tmp_path_factory.mktemp("models")
    fixed = ("--base-model", HANDS, "--imgsz", 160, "--epochs", 1, "--workers", 2)
    run(train, "tuned", "--dataset", hands, "--project", project, *fixed, *ON_GPU, "--record", project / "tuned.json")
    return project / "tuned.pt"


def test_the_check_says_which_gpu_it_found(tmp_path):
    run(check_gpu, "--torch-only", "--output", tmp_path / "gpu.json")
    assert records.read(tmp_path / "gpu.json", GpuRecord).value.gpu == gpu.first_name()


def test_training_runs_in_mixed_precision_without_a_network(tuned):
    stored = records.read(tuned.with_suffix(".json"), TrainingRecord)
    assert stored.provenance.hardware.gpu == gpu.first_name()
    assert (tuned.with_suffix("") / "args.yaml").read_text().count("amp: true") == 1


def test_accuracy_on_the_gpu_is_that_of_the_processor(tuned, hands, tmp_path):
    found = []
    for device in ("cpu", "gpu"):
        run(evaluate, tuned, hands, "--split", "test", "--device", device, "--output", tmp_path / f"{device}.json")
        found.append(records.read(tmp_path / f"{device}.json", AccuracyRecord).value.splits["test"].map50_95)
    assert found[0] > 0.5
    assert found[1] == pytest.approx(found[0], abs=0.003)


def test_channels_removed_stay_removed_in_tuning(tuned, hands, tmp_path):
    fixed = ("--model", tuned, "--sparsity", 0.5, "--dataset", hands, "--fine-tune", "--epochs", 1)
    run(coarse_prune, *fixed, *ON_GPU, "--output", tmp_path, "--record", tmp_path / "coarse.json")
    record = records.read(tmp_path / "coarse.json", CoarseRecord).value
    assert record.tuning is not None
    assert checkpoints.load(next(tmp_path.glob("*_tuned.pt"))).model.model[0].conv.out_channels < 16


def test_zeros_stay_zero_in_tuning(tuned, hands, tmp_path):
    run(fine_prune, "hands", "--base-model", tuned, "--prune-ratio", 0.7, "--project", tmp_path)
    pruned = ("--base-model", tmp_path / "hands_fine_prune_70.pt", "--pruned-model", "--epochs", 1)
    run(train, "hands_tuned", "--dataset", hands, "--project", tmp_path, *pruned, *ON_GPU)
    tuned = checkpoints.load(tmp_path / "hands_tuned.pt")
    masks = mask_tools.unpack(tuned.meta["masks"], tuned.model, "hands_tuned.pt")
    assert mask_tools.sparsity(tuned.model, masks) == pytest.approx(0.7, abs=0.01)


def test_a_checkpoint_is_timed_with_its_memory_and_energy(tuned, hands, tmp_path):
    short = ("--rounds", 3, "--energy-seconds", 2, "--frames", 8, "--output", tmp_path / "timing.json")
    run(measure_inference, tuned, hands, *ON_GPU, "--baseline", HANDS, *short)
    record = records.read(tmp_path / "timing.json", InferenceRecord).value
    assert record.gpu == gpu.first_name()
    assert 100 < record.gpu_memory_mb < 20_000
    assert record.gpu_percent is not None
    if record.energy is not None:  # some drivers have no counter
        assert record.energy.source.startswith("NVML")
        assert record.energy.gross_mj > 0


def test_layers_are_scanned_on_the_gpu(tuned, hands, tmp_path):
    fixed = ("--ratios", 0.5, "--images", 10)
    run(scan_layers, tuned, hands, *fixed, *ON_GPU, "--output", tmp_path / "scan.json")
    record = records.read(tmp_path / "scan.json", LayerScanRecord).value
    assert len(record.layers) > 20
    assert min(layer.map50_95 for layer in record.layers) < record.base_map50_95
