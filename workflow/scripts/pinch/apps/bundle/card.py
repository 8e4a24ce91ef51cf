"""The model card of a bundle: the sections that are usual in the field, filled from tables and records.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019). What is not known is said to be unknown.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pinch.apps.bundle.contract import Accuracy, Contract
from pinch.apps.bundle.figures import Known
from pinch.core.text import listed, one_line
from pinch.run import formats
from pinch.run.identity import RIVALS

FILE = "MODEL_CARD.md"
_UNKNOWN = "Not known: this file was not measured by a run that the bundle was made from."
_FILES = """| file | what |
| --- | --- |
| `model.json` | the contract: tensors, letterbox, output, thresholds, figures, boxes expected in the test pictures |
| `labels.txt` | the labels, one a line, in the order of their numbers |
| `decoder.py`, `Decoder.java` | reference decoders, from a picture to the input and from the output to boxes |
| `check.py` | runs the model on the test pictures and compares: `python check.py` |"""


def card(contract: Contract, known: Known | None, pictures: str) -> str:
    """The card in Markdown.

    Args:
        contract: of the bundle, whole.
        known: what a run says of the file; None without one.
        pictures: where the test pictures are from.
    """
    sections = {
        "Model details": _details(contract, known),
        "Intended use": _use(contract),
        "Training data": _training(known),
        "Evaluation data and metrics": _evaluation(contract, known),
        "Results": _results(contract, known),
        "Time": _times(contract),
        "Compression": _compression(contract, known),
        "Ethical considerations": _ethics(known),
        "Caveats and recommendations": _caveats(contract, known),
        "Files": [_FILES, "", *_pictures(contract, pictures)],
        "Licence": _licence(contract),
    }
    lines = [f"# Model card: {contract.file}"]
    for title, content in sections.items():
        lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"


def _details(contract: Contract, known: Known | None) -> list[str]:
    row = known.row if known else {}
    precision = formats.PRECISIONS.get(contract.precision or "")
    details = {
        "Task": f"object detection with {len(contract.labels)} labels: {', '.join(contract.labels)}",
        "Architecture": "a detector of the YOLO family; the file does not name which",
        "Model": f"{contract.name} ({row['label']})" if row else contract.name,
        "Input": f"{contract.letterbox.width} x {contract.letterbox.height} pixels, RGB",
        "Precision": precision.meaning if precision else "not known",
        "Size": f"{contract.bytes:,} bytes" + _of(contract.measured.bytes_zipped, "; {:,} zipped"),
        "Operations": _of(contract.measured.macs, "{:,} multiply-accumulates for a picture") or "not known",
        "Runtime": contract.runtime,
        "SHA-256": f"`{contract.sha256}`",
        "Made with": _made_with(known),
    }
    return _list(details)


def _made_with(known: Known | None) -> str:
    if known is None or known.made is None:
        return "not known"
    revision = _of(known.made.git_revision, ", revision {}")
    return f"Pinch {known.made.pinch}{revision}; measured {known.made.time}"


def _use(contract: Contract) -> list[str]:
    lines = ["Finding the labels above in pictures of the kind that it was trained on."]
    if contract.chosen_for:
        lines += ["", "The run that made it chose it, in the words of its table:", ""]
        lines += [f"- {each.want}, on {each.place}: {each.reason}." for each in contract.chosen_for]
    else:
        lines += ["", "No run chose it for a purpose, as far as this bundle knows."]
    return [*lines, "", "Uses that it must not be put to are not recorded; nothing but what is below was measured."]


def _training(known: Known | None) -> list[str]:
    if known is None or known.dataset is None:
        return ["Not known: the bundle was made without a record of the data."]
    head = ["split", "pictures", "persons", "boxes"]
    rows = [
        [split, f"{found.images:,}", _of(found.users, "{:,}") or "not known", f"{sum(found.boxes.values()):,}"]
        for split, found in known.dataset.splits.items()
    ]
    lines = _table(head, rows)
    labels = {split: found.boxes for split, found in known.dataset.splits.items()}
    lines += ["", *_table(["label", *(f"boxes in {split}" for split in labels)], _boxes(known.dataset.classes, labels))]
    lines += ["", f"Digest of the data: {_of(known.dataset.digest, '`{}`') or 'not recorded'}."]
    lines += ["Who took the pictures, where and with whose consent is not recorded here."]
    if known.training:
        it = known.training
        lines += ["", f"Trained from `{it.base_model}` for {it.epochs_run} of at most {it.epochs_requested} epochs at "]
        lines[-1] += f"{it.imgsz} pixels; the weights are those of epoch {it.best_epoch}."
    return lines


def _boxes(classes: Sequence[str], labels: dict[str, dict[str, int]]) -> list[list[str]]:
    return [[one_line(name), *(f"{boxes.get(name, 0):,}" for boxes in labels.values())] for name in classes]


def _evaluation(contract: Contract, known: Known | None) -> list[str]:
    if known is None or not contract.measured.accuracy:
        return [_UNKNOWN]
    on = listed([f"{each.images:,} pictures of {each.split}" for each in contract.measured.accuracy if each.images])
    return [
        f"This very file, in its own runtime, on {on}. mAP50-95 is the mean over labels of the average precision, "
        "averaged over overlaps (IoU) of 0.50 to 0.95; mAP50 is that at 0.50. Choices rest on val alone.",
    ]


def _results(contract: Contract, known: Known | None) -> list[str]:
    if known is None or not contract.measured.accuracy:
        return [_UNKNOWN]
    head = ["split", "pictures", "mAP50", "mAP50-95", "95% interval of mAP50-95"]
    lines = _table(head, [_accuracy(each) for each in contract.measured.accuracy])
    if contract.measured.kept is not None:
        lines += ["", f"It keeps {contract.measured.kept:.1%} of the unpruned model's mAP50-95 on val"]
        lines[-1] += f"{_interval(contract.measured.kept_low, contract.measured.kept_high, '{:.1%}')}."
    if known.accuracy and (point := known.accuracy.operating_point):
        lines += ["", f"At a score of {point.threshold:.2f}, on val: precision {point.precision:.2f}, "]
        lines[-1] += f"recall {point.recall:.2f} (at IoU 0.5, means over labels)."
    if known.accuracy:
        labels = {split: found.per_class for split, found in known.accuracy.splits.items()}
        named = list(dict.fromkeys(name for found in labels.values() for name in found))
        rows = [[one_line(name), *(_number(found.get(name)) for found in labels.values())] for name in named]
        lines += ["", *_table(["label", *(f"mAP50-95 on {split}" for split in labels)], rows)]
    return lines


def _accuracy(each: Accuracy) -> list[str]:
    interval = _interval(each.low, each.high, "{:.3f}").strip(" ()").removeprefix("95% interval ")
    return [each.split, _of(each.images, "{:,}"), _number(each.map50), _number(each.map50_95), interval or "not known"]


def _times(contract: Contract) -> list[str]:
    if not contract.measured.times:
        return ["Not known: nothing was timed. Times of a phone must be measured on that phone."]
    head = ["where", "threads", "pre-processing", "inference", "its 90th percentile", "post-processing"]
    rows = [
        [
            f"{each.processor or 'processor not known'} ({each.device})",
            str(each.threads),
            *(
                _of(value, "{:.2f} ms") or "not known"
                for value in (each.preprocess_ms, each.p50_ms, each.p90_ms, each.postprocess_ms)
            ),
        ]
        for each in contract.measured.times
    ]
    return [*_table(head, rows), "", "Medians of one picture. Another processor takes other times: measure there."]


def _compression(contract: Contract, known: Known | None) -> list[str]:
    if known is None:
        return ["Not known: the bundle was made without a run."]
    lines, export = [_smaller(known)], known.export
    if export is None:
        return [*lines, "- How it was exported is not recorded."]
    lines += [f"- Exported as {contract.format}, {contract.precision}, for processors: {contract.target or 'all'}."]
    if export.calibration:
        lines += [f"- Calibrated on {export.calibration.images} pictures of train ({export.calibration.method})."]
    if export.guard and export.guard.share is not None:
        lines += [
            f"- Keeps {export.guard.share:.1%} of its float file's mAP50-95 on {export.guard.images} pictures of val."
        ]
    if export.parity and export.parity.box_pixels is not None:
        lines += [f"- Differs from its checkpoint by at most {export.parity.box_pixels:.2g} pixels of a box and "]
        lines[-1] += f"{export.parity.score:.2g} of a score, on {export.parity.images} pictures."
    if export.failed:
        lines += [f"- Failed its check: {export.failed}."]
    return lines


def _smaller(known: Known) -> str:
    """How the model was made smaller than the base."""
    it = known.pruning
    if it is None:
        return "- Not pruned, or no record says so."
    if it.method in RIVALS:
        figures = f"parameters {it.before.parameters:,} before, {it.after.parameters:,} after, multiply-accumulates"
        macs = f"{it.before.macs:,} before, {it.after.macs:,} after"
        return f"- Not pruned, but made smaller ({known.row['label']}): {figures} {macs}."
    figures = f"parameters {it.before.parameters:,} before, {it.after.nonzero_parameters:,} after that are not zero"
    return f"- Pruned: method {it.method}, {it.ratio:.0%} requested; {figures}."


def _ethics(known: Known | None) -> list[str]:
    persons = [found.users for found in known.dataset.splits.values() if found.users] if known and known.dataset else []
    count = f"The data show {sum(persons):,} persons" if persons else "How many persons the data show is not recorded"
    return [
        f"{count}. Their age, skin and surroundings are not recorded, so it is not known for whom the model works less "
        "well. A camera that it reads shows people: say so to them, and keep no pictures that are not needed."
    ]


def _caveats(contract: Contract, known: Known | None) -> list[str]:
    lines = []
    if known and known.row["val_lowest_class"] is not None:
        row = known.row
        lines += [f"- Worst label on val: {row['val_lowest_class']}, mAP50-95 {row['val_lowest_class_map50_95']:.3f}."]
    if known and known.row["val_worst_class"] is not None:
        lines += [f"- Label that lost most of the unpruned model's mAP50-95 on val: {known.row['val_worst_class']}."]
    if contract.target not in (None, "any"):
        lines += [
            f"- Its integers are made for {contract.target} processors; on others it may find other boxes, or be slow. "
            "Files for phones are exported with `export.target: arm`."
        ]
    if known and known.row["known_slow"] is not None:
        lines += [f"- {known.row['known_slow']}."]
    lines += [f"- {one_line(warning)}" for warning in (known.dataset.warnings if known and known.dataset else [])]
    threshold = contract.threshold
    return [
        *lines,
        f"- Boxes with a score up to {threshold.score:.2f} are dropped ({threshold.score_from}). Raise it where a "
        "false alarm costs more than a miss.",
    ]


def _pictures(contract: Contract, sentence: str) -> list[str]:
    counts = [f"`{picture.file}` ({len(picture.boxes)} boxes expected)" for picture in contract.test_pictures]
    return [f"Test pictures: {', '.join(counts) + ', ' if counts else ''}{sentence}."]


def _licence(contract: Contract) -> list[str]:
    return [
        f"The file says: {contract.licence or 'nothing about its licence'}.",
        "",
        "The decoders are part of Pinch (AGPL-3.0-only). The licence of the training pictures is not recorded here; it "
        "may bind the model and the test pictures, so look it up.",
    ]


def _of(value: Any, pattern: str) -> str:
    """A value in a pattern; nothing where it is not known."""
    return "" if value is None else pattern.format(value)


def _number(value: float | None) -> str:
    return _of(value, "{:.3f}") or "not known"


def _interval(low: float | None, high: float | None, pattern: str) -> str:
    if low is None or high is None:
        return ""
    return f" (95% interval {pattern.format(low)} to {pattern.format(high)})"


def _list(values: dict[str, str]) -> list[str]:
    return [f"- {name}: {value}" for name, value in values.items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in cells]
