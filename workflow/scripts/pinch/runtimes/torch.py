"""PyTorch, for checkpoints, on the CPU or a GPU."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinch.core.errors import PinchError
from pinch.run.identity import Model, to_json
from pinch.runtimes.base import Backend
from pinch.weights import checkpoints


def forbid_tf32() -> None:
    """Make CUDA compute in float32: cuDNN's default, TF32, keeps only 10 of the 23 mantissa bits of each factor."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


class TorchBackend(Backend):
    """A checkpoint of Ultralytics, fused and channels-last as Ultralytics runs it; see `Backend`."""

    def __init__(
        self, path: Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
    ):
        if device == "gpu" and not torch.cuda.is_available():
            raise PinchError("PyTorch finds no GPU: run check_gpu.py for the reason, or measure on the cpu")
        torch.set_num_threads(threads)
        forbid_tf32()
        checkpoint = checkpoints.load(path)
        side = imgsz or checkpoint.imgsz
        said = {"names": checkpoint.names, "imgsz": checkpoint.imgsz}
        said |= {"model": to_json(Model.of_checkpoint(path, checkpoint.meta))}
        super().__init__(path, said, (side, side))
        self._device = torch.device("cuda" if device == "gpu" else "cpu")
        model = checkpoint.model
        self._model = model.fuse(verbose=False).eval().to(self._device, memory_format=torch.channels_last)

    def _place(self, batch: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(batch).to(self._device)

    def run(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `Backend.run`."""
        with torch.inference_mode():
            outputs = self._model(inputs)
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return outputs[0] if isinstance(outputs, tuple | list) else outputs

    def download(self, outputs: Any) -> np.ndarray:
        """See `Backend.download`."""
        return outputs.float().cpu().numpy()
