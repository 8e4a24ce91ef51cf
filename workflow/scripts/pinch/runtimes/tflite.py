"""TFLite through LiteRT's interpreter (XNNPACK kernels), on the CPU."""

import ast
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pinch.core.errors import PinchError
from pinch.runtimes.base import Backend, Tensor, input_shape, only_output
from pinch.runtimes.postprocess import is_end_to_end

_LARGEST_METADATA = 1 << 20
"""Bytes; a few hundred class names need a hundredth of it."""


class TfliteBackend(Backend):
    """A TFLite file, NHWC or NCHW, with float or integer input and output; see `Backend`.

    Boxes must be fractions of the input, as in all TFLite exports of Ultralytics. With the same range as the scores
    they keep their precision if the output is quantized.
    """

    boxes_are_fractions = True

    def __init__(
        self, path: Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
    ):
        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        only_output(path, len(self._interpreter.get_output_details()))
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        sides = [int(side) for side in self._input["shape"]]
        self.channels_last = sides[-1] == 3
        metadata = _metadata(path)
        fixed = (sides[1], sides[2]) if self.channels_last else (sides[2], sides[3])
        super().__init__(path, metadata, input_shape(path, fixed, metadata, imgsz))

    def _typed(self, values: np.ndarray) -> np.ndarray:
        return _quantize(values, self._input)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """See `Backend.tensors`."""
        return _described(self._input), _described(self._output)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        self._interpreter.set_tensor(self._input["index"], inputs)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])

    def download(self, outputs: np.ndarray) -> np.ndarray:
        """See `Backend.download`."""
        outputs = _dequantize(outputs, self._output)
        scale = np.array([*self.shape[::-1]] * 2, np.float32)
        if is_end_to_end(outputs.shape):
            outputs[:, :, :4] *= scale
        else:
            outputs[:, :4] *= scale[:, None]
        return outputs


def _described(tensor: dict[str, Any]) -> Tensor:
    is_integer = np.issubdtype(tensor["dtype"], np.integer)
    scale, zero = tensor["quantization"] if is_integer else (None, None)
    return Tensor(
        name=tensor["name"],
        shape=[int(side) for side in tensor["shape"]],
        dtype=np.dtype(tensor["dtype"]).name,
        scale=None if scale is None else float(scale),
        zero_point=None if zero is None else int(zero),
    )


def _quantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if np.issubdtype(tensor["dtype"], np.floating):
        return values.astype(tensor["dtype"], copy=False)
    scale, zero = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if np.issubdtype(tensor["dtype"], np.floating):
        return values.astype(np.float32, copy=False)
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale)


def _metadata(path: Path) -> dict[str, Any]:
    """The metadata appended to the file: a zip with one entry, JSON or, from older Ultralytics, Python text."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        said = entries.get("metadata.json") or archive.infolist()[0]
        if said.file_size > _LARGEST_METADATA:
            raise PinchError(f"the metadata of {path} have {said.file_size} bytes, so it is damaged: export it again")
        text = archive.read(said).decode()
    return json.loads(text) if said.filename == "metadata.json" else ast.literal_eval(text)
