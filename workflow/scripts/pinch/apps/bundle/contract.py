"""The contract of a bundle, `model.json`: what an app must know to run a file and to read its output.

Fields keep their names and meaning; a new one has a default. A change that breaks readers raises VERSION. None is
written as `null` and means that it is not known, or that there is none.
"""

from dataclasses import dataclass, field

from pinch.core.errors import PinchError
from pinch.core.typed_json import MismatchError, NotFiniteError, from_json
from pinch.runtimes.base import Tensor

FILE = "model.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Input(Tensor):
    """The input.

    Attributes:
        layout: "NHWC" or "NCHW", the order of `shape`.
        colour_order: of the channels, "RGB".
        value_range: what pixels of 0 and of 255 become, [0.0, 1.0]. In an integer input, that value is then divided by
            `scale`, rounded, and added to `zero_point`.
    """

    layout: str
    colour_order: str = "RGB"
    value_range: list[float] = field(default_factory=lambda: [0.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Letterbox:
    """How a picture becomes the input: scaled without distortion until it fits, and bars around it.

    Attributes:
        width, height: of the input in pixels.
        pad_value: grey of the bars, 0 to 255, in all channels.
        interpolation: "bilinear", with centres of pixels aligned, without smoothing before a reduction, in the integers
            of OpenCV's INTER_LINEAR.
        centred: whether the bars are equal at both sides; of an odd rest, the smaller half is at the left and top.
    """

    width: int
    height: int
    pad_value: int
    interpolation: str = "bilinear"
    centred: bool = True


@dataclass(frozen=True, kw_only=True)
class Output(Tensor):
    """The only output.

    Attributes:
        columns: what each box has: "x", "y" (centre), "width", "height" and a score for each label, 0 to 1; or, where
            boxes are suppressed, "x1", "y1", "x2", "y2", "score", "class".
        columns_first: whether `shape` is (1, columns, boxes) instead of (1, boxes, columns).
        box_units: "pixels" of the input, or "fractions" of its width and height.
        suppressed: whether the network has dropped overlapping boxes; otherwise the decoder must.
        decoding: in words, what the decoder must do.
        max_boxes: how many boxes are kept at most, the best first.
    """

    columns: list[str]
    columns_first: bool
    box_units: str
    suppressed: bool
    decoding: str
    max_boxes: int


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a decoder drops.

    Attributes:
        score: boxes must have a higher score.
        score_from: where that is from.
        iou: overlap (intersection over union) above which the weaker of two boxes of a class is dropped.
    """

    score: float
    score_from: str
    iou: float


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy of this very file in its own runtime, on so many images of a split.

    `low` and `high` are the ends of the 95% interval of `map50_95`.
    """

    split: str
    images: int | None = None
    map50: float | None = None
    map50_95: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Time:
    """Median times of one frame, in milliseconds, where they were measured. `p90_ms` is of inference, too."""

    device: str
    processor: str | None = None
    threads: int
    preprocess_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    postprocess_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a run measured of the file; empty for a file of no run.

    Attributes:
        accuracy: one entry for each split.
        times: one entry for each device and number of threads.
        bytes_zipped: size of the file after DEFLATE.
        macs: multiply-accumulates of one image.
        kept, kept_low, kept_high: share of the unpruned model's mAP50-95 on val, with its 95% interval.
    """

    accuracy: list[Accuracy] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    bytes_zipped: int | None = None
    macs: int | None = None
    kept: float | None = None
    kept_low: float | None = None
    kept_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChosenFor:
    """A row of the run's choice: the want, the place that it was made for, and why."""

    want: str
    place: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A test picture, and what Pinch's own runtime finds in it at `Threshold`.

    Attributes:
        file: a PNG in the bundle.
        boxes: [x1, y1, x2, y2, score, class] of each, in pixels of the picture, best first. The class is the number of
            a label.
    """

    file: str
    boxes: list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A bundle's contents.

    Attributes:
        version: of the contract.
        name: of the model, without precision and format.
        file: name of the model's file in the bundle, with its `sha256` and `bytes`.
        format: of the registry, "onnx" or "tflite".
        precision: of the registry; None where the file does not say.
        runtime: what runs such files in an app.
        target: the processor that an int8 file is made for; "any" or None: for all.
        licence: as the file says.
        labels: by the number of the class.
        input, letterbox, output, threshold: how to run it.
        measured: what is known of it.
        chosen_for: what a run chose it for; empty where none did.
        test_pictures: empty where none may be shown.
        made_by: "Pinch".
    """

    version: int
    name: str
    file: str
    sha256: str
    bytes: int
    format: str
    precision: str | None
    runtime: str
    target: str | None
    licence: str | None
    labels: list[str]
    input: Input
    letterbox: Letterbox
    output: Output
    threshold: Threshold
    measured: Measured = field(default_factory=Measured)
    chosen_for: list[ChosenFor] = field(default_factory=list)
    test_pictures: list[Picture] = field(default_factory=list)
    made_by: str = "Pinch"


def parse(content: object, name: object) -> Contract:
    """The contract in the JSON of a file that messages call `name`.

    Raises:
        PinchError: it is no contract of this version.
    """
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise PinchError(f"{name} is no contract of version {VERSION}: make the bundle again with bundle.py")
    try:
        return from_json(Contract, content)
    except (MismatchError, NotFiniteError) as error:
        raise PinchError(f"{name} is no whole contract ({error}): make the bundle again with bundle.py") from error
