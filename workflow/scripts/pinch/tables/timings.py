"""The rows of the table of timings, `inference`."""

from typing import Any

import pandas as pd

from pinch.core.provenance import Provenance
from pinch.core.record_types.imported import DeviceTimes, ImportedRecord
from pinch.core.record_types.measurements import InferenceRecord
from pinch.measuring import interval, load
from pinch.run.identity import Timing
from pinch.run.targets import suits
from pinch.tables import drift, labels

_TIMES = ("p50_ms", "p90_ms", "p99_ms", "mean_ms", "min_ms", "preprocess_ms", "postprocess_ms")
_WHOLE_FRAMES = ("total_ms", "total_p90_ms", "fps", "load_ms", "first_ms")
_MEMORY = ("rss_import_mb", "rss_loaded_mb", "model_mb", "gpu_memory_mb")
_USE = ("busy_threads", "gpu_percent")
_ENERGY = ("energy_net_mj", "energy_note", "frame_rate", "power_mw", "battery_mwh", "battery_hours")
_ENDS = ("p50_low_ms", "p50_high_ms")
_CONDITIONS = ("exclusive", "frames", "warmup", "rounds", "source")
_PICKED = (
    *(*_TIMES, "peak_rss_mb", "energy_mj", "energy_source", "imgsz", "relative_to_baseline", "stable", "spread"),
    *(*_WHOLE_FRAMES, *_MEMORY, *_USE, *_ENERGY, *_ENDS, *_CONDITIONS),
)
COLUMNS = [
    *["device", "model", "format", "precision", "threads", *_TIMES, "peak_rss_mb", "energy_mj", "energy_source"],
    *["file", "method", "ratio", "label", "imgsz"],
    *["relative_to_baseline", "relative_low", "relative_high", "stable", "baseline_file", "baseline_p50_ms", "spread"],
    *["baseline_p50_low_ms", "baseline_p50_high_ms", "drift"],
    *["p50_low_ms", "p50_high_ms", "energy_net_low_mj", "energy_net_high_mj", "energy_windows"],
    *["exclusive", "busy_cores", "crowded", *_WHOLE_FRAMES, *_MEMORY, *_USE, "efficiency", "reached_gops"],
    *["peak_gops", "peak_of"],
    *[*_ENERGY, "energy_spread", "relative_energy", "frames", "warmup", "rounds", "source", "processor", "notes"],
    *["on_target", "imported", "phone_unit", "runtime", "cpu_flags", "place"],
]
"""The first columns, up to `energy_source`, are a fixed interface: see results/README.md."""


def row(timing: Timing, timed: InferenceRecord, made: Provenance, target: str | None) -> dict[str, Any]:
    """What a record says of a timing, besides what the timing is of; `target` is what the file is made for."""
    hardware = made.hardware
    found: dict[str, Any] = {"device": timing.device, "threads": timing.threads}
    found |= {name: getattr(timed, name) for name in _PICKED}
    found |= {"relative_low": timed.ratio_low, "relative_high": timed.ratio_high}
    if timed.baseline:
        _, low, high = interval.of_values(timed.baseline.round_p50_ms)
        found |= {"baseline_file": timed.baseline.file, "baseline_p50_ms": timed.baseline.p50_ms}
        found |= {"baseline_p50_low_ms": low, "baseline_p50_high_ms": high}
    if timed.peak:
        found |= {"peak_gops": timed.peak.gops, "peak_of": f"{timed.peak.type}, {timed.peak.measured_by}"}
        # Two operations for each multiply-accumulate.
        found["reached_gops"] = 2 * timed.macs / timed.p50_ms / 1e6 if timed.macs and timed.p50_ms else None
    if timed.energy:
        found |= {"energy_spread": timed.energy.net_spread, "relative_energy": timed.energy.relative_net}
        found |= _energy_ends(timed.energy.window_net_mj)
    found["on_target"] = timing.device != "cpu" or suits(target, hardware)
    notes = list(timed.notes)
    if not found["on_target"] and timed.skipped is None:
        notes.append(f"made for {target}, which this processor is not: never chosen here")
    found["crowded"] = load.is_crowded(timed.others, timing.device, timing.threads)
    found |= {"busy_cores": timed.others.busy_cores, "notes": "; ".join(notes)}
    if timing.device == "gpu":
        return found | {"processor": timed.gpu or hardware.gpu}
    return found | {"processor": hardware.cpu, "cpu_flags": " ".join(hardware.cpu_flags)}


