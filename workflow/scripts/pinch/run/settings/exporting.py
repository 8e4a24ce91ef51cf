"""Options of exporting."""

from dataclasses import dataclass

from pinch.core.options import CONFIG, option
from pinch.run import formats, targets

_MODEL = r"^(base( tuned)?|(coarse|fine|width|depth) 0?\.[0-9]+|size [0-9]+)$"


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Which artifacts there are."""

    models: str | tuple[str, ...] = option(
        "all",
        help="`all` (but the twin of the base), or a list of `base`, `base tuned` (the twin), `coarse RATIO`, "
        "`fine RATIO`, and of rivals `size PIXELS`, `width SHARE`, `depth SHARE`, such as "
        "`[base, coarse 0.5, fine 0.3, size 320]`",
        schema={
            "anyOf": [
                {"const": "all"},
                {
                    "type": "array",
                    "minItems": 1,
                    "uniqueItems": True,
                    "items": {"type": "string", "pattern": _MODEL},
                },
            ]
        },
        where=CONFIG,
    )
    artifacts: tuple[str, ...] = option(
        tuple(formats.default_specs()),
        help=f"formats and precisions, of {', '.join(f'`{spec}`' for spec in formats.specs())}",
    )
    imgsz: tuple[int, ...] = option(
        (),
        help="image sizes besides the training size; their files are named `<model>_<size>_<precision>.<ext>`",
        minimum=32,
        multiple_of=32,
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class LeanHead:
    """How many anchors an exported file decodes."""

    # Ultralytics would treat an output of six columns as finished detections, and so few anchors are useless anyway.
    candidates: int = option(
        300,
        help="number of best anchors that the lean head decodes; three times more, and so on, until "
        "`candidates_keep` is kept; all, if there are fewer",
        minimum=10,
    )


@dataclass(frozen=True, kw_only=True)
class Export(LeanHead):
    """How a checkpoint is exported."""

    candidates_keep: float = option(
        0.999,
        help="share of the checkpoint's val mAP50-95 that is kept by decoding the best anchors only; 0: do not look",
        minimum=0,
        maximum=1,
    )
    target: str = option(
        targets.AUTO,
        help="processor for which int8 ONNX and OpenVINO are made; `auto` is the one on which they are timed",
        choices=(targets.AUTO, *targets.TARGETS),
    )
    calibration_images: int = option(
        10, help="images per class of the training split for the calibration of int8", minimum=1
    )
    calibration_methods: tuple[str, ...] = option(
        ("minmax",),
        help="how int8 ONNX is calibrated; of several methods, the most accurate on val is used",
        choices=("minmax", "percentile", "entropy"),
    )
    guard: float = option(
        0.99,
        help="share of the val mAP50-95 of its float file that an int8 file must keep; if it loses more, by more "
        "than chance, layers are returned to float until it does",
        minimum=0,
        maximum=1,
    )
    class_guard: float = option(
        0.97,
        help="the same of the class that loses most",
        minimum=0,
        maximum=1,
    )
    floor: float = option(
        0.95,
        help="share of its float file's val mAP50-95 below which an int8 file has failed, after all layers that "
        "may be float are float: it is kept and measured, but never chosen; a lower `guard` lowers it",
        minimum=0,
        maximum=1,
    )

    @property
    def least(self) -> float:
        """The share of the float model's accuracy below which an int8 file has failed; it is never above the guard."""
        return min(self.guard, self.floor)
