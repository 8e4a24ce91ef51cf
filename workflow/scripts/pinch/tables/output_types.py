"""How the output type is selected: each format and precision of a model beside its float32 file, at every place.

Of each model, the type is chosen from its own files, by the first of the wants that applies at the place and takes
every format or, if all want certain formats there, by the first of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.measuring import resamples, statistics
from pinch.measuring.statistics import Resampled
from pinch.run import comparing, formats, record_paths
from pinch.run.settings.choosing import USUAL, Want
from pinch.tables import gathering, labels, selection
from pinch.tables.choice import deciding, words
from pinch.tables.choice.noise import Figures, fitting
from pinch.tables.choice.stand_ins import Place, asked_at, processor_of

COLUMNS = ["place", "device", "threads", "processor", "model", "label", "format", "precision", "file", "p50_ms"]
COLUMNS += ["time_of_full", "bytes", "size_of_full", "bytes_zipped", "zipped_of_full", "val_map50_95"]
COLUMNS += [f"{share}_of_full{end}" for share in ("accuracy", "worst_class") for end in ("", "_low", "_high")]
COLUMNS += ["worst_class", "map50_95", "want", "chosen", "why"]
_SHARES = {"time": "relative_time", "size": "bytes", "zipped": "bytes_zipped", "accuracy": "val_map50_95"}

Row = dict[str, Any]


def write_choices(results: Path, wants: Sequence[Want] = USUAL, run: Path | None = None) -> pd.DataFrame:
    """Choose, write the tables selection and output_types, and return the first; for the arguments see `table`.

    Raises:
        PinchError: as `selection.select`.
    """
    chosen = selection.select(results, wants, run)
    gathering.write(results, "selection", chosen)
    gathering.write(results, "output_types", table(results, chosen, wants, run))
    return chosen


def table(results: Path, chosen: pd.DataFrame, wants: Sequence[Want] = USUAL, run: Path | None = None) -> pd.DataFrame:
    """Compare the files of the base, and of the model that the leading want of a place chose there.

    Args:
        results: folder of a run whose tables are gathered.
        chosen: what `selection.select` chose of it for the same wants.
        wants: see there.
        run: see there.

    Returns:
        One row per place, model and file, with COLUMNS: shares ending in `_of_full` are of the model's full.onnx or, if
        it was not timed there, of the float32 file of the same format; those of accuracy and of the worst class are on
        val, with 95% intervals. `chosen` marks the type, `want` says by which want, `why` why it is or is not this one.

    Raises:
        PinchError: a table is missing.
    """
    base = comparing.base(gathering.rows(gathering.read(results, "models")))
    on_val = resamples.read(resamples.beside((run or results) / record_paths.INTERVALS))
    on_val = fitting(on_val, gathering.read(results, "artifacts"))
    candidates = selection.measured(results).dropna(subset=["kept"])
    places = [Place.of(group) for _, group in labels.places(candidates)]
    rows: list[Row] = []
    for place, group in labels.places(_timed(results)):
        here = _place(gathering.rows(group)[0])
        want = _leading(here, wants, places)
        there = [row for row in gathering.rows(chosen) if _place(row) == here]
        made = [row["model"] for row in there if want and row["want"] == want.name]
        group = group.assign(relative_time=selection.relative_time(group))
        for model in dict.fromkeys([*([base["model"]] if base else []), *made]):
            own = group[group["model"] == model]
            at_place = candidates[candidates["model"] == model].merge(own[["file", "device", "threads", "processor"]])
            told = _decided(at_place, want, on_val) if want else {}
            rows += [_row(place, row, told) | shares for row, shares in _with_shares(own, on_val)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _place(row: Row) -> tuple[str, int, str]:
    """Device, thread count and processor."""
    return row["device"], row["threads"], processor_of(row)


def _leading(here: tuple[str, int, str], wants: Sequence[Want], places: Sequence[Place]) -> Want | None:
    """The want that chooses the output types of a place; none where no file can be chosen."""
    place = next((each for each in places if (each.device, each.threads, each.processor) == here), None)
    there = asked_at(wants, place, places) if place else []
    return min(there, key=lambda want: bool(want.formats), default=None)


def _timed(results: Path) -> pd.DataFrame:
    """What was timed, also if it failed its check or was made for other processors."""
    columns = ["file", "bytes", "bytes_zipped", "map50_95", "val_map50_95", "failed", "target"]
    timed = gathering.read(results, "inference").dropna(subset=["p50_ms"])
    return timed.merge(gathering.read(results, "artifacts")[columns], on="file", how="inner")


def _with_shares(own: pd.DataFrame, on_val: Mapping[str, Resampled]) -> Iterator[tuple[Row, Row]]:
    """The files of a model at a place, and what their figures are relative to the full one's."""
    rows = gathering.rows(own)
    for row in rows:
        full = _full(row, rows)
        if full is None:
            yield row, {}
            continue
        shares = {f"{name}_of_full": row[column] / full[column] for name, column in _SHARES.items() if full[column]}
        ours, theirs = on_val.get(row["file"]), on_val.get(full["file"])
        if row is not full and ours and theirs and ours.digest == theirs.digest:
            shares |= _paired(ours, theirs)
        yield row, shares


def _full(row: Row, rows: list[Row]) -> Row | None:
    precision, format = formats.REFERENCE
    floats = {each["format"]: each for each in rows if each["precision"] == precision}
    return floats.get(format) or floats.get(row["format"])


def _paired(ours: Resampled, theirs: Resampled) -> Row:
    found: Row = {}
    share, worst = statistics.share(ours, theirs), statistics.worst_class(ours, theirs)
    for name, estimate in (("accuracy", share), ("worst_class", worst)):
        if estimate:
            found |= {f"{name}_of_full": estimate.value}
            found |= {f"{name}_of_full_{end}": getattr(estimate, end) for end in ("low", "high")}
    return found | ({"worst_class": worst.name} if worst else {})


def _decided(rows: pd.DataFrame, want: Want, on_val: Mapping[str, Resampled]) -> dict[str, Row]:
    """What a want says of the files of a model at one place, by file."""
    own = rows[[want.takes(format) for format in rows["format"]]]
    if own.empty:
        return {}
    figures = Figures(own, on_val)
    made = deciding.choose(figures, want)
    said = words.why_each(figures, want, made, deciding.without(figures, want))
    return {
        file: {"want": want.name, "chosen": number == made.chosen, "why": why}
        for number, (file, why) in enumerate(zip(figures.rows["file"], said, strict=True))
    }


def _row(place: str, row: Row, told: Mapping[str, Row]) -> Row:
    why: str | None = None
    if not pd.isna(row["failed"]):
        why = f"it failed its check: it {row['failed']}"
    elif not row["on_target"]:
        why = f"it is made for {row['target']}, which this processor is not"
    return row | {"place": place, "chosen": False, "why": why} | told.get(row["file"], {})
