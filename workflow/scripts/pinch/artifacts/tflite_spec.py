"""The network's head in plain values, for TensorFlow's process: PyTorch and TensorFlow must not share a process."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """What decoding needs from Ultralytics' `Detect` and from the settings of the export.

    Attributes:
        strides: of the levels, in pixels.
        bins: of the distribution of a box side.
        classes: number of classes.
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
