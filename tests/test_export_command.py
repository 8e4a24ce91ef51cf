"""quantization.py: its files, and its messages for errors that the user can correct."""

import subprocess
import sys

import detectors
import export_session
import pytest
import shapes
from conftest import SCRIPTS


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return export_session.checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("data"), train=12, val=4)


def test_it_writes_the_named_artifacts_with_records_and_nothing_else(command, checkpoint, data, tmp_path):
    output, records = tmp_path / "out", tmp_path / "records"
    arguments = ["--artifacts", "full.onnx", "half.onnx", "--records", records, "--name", "toy_64", "--imgsz", "64"]
    done = command("quantization.py", checkpoint, data, output, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in output.iterdir()) == ["toy_64_full.onnx", "toy_64_half.onnx"]
    assert sorted(p.name for p in records.iterdir()) == ["toy_64_full.onnx.json", "toy_64_half.onnx.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "records"]


def refuse(command, sentence, *arguments):
    done = command("quantization.py", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_artifact(command, checkpoint, data, tmp_path):
    refuse(command, "not an artifact that can be made", checkpoint, data, tmp_path, "--artifacts", "int4.onnx")


def test_a_model_that_is_already_quantized(command, data, tmp_path):
    (tmp_path / "toy_int8.onnx").write_bytes(b"")
    refuse(command, "not a .pt checkpoint", tmp_path / "toy_int8.onnx", data, tmp_path)


@pytest.mark.fault
def test_other_classes_than_the_data(command, data, tmp_path):
    model = detectors.write(tmp_path / "two.pt", classes=2, names=["a", "b"], width=0.125)
    refuse(command, "has 2 classes but", model, data, tmp_path / "out")


def test_a_size_that_is_no_multiple_of_the_stride(command, checkpoint, data, tmp_path):
    refuse(
        command,
        "not a multiple of the model's stride: give a multiple of 32",
        checkpoint,
        data,
        tmp_path,
        "--imgsz",
        "100",
    )


@pytest.mark.fault
def test_fewer_calibration_images_than_asked_for(command, checkpoint, data, tmp_path):
    arguments = ["--artifacts", "int8.onnx", "--calibration-images", "50"]
    refuse(command, "needs 50 training images of every class", checkpoint, data, tmp_path / "out", *arguments)
    assert not list((tmp_path / "out").glob("*"))


def test_too_few_candidates(command, checkpoint, data, tmp_path):
    done = command("quantization.py", checkpoint, data, tmp_path, "--candidates", "6")
    assert done.returncode == 2
    assert "at least 10" in done.stderr


@pytest.mark.fault
def test_a_write_that_fails_leaves_no_partial_file(checkpoint, data, tmp_path):
    """A limit on the size of files stands for any reason why the system refuses to write."""
    script = (
        "import resource, runpy, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "sys.argv = sys.argv[2:]\n"
        "import pinch.artifacts.onnx as exporter\n"
        "save = exporter.metadata.describe\n"
        "def full(*arguments):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "    return save(*arguments)\n"
        "exporter.metadata.describe = full\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    output = tmp_path / "out"
    line = [sys.executable, "-c", script, SCRIPTS, SCRIPTS / "quantization.py", checkpoint, data, output]
    done = subprocess.run([*map(str, line), "--artifacts", "full.onnx"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "is not written: " in done.stderr
    assert "is larger than the system allows" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(output.iterdir()) == []
