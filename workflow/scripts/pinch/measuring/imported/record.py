"""A record of times that were measured elsewhere: matched with the files of a run, and compared with its base."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.imported import DeviceTimes, ImportedRecord, Moment
from pinch.measuring import interval
from pinch.measuring.imported.entries import require_known
from pinch.measuring.imported.measured import Imported, Measured, Round
from pinch.run import formats, record_paths
from pinch.run.identity import Artifact
from pinch.run.manifest import Manifest

# The size is told with six digits.
_DIGITS = 1e-5
# Shares of a longer run, at its beginning and at its end, that are compared.
_END = 5


def make(found: Imported, expected: Manifest, results: Path) -> ImportedRecord:
    """The record of what was measured of a run's files.

    Args:
        found: see `pinch.measuring.imported.reading`.
        expected: of the run.
        results: its folder, whose records of exports say in which state files are.

    Raises:
        PinchError: a file is not this run's, or was measured in another state than this run's.
    """
    artifacts = {artifact.file: artifact for artifact in expected.artifacts}
    for measured in found.files:
        require_known(measured.path, measured.file, artifacts)
    exports = {file: _export(results, file) for file in {each.file for each in found.files}}
    groups = [list(group) for _, group in itertools.groupby(sorted(found.files, key=_where), _where)]
    for measured in found.files:
        _require_state(measured, exports[measured.file])
    baseline = _baselines(expected, groups)
    timings = [
        _times(group, baseline(group), artifacts[group[0].file], exports[group[0].file], found.curve)
        for group in groups
    ]
    timings.sort(key=lambda timing: (timing.place, timing.threads, artifacts[timing.file].order))
    return ImportedRecord(
        device=found.device, source=found.source, measured_at=found.measured_at, timings=timings, curve=found.curve
    )


def _where(measured: Measured) -> tuple[Any, ...]:
    place = measured.place
    return place.name, place.threads, measured.file


def _export(results: Path, file: str) -> ExportRecord:
    return records.read(results / record_paths.export(file), ExportRecord).value


def _require_state(measured: Measured, export: ExportRecord) -> None:
    """Refuse what was measured of another state of a file, as far as that can be told."""
    other = measured.sha256 is not None and export.sha256 not in (None, measured.sha256)
    if measured.bytes_told:
        other |= abs(float(measured.bytes_told) * 1e6 / export.bytes - 1) > _DIGITS
    if other:
        raise PinchError(
            f"{measured.path}: {measured.file} was measured in another state than this run's, made since or elsewhere: "
            "measure this run's file, or take it out of measure.imported"
        )


def _baselines(expected: Manifest, groups: Sequence[list[Measured]]) -> Callable[[list[Measured]], list[Measured]]:
    """For the measurements of a file those of the base's float32 file at the same place; empty if there are none.

    ONNX comes first, as elsewhere; where only another format runs, as with `benchmark_model`, it is that one's.
    """
    precision, first = formats.REFERENCE
    names = [
        Artifact(expected.base, entry, precision).file
        for entry in sorted(formats.FORMATS.values(), key=lambda entry: entry.name != first)
        if expected.base
    ]
    by_where = {_where(group[0]): group for group in groups}

    def baseline(group: list[Measured]) -> list[Measured]:
        *place, _ = _where(group[0])
        return next((by_where[*place, name] for name in names if (*place, name) in by_where), [])

    return baseline


def _times(
    group: list[Measured], baseline: list[Measured], artifact: Artifact, export: ExportRecord, curve: Sequence[Moment]
) -> DeviceTimes:
    first, rounds = group[0], [each for measured in group for each in measured.rounds]
    samples = _samples(group)
    medians, p50 = [each.p50_ms for each in rounds], _p50(group)
    inference, inferences = samples.get("inference", []), sum(each.count for each in rounds)
    p90, p99 = np.percentile(inference, (90, 99)).tolist() if inference else (None, None)
    _, low, high = interval.of_values(medians)
    notes = [note for measured in group for note in measured.notes]
    return DeviceTimes(
        file=artifact.file,
        **artifact.model.fields(),
        format=artifact.format.name,
        precision=artifact.precision,
        imgsz=export.imgsz,
        sha256=first.sha256,
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        mean_ms=sum(each.mean_ms * each.count for each in rounds) / inferences,
        min_ms=min(each.min_ms for each in rounds),
        round_p50_ms=medians,
        spread=(max(medians) - min(medians)) / p50,
        samples_ms=samples,
        **_whole_frames(samples),
        load_ms=_median([each.load_ms for each in group]),
        first_ms=_median([each.first_ms for each in group]),
        place=first.place.name,
        unit=first.place.unit,
        threads=first.place.threads,
        runtime=first.runtime,
        version=first.version,
        inferences=inferences,
        peak_rss_mb=_median([each.peak_rss_mb for each in group]),
        model_mb=_median([each.model_mb for each in group]),
        p50_low_ms=low,
        p50_high_ms=high,
        **_relative(group, baseline, rounds),
        notes=list(dict.fromkeys([*notes, *_remarks(rounds, baseline), *_warming(artifact.file, curve)])),
    )


def _p50(group: list[Measured]) -> float:
    """The median of all samples or, where they are not told, of the rounds' medians."""
    return float(np.median(_samples(group).get("inference") or [one.p50_ms for each in group for one in each.rounds]))