def imported_row(name: str, record: ImportedRecord, timed: DeviceTimes) -> dict[str, Any]:
    """What a record from another device says of a file, besides what the file is; `name` is the record's."""
    found: dict[str, Any] = {"device": record.device.name, "threads": timed.threads, "processor": timed.place}
    found |= {column: getattr(timed, column) for column in _PICKED if hasattr(timed, column)}
    found |= {"relative_low": timed.ratio_low, "relative_high": timed.ratio_high}
    found |= {"baseline_file": timed.baseline_file, "baseline_p50_ms": timed.baseline_p50_ms}
    found |= {"rounds": len(timed.round_p50_ms), "source": record.source, "imported": name}
    # int8 ONNX for another processor gives the same numbers in browsers, whose kernels add products in 32 bits.
    found |= {"on_target": True, "crowded": False, "notes": "; ".join(timed.notes)}
    found["runtime"] = " ".join(filter(None, (timed.runtime, timed.version)))
    return found | {"phone_unit": timed.unit if record.device.is_phone else None}


def placed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all timings with place (see `labels.places`), efficiency and drift, and processors told apart."""
    rows = told_apart(rows)
    places = labels.with_places(pd.DataFrame(rows, columns=["device", "threads", "processor"]))["place"]
    return drift.widen(with_efficiency([row | {"place": place} for row, place in zip(rows, places, strict=True)]))


def with_efficiency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the share of the peak rate that inference reached.

    Each timing measures the peak for a third of a second, in which other work may slow the machine down. So the peak
    of a place is the highest that any of its timings measured.
    """
    highest: dict[tuple[str, str], float] = {}
    measured = [row for row in rows if "peak_of" in row]
    for row in measured:
        kind = row["place"], row["peak_of"]
        highest[kind] = max(row["peak_gops"], highest.get(kind, 0.0))
    for row in measured:
        reached, peak = row["reached_gops"], highest[row["place"], row["peak_of"]]
        row |= {"peak_gops": peak, "efficiency": None if reached is None else reached / peak}
    return rows


def told_apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all timings, in which processors of one name have others where their instruction sets differ.

    Virtual machines give all processors of a kind one name, with and without what the machine below does not have.
    """
    known: dict[tuple[str, str], set[frozenset[str]]] = {}
    for row in rows:
        if row.get("cpu_flags") is not None:
            known.setdefault((row["device"], row["processor"]), set()).add(_flags(row))
    return [_named(row, known.get((row["device"], row["processor"]), set())) for row in rows]


def _named(row: dict[str, Any], kinds: set[frozenset[str]]) -> dict[str, Any]:
    if len(kinds) < 2 or row.get("cpu_flags") is None:
        return row
    some, all_have = frozenset.union(*kinds), frozenset.intersection(*kinds)
    own = _flags(row) - all_have
    said = f"has {', '.join(sorted(own))}" if own else f"lacks {', '.join(sorted(some - all_have))}"
    return row | {"processor": f"{row['processor']} [{said}]"}


def _flags(row: dict[str, Any]) -> frozenset[str]:
    return frozenset(row["cpu_flags"].split())


def _energy_ends(windows: list[float]) -> dict[str, Any]:
    """The interval of net energy over its windows; nothing where idle power hides it in one of them."""
    if not windows or min(windows) <= 0:
        return {}
    found = interval.of_values(windows)
    return {"energy_net_low_mj": found.low, "energy_net_high_mj": found.high, "energy_windows": len(windows)}
