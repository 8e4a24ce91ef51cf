"""What differs in the conditions of two runs: configuration, versions, hardware and data."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pinch.tables.across.reading import Run
from pinch.tables.across.rows import Row, exact
from pinch.tables.labels import place

# What each run calls itself, and what it is compared with, is no difference between two runs.
_OWN = ("name", "compare_with")
_NOT_THERE = "(no such key)"
_HARDWARE = ("host", "system", "cpu", "cpu_flags", "cores", "governor", "gpu", "gpu_driver")


def rows(a: Run, b: Run) -> Iterator[Row]:
    """The rows of the parts config, versions, hardware and data."""
    yield from _config(a, b)
    yield from _each("versions", _versions(a), _versions(b))
    yield from _each("hardware", _hardware(a), _hardware(b))
    yield from _data(a, b)


def _config(a: Run, b: Run) -> Iterator[Row]:
    if a.config is None or b.config is None:
        return
    in_a, in_b = dict(_flat(a.config)), dict(_flat(b.config))
    for key in dict.fromkeys((*in_a, *in_b)):
        if key not in _OWN:
            yield exact("config", key, "", in_a.get(key, _NOT_THERE), in_b.get(key, _NOT_THERE))


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The keys of a configuration, with dots, and their values as JSON."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value)


def _each(part: str, a: dict[str, str], b: dict[str, str]) -> Iterator[Row]:
    for name in dict.fromkeys((*a, *b)):
        yield exact(part, name, "", a.get(name), b.get(name))


def _versions(run: Run) -> dict[str, str]:
    found = {"git revision": _joined(made.git_revision for made in run.made)}
    found["pinch"] = _joined(made.pinch for made in run.made)
    packages = sorted({name for made in run.made for name in made.versions})
    found |= {name: _joined(made.versions.get(name) for made in run.made) for name in packages}
    return {name: value for name, value in found.items() if value}


def _hardware(run: Run) -> dict[str, str]:
    """What the machines were on which anything was made, and the processors on which files were timed."""
    found = {name: _joined(_shown(getattr(made.hardware, name)) for made in run.made) for name in _HARDWARE}
    places = dict.fromkeys((device, threads) for device, threads, _ in run.timings)
    for device, threads in places:
        of_place = (row for (*where, _), row in run.timings.items() if tuple(where) == (device, threads))
        found[f"timed on {place(device, threads)}"] = _joined(row["processor"] for row in of_place)
    return {name: value for name, value in found.items() if value}


def _shown(value: Any) -> str | None:
    return " ".join(value) if isinstance(value, list) else None if value is None else str(value)


def _joined(values: Iterable[str | None]) -> str:
    """All values, each once; several machines or environments may have taken part in a run."""
    return "; ".join(sorted({value for value in values if value}))


def _data(a: Run, b: Run) -> Iterator[Row]:
    yield exact("data", "data set", "digest", a.digest, b.digest)
    if a.data is None or b.data is None:
        return
    yield exact("data", "data set", "classes", ", ".join(a.data.classes), ", ".join(b.data.classes))
    for split in dict.fromkeys((*a.data.splits, *b.data.splits)):
        contents = [run.splits.get(split) for run in (a.data, b.data)]
        for figure, name in (("images", "images"), ("users", "persons")):
            yield exact("data", split, name, *(getattr(content, figure, None) for content in contents))
        yield exact("data", split, "boxes", *(content and sum(content.boxes.values()) for content in contents))
