"""Where a GPU is missing or too old for what is installed, the reason is given at once."""

import sys
import time
import types

import known_detectors as detectors
import numpy as np
import pynvml
import pytest

import check_gpu
from pinch.core import gpu, gpu_check
from pinch.core.errors import PinchError
from pinch.measuring.energy import NoCounterError, open_counter
from pinch.measuring.load import Load
from pinch.runtimes import onnx as runtime

needs_no_gpu = pytest.mark.skipif(gpu.driver_version() is not None, reason="this machine has a GPU")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("found", "built", "message"),
    [
        (None, "13.0", "no NVIDIA driver is loaded, but 580.65.06 or newer is needed"),
        ("550.54.14", "13.0", "the NVIDIA driver is 550.54.14, but 580.65.06"),
        ("470.10", "12.8", "but 525.60.13"),
        ("580.65.05", "13.0", "but 580.65.06"),
        (None, "14.1", "but 580.65.06 or newer is needed"),
    ],
)
def test_missing_and_old_drivers_are_refused(found, built, message):
    with pytest.raises(PinchError, match=message):
        gpu_check.require_driver(found, built, "2.14.1")


@pytest.mark.parametrize(("found", "built"), [("580.65.06", "13.0"), ("590.1", "13.0"), ("550.54.14", "12.4")])
def test_new_enough_drivers_pass(found, built):
    gpu_check.require_driver(found, built, "2.14.1")


@pytest.mark.fault
@needs_no_gpu
@pytest.mark.fault
def test_check_fails_within_seconds_and_writes_nothing(tmp_path):
    start = time.process_time()
    with pytest.raises(PinchError, match=r"NVIDIA driver|built without CUDA"):
        check_gpu.main(["--output", str(tmp_path / "gpu.json")])
    assert time.process_time() - start < 30
    assert not list(tmp_path.iterdir())


@pytest.fixture
def divided(monkeypatch):
    """A GPU as NVML shows it in MIG mode: no utilization, and one counter of energy for all parts."""

    def unsupported(_):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    answers = {
        "Init": lambda: None,
        "DeviceGetHandleByPciBusId": lambda address: address,
        "DeviceGetName": lambda _: "NVIDIA A100",
        "DeviceGetMigMode": lambda _: [pynvml.NVML_DEVICE_MIG_ENABLE] * 2,
        "DeviceGetUtilizationRates": unsupported,
        "DeviceGetTotalEnergyConsumption": lambda _: 5,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, f"nvml{name}", answer)
    monkeypatch.setattr(gpu, "_first_address", lambda: "0000:01:00.0")


@pytest.mark.fault
def test_a_divided_gpu_has_no_load_and_no_energy_of_its_own(divided):
    others = Load("gpu").others()
    assert (others.gpu_percent_before, others.exclusive) == (None, None)
    with pytest.raises(NoCounterError, match=r"is divided \(MIG\), and its counter counts all parts"):
        open_counter("gpu")


def test_memory_is_that_of_the_process_alone(divided, monkeypatch):
    running = [types.SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in ((7, 3_000_000), (8, None))]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda _: running)
    device = gpu.Device.first()
    assert [device.memory_mb(process) for process in (7, 8, 9)] == [3.0, None, None]


@needs_no_gpu
def test_no_gpu_has_no_address():
    with pytest.raises(gpu.UnavailableError):
        gpu.Device.first()


def test_missing_bindings_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(PinchError, match="nvidia-ml-py, which queries NVIDIA's driver, is missing"):
        gpu.driver_version()


def test_provider_of_each_device():
    everything = [runtime.CUDA, runtime.CPU]
    assert runtime.providers("cpu", everything) == [runtime.CPU]
    assert runtime.providers("gpu", everything) == everything
    with pytest.raises(PinchError, match="no CUDA provider"):
        runtime.providers("gpu", [runtime.CPU])


def test_placement_is_read_from_a_real_run(tmp_path):
    path = detectors.onnx_detector(tmp_path / "toy.onnx", work=3)
    placed = runtime.placement(path, "cpu", (1, 3, 64, 64), np.float32)
    assert set(placed) == {runtime.CPU}
    assert placed[runtime.CPU]["MatMul"] == 3


def test_nodes_that_fell_back_are_named():
    from collections import Counter

    placed = {runtime.CUDA: Counter(Conv=80), runtime.CPU: Counter(Resize=2, TopK=1)}
    assert runtime.fallback_notes(placed) == ["3 of 83 nodes fell back to the CPU: 2 Resize, 1 TopK"]
    assert runtime.fallback_notes({runtime.CUDA: Counter(Conv=80)}) == []
