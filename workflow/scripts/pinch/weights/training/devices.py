"""The devices of training: `--device` is translated for Ultralytics and checked before any work."""

from pinch.core import gpu_check
from pinch.core.errors import PinchError


def ultralytics_device(device: str, gpus: int = 1) -> str:
    """Translate "cpu", "gpu" or GPU numbers ("0", "0,1") for Ultralytics, which would silently use the CPU otherwise.

    Args:
        device: the value of `--device`.
        gpus: number of GPUs that "gpu" means.

    Raises:
        PinchError: a requested GPU cannot be used; says why.
    """
    if device == "cpu":
        return "cpu"
    numbers = ",".join(map(str, range(gpus))) if device == "gpu" else device.replace(" ", "")
    if not all(part.isdigit() for part in numbers.split(",")):
        raise PinchError(f"{device!r} is not a device: give cpu, gpu, or numbers of GPUs such as 0 or 0,1")
    gpu_check.check()
    import torch

    seen = torch.cuda.device_count()
    if max(int(part) for part in numbers.split(",")) >= seen:
        raise PinchError(f"--device {device} names a GPU that this job does not have: it has {seen}, numbered from 0")
    return numbers
