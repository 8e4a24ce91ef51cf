"""Models and exported files of two runs: their accuracy, which chance has a part in, and their size."""

from collections.abc import Iterator

import numpy as np

from pinch.core.record_types.intervals import Estimate
from pinch.measuring import evidence, statistics
from pinch.measuring.evidence import Evidence
from pinch.run import record_paths
from pinch.tables.across import reading
from pinch.tables.across.reading import Run
from pinch.tables.across.rows import Row, exact, measured, there

PAIRED = "image by image, on the same images"
APART = "by two intervals, not image by image"
_UNKNOWN = "no interval in one of the runs"
_TOO_LOW = "too little is found"

_SPLITS = {"test": "", "val": "val_"}
_SIZES = {"models": ("parameters", "nonzero_parameters", "macs"), "artifacts": ("bytes", "bytes_zipped")}
_PASSED = "passed"


def rows(a: Run, b: Run) -> Iterator[Row]:
    """The rows of the parts models and files.

    Raises:
        PinchError: evidence of a file is damaged, or of another state of it than its record.
    """
    yield from _part("models", "models", a, b)
    yield from _part("files", "artifacts", a, b)


def have_same_data(a: Run, b: Run) -> bool:
    """Whether the data sets are known to be the same."""
    return a.digest is not None and a.digest == b.digest


def _part(part: str, table: str, a: Run, b: Run) -> Iterator[Row]:
    in_a, in_b = (getattr(run, table) for run in (a, b))
    for name in dict.fromkeys((*in_a, *in_b)):
        if name not in in_a or name not in in_b:
            yield there(part, name, name in in_b)
    for name, ours, theirs in reading.paired(in_a, in_b):
        yield from _accuracies(part, name, (a, b), (ours, theirs))
        for figure in _SIZES[table]:
            yield exact(part, name, figure, ours[figure], theirs[figure])
        if table == "artifacts":
            yield exact(part, name, "failed", *(row["failed"] or _PASSED for row in (ours, theirs)))


def _accuracies(part: str, name: str, runs: tuple[Run, Run], found: tuple[reading.Row, reading.Row]) -> Iterator[Row]:
    pairs = _pairs(runs, found) if have_same_data(*runs) else {}
    for split, prefix in _SPLITS.items():
        figure = f"{prefix}map50_95"
        if split in pairs:
            yield _row(part, name, figure, found, pairs[split], PAIRED)
        else:
            yield _row(part, name, figure, found, _by_intervals(found, figure), APART)
        # On other images it is the share of each run's own base that can be compared.
        if split not in pairs and all(_estimate(row, f"{prefix}kept") for row in found):
            ratio = _by_intervals(found, f"{prefix}kept", are_shares=True)
            yield _row(part, name, f"{prefix}kept", found, ratio, APART)


def _row(
    part: str, name: str, figure: str, found: tuple[reading.Row, reading.Row], ratio: Estimate | None, basis: str
) -> Row:
    if ratio is None:
        basis = _TOO_LOW if basis == PAIRED or all(_estimate(row, figure) for row in found) else _UNKNOWN
    known = (ratio.value, ratio.low, ratio.high) if ratio else None
    return measured(part, name, figure, (found[0][figure], found[1][figure]), known, basis)


def _pairs(runs: tuple[Run, Run], found: tuple[reading.Row, reading.Row]) -> dict[str, Estimate | None]:
    """MAP50-95 of B relative to A by split, for splits of which both runs have evidence on the same images."""
    seen = [_evidence(run, row) for run, row in zip(runs, found, strict=True)]
    return {
        split: statistics.share(statistics.resample(theirs), statistics.resample(ours))
        for split in _SPLITS
        if (ours := seen[0].get(split)) and (theirs := seen[1].get(split)) and _have_same_images(ours, theirs)
    }


def _evidence(run: Run, row: reading.Row) -> dict[str, Evidence]:
    name = str(row.get("file", row["model"]))
    path = evidence.beside(run.folder / record_paths.accuracy(name))
    return evidence.read(path, run.states.get(name)) if path.exists() else {}


def _have_same_images(ours: Evidence, theirs: Evidence) -> bool:
    """Whether the images are the same, and so are those that go together as those of one person."""
    named = (ours.images, ours.names) == (theirs.images, theirs.names)
    return named and np.array_equal(ours.groups, theirs.groups)


def _by_intervals(found: tuple[reading.Row, reading.Row], figure: str, are_shares: bool = False) -> Estimate | None:
    ours, theirs = (_estimate(row, figure) for row in found)
    return statistics.ratio(theirs, ours, are_shares) if ours and theirs else None


def _estimate(row: reading.Row, figure: str) -> Estimate | None:
    value, low, high = (row.get(f"{figure}{end}") for end in ("", "_low", "_high"))
    return None if value is None or low is None or high is None else Estimate(value=value, low=low, high=high)
