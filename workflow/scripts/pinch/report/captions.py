"""Captions of the report: the templates in workflow/report, filled in with the numbers of a run."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

from docutils.utils import column_width
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from pinch.core.errors import PinchError
from pinch.core.files import write_text
from pinch.core.text import one_line
from pinch.report import contents, facts, html


def render(results: Path, optional: tuple[str, ...] = (), name: str | None = None) -> list[Path]:
    """Write the caption of every item of the report, of every section, and the front page, as reStructuredText.

    Args:
        results: folder of the run, with all its tables. The front page shows the picture of choices, if it is drawn.
        optional: the optional items of its report (see pinch.report.contents.ITEMS).
        name: of the run; None: that of its folder.

    Raises:
        PinchError: a table is missing, or a template cannot be filled in.
    """
    context = facts.collect(results, name, contents.CHOSEN in optional)
    written = []
    for path in contents.captions(optional):
        write_text(results / path, _fill_in(Path(path).name, context, context["run"]))
        written.append(results / path)
    return written


def front(results: Path, name: str | None = None) -> str:
    """The front page for readers without Snakemake's report: its links are to the pages in the same folder."""
    return _fill_in(Path(contents.FRONT).name, facts.collect(results, name), None)


class _Markup(str):
    """Text that is reStructuredText already, such as a link."""


# What begins markup in a line (a name may end in _, a colon may begin a literal block), or at the start of a block.
_INLINE = re.compile(r"[\\*`|]|_(?!\w)|:(?!\s)")
_BLOCK = re.compile(r"^(?=\.\.|[-+\u2022\u2023\u2043>(#=~^\"'])|(?<=^\w)(?=[.)]\s)")
# Characters of a line of an embedded picture.
_LINE = 1000
_JINJA = re.compile(r"\{(?=[{%#])")


def escape(text: str) -> str:
    """Text as reStructuredText that shows it.

    Usual names of files stay as they are, so that templates can write them as literals, where backslashes are shown.
    """
    if isinstance(text, _Markup):
        return text
    return _BLOCK.sub(r"\\", _INLINE.sub(r"\\\g<0>", one_line(text)))


def _fill_in(name: str, context: facts.Row, inside: str | None) -> str:
    """A template filled in; `inside` is the run's folder where its pages are inside Snakemake's report."""

    def page(section: str) -> _Markup:
        address = _inside_snakemake(f"{inside}/pages/{section}.html") if inside else f"{section}.html"
        return _Markup(f"`{contents.SECTIONS[section]} <{address}>`__")

    def picture(path: str) -> _Markup:
        drawn = Path(context["run"]) / path
        title = next(item.title for item in contents.ITEMS if item.path == path)
        return _Markup(_image(html.embedded(drawn), title) if drawn.exists() else "")

    try:
        template = _environment().get_template(name)
        text = _tidy(template.render(context, page=page, picture=picture, inside=bool(inside)))
    except TemplateError as error:
        raise PinchError(f"the caption workflow/report/{name} cannot be filled in: {error}") from error
    # Snakemake fills captions in once more. An escaped space, which is not shown, takes Jinja's marks apart.
    return _JINJA.sub(r"{\\ ", text)


def _image(address: str, title: str) -> str:
    """A picture as reStructuredText, in short lines: docutils refuses texts with lines above 10,000 characters."""
    lines = [address[start : start + _LINE] for start in range(0, len(address), _LINE)]
    return "\n      ".join([".. container:: picture\n\n   .. image::", *lines, f":alt: {title}"])


def _inside_snakemake(path: str) -> str:
    """A link to a page inside Snakemake's report, whose script stores every file's content by its path."""
    return f"javascript:app.setView({{content:'html',contentPath:results['{path}'].data_uri,resultPath:'{path}'}})"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(contents.TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: escape(value) if isinstance(value, str) else value,
    )
    environment.filters |= {
        "between": lambda span, form: _between(environment.filters[form], span),
        "accuracy": lambda value: _known(value, "{:.3f}"),
        "share": lambda value: _known(value, "{:.0%}"),
        "share1": lambda value: _known(value, "{:.1%}"),
        "ratio": lambda value: _known(value, "{:.2f}"),
        "ms": lambda value: _known(value, "{:.2f} ms"),
        "megabytes": lambda value: _known(value and value / 1e6, "{:.2f} MB"),
        "gibibytes": lambda value: _known(value and value / 1024, "{:.1f} GiB"),
        "minutes": lambda value: _known(value and value / 60, "{:.1f} min"),
        "milli": lambda value: _known(value, "{:.1f}"),
        "whole": lambda value: _known(value, "{:,.0f}"),
        "heading": lambda text: _Markup(f"{escape(text)}\n{'=' * column_width(escape(text))}"),
    }
    return environment


def _known(value: float | None, form: str) -> str:
    return "n/a" if value is None else form.format(value)


def _between(form: Callable[[float], str], span: facts.Row) -> str:
    """Both ends of a span, or one where they look the same."""
    low, high = form(span["low"]), form(span["high"])
    return low if low == high else f"{low} to {high}"


def _tidy(text: str) -> str:
    """Reduce several empty lines in a row, which conditions in templates leave, to one."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept) + "\n"
