"""Where training runs: what `--device` means to Ultralytics, checked before any work."""

from pinch.core import gpu
from pinch.core.errors import PinchError


def ultralytics_device(device: str, gpus: int = 1) -> str:
    """Translate "cpu", "gpu" or numbers of GPUs ("0", "0,1") for Ultralytics, which would take the CPU without a word.

    Args:
        device: what was asked for.
        gpus: how many of the job's GPUs "gpu" means.

    Raises:
        PinchError: a GPU is asked for that cannot be used, with the reason.
    """
    if device == "cpu":
        return "cpu"
    numbers = ",".join(map(str, range(gpus))) if device == "gpu" else device.replace(" ", "")
    if not all(part.isdigit() for part in numbers.split(",")):
        raise PinchError(f"{device!r} is no device: use cpu, gpu, or numbers of GPUs such as 0 or 0,1")
    gpu.check()
    import torch

    seen = torch.cuda.device_count()
    if max(int(part) for part in numbers.split(",")) >= seen:
        raise PinchError(f"--device {device} names a GPU that this job does not have: it sees {seen}, numbered from 0")
    return numbers