def _samples(group: list[Measured]) -> dict[str, list[float]]:
    """All samples of each step that was measured for every inference."""
    steps = {
        "inference": [value for each in group for one in each.rounds for value in one.samples],
        "preprocess": [value for each in group for value in each.preprocess_ms],
        "postprocess": [value for each in group for value in each.postprocess_ms],
    }
    count = sum(one.count for each in group for one in each.rounds)
    return {step: values for step, values in steps.items() if len(values) == count}


def _whole_frames(samples: Mapping[str, list[float]]) -> dict[str, Any]:
    steps: dict[str, Any] = {f"{step}_ms": _median(samples.get(step, [])) for step in ("preprocess", "postprocess")}
    if len(samples) < 3:
        return steps
    total, p90 = np.percentile(np.sum(list(samples.values()), 0), (50, 90)).tolist()
    return steps | {"total_ms": total, "total_p90_ms": p90, "fps": 1000 / total}


def _median(values: Sequence[float | None]) -> float | None:
    """The median; None where one is not known, or without any."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None


def _relative(group: list[Measured], baseline: list[Measured], rounds: list[Round]) -> dict[str, Any]:
    """The time relative to the baseline's: round by round where files took turns, else of two measurements."""
    if not baseline:
        return {}
    theirs = [each for measured in baseline for each in measured.rounds]
    if baseline[0].file == group[0].file:
        return {}
    told: dict[str, Any] = {"baseline_file": baseline[0].file, "baseline_p50_ms": _p50(baseline)}
    if [each.path for each in group] == [each.path for each in baseline] and group[0].in_turns:
        pairs = list(zip(rounds, theirs, strict=False))
        middle, low, high = interval.of_values([ours.p50_ms / their.p50_ms for ours, their in pairs])
        return told | {"relative_to_baseline": middle, "ratio_low": low, "ratio_high": high}
    ours, other = (interval.of_values([each.p50_ms for each in known]) for known in (rounds, theirs))
    if ours.low is None or ours.high is None or other.low is None or other.high is None:
        return told | {"relative_to_baseline": ours.middle / other.middle}
    ends = (ours.middle, ours.low, ours.high), (other.middle, other.low, other.high)
    middle, low, high = interval.ratio(*ends)
    return told | {"relative_to_baseline": middle, "ratio_low": low, "ratio_high": high}


def _remarks(rounds: list[Round], baseline: list[Measured]) -> Iterator[str]:
    """Why there is no ratio, or no interval."""
    if not baseline:
        yield "no ratio, because the base's float32 file was not measured there"
    if len(rounds) < 2:
        yield "no interval, because a single run does not tell how far another one would be off"


def _warming(file: str, curve: Sequence[Moment]) -> Iterator[str]:
    """How a longer run changed the time: its last fifth relative to its first."""
    times = [moment.ms for moment in sorted(curve, key=lambda moment: moment.second) if moment.file == file]
    if fifth := len(times) // _END:
        ratio = float(np.median(times[-fifth:]) / np.median(times[:fifth]))
        seconds = max(moment.second for moment in curve)
        yield f"in a run of {seconds:.0f} s, the last fifth took {ratio:.2f} times as long as the first"
