"""A sheet of the pictures in which a chosen file fails to find what the model that it is compared with finds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from pinch.core.text import one_line
from pinch.data import contact_sheet
from pinch.data.contact_sheet import Box, Part
from pinch.data.dataset import Dataset
from pinch.measuring import at_threshold
from pinch.measuring.evidence import Evidence
from pinch.report.plots import style
from pinch.tables import degradation, gathering

MOST = 16
"""Pictures that are shown of a file."""
COLUMNS = 8
_TITLE = "Orange: what the unpruned model finds and the chosen file does not. Blue: what the chosen file detects there."
_LOST, _DETECTED = (ImageColor.getrgb(colour)[:3] for colour in (style.VERMILLION, style.BLUE))


@dataclass(frozen=True)
class Failure:
    """A picture with boxes of the truth that one file finds and another does not.

    Attributes:
        image: its number in the evidence.
        boxes: numbers of those boxes.
        score: highest score with which they are found.
    """

    image: int
    boxes: list[int]
    score: float


def find(ours: Evidence, theirs: Evidence) -> list[Failure]:
    """The pictures in which we do not find what they find, those first of which they are surest."""
    scores = at_threshold.found_scores(theirs)
    lost = (scores > 0) & ~at_threshold.found(ours)
    failures = []
    for image in np.unique(ours.truth_images[lost]):
        own = np.flatnonzero(lost & (ours.truth_images == image))
        failures.append(Failure(int(image), own.tolist(), float(scores[own].max())))
    return sorted(failures, key=lambda failure: -failure.score)


def draw(results: Path, dataset: Dataset, output: Path, most: int = MOST) -> int:
    """Write the sheet of the first chosen files, see `style.SHOWN`.

    Args:
        results: folder of a run, `results/<name>`, after compare_chosen.py.
        dataset: its data set.
        output: file to write, .png or .jpg.
        most: pictures of a file at most.

    Returns:
        How many pictures are shown.

    Raises:
        PinchError: a table or the evidence of a file is missing, or a picture cannot be decoded.
    """
    agreement = gathering.rows(gathering.read(results, "agreement"))[: style.SHOWN]
    parts: list[Part] = []
    for row in agreement:
        ours, theirs = (degradation.read_evidence(results, row[key]) for key in ("file", "reference"))
        if ours and theirs:
            failures = find(ours, theirs)
            cells = [_cell(failure, ours, dataset) for failure in failures[:most]]
            parts.append((_sentence(row, len(failures), len(cells)), cells))
    contact_sheet.write(output, _TITLE, parts or [("Nothing was compared in this run.", [])], COLUMNS)
    return sum(len(cells) for _, cells in parts)


def _sentence(row: dict[str, Any], count: int, shown: int) -> str:
    part = "" if count == shown else f"; the {shown} in which the latter is surest"
    of = f"{count:,} of {row['images']:,} pictures"
    return f"In {of}, {row['file']} does not find a box that {row['reference']} finds{part}"


def _cell(failure: Failure, ours: Evidence, dataset: Dataset) -> tuple[Image.Image, str]:
    """A picture with what is lost in it, and what is said of the first box below it."""
    names = [*ours.names, "nothing"]
    seen = np.flatnonzero(at_threshold.images(ours) == failure.image)
    places = at_threshold.corners(ours)[seen].tolist()
    drawn = [Box(place, names[ours.classes[n]], _DETECTED) for n, place in zip(seen, places, strict=True)]
    lost = zip(failure.boxes, at_threshold.truth_corners(ours)[failure.boxes].tolist(), strict=True)
    drawn += [Box(place, names[ours.truth_classes[n]], _LOST) for n, place in lost]
    first = failure.boxes[0]
    detected = names[at_threshold.classes_of_truth(ours)[first]]
    more = f", and {len(failure.boxes) - 1} more" if failure.boxes[1:] else ""
    caption = f"{names[ours.truth_classes[first]]}: {detected} detected{more}"
    return contact_sheet.cell(dataset.root / ours.images[failure.image], drawn), one_line(caption)
