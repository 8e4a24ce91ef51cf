"""What the page says, as HTML."""

from collections.abc import Sequence
from html import escape

from pinch.apps.demo.detector import Detector, Times, median
from pinch.apps.demo.looking import Look, Seen
from pinch.apps.demo.models import Choice
from pinch.core import files
from pinch.core.text import counted, one_line
from pinch.measuring.boxes import SAME

COLUMNS = ("label", "score", "left", "top", "width", "height")


def facts(detector: Detector, choice: Choice) -> str:
    """What a model is."""
    backend = detector.backend
    classes = escape(one_line(", ".join(backend.names.values())))
    said = [
        f"<b>{_name(choice.path.name)}</b>",
        f"{backend.shape[1]} x {backend.shape[0]} pixels",
        f"{files.size(backend.path) / 1e6:.1f} MB",
        f"{detector.device}, {counted(detector.threads, 'thread')}",
        f"<details><summary>{counted(len(backend.names), 'class', 'es')}</summary>{classes}</details>",
        *([escape(choice.note)] if choice.note else []),
        *(["needs no suppression, so IoU has no effect"] if detector.suppresses else []),
        *map(escape, backend.notes),
    ]
    return f'<div class="facts">{" · ".join(said)}</div>'


def threshold_info(detector: Detector) -> str:
    """Where the first value of its score comes from."""
    if detector.own_threshold is None:
        return f"this model says none of its own; {detector.threshold:.2f} is Ultralytics' default"
    return f"its own: {detector.threshold:.2f}, the best F1 on val"


def under(look: Look) -> str:
    """What stands below the picture of one model."""
    found = counted(len(look.found), "box", "es") if look.found else "nothing found"
    return times(look.eye.name, look.times, found)


def times(name: str, took: Times, found: str) -> str:
    """The time of each stage, and how much was found."""
    stages = {"pre-processing": took.preprocess, "inference": took.inference, "post-processing": took.postprocess}
    parts = "".join(f"<div><b>{value:.1f}</b><span>{stage}</span></div>" for stage, value in stages.items())
    return (
        f'<div class="times"><p><b>{took.total:.1f} ms</b> a picture · {escape(found)} · {_name(name)}</p>'
        f'<div class="stages">{parts}</div></div>'
    )


def under_film(seen: Sequence[Seen]) -> str:
    """What stands below a video: each model's median times and boxes, and how often two differ."""
    said = []
    for number, look in enumerate(seen[0].looks):
        took = median([each.looks[number].times for each in seen])
        boxes = sum(len(each.looks[number].found) for each in seen)
        found = f"{counted(boxes, 'box', 'es')} in {counted(len(seen), 'frame')} (times are medians)"
        said.append(times(look.eye.name, took, found))
    return difference(seen) + "".join(said)


def difference(seen: Sequence[Seen]) -> str:
    """How many boxes of two models differ, in a picture or in the frames of a video; empty for one model."""
    found = [each.differing for each in seen if each.differing]
    if not found:
        return ""
    names = [_name(look.eye.name) for look in seen[0].looks]
    alone = [sum(int(each.first.sum()) for each in found), sum(int(each.second.sum()) for each in found)]
    sentence = _difference(names, alone, sum(each.same for each in found))
    if len(seen) > 1 and any(alone):
        frames = sum(bool(each.first.any() or each.second.any()) for each in found)
        sentence += f" They differ in {frames} of {len(seen)} frames."
    rule = f"Two boxes agree if they are of one class and overlap by an IoU of {SAME} or more."
    return f'<div class="difference">{sentence} <small>{rule}</small></div>'


def _difference(names: Sequence[str], alone: Sequence[int], same: int) -> str:
    if not any(alone):
        return f"Both find the same {f'{same:,} boxes' if same > 1 else 'box'}." if same else "Both find nothing."
    only = " and ".join(f"{count} only <i>{name}</i> finds" for count, name in zip(alone, names, strict=True) if count)
    verbs = ["differs" if sum(alone) == 1 else "differ", "agrees" if same == 1 else "agree"]
    return f"<b>{counted(sum(alone), 'box', 'es')} {verbs[0]}</b>: {only}; {same} {verbs[1]}."


def table(looks: Sequence[Look]) -> str:
    """A row for each box of each model; positions in pixels."""
    return "".join(_table(look, len(looks) > 1) for look in looks)


def _table(look: Look, is_named: bool) -> str:
    caption = f"<caption>{_name(look.eye.name)}</caption>" if is_named else ""
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    rows = zip(look.labels, look.found.scores.tolist(), look.found.boxes.tolist(), strict=True)
    body = "".join(
        f"<tr><td>{escape(label)}</td><td>{score:.3f}</td>"
        + "".join(f"<td>{round(value)}</td>" for value in (left, top, right - left, bottom - top))
        + "</tr>"
        for label, score, (left, top, right, bottom) in rows
    )
    return f'<table class="boxes">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _name(text: str) -> str:
    """A name that may break after its underscores, since it can be longer than a phone is wide."""
    return escape(one_line(text)).replace("_", "_<wbr>")
