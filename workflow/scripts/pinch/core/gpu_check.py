"""Whether PyTorch can use a GPU and, if not, why."""

from pinch.core import gpu
from pinch.core.errors import PinchError
from pinch.core.record_types.devices import GpuRecord

DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""Oldest Linux driver for programs built with each major version of CUDA (NVIDIA, CUDA Toolkit release notes, table
"CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility")."""


def check() -> GpuRecord:
    """Check that driver and PyTorch can use a GPU, by computing on it.

    Raises:
        PinchError: the GPU cannot be used; says the first reason and what is needed.
    """
    import torch

    built = torch.version.cuda
    if built is None:
        raise PinchError(f"PyTorch {torch.__version__} is built without CUDA: install a build for your driver's CUDA")
    found = require_driver(gpu.driver_version(), built, torch.__version__)
    if not torch.cuda.is_available():
        raise PinchError(
            f"PyTorch {torch.__version__} sees no GPU although driver {found} is loaded: check that the job was given"
            " one (CUDA_VISIBLE_DEVICES)"
        )
    name = torch.cuda.get_device_name(0)
    try:
        torch.ones(8, 8, device="cuda").matmul(torch.ones(8, 8, device="cuda")).sum().item()
    except RuntimeError as error:
        raise PinchError(
            f"PyTorch {torch.__version__} cannot compute on {name}: {str(error).splitlines()[0]}"
        ) from error
    return GpuRecord(gpu=name, driver=found, torch=torch.__version__, cuda=built)


def require_driver(found: str | None, built: str, version: str) -> str:
    """The driver, unless it is missing or too old.

    Args:
        found: version of the driver, None without one.
        built: version of CUDA that PyTorch is built with, e.g. "13.0".
        version: of PyTorch.

    Raises:
        PinchError: says which driver is needed, and the alternative.
    """
    needed = DRIVERS.get(int(built.split(".")[0]), DRIVERS[max(DRIVERS)])
    other = f"update it, or install a PyTorch built for an older CUDA (docs/gpu.md); this is {version} for CUDA {built}"
    if found is None:
        raise PinchError(f"no NVIDIA driver is loaded, but {needed} or newer is needed: {other}")
    if _parts(found) < _parts(needed):
        raise PinchError(f"the NVIDIA driver is {found}, but {needed} or newer is needed: {other}")
    return found


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
