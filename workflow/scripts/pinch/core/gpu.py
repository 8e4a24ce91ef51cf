"""NVIDIA GPUs: name, driver, memory, energy and load."""

import ctypes
from typing import Any

from pinch.core.errors import PinchError


class UnavailableError(Exception):
    """There is no GPU, or it does not provide what was asked for."""


class Device:
    """The GPU that CUDA calls 0, seen through NVML.

    NVML counts all GPUs of the machine whatever CUDA_VISIBLE_DEVICES says, so the two are matched by PCI address. A
    part of a GPU (MIG) has the address of the whole.

    Attributes:
        name: of the model.
        is_divided: whether it is divided into parts (MIG), which other jobs may use.
    """

    def __init__(self, address: str):
        self._nvml = _nvml()
        try:
            self._handle = self._nvml.nvmlDeviceGetHandleByPciBusId(address.encode())
            self.name: str = self._nvml.nvmlDeviceGetName(self._handle)
        except self._nvml.NVMLError as error:
            raise UnavailableError(f"NVML does not show the GPU at {address}: {error}") from error
        self.is_divided = self._is_divided()

    @classmethod
    def first(cls) -> "Device":
        """The first GPU that CUDA may use.

        Raises:
            UnavailableError: there is none.
        """
        return cls(_first_address())

    @classmethod
    def first_or_none(cls) -> "Device | None":
        """The first GPU that CUDA may use; None if there is none."""
        try:
            return cls.first()
        except UnavailableError:
            return None

    def memory_mb(self, process: int) -> float | None:
        """Memory of the GPU that a process holds, in MB.

        None where NVML does not tell, for example inside a container that hides the numbers of processes.
        """
        try:
            running = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._nvml.NVMLError:
            return None
        used = next((found.usedGpuMemory for found in running if found.pid == process), None)
        return None if used is None else used / 1e6

    def energy_mj(self) -> int:
        """Millijoules since the driver was loaded.

        Raises:
            UnavailableError: the GPU has no counter (it is older than Volta), or the counter is not this job's alone:
                that of a divided GPU (MIG) counts all its parts.
        """
        if self.is_divided:
            raise UnavailableError(f"{self.name} is divided (MIG), and its counter counts all parts")
        try:
            return self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError as error:
            raise UnavailableError(f"{self.name} does not count its energy: {error}") from error

    def busy_percent(self) -> int | None:
        """Percentage of about the last second in which the GPU was used, by any process.

        None where NVML does not tell, as for a divided GPU.
        """
        try:
            return self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu
        except self._nvml.NVMLError:
            return None

    def _is_divided(self) -> bool:
        try:
            current, _pending = self._nvml.nvmlDeviceGetMigMode(self._handle)
        except self._nvml.NVMLError:  # a GPU that cannot be divided
            return False
        return current == self._nvml.NVML_DEVICE_MIG_ENABLE


def driver_version() -> str | None:
    """Version of the NVIDIA driver, e.g. "580.65.06"; None if there is none."""
    try:
        return _nvml().nvmlSystemGetDriverVersion()
    except UnavailableError:
        return None


def _nvml() -> Any:
    """The NVML bindings, initialized."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError as error:
        raise PinchError("the package nvidia-ml-py, which queries NVIDIA's driver, is missing: install it") from error
    except pynvml.NVMLError as error:
        raise UnavailableError(f"no NVIDIA driver: {error}") from error
    return pynvml


def first_name() -> str | None:
    """Name of the GPU that CUDA calls 0, from the driver itself; None if there is none."""
    try:
        return _ask_driver("cuDeviceGetName", 256)
    except UnavailableError:
        return None


def _first_address() -> str:
    """PCI address of the GPU that CUDA calls 0, from the driver itself."""
    return _ask_driver("cuDeviceGetPCIBusId", 32)


def _ask_driver(function: str, length: int) -> str:
    """A text of at most `length` bytes on the first GPU that CUDA_VISIBLE_DEVICES leaves."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise UnavailableError("no NVIDIA driver: libcuda.so.1 is missing") from error
    device, text = ctypes.c_int(), ctypes.create_string_buffer(length)
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0) or getattr(cuda, function)(text, length, device):
        raise UnavailableError("the driver shows no GPU")
    return text.value.decode()
