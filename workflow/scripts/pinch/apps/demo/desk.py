"""What a page offers: models, images and a clip, from the command line and from runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pinch.apps.demo import run, samples
from pinch.apps.demo.models import Choice, Models, named
from pinch.core.text import counted, one_line


@dataclass(frozen=True)
class Offered:
    """What `page.build` takes, see there."""

    models: Models
    title: str
    pictures: list[Path]
    clip: Path | None
    notes: list[str]


def gather(
    paths: Sequence[Path], results: Path | None, examples: Sequence[Path], device: str = "cpu", threads: int = 1
) -> Offered:
    """Open the models that are named, or the first of a run, and find something to begin with.

    Args:
        paths: models, which the page offers first. One that lies in a run's folder begins with what that run has.
        results: folder of a run, or None.
        examples: see `samples.given`; they come before what a run has.
        device, threads: where the models run.

    Raises:
        PinchError: a model, the run or an example is not there, cannot be read, or is none.
    """
    pictures, clip = samples.given(examples)
    runs = {path: run.around(path) for path in paths}
    of_run, notes = run.choices(results) if results else ([], [])
    models = Models([*(_choice(path, runs[path]) for path in paths), *of_run], device, threads)
    for number, choice in enumerate(models.choices):
        if number == 0 or choice.path in paths:
            models.open(number)
    if folder := results or next(filter(None, runs.values()), None):
        shown = run.shown(folder)
        pictures, clip, notes = [*pictures, *shown.pictures], clip or shown.clip, [*notes, *shown.notes]
    if not (pictures or notes):
        notes = ["There is no image to begin with: give one below, or name some with --example."]
    names = ", ".join(dict.fromkeys(path.name for path in paths))
    title = f"{results.resolve().name}: {counted(len(models), 'model')}" if results else names
    return Offered(models, one_line(title), pictures, clip, notes)


def _choice(path: Path, results: Path | None) -> Choice:
    return run.choice_of(results, path) if results else named(path)
