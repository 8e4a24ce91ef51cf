"""A contract from a model's file."""

from pathlib import Path

from pinch.apps.bundle import contract
from pinch.apps.bundle.contract import Contract
from pinch.core import files
from pinch.core.text import one_line
from pinch.run.identity import described
from pinch.run.predicting import CONFIDENCE, IOU, MAX_DET
from pinch.runtimes import find_format
from pinch.runtimes.base import Backend, Tensor
from pinch.runtimes.postprocess import is_end_to_end
from pinch.runtimes.preprocess import PADDING

_CENTRES = ["x", "y", "width", "height"]
_FINISHED = ["x1", "y1", "x2", "y2", "score", "class"]
_DECODING = (
    "Take the best score of each box and its class; drop boxes whose score is not above threshold.score; drop the "
    "weaker of two boxes of a class whose overlap is above threshold.iou; keep the best max_boxes; turn centres and "
    "sides into corners; undo the letterbox; clip to the picture."
)
_DECODING_FINISHED = (
    "Drop boxes whose score is not above threshold.score; keep the first max_boxes; undo the letterbox; clip to the "
    "picture."
)


def describe(backend: Backend) -> Contract:
    """What a loaded file says about itself: a contract without figures of a run and without test pictures.

    Args:
        backend: of a format that apps run.

    Raises:
        PinchError: no app runs this format, or a number of the file is none.
    """
    path, metadata = Path(backend.path), backend.metadata
    entry = find_format(path)
    runtime = entry.require_app_runtime(path)
    taken, given = backend.tensors()
    about, licence = described(path, metadata), metadata.get("license")
    return Contract(
        version=contract.VERSION,
        name=about["model"],
        file=path.name,
        sha256=files.sha256(path),
        bytes=files.size(path),
        format=entry.name,
        precision=about["precision"],
        runtime=runtime,
        target=metadata.get("target"),
        licence=one_line(str(licence)) if licence else None,
        labels=_labels(backend, given),
        input=contract.Input(**vars(taken), layout="NHWC" if backend.channels_last else "NCHW"),
        letterbox=contract.Letterbox(width=backend.shape[1], height=backend.shape[0], pad_value=PADDING),
        output=_output(given, _labels(backend, given), backend.boxes_are_fractions),
        threshold=_threshold(backend),
    )


def _labels(backend: Backend, given: Tensor) -> list[str]:
    """The labels by number; "class 3" where the file has no name for one."""
    count = max(backend.names, default=-1) + 1
    if not is_end_to_end(tuple(given.shape)):
        count = given.shape[1] - len(_CENTRES)
    return [one_line(backend.names.get(number, f"class {number}")) for number in range(count)]


def _output(given: Tensor, labels: list[str], are_fractions: bool) -> contract.Output:
    suppressed = is_end_to_end(tuple(given.shape))
    return contract.Output(
        **vars(given),
        columns=_FINISHED if suppressed else [*_CENTRES, *labels],
        columns_first=not suppressed,
        box_units="fractions" if are_fractions else "pixels",
        suppressed=suppressed,
        decoding=_DECODING_FINISHED if suppressed else _DECODING,
        max_boxes=MAX_DET,
    )


def _threshold(backend: Backend) -> contract.Threshold:
    """The file's own threshold, or Ultralytics' default for prediction."""
    known = backend.threshold
    source = "Ultralytics' default, since the file says none" if known is None else "the best F1 on val"
    return contract.Threshold(score=CONFIDENCE if known is None else known, score_from=source, iou=IOU)
