"""Made-up intervals for tests: never used for figures."""

from pinch.core.record_types.intervals import (
    ClassEstimate,
    Estimate,
    FileIntervals,
    IntervalsRecord,
    Share,
    SplitIntervals,
)
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.run import comparing


def intervals_record(measured: list[AccuracyRecord]) -> IntervalsRecord:
    """Intervals of files, beside the better one of the base, which comes first, and its twin."""
    unpruned = comparing.unpruned(
        {"each": each, "method": each.method, "tuned": each.tuned, "val_map50_95": each.splits["val"].map50_95}
        for each in measured
        if each.format == "pt"
    )
    whole = unpruned["each"] if unpruned else measured[0]
    floats = {(each.model, each.format, each.imgsz): each for each in measured if each.precision == "full"}
    files = [
        file_intervals(each, whole, floats[each.model, each.format, each.imgsz] if each.precision == "int8" else None)
        for each in measured
    ]
    return IntervalsRecord(level=0.95, resamples=400, reference=whole.file, files=files)


def file_intervals(ours: AccuracyRecord, base: AccuracyRecord, twin: AccuracyRecord | None) -> FileIntervals:
    """Intervals of a file: its accuracy may be 0.03 lower or 0.02 higher, its shares 0.02 lower or 0.01 higher."""

    def share(theirs: AccuracyRecord | None, split: str) -> Share | None:
        if theirs is None or theirs is ours:
            return None
        kept = ours.splits[split].map50_95 / theirs.splits[split].map50_95
        ends = {"low": kept - 0.02, "high": kept + 0.01}
        worst = ClassEstimate(name="fist", value=kept - 0.05, low=kept - 0.15, high=kept + 0.02)
        return Share(of=theirs.file, whole=Estimate(value=kept, **ends), worst_class=worst)

    splits = {}
    for split, said in ours.splits.items():
        accuracy = Estimate(value=said.map50_95, low=said.map50_95 - 0.03, high=said.map50_95 + 0.02)
        splits[split] = SplitIntervals(
            images=said.images,
            groups=6,
            persons=6,
            map50_95=accuracy,
            kept=share(base, split),
            of_float=share(twin, split),
        )
    return FileIntervals(file=ours.file, sha256=ours.sha256, splits=splits)
