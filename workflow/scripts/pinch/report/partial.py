"""A report of what there is of a run that is not complete, in a folder of its own.

It leaves the run's own tables and pages alone: Snakemake would take them for complete ones.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.core.ownership import is_marked, remove_folder
from pinch.report import captions, contents, pages
from pinch.report.plots import draw
from pinch.run.settings.choosing import USUAL, Want
from pinch.tables import degradation, gathering, output_types, seeds

FOLDER = "partial"
"""In the folder of a run."""
_KIND = "partial report"
_SHOWN = 10


def make(results: Path, reasons: Mapping[str, str] | None = None, wants: Sequence[Want] = USUAL) -> str:
    """Write tables, choice, plots and pages of what was measured to `results/partial`, in place of earlier ones.

    Args:
        results: folder of the run, `results/<name>`.
        reasons: why a record is missing, as far as the caller knows, by its path relative to `results`.
        wants: see `selection.select`.

    Returns:
        Where the report is, and which rows are missing and why.

    Raises:
        PinchError: nothing was measured yet, or there is something at `results/partial` that Pinch did not make.
    """
    gathered = gathering.gather(results, partial=True, reasons=reasons)
    if gathered.tables["models"].empty and gathered.tables["artifacts"].empty:
        raise PinchError(f"nothing of {results} was measured yet: run the workflow first")
    samples = contents.SAMPLES
    with atomic(results / FOLDER, folder=_KIND) as folder:
        gathering.write_all(folder, gathered.tables)
        output_types.write_choices(folder, wants, results)
        gathering.write_all(folder, _compared(results, folder))
        optional = [Path(path).relative_to(folder).as_posix() for path in draw.draw(folder)]
        if (gathered.tables[seeds.MEANS]["seeds"] > 1).any():
            optional.append(contents.OVER_SEEDS)
        if (results / samples).exists():
            shutil.copyfile(results / samples, folder / samples)
            optional.append(samples)
        captions.render(folder, tuple(optional), results.name)
        pages.render(folder, tuple(optional), results.name)
    page = results / FOLDER / contents.INDEX
    older = f" {results / contents.INDEX} is of an earlier run." if (results / contents.INDEX).exists() else ""
    rows = [f"  {row['table']}: {row['row']}: {row['reason']}" for row in gathered.missing]
    more = [f"  and {len(rows) - _SHOWN} more, see tables/missing.csv there"] if len(rows) > _SHOWN else []
    head = f"{page} shows what was measured.{older} {len(rows)} of the expected rows are missing:"
    return "\n".join([head, *rows[:_SHOWN], *more])


def _compared(results: Path, folder: Path) -> dict[str, pd.DataFrame]:
    """What the chosen files lose, from evidence of the run; empty tables where evidence cannot be used."""
    try:
        return degradation.compute(results, folder)
    except PinchError as error:
        print(f"warning: {error}", file=sys.stderr)
        return degradation.nothing()


def remove(results: Path) -> None:
    """Remove what `make` wrote, if anything, because the run's own report is complete now."""
    if is_marked(results / FOLDER, _KIND):
        remove_folder(results / FOLDER, _KIND)
