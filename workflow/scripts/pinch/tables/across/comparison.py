"""The comparison of two runs, part by part, with notes on how to read it."""

from collections.abc import Iterator
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.measuring import interval
from pinch.tables.across import accuracy, choices, conditions, reading, times
from pinch.tables.across.reading import Run
from pinch.tables.across.rows import Comparison, Row


def compare(a: Path, b: Path) -> Comparison:
    """Set two runs side by side.

    Args:
        a: folder of a run, `results/<name>`.
        b: folder of another one.

    Raises:
        PinchError: they are the same folder, one of them is no run or has nothing to compare, or a file in it is
            damaged.
    """
    for folder in (a, b):
        if not folder.is_dir():
            raise PinchError(f"there is no folder {folder}: give the folders of two runs, results/<name>")
    if a.resolve() == b.resolve():
        raise PinchError(f"{a} and {b} are the same folder: give the folders of two runs")
    runs = reading.read(a), reading.read(b)
    parts = (conditions, accuracy, times, choices)
    rows = [row for part in parts for row in part.rows(*runs)]
    return Comparison(a, b, rows, list(_notes(runs, rows)))


def _notes(runs: tuple[Run, Run], rows: list[Row]) -> Iterator[str]:
    for name, run in zip("AB", runs, strict=True):
        yield from _of_run(name, run)
    if not accuracy.have_same_data(*runs):
        differ = "are not known to be the same" if None in (runs[0].digest, runs[1].digest) else "differ"
        yield f"The data sets {differ}: accuracies are compared by their intervals, and what differs may be the data."
    if not times.have_same_processors(*runs):
        yield (
            "Processors differ: ratios to the baseline are comparable only on the same processor, so absolute times "
            "are shown without a judgement."
        )
    judged = sum(row.ratio is not None and row.ratio.low is not None for row in rows)
    if judged:
        yield (
            f"{judged} figures are judged, each alone, by 95% intervals: without any difference, about "
            f"{judged * (1 - interval.LEVEL):.0f} would be called different."
        )
        yield (
            "Noise of an accuracy is that of the images. What another training with the same settings would give is "
            "not part of it."
        )


def _of_run(name: str, run: Run) -> Iterator[str]:
    if run.config is None:
        yield (
            f"{name} does not say its configuration (it was made by an earlier version, or by hand), so configurations "
            "are not compared."
        )
    if run.choices is None:
        yield f"{name} has chosen nothing yet, so choices are not compared: run select_models.py {run.folder}."
    if run.missing:
        first = run.missing[0]
        yield (
            f"{len(run.missing)} rows that {name} should have are missing, first {first['record']} ({first['reason']})."
        )
    if not any(row.get("map50_95_low") is not None for row in (*run.models.values(), *run.artifacts.values())):
        yield (
            f"{name} has no intervals of its accuracies (records of an earlier version, or compare_accuracy.py did not "
            "run): they are judged only where both runs have evidence on the same images."
        )
