"""What TensorFlow's process is told of the network, in plain values: PyTorch and TensorFlow never share a process."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """What decoding must know of Ultralytics' `Detect` and of the export.

    Attributes:
        strides: of the levels, in pixels.
        bins: of a box side's distribution.
        classes: how many.
        end2end: whether the network suppresses by itself.
        most: detections that such a network returns.
        imgsz: side of the input in pixels.
        candidates: most anchors that are decoded.
    """

    strides: tuple[int, ...]
    bins: int
    classes: int
    end2end: bool
    most: int
    imgsz: int
    candidates: int
