"""What a run starts from: images and annotations, a base model, teachers; and which of it are paths of the user's."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.measuring.imported.entries import Entry
from pinch.run.identity import METHODS
from pinch.run.settings.training import OWN_TEACHERS

FETCHED = "data/hagrid"
"""Where HaGRID is downloaded to, for several runs."""
WEIGHTS = "resources/weights"
"""Where Ultralytics' weights are."""


class Sources:
    """Where the inputs of a run come from.

    Attributes:
        dataset: the user's data.yaml, if the run has one; the others are None then.
        synthetic: how hands are rendered, if they are.
        fetch: how HaGRID is downloaded, if it is.
        base_model: the file of the base's weights, or the .yaml of its network.
        is_stock: whether these weights are Ultralytics', and are fetched.
        paths: what else is the user's: configuration keys and the paths that they name.
    """

    def __init__(self, config: Mapping[str, Any], rendered: str, imported: Iterable[Entry] = ()):
        """Of a configuration.

        Args:
            config: with all defaults.
            rendered: folder of rendered hands, with HaGRID's folders.
            imported: times from other devices.

        Raises:
            PinchError: there are no data, HaGRID would be read elsewhere than it is downloaded to, or a path would be
                taken for a pattern.
        """
        self._hagrid, self._rendered = config["hagrid"], rendered
        self.dataset = config["dataset"]
        self.synthetic = None if self.dataset else config["synthetic"]
        self.fetch = None if self.dataset or self.synthetic else self._hagrid["fetch"]
        named = config["base_model"]
        # A bare file name is one of Ultralytics' weights; anything else is a path.
        self.is_stock = Path(named).name == named and named.endswith(".pt")
        self.base_model = f"{WEIGHTS}/{named}" if self.is_stock else named
        self.paths = {key: path for key, path in self._named(config, imported) if path}
        self._refuse_other_folders()
        self._refuse_patterns()

    def hagrid(self, key: str) -> str | None:
        """HaGRID's `images` or `annotations`: rendered, downloaded, or the user's folder."""
        return f"{self._rendered}/{key}" if self.synthetic else f"{FETCHED}/{key}" if self.fetch else self._hagrid[key]

    def missing(self) -> list[str]:
        """A sentence for each path of the user's that does not exist."""
        return [
            f"{key}: {path} does not exist (as seen from {Path.cwd()}): mend the path or put the data there"
            for key, path in self.paths.items()
            if not Path(path).exists()
        ]

    def _named(self, config: Mapping[str, Any], imported: Iterable[Entry]) -> Iterable[tuple[str, str | None]]:
        for key in ("video", "trained_model", "dataset", "compare_with"):
            yield key, config[key]
        if not config["trained_model"] and not self.is_stock and Path(self.base_model).suffix != ".yaml":
            yield "base_model", self.base_model
        for method in METHODS:
            if config[method]["ratios"] and config[method]["teacher"] not in OWN_TEACHERS:
                yield f"{method}.teacher", config[method]["teacher"]
        if not (self.dataset or self.synthetic):
            yield from self._of_hagrid()
        for number, entry in enumerate(imported):
            yield from ((f"measure.imported[{number}].files[{index}]", path) for index, path in enumerate(entry.files))

    def _of_hagrid(self) -> Iterable[tuple[str, str | None]]:
        if not self.fetch:
            folders = {key: self._hagrid[key] for key in ("images", "annotations")}
            if None in folders.values():
                raise PinchError(
                    "it names no data: set dataset, hagrid.images and annotations, hagrid.fetch, or synthetic"
                )
            yield from ((f"hagrid.{key}", path) for key, path in folders.items())
        yield "hagrid.background", self._hagrid["background"]

    def _refuse_other_folders(self) -> None:
        for key in ("images", "annotations") if self.fetch else ():
            if self._hagrid[key] not in (None, self.hagrid(key)):
                raise PinchError(
                    f"hagrid.{key}: {self._hagrid[key]} is not where hagrid.fetch puts HaGRID, {self.hagrid(key)}:"
                    " leave out one of the two"
                )

    def _refuse_patterns(self) -> None:
        for key, path in self.paths.items():
            if set("{}") & set(path):
                raise PinchError(
                    f"{key}: {path} has braces, which Snakemake takes for wildcards: rename it, or link to it under"
                    " another name"
                )
