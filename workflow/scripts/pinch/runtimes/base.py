"""The interface of all runtimes, and functions that read the metadata that Ultralytics puts into a model."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinch.core.errors import PinchError
from pinch.core.provenance import hardware
from pinch.run import predicting
from pinch.run.targets import suits
from pinch.runtimes.preprocess import PIXELS, Geometry, Letterbox

LARGEST_IMGSZ = 8192
"""A model that asks for larger images is taken for a damaged one, before memory is reserved for them."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output as a file has it.

    Attributes:
        name: in the file.
        shape: with a batch of one.
        dtype: numpy's name of the type, e.g. "float32".
        scale, zero_point: of an integer type: the number meant is (stored - zero_point) * scale. None of others.
    """

    name: str
    shape: list[int]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


class Backend(ABC):
    """A detector loaded into one runtime, on one device, with a fixed number of threads.

    Inference has three steps, so that they can be timed separately: `prepare` (of an image) or `upload` (of a finished
    input) to the device, in the layout and type that the model needs; `run` (the model alone; returns when the device
    has finished); and `download` (to the host).

    Attributes:
        path: the model.
        shape: (height, width) of the input, in pixels.
        names: class names by index; empty if the model has none.
        metadata: the model's metadata.
        threshold: score with the best F1 on val, if the metadata say one.
        notes: how this runtime runs this model, as far as readers of a measurement should know it.
        channels_last: whether the model's input is (1, height, width, 3).
        boxes_are_fractions: whether boxes in the model's output, before `download`, are fractions of the input.
    """

    channels_last = False
    boxes_are_fractions = False

    def __init__(self, path: Path, metadata: Mapping[str, Any], shape: tuple[int, int]):
        self.path = path
        self.metadata = dict(metadata)
        self.names = parse_names(self.metadata.get("names"))
        self.threshold = _fraction(self.metadata.get("threshold"))
        self.shape = shape
        self.notes: list[str] = []
        self._letterbox: Letterbox | None = None

    @property
    def imgsz(self) -> int:
        """The longer side of the input, in pixels."""
        return max(self.shape)

    def prepare(self, image: np.ndarray) -> tuple[Any, Geometry]:
        """Letterbox an image straight into the model's layout and type, and bring it to the device.

        Args:
            image: uint8, (height, width, 3), BGR.

        Returns:
            What `run` takes, which the next call may overwrite; and the position of the image in it.
        """
        if self._letterbox is None:
            self._letterbox = Letterbox(self.shape, self.channels_last, self._typed(PIXELS))
        batch, geometry = self._letterbox(image)
        return self._place(batch), geometry

    def upload(self, batch: np.ndarray) -> Any:
        """Bring an input, (1, 3, height, width), float32, RGB, 0 to 1, to the device in the model's layout and type."""
        batch = batch.transpose(0, 2, 3, 1) if self.channels_last else batch
        return self._place(np.ascontiguousarray(self._typed(batch)))

    def _typed(self, values: np.ndarray) -> np.ndarray:
        """Values from 0 to 1 in the type of the model's input."""
        return values

    def _place(self, batch: np.ndarray) -> Any:
        """Bring an input in the model's layout and type to the device."""
        return batch

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The input and the output of the file.

        Raises:
            PinchError: the format has no fixed ones.
        """
        raise PinchError(f"{self.path} is of a format whose tensors are not described: export it to ONNX or TFLite")

    @abstractmethod
    def run(self, inputs: Any) -> Any:
        """Run the model on what `upload` returned; return when it has finished."""

    def download(self, outputs: Any) -> np.ndarray:
        """Bring what `run` returned to the host: float32, (1, 4 + classes, anchors), boxes xywh in input pixels."""
        return outputs

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """All three steps.

        Args:
            batch: float32, (1, 3, height, width), RGB, 0 to 1.

        Returns:
            float32, (1, 4 + classes, anchors): boxes as centre, width and height in input pixels, then class scores; or
            (1, n, 6) of a model that suppresses by itself.
        """
        return self.download(self.run(self.upload(batch)))


def made_for_here(metadata: Mapping[str, Any]) -> bool:
    """Whether the file of these metadata computes on this processor what it is meant to."""
    target = metadata.get("target")
    # Looking at the hardware asks the GPU's driver, too, and most files are for all processors.
    return target is None or suits(target, hardware())


def parse_names(value: Any) -> dict[int, str]:
    """Class names from metadata: a list, a mapping (keys may be text) or either written as text."""
    value = literal(value)
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    return {int(key): str(name) for key, name in (value or {}).items()}


def _fraction(value: Any) -> float | None:
    """A number from 0 to 1 from metadata; None if there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def literal(value: Any) -> Any:
    """A value of metadata; some formats store values as Python text, which is parsed."""
    return ast.literal_eval(value) if isinstance(value, str) else value


def input_shape(path: Path, fixed: tuple[Any, Any], metadata: Mapping[str, Any], imgsz: int | None) -> tuple[int, int]:
    """Height and width of a model's input.

    Args:
        path: the model, for the error message.
        fixed: height and width that the model requires; anything but whole numbers if it takes any size.
        metadata: the model's metadata.
        imgsz: the side that the caller asks for, if any.

    Raises:
        PinchError: the model has a fixed size and the caller asks for another, or its size is none.
    """
    shape = _input_shape(path, fixed, metadata, imgsz)
    if not all(0 < side <= LARGEST_IMGSZ for side in shape):
        raise PinchError(f"{path} takes images of {shape[1]}x{shape[0]} pixels, which is too large: export it again")
    return shape


def _input_shape(path: Path, fixed: tuple[Any, Any], metadata: Mapping[str, Any], imgsz: int | None) -> tuple[int, int]:
    if all(isinstance(side, int | np.integer) and side > 0 for side in fixed):
        shape = int(fixed[0]), int(fixed[1])
        if imgsz is not None and shape != (imgsz, imgsz):
            raise PinchError(
                f"{path} takes images of {shape[1]}x{shape[0]} pixels only, not {imgsz}: leave the size out or export"
                " it again"
            )
        return shape
    if imgsz is not None:
        return imgsz, imgsz
    said = literal(metadata.get("imgsz", predicting.IMGSZ))
    height, width = said if isinstance(said, list | tuple) else (said, said)
    return int(height), int(width)


def only_output(path: Path, count: int) -> None:
    """Refuse a model that is not a YOLO detector.

    Raises:
        PinchError: it does not have exactly one output.
    """
    if count != 1:
        raise PinchError(
            f"{path} has {count} outputs, but a YOLO detector has one: export it with Ultralytics or Pinch"
        )
