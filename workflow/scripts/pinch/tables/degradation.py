"""What the chosen files lose of the model that all are compared with: by class, by size of box, and box by box.

It is computed on test, from the evidence that evaluation kept. Choices look at val only, so they do not bias it.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.intervals import Estimate
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import at_threshold, evidence, statistics
from pinch.measuring.at_threshold import Counts
from pinch.measuring.evidence import Evidence
from pinch.measuring.statistics import Resampled
from pinch.run import comparing, record_paths
from pinch.run.formats import CHECKPOINT
from pinch.run.settings.data import General
from pinch.tables import gathering
from pinch.tables.compared import COLUMNS, SIZES

SPLIT = "test"


@dataclass(frozen=True)
class _File:
    """What is known of a file: its name and evidence, and figures of each class on all images and on each half."""

    name: str
    evidence: Evidence
    counts: Counts
    resampled: Resampled
    classes: Mapping[str, np.ndarray]


def compute(results: Path, tables: Path | None = None, seed: int = General.seed) -> dict[str, pd.DataFrame]:
    """Compare the chosen files of a run with the model that all are compared with.

    Args:
        results: folder of the run, `results/<name>`.
        tables: folder of its tables models and selection; None: `results`.
        seed: of the resamples.

    Returns:
        The tables of `pinch.tables.compared.COLUMNS`. A file whose evidence keeps no boxes is left out, with a warning;
        without the model that all are compared with they are empty.

    Raises:
        PinchError: a table is missing, evidence cannot be used or does not belong to its record, or files were
            evaluated on different images.
    """
    tables = tables or results
    whole = comparing.unpruned(gathering.rows(gathering.read(tables, "models")))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    if whole and (base := _read(results, f"{whole['model']}{CHECKPOINT.ending}", seed)):
        limits = _size_limits(base)
        whole_sizes = _of_sizes(base, limits, seed)
        for name in [base.name, *files(tables)]:
            of = base if name == base.name else _read(results, name, seed)
            if of:
                _require_same_images(of, base)
                found["classes"] += _classes(of, base)
                sizes = whole_sizes if of is base else _of_sizes(of, limits, seed)
                found["sizes_of_boxes"] += _sizes(of, base, sizes, whole_sizes)
                found["confusion"] += _confusion(of)
                found["agreement"] += [] if of is base else [_agreement(of, base, seed)]
    return {name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()}


def nothing() -> dict[str, pd.DataFrame]:
    """The same tables without rows."""
    return {name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()}


def files(tables: Path) -> list[str]:
    """The names of the chosen files, those first that are chosen most often.

    Raises:
        PinchError: nothing has been chosen yet.
    """
    return [file for file, _ in Counter(gathering.read(tables, "selection")["file"]).most_common()]


def read_evidence(results: Path, file: str) -> Evidence | None:
    """The evidence of a file on SPLIT, with its boxes; None, and a warning, where it has none.

    Raises:
        PinchError: it cannot be used, or does not belong to the record.
    """
    record = results / record_paths.accuracy(file.removesuffix(CHECKPOINT.ending))
    path = evidence.beside(record)
    reason: str | None = "does not exist"
    if path.exists():
        found = evidence.read(path, records.read(record, AccuracyRecord).value.sha256).get(SPLIT)
        reason = at_threshold.lacking(found) if found else f"has no {SPLIT} split"
        if not reason:
            return found
    print(f"warning: {path} {reason}. {file} is compared with nothing", file=sys.stderr)
    return None


def _read(results: Path, file: str, seed: int) -> _File | None:
    found = read_evidence(results, file)
    if found is None:
        return None
    counts, resampled = at_threshold.counts(found), statistics.resample(found, seed)
    figures = {
        "ap": resampled.values,
        "precision": statistics.rates(found, counts.found, counts.detections, seed),
        "recall": statistics.rates(found, counts.found, counts.boxes, seed),
    }
    return _File(file, found, counts, resampled, figures)


def _require_same_images(of: _File, base: _File) -> None:
    try:
        statistics.require_same_images(of.resampled, base.resampled)
    except PinchError as error:
        raise PinchError(f"{of.name} and {base.name} ({SPLIT}): {error}") from error


def _about(of: _File, base: _File) -> dict[str, Any]:
    return {"file": of.name, "reference": None if of is base else base.name, "threshold": of.evidence.threshold}


def _classes(of: _File, base: _File) -> list[dict[str, Any]]:
    counted, detected = of.counts.boxes.sum(axis=0), of.counts.detections.sum(axis=0)
    fewest = np.minimum(detected, base.counts.detections.sum(axis=0))
    rows = []
    for number, name in enumerate(of.evidence.names):
        row = _about(of, base) | {"class": name, "boxes": counted[number], "detections": detected[number]}
        ones = {"ap": 0, "precision": fewest[number], "recall": counted[number]}
        for figure, things in ones.items():
            ours, theirs = (each.classes[figure][:, number] for each in (of, base))
            row |= _loss(figure, ours, theirs, of, base, things)
        rows.append(row)
    return rows


def _loss(name: str, ours: np.ndarray, theirs: np.ndarray, of: _File, base: _File, things: int = 0) -> dict[str, Any]:
    """A figure, and what it is less than that of the base; `things` is how many were counted for it."""
    said: dict[str, Any] = {name: ours[0]}
    if of is not base:
        one = 1 / things if things else 0.0
        said |= _ends(f"{name}_loss", statistics.difference(theirs - ours, of.resampled.groups, one))
    return said


def _ends(name: str, found: Estimate | None, least: float = -1.0) -> dict[str, Any]:
    if found is None:
        return {}
    ends = {end: min(1.0, max(least, getattr(found, end))) for end in ("low", "high")}
    return {name: found.value} | {f"{name}_{end}": value for end, value in ends.items()}


@dataclass(frozen=True)
class _Size:
    """Boxes of a size, how many there are, and figures of them on all images and on each half."""

    name: str
    low: float
    high: float
    boxes: int
    map50_95: np.ndarray
    recall: np.ndarray


def _size_limits(base: _File) -> list[float]:
    """The sides at which SIZES begin and end, from 0 to infinity."""
    sides = at_threshold.truth_sides(base.evidence)
    inner = np.quantile(sides.astype(float), [1 / 3, 2 / 3]) if len(sides) else [0.0, 0.0]
    return [0.0, *map(float, inner), float("inf")]


def _of_sizes(of: _File, limits: Sequence[float], seed: int) -> list[_Size]:
    """Those sizes of which there are boxes."""
    sides, found = at_threshold.truth_sides(of.evidence), at_threshold.found(of.evidence)
    sizes = []
    for name, low, high in zip(SIZES, limits, limits[1:], strict=False):
        inside = (sides >= low) & (sides < high)
        if inside.any():
            part = statistics.resample(at_threshold.of_sides(of.evidence, low, high), seed)
            recall = _rate(of, of.evidence.truth_images[inside], found[inside], seed)
            sizes.append(_Size(name, low, high, int(inside.sum()), statistics.mean(part.values), recall))
    return sizes


def _sizes(of: _File, base: _File, sizes: Sequence[_Size], whole: Sequence[_Size]) -> list[dict[str, Any]]:
    rows = []
    of_base = {size.name: size for size in whole}
    for ours in sizes:
        # Boxes are rounded in the file's own image size: a box at a limit may be of another size there.
        theirs = of_base.get(ours.name)
        if theirs is None:
            continue
        row = _about(of, base) | {"size": ours.name, "side_from": ours.low, "boxes": ours.boxes}
        row |= {"side_to": None if np.isinf(ours.high) else ours.high}
        row |= _loss("map50_95", ours.map50_95, theirs.map50_95, of, base)
        rows.append(row | _loss("recall", ours.recall, theirs.recall, of, base, ours.boxes))
    return rows


def _confusion(of: _File) -> list[dict[str, Any]]:
    matrix, names = at_threshold.confusion(of.evidence), [*of.evidence.names, None]
    return [
        {"file": of.name, "class": names[row], "detected": names[column], "boxes": matrix[row, column]}
        for row, column in np.argwhere(matrix)
    ]


def _agreement(of: _File, base: _File, seed: int) -> dict[str, Any]:
    ours, theirs = of.evidence, base.evidence
    agreed = at_threshold.partners(theirs, ours)
    agreed_with = np.isin(np.arange(of.counts.detections.sum()), agreed)
    found, found_by_base = at_threshold.found(ours), at_threshold.found(theirs)
    lost, gained = found_by_base & ~found, found & ~found_by_base
    row = _about(of, base) | {"reference_threshold": theirs.threshold}
    row |= {"images": len(ours.images), "boxes": len(found)}
    row |= {"detections": len(agreed_with), "reference_detections": len(agreed)}
    row |= _agreeing("agrees", agreed >= 0, base, seed) | _agreeing("reference_agrees", agreed_with, of, seed)
    for name, mask in (("lost", lost), ("gained", gained)):
        row |= {f"boxes_{name}": mask.sum(), f"images_{name}": len(np.unique(ours.truth_images[mask]))}
    return row


def _agreeing(name: str, mask: np.ndarray, of: _File, seed: int) -> dict[str, Any]:
    """The share of a file's detections that are in `mask`."""
    share = _rate(of, at_threshold.images(of.evidence), mask, seed)
    return _ends(name, statistics.difference(share, of.resampled.groups, 1 / max(1, len(mask))), 0.0)


def _rate(of: _File, images: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """The share of things in `images` that are in `mask`: (1 + RESAMPLES,)."""
    groups, count = of.evidence.groups[images], of.resampled.groups
    counted, whole = (np.bincount(each, minlength=count)[:, None] for each in (groups[mask], groups))
    return statistics.rates(of.evidence, counted, whole, seed)[:, 0]
