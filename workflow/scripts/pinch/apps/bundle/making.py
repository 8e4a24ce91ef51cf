"""One bundle: a zip with a model's file and all that an app needs to run it."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinch import runtimes
from pinch.apps.bundle import archive, card, contract, describe, figures, pictures
from pinch.apps.bundle.contract import Contract, Measured, Picture
from pinch.core import files
from pinch.core.errors import PinchError
from pinch.core.ownership import require_replaceable
from pinch.core.typed_json import to_json
from pinch.data import dataset
from pinch.run import manifest

DECODERS = ("decoder.py", "Decoder.java", "check.py")
KIND = "bundles"
"""Of the folder that holds those of all chosen files."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What bundles are made from, besides the files.

    Attributes:
        results: folder of the run that measured them; None: of no run.
        data: data.yaml for test pictures; None: that of the run.
        pictures: images to choose test pictures from instead.
        hide_images: whether images of the data set may not be shown, because they show people; a run whose
            configuration says so hides them in any case.
        threads: of the runtime.
    """

    results: Path | None = None
    data: Path | None = None
    pictures: Sequence[Path] = ()
    hide_images: bool = False
    threads: int = 1


def make_chosen(folder: Path, sources: Sources) -> Iterator[str]:
    """Write the bundles of all chosen files of a run into a folder, which they replace as a whole.

    Yields:
        A sentence for each file.

    Raises:
        PinchError: nothing that an app runs was chosen, Pinch did not make the folder, or see `make`.
    """
    assert sources.results
    models, others = figures.chosen_files(sources.results)
    with files.atomic(folder, KIND) as temporary:
        for model in models:
            yield _sentence(folder, make(model, temporary, sources))
    yield from (f"{name} is not packed: no app runs it" for name in others)


def make_all(models: Sequence[Path], folder: Path, sources: Sources) -> Iterator[str]:
    """Write the bundles of files into a folder; yields a sentence for each.

    Raises:
        PinchError: two files have the same name, or see `make`.
    """
    if len({model.name for model in models}) < len(models):
        raise PinchError("two of the files have the same name, and so would their bundles: pack them into two folders")
    for model in models:
        yield _sentence(folder, make(model, folder, sources))


def _sentence(folder: Path, made: Path) -> str:
    return f"{folder / made.name}: {made.stat().st_size:,} bytes"


def make(model: Path, folder: Path, sources: Sources) -> Path:
    """Write the bundle of a model's file.

    Args:
        model: a file of a format that apps run.
        folder: for the zip.
        sources: what else it is made from.

    Returns:
        The zip, `<folder>/<name of the file>.zip`.

    Raises:
        PinchError: the file cannot be loaded or no app runs its format, the run did not measure it, a picture cannot be
            read, or there is another zip that Pinch did not make.
    """
    path = folder / f"{model.name}.zip"
    require_replaceable(path)
    runtimes.find_format(model).require_app_runtime(model)
    backend = runtimes.open(model, threads=sources.threads, exact=True)
    said = describe.describe(backend)
    known = figures.of_run(sources.results, said) if sources.results else None
    source = _pictures(sources, said)
    shown = pictures.choose(backend, said, source.images)
    whole = dataclasses.replace(
        said,
        measured=_measured(backend, known),
        chosen_for=known.chosen_for if known else [],
        test_pictures=[picture for picture, _ in shown],
    )
    archive.write(path, _contents(model, whole, shown) | {card.FILE: card.card(whole, known, source.sentence).encode()})
    return path


def _contents(model: Path, said: Contract, shown: Sequence[tuple[Picture, bytes]]) -> dict[str, bytes]:
    """The files of a bundle by their names, but for the card."""
    return {
        model.name: model.read_bytes(),
        "labels.txt": "".join(f"{label}\n" for label in said.labels).encode(),
        contract.FILE: (json.dumps(to_json(said), indent=2, allow_nan=False) + "\n").encode(),
        **{picture.file: content for picture, content in shown},
        **{name: (Path(__file__).parent / "decoders" / name).read_bytes() for name in DECODERS},
    }


def _pictures(sources: Sources, said: Contract) -> pictures.Source:
    if sources.pictures:
        return pictures.of_files(sources.pictures)
    if sources.hide_images or (sources.results and manifest.hides_images(sources.results)):
        return pictures.rendered(said.labels, "the images of the data set are not to be shown")
    data = sources.data or (sources.results and sources.results / "dataset/data.yaml")
    if data is None:
        return pictures.rendered(said.labels, "no others were given")
    return pictures.of_dataset(dataset.load(data))


def _measured(backend: runtimes.Backend, known: figures.Known | None) -> Measured:
    """The figures of a run, or what the file alone tells."""
    found = known.measured if known else Measured(bytes_zipped=files.zipped_size(backend.path))
    macs = str(backend.metadata.get("macs"))
    return dataclasses.replace(found, macs=int(macs) if macs.isdecimal() else None)
