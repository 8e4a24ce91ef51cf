"""Captions of the report: templates of workflow/report, filled in with the numbers of a run."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from pinch import facts, labels, reporting
from pinch.errors import PinchError
from pinch.files import atomic

TEMPLATES = Path(__file__).parents[2] / "report"


def render(results: Path, optional: tuple[str, ...] = ()) -> list[Path]:
    """Write the caption of every item of the report, of every section, and the front page, as reStructuredText.

    Args:
        results: folder of the run, with all its tables.
        optional: the optional items of its report (see pinch.reporting.ITEMS).

    Raises:
        PinchError: a table is missing, or a template cannot be filled in.
    """
    context, environment = facts.collect(results), _environment()
    written = []
    for path in reporting.captions(optional):
        name = Path(path).name
        try:
            text = environment.get_template(name).render(context, page=_page)
        except TemplateError as error:
            raise PinchError(f"the caption workflow/report/{name} cannot be filled in: {error}") from error
        with atomic(results / path) as temporary:
            temporary.write_text(_tidy(text))
        written.append(results / path)
    return written


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "accuracy": lambda value: _known(value, "{:.3f}"),
        "share": lambda value: _known(value, "{:.0%}"),
        "share1": lambda value: _known(value, "{:.1%}"),
        "ratio": lambda value: _known(value, "{:.2f}"),
        "ms": lambda value: _known(value, "{:.2f} ms"),
        "megabytes": lambda value: _known(value and value / 1e6, "{:.2f} MB"),
        "gibibytes": lambda value: _known(value and value / 1024, "{:.1f} GiB"),
        "minutes": lambda value: _known(value and value / 60, "{:.1f} min"),
        "whole": lambda value: _known(value, "{:,.0f}"),
        "short": labels.model,
    }
    return environment


def _known(value: float | None, form: str) -> str:
    return "n/a" if value is None else form.format(value)


def _page(run: str, section: str) -> str:
    """A link that opens a page inside Snakemake's report: its script keeps every file's content under its path."""
    path = f"{run}/pages/{section}.html"
    script = f"app.setView({{content:'html',contentPath:results['{path}'].data_uri,resultPath:'{path}'}})"
    return f"`{reporting.SECTIONS[section]} <javascript:{script}>`__"


def _tidy(text: str) -> str:
    """No more than one empty line in a row: conditions in templates leave many."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept) + "\n"
