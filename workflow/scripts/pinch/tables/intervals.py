"""Intervals of all evaluated files of a run: computed once from the evidence beside their records, and as columns."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.intervals import Estimate, FileIntervals, IntervalsRecord, Share, SplitIntervals
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import evidence, statistics
from pinch.measuring.interval import LEVEL
from pinch.measuring.statistics import Resampled
from pinch.run import comparing, manifest, record_paths
from pinch.run.formats import CHECKPOINT
from pinch.run.manifest import Manifest
from pinch.tables.reading import RunRecords

_PREFIXES = {"test": "", "val": "val_"}
_ENDS = ("low", "high")
# What both tables say of each split, and what artifacts.csv alone says.
_OF_ALL = ("map50_95_low", "map50_95_high", "kept", "kept_low", "kept_high", "persons")
_OF_ARTIFACTS = ("of_float", "of_float_low", "of_float_high")
_OF_CLASSES = tuple(
    f"{prefix}worst_class{end}" for prefix in ("", "of_float_") for end in ("", "_kept", "_kept_low", "_kept_high")
)
COLUMNS = {
    "models": [prefix + name for prefix in _PREFIXES.values() for name in _OF_ALL],
    "artifacts": [prefix + name for prefix in _PREFIXES.values() for name in (*_OF_ALL, *_OF_ARTIFACTS, *_OF_CLASSES)],
}
"""The columns of the tables models and artifacts, see results/README.md."""


@dataclass(frozen=True)
class _Evaluated:
    """A file's name and SHA-256, its mAP50-95 on val, and by split its accuracy on other sets of images."""

    file: str
    sha256: str | None
    val_map50_95: float | None
    found: Mapping[str, Resampled]


def compute(results: Path, seed: int) -> tuple[IntervalsRecord, dict[str, Resampled]]:
    """Intervals of all files of a run that were evaluated, and what they rest on.

    Args:
        results: folder of the run, `results/<name>`.
        seed: of the resamples.

    Returns:
        The intervals, and what the accuracy of each file on val would be on other sets of images, to compare any two
        of them. A file without evidence is left out, with a warning.

    Raises:
        PinchError: there is nothing to compare, a record or its evidence cannot be used or does not belong to it, or
            files were evaluated on different images.
    """
    expected = manifest.load(results)
    names = [*map(str, expected.models), *(artifact.file for artifact in expected.artifacts)]
    evaluated = {name: found for name in names if (found := _evaluated(results, name, seed))}
    if not evaluated:
        raise PinchError(f"{results} has no evidence of any accuracy: evaluate its models with evaluate.py first")
    twins, whole = _float_twins(expected), _unpruned(expected, evaluated)
    record = IntervalsRecord(
        level=LEVEL,
        resamples=statistics.RESAMPLES,
        reference=whole.file if whole else None,
        files=[_intervals(each, whole, evaluated.get(twins.get(name, ""))) for name, each in evaluated.items()],
    )
    return record, {each.file: each.found["val"] for each in evaluated.values() if "val" in each.found}


def _evaluated(results: Path, name: str, seed: int) -> _Evaluated | None:
    path = results / record_paths.accuracy(name)
    beside = evidence.beside(path)
    if not beside.exists():
        print(f"warning: {beside} does not exist: there are no intervals for {name}", file=sys.stderr)
        return None
    said = records.read(path, AccuracyRecord).value
    splits = evidence.read(beside, said.sha256)
    found = {split: statistics.resample(of, seed) for split, of in splits.items()}
    on_val = said.splits["val"].map50_95 if "val" in said.splits else None
    return _Evaluated(said.file, said.sha256, on_val, found)


def _unpruned(expected: Manifest, evaluated: Mapping[str, _Evaluated]) -> _Evaluated | None:
    """The model that others are compared with, see `comparing.unpruned`."""
    on_val = {model: evaluated[str(model)].val_map50_95 for model in expected.models if str(model) in evaluated}
    return evaluated.get(str(comparing.unpruned_model(on_val)))


def _float_twins(expected: Manifest) -> dict[str, str]:
    """For each quantized artifact the name of the float one of the same model, size and format."""
    return {artifact.file: twin.file for artifact in expected.artifacts if (twin := artifact.float_twin)}


def _intervals(ours: _Evaluated, whole: _Evaluated | None, twin: _Evaluated | None) -> FileIntervals:
    splits = {}
    for split, of in ours.found.items():
        splits[split] = SplitIntervals(
            images=of.images,
            groups=of.groups,
            persons=of.persons,
            map50_95=statistics.map50_95(of),
            kept=None if whole is ours else _share(ours, whole, split),
            of_float=_share(ours, twin, split),
        )
    return FileIntervals(file=ours.file, sha256=ours.sha256, splits=splits)


def _share(ours: _Evaluated, theirs: _Evaluated | None, split: str) -> Share | None:
    if theirs is None or split not in theirs.found:
        return None
    pair = ours.found[split], theirs.found[split]
    try:
        kept = statistics.share(*pair)
        return Share(of=theirs.file, whole=kept, worst_class=statistics.worst_class(*pair)) if kept else None
    except PinchError as error:
        raise PinchError(f"{ours.file} and {theirs.file} ({split}): {error}") from error


def add(found: RunRecords, models: list[dict[str, Any]], artifacts: list[dict[str, Any]]) -> None:
    """Add to the rows of the tables models and artifacts what COLUMNS names, as far as it was computed.

    After commands that were run by hand there may be no intervals.
    """
    # Read after all others, so that it is this record that is refused where a file has changed since.
    record = found.optional("intervals", "intervals", "intervals", IntervalsRecord)
    unpruned = comparing.unpruned(models)
    of = f"{unpruned['model']}{CHECKPOINT.ending}" if unpruned else None
    for row in [*models, *artifacts]:
        row |= _cells(record, row.get("file", f"{row['model']}{CHECKPOINT.ending}"), of)


def _cells(record: IntervalsRecord | None, file: str, unpruned: str | None) -> dict[str, Any]:
    found = next((each for each in record.files if each.file == file), None) if record else None
    return {
        f"{_PREFIXES[split]}{name}": value
        for split, of in (found.splits.items() if found else ())
        if split in _PREFIXES
        for name, value in _of_split(of, unpruned).items()
    }


def _of_split(of: SplitIntervals, unpruned: str | None) -> dict[str, Any]:
    said = {"persons": of.persons or None} | _of("map50_95", of.map50_95)
    del said["map50_95"]  # it is in the accuracy record
    # The evidence of the unpruned model may be missing: what is kept of another one is not what tables say.
    kept = of.kept if of.kept and of.kept.of == unpruned else None
    for name, prefix, share in (("kept", "", kept), ("of_float", "of_float_", of.of_float)):
        if share:
            said |= _of(name, share.whole)
        if share and share.worst_class:
            said |= {f"{prefix}worst_class": share.worst_class.name}
            said |= _of(f"{prefix}worst_class_kept", share.worst_class)
    return said


def _of(name: str, estimate: Estimate | None) -> dict[str, Any]:
    ends = {f"{name}_{end}": getattr(estimate, end, None) for end in _ENDS}
    return {name: estimate.value if estimate else None} | ends
