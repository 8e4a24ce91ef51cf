"""The columns of the report's tables: which, in which order, with which headings, units and forms."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from pinch.core.provenance import short_revision


@dataclass(frozen=True)
class Column:
    """A column of an HTML table.

    Attributes:
        key: the column of the data frame.
        heading: with the unit.
        form: makes the text of a cell from its value.
        kind: "number", "text", "short" for texts that need no width of their own, "flag" for yes and no, or "long" for
            sentences. Numbers sort by value, others as text.
        scale: what values are multiplied by.
        ends: keys of the ends of the value's interval; None: it has none.
        more: keys of other columns whose texts follow in the same cell; sentences are a paragraph each.
    """

    key: str
    heading: str
    form: Callable[[Any], str] = str
    kind: str = "text"
    scale: float = 1.0
    ends: tuple[str, str] | None = None
    more: tuple[str, ...] = ()

    def cell(self, row: dict[str, Any]) -> str:
        """The cell of a row as HTML: its heading goes with it, for windows in which a row becomes a card."""
        value = row[self.key]
        texts = [] if pd.isna(value) else [self._shown(row)]
        texts += [_breakable(str(row[key])) for key in self.more if not pd.isna(row.get(key))]
        between = "<br>" if self.kind == "number" else " "
        content = "".join(f"<p>{each}</p>" for each in texts) if self.kind == "long" else between.join(texts)
        sort = f' data-sort="{"" if pd.isna(value) else f"{float(value):.9g}"}"' if self.kind == "number" else ""
        return f'<td class="{self.kind}" data-label="{escape(self.heading)}"{sort}>{content}</td>'

    def _shown(self, row: dict[str, Any]) -> str:
        if self.kind == "number":
            return self.form(row[self.key] * self.scale) + self._interval(row)
        return _breakable(self.form(row[self.key]))

    def _interval(self, row: dict[str, Any]) -> str:
        low, high = (row.get(end) for end in self.ends or ("", ""))
        if pd.isna(low) or pd.isna(high):
            return ""
        return f" <small>({self.form(low * self.scale)} to {self.form(high * self.scale)})</small>"


def _breakable(text: str) -> str:
    """Text as HTML whose long names may be broken after their underscores."""
    return re.sub(r"(?<=\w)_(?=\w)", "_<wbr>", escape(text))


def number(key: str, heading: str, digits: int, scale: float = 1.0) -> Column:
    """A column of numbers with so many digits after the point."""
    return Column(key, heading, f"{{:,.{digits}f}}".format, "number", scale)


def estimate(key: str, heading: str, digits: int, scale: float = 1.0, prefix: str | None = None) -> Column:
    """The same with the interval of each number, whose ends are in `<prefix>_low` and `<prefix>_high`."""
    prefix = prefix or key
    form = f"{{:,.{digits}f}}".format
    return Column(key, heading, form, "number", scale, (f"{prefix}_low", f"{prefix}_high"))


def share_of_class(key: str, name: str, heading: str) -> Column:
    """A share in percent that a class keeps, with its interval, and the name of the class from the column `name`."""
    return Column(key, heading, "{:,.1f}".format, "number", 100, (f"{key}_low", f"{key}_high"), (name,))


def text(key: str, heading: str | None = None) -> Column:
    """A column of names."""
    return Column(key, heading or key)


def short(key: str, heading: str | None = None, form: Callable[[Any], str] = str) -> Column:
    """A column of texts of one word or a few."""
    return Column(key, heading or key, form, "short")


def truth(key: str, heading: str) -> Column:
    """A column of yes and no."""
    return Column(key, heading, lambda value: "yes" if value in (True, "True") else "no", "flag")


def sentences(key: str, heading: str, *more: str) -> Column:
    """A column of sentences, of the column `key` and of `more`."""
    return Column(key, heading, kind="long", more=more)


_TIME = number("p50_ms", "p50 (ms)", 2)
_ZIPPED = number("bytes_zipped", "zipped (MB)", 2, 1e-6)
_SIZE = (number("bytes", "file (MB)", 2, 1e-6), _ZIPPED)
_PLACE = (text("file"), text("place", "where"))
_TEST = estimate("map50_95", "mAP50-95 on test", 3)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "selection": (
        *(text("want"), text("place", "where"), text("file"), _TIME),
        estimate("kept", "kept of the unpruned model on val (%)", 1, 100),
        *(number("map50_95", "mAP50-95 on test", 3), _ZIPPED),
        truth("certain", "certain"),
        sentences("reason", "why", "runner_up_note", "nearest", "price"),
    ),
    "output_types": (
        *(text("label", "model"), text("place", "where"), Column("precision", "type", more=("format",)), _TIME),
        *(number("time_of_full", "of full", 2), _ZIPPED),
        *(number("zipped_of_full", "of full", 2), estimate("accuracy_of_full", "mAP50-95 on val, of full (%)", 1, 100)),
        share_of_class("worst_class_of_full", "worst_class", "of its worst class (%)"),
        *(truth("chosen", "chosen"), sentences("why", "why")),
    ),
    "chosen": (
        *(text("file"), number("map50", "mAP50 on test", 3), number("map50_95", "mAP50-95 on test", 3)),
        *(number("images", "images", 0), number("part_map50_95", "mAP50-95 on the part", 3)),
        number("part_images", "images of the part", 0),
    ),
    "files": (
        *(*_PLACE, _TIME, number("p90_ms", "p90 (ms)", 2)),
        estimate("relative_time", "of the baseline's time", 3),
        estimate("kept", "kept of the unpruned model on val (%)", 1, 100),
        *(number("map50_95", "mAP50-95 on test", 3), *_SIZE),
        *(truth("front", "on the Pareto front"), text("wants", "chosen for")),
    ),
    "models": (
        *(text("model"), number("parameters", "parameters (M)", 3, 1e-6)),
        *(number("nonzero_parameters", "not zero (M)", 3, 1e-6), number("macs", "MACs (M)", 1, 1e-6)),
        *(
            number("map50", "mAP50 on test", 3),
            _TEST,
            estimate("kept", "kept of the unpruned model on test (%)", 1, 100),
        ),
        *(number("map50_95_before_tuning", "mAP50-95 before tuning", 3), number("val_map50_95", "mAP50-95 on val", 3)),
        *_SIZE,
    ),
    "models_over_seeds": (
        *(text("label", "model"), number("seeds", "seeds", 0), estimate("map50_95", "mAP50-95 on test", 3)),
        estimate("kept", "kept of the unpruned model on test (%)", 1, 100),
        *(number("kept_least", "least (%)", 1, 100), number("kept_most", "most (%)", 1, 100)),
        estimate("map50_95_before_tuning", "mAP50-95 before tuning", 3),
        *(estimate("map50", "mAP50 on test", 3), estimate("val_map50_95", "mAP50-95 on val", 3)),
    ),
    "artifacts": (
        *(text("file"), _TEST, estimate("kept", "kept of the unpruned model on test (%)", 1, 100)),
        share_of_class("worst_class_kept", "worst_class", "by its worst class (%)"),
        estimate("of_float", "int8: kept of float (%)", 1, 100),
        share_of_class("of_float_worst_class_kept", "of_float_worst_class", "int8: by its worst class (%)"),
        *(number("guard_relative_time", "int8: time to float", 2), text("target", "made for")),
        number("threshold", "threshold", 2),
        sentences("failed", "failed its check"),
    ),
    "agreement": (
        *(text("file"), number("images", "images", 0), number("boxes", "boxes", 0)),
        *(number("threshold", "threshold", 2), number("detections", "detections", 0)),
        estimate("agrees", "finds of the unpruned model's (%)", 1, 100),
        estimate("reference_agrees", "found by it, too (%)", 1, 100),
        *(number("boxes_lost", "boxes lost", 0), number("boxes_gained", "boxes gained", 0)),
        *(number("images_lost", "in pictures", 0), text("reference", "compared with")),
    ),
    "inference": (
        *_PLACE,
        *(number(f"{key}_ms", f"{key} (ms)", 2) for key in ("p50", "p90", "p99")),
        estimate("relative_to_baseline", "of the baseline's p50", 3, prefix="relative"),
        *(number("rounds", "rounds", 0), truth("stable", "stable")),
        *(number("preprocess_ms", "before (ms)", 2), number("postprocess_ms", "after (ms)", 2)),
        *(number("total_ms", "whole frame (ms)", 2), number("fps", "frames per second", 1)),
        sentences("notes", "remarks"),
    ),
    "memory": (
        *(*_PLACE, number("load_ms", "loading (ms)", 0), number("first_ms", "first inference (ms)", 1)),
        *(number("peak_rss_mb", "peak memory (MB)", 0), number("rss_import_mb", "of the runtime (MB)", 0)),
        *(number("rss_loaded_mb", "after loading (MB)", 0), number("model_mb", "of the file (MB)", 0)),
        *(number("gpu_memory_mb", "on the GPU (MB)", 0), number("gpu_percent", "GPU busy (%)", 0)),
        *(number("busy_threads", "busy threads", 2), number("efficiency", "of the peak rate (%)", 1, 100)),
        *(number("energy_net_mj", "net energy (mJ)", 1), number("energy_spread", "its windows differ by (%)", 0, 100)),
        number("energy_mj", "gross energy (mJ)", 1),
        *(number("power_mw", "estimated power (mW)", 0), number("battery_hours", "estimated battery (h)", 1)),
        *(text("energy_source", "counter"), truth("exclusive", "machine alone")),
    ),
    "stages": (
        *(text("rule"), number("jobs", "jobs", 0), number("share_seconds", "share of wall time (s)", 1)),
        *(number("wall_seconds", "wall time (s)", 1), number("job_seconds", "sum of jobs (s)", 1)),
        *(number("cpu_seconds", "processor time (s)", 1), number("peak_rss_mb", "peak memory (MB)", 0)),
    ),
    "provenance": (
        *(text("records", "records of"), number("count", "number", 0), text("processor"), number("cores", "cores", 0)),
        *(short("clock_mhz", "clock (MHz)"), short("governor"), text("cpu_flags", "flags")),
        *(number("memory_mb", "memory (MB)", 0), text("gpu"), text("gpu_driver", "driver"), text("system")),
        *(text("nodes"), number("seed", "seed", 0)),
        *(
            short("pinch", "Pinch"),
            short("git_revision", "revision", short_revision),
            sentences("versions", "versions"),
        ),
    ),
}
"""By the stem of the table's page. A column is shown where the table has it and at least one row has a value."""
