"""Times of two runs. Ratios to the baseline are compared, and only on the same processor.

The absolute speed of a machine drifts, and with it all times of a run, so absolute times are shown and never judged.
"""

from collections.abc import Iterator

from pinch.measuring import interval
from pinch.tables.across import reading
from pinch.tables.across.reading import Run
from pinch.tables.across.rows import Row, measured, there
from pinch.tables.labels import place

IN_TURNS = "time relative to the baseline's, on one processor"
ABSOLUTE = "absolute times drift with the machine"
ALONE = "timed alone, as baselines are"
OTHER_PROCESSOR = "processors differ"
_OTHER_BASELINE = "the baselines are different networks"
_UNKNOWN = "no ratio with an interval in one of the runs"

RATIO, TIME = "relative_to_baseline", "p50_ms"
# What the time of a network depends on.
_SHAPE = ("parameters", "macs", "imgsz")


def rows(a: Run, b: Run) -> Iterator[Row]:
    """The rows of the part times; what is timed in one run only is among the files already, unless the place is new."""
    for where in dict.fromkeys((*_places(a), *_places(b))):
        if where not in _places(a) or where not in _places(b):
            yield there("times", place(*where), where in _places(b))
    comparable = _have_same_baseline(a, b)
    for (device, threads, name), ours, theirs in reading.paired(a.timings, b.timings):
        of, found = f"{name}, {place(device, threads)}", (ours, theirs)
        if ours["processor"] != theirs["processor"]:
            yield _time(of, found, OTHER_PROCESSOR)
            continue
        if all(row["baseline_file"] is None for row in found):
            yield _time(of, found, ALONE)
        else:
            yield _time(of, found, ABSOLUTE)
            yield _ratio(of, found, comparable)


def have_same_processors(a: Run, b: Run) -> bool:
    """Whether everything that was timed in both runs was timed on the same processor."""
    return all(ours["processor"] == theirs["processor"] for _, ours, theirs in reading.paired(a.timings, b.timings))


def _places(run: Run) -> list[tuple[str, int]]:
    return list(dict.fromkeys((device, threads) for device, threads, _ in run.timings))


def _have_same_baseline(a: Run, b: Run) -> bool:
    """Whether the baselines are the same network, whatever its weights are: those do not change its time."""
    shapes = [[run.base and run.base[name] for name in _SHAPE] for run in (a, b)]
    return shapes[0] == shapes[1]


def _time(of: str, found: tuple[reading.Row, reading.Row], basis: str) -> Row:
    return measured("times", of, TIME, (found[0][TIME], found[1][TIME]), None, basis)


def _ratio(of: str, found: tuple[reading.Row, reading.Row], comparable: bool) -> Row:
    values = (found[0][RATIO], found[1][RATIO])
    if not comparable:
        return measured("times", of, RATIO, values, None, _OTHER_BASELINE)
    ours, theirs = (_known(row) for row in found)
    ratio = interval.ratio(theirs, ours) if ours and theirs else None
    return measured("times", of, RATIO, values, ratio, IN_TURNS if ratio else _UNKNOWN)


def _known(row: reading.Row) -> interval.Known | None:
    middle, low, high = row[RATIO], row["relative_low"], row["relative_high"]
    return None if middle is None or low is None or high is None else (middle, low, high)
