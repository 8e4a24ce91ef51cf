"""What two runs chose for the same want on the same device."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pinch.core.text import listed
from pinch.tables.across import reading
from pinch.tables.across.reading import Run
from pinch.tables.across.rows import EXACT, Row, there
from pinch.tables.labels import place

_TOSS_UP = "a toss-up in {}"
_UNTOLD = "not told whether the data tell the choices from others"
_FILE = "file"


def rows(a: Run, b: Run) -> Iterator[Row]:
    """The rows of the part choices; none where a run has chosen nothing yet."""
    if a.choices is None or b.choices is None:
        return
    with_processor = _has_several_processors(a) or _has_several_processors(b)
    in_a, in_b = (_by_want(run, with_processor) for run in (a, b))
    for want in dict.fromkeys((*in_a, *in_b)):
        if want not in in_a or want not in in_b:
            yield there("choices", want, want in in_b)
        else:
            yield _row(want, (a, b), (in_a[want], in_b[want]))


def _has_several_processors(run: Run) -> bool:
    wants = Counter((row["device"], row["threads"], row["want"]) for row in run.choices or [])
    return any(count > 1 for count in wants.values())


def _by_want(run: Run, with_processor: bool) -> dict[str, reading.Row]:
    found = {}
    for row in run.choices or []:
        where = place(row["device"], row["threads"]) + (f", {row.get('processor')}" if with_processor else "")
        found[f"{row['want']}: {where}"] = row
    return found


def _row(want: str, runs: tuple[Run, Run], found: tuple[reading.Row, reading.Row]) -> Row:
    a, b = (run.names().get(str(row[_FILE]), row[_FILE]) for run, row in zip(runs, found, strict=True))
    differs, basis = _judged(found) if a != b else (False, EXACT)
    return Row(part="choices", of=want, figure=_FILE, a=a, b=b, differs=differs, basis=basis)


def _judged(found: tuple[reading.Row, reading.Row]) -> tuple[bool | None, str]:
    """Whether another choice is more than chance: not where one of both was a toss-up."""
    certain: list[Any] = [row.get("certain") for row in found]
    if None in certain:
        return None, _UNTOLD
    tossed = [name for name, is_certain in zip("AB", certain, strict=True) if not is_certain]
    return (False, _TOSS_UP.format(listed(tossed))) if tossed else (True, EXACT)
