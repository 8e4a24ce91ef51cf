"""Models, artifacts and timings as values, which are built once, from the configuration.

Names of files are made from them, and only here:

    <name>[_seed<n>][_coarse_prune_<percent>|_fine_prune_<percent>][_tuned]   a model (`<name>_tuned`: the base's twin)
    <name>[_seed<n>]_size_<pixels>|_width_<percent>|_depth_<percent>[_tuned]  a rival, by what is left
    <model>[_<size>]_<precision><ending>                                      an artifact

A name can be ambiguous: a base may be called `hands_640` or `my_coarse_prune_x`. So names are parsed only for files
that come from outside (`parse_model`, `parse_artifact`).
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pinch.run.formats import FORMATS, PRECISIONS, REFERENCE, Format, format_of

METHODS = ("coarse", "fine")
"""Ways of pruning, in the order of the tables."""
RIVALS = ("size", "width", "depth")
"""Ways of making a model faster that compete with pruning, see `pinch.run.rivals`."""

_ORDER = ("none", *METHODS, *RIVALS)
_MODEL = re.compile(
    r"^(?P<name>.+?)(?:_(?:(?P<method>coarse|fine)_prune|(?P<rival>size|width|depth))_(?P<amount>\d+(?:\.\d+)?))?"
    r"(?P<tuned>_tuned)?$",
    re.DOTALL,
)


@dataclass(frozen=True)
class Model:
    """A checkpoint.

    Attributes:
        name: the base's name.
        method: how it was pruned: "none", or one of METHODS; or what a rival has less of, one of RIVALS.
        ratio: the requested fraction that was removed: of channels (coarse, width), weights (fine), the image's side
            (size) or blocks (depth); 0 for the base.
        tuned: whether it was fine-tuned: a pruned model, a rival or, if it is neither, the twin of the base.
        imgsz: of the method size, the side of its images in pixels; others have that of the base.
        seed: with which it was made, if that is not the run's own (`seed` of the configuration).
    """

    name: str
    method: str = "none"
    ratio: float = 0.0
    tuned: bool = False
    imgsz: int | None = None
    seed: int | None = None

    def __str__(self) -> str:
        return f"{self.name}{seed_suffix(self.seed)}{self._suffix}"

    @property
    def _suffix(self) -> str:
        pruned = "_prune" if self.method in METHODS else ""
        made = "" if self.method == "none" else f"_{self.method}{pruned}_{self._amount}"
        return f"{made}{'_tuned' if self.tuned else ''}"

    @property
    def _amount(self) -> str:
        """What was removed, in percent; of rivals what is left: in percent, or the pixels of their images."""
        return str(self.imgsz or percent(1 - self.ratio if self.method in RIVALS else self.ratio))

    @property
    def label(self) -> str:
        """Its short name for readers: "coarse 50%", "size 320", the base's name, or that of its twin: "demo tuned"."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        if self.method == "none":
            return f"{self.name}{' tuned' if self.tuned else ''}{seed}"
        return f"{self.method} {self._amount}{'' if self.imgsz else '%'}{seed}"

    @property
    def untuned(self) -> "Model":
        """The same model before fine-tuning."""
        return replace(self, tuned=False)

    def fields(self) -> dict[str, Any]:
        """Its keys in records and tables."""
        return {"model": str(self), "method": self.method, "ratio": self.ratio, "tuned": self.tuned}

    @property
    def order(self) -> tuple[int, float, str, bool, int]:
        """Sorts models: bases, each before its twin, coarse, fine, rivals, by ratio; the run's own seed first."""
        seed = -1 if self.seed is None else self.seed
        return _ORDER.index(self.method), self.ratio, self.name, self.tuned, seed

    @classmethod
    def of_checkpoint(cls, path: Path, meta: Mapping[str, Any]) -> "Model":
        """The model in a checkpoint whose entry `pinch` is `meta`; its name is that of the file."""
        unnamed = cls("", meta["method"], meta["ratio"], bool(meta["tuned"]), meta.get("imgsz"))
        name = path.stem.removesuffix(unnamed._suffix)
        # A twin with another name is the base of another run, which took it over.
        is_base = unnamed.method == "none" and name == path.stem
        return replace(unnamed, name=name, tuned=unnamed.tuned and not is_base)


@dataclass(frozen=True)
class Artifact:
    """An exported file (or folder).

    Attributes:
        model: what was exported.
        format: a format of the registry.
        precision: one of the format's; None if the name of a file from outside has none.
        size: its image size in pixels; None: the size of the model's training.
    """

    model: Model
    format: Format
    precision: str | None
    size: int | None = None

    @property
    def sized_model(self) -> str:
        """The name of its model in tables: the checkpoint's, followed by the image size if `size` is set."""
        return f"{self.model}_{self.size}" if self.size else str(self.model)

    @property
    def label(self) -> str:
        """The short name of its model for readers: "coarse 50%", or "coarse 50% @320"."""
        return f"{self.model.label} @{self.size}" if self.size else self.model.label

    @property
    def file(self) -> str:
        """The file's (or folder's) name, e.g. "demo_int8.onnx"."""
        return self.format.file(self.sized_model, self.precision)

    @property
    def float_twin(self) -> "Artifact | None":
        """The float32 file of the same model, size and format; None if this one is not quantized."""
        precision = PRECISIONS.get(self.precision or "")
        return replace(self, precision=REFERENCE[0]) if precision and precision.quantized else None

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts artifacts by model, size, format and precision, in the order of the registry."""
        precisions = self.format.precisions
        rank = precisions.index(self.precision) if self.precision in precisions else len(precisions)
        return *self.model.order, self.size or 0, list(FORMATS).index(self.format.name), rank, self.file


@dataclass(frozen=True)
class Timing:
    """An artifact that is timed on a device ("cpu" or "gpu") with a number of threads."""

    device: str
    threads: int
    artifact: Artifact

    @property
    def place(self) -> str:
        """The folder of its record: "cpu_2"."""
        return f"{self.device}_{self.threads}"

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts timings by device, threads and artifact."""
        return self.device, self.threads, *self.artifact.order


def percent(ratio: float) -> str:
    """A ratio as written in names: 0.5 -> "50", 0.125 -> "12.5"."""
    return f"{ratio * 100:.10g}"


def seed_suffix(seed: int | None) -> str:
    """What follows the base's name in the names of models that are made with another seed than the run's own."""
    return "" if seed is None else f"_seed{seed}"


def to_json(value: Model | Artifact | Timing) -> dict[str, Any]:
    """A value as written in a manifest."""
    content = {key: entry for key, entry in vars(value).items() if (key, entry) != ("imgsz", None)}
    if isinstance(value, Artifact):
        content |= {"model": to_json(value.model), "format": value.format.name, "file": value.file}
    elif isinstance(value, Timing):
        content["artifact"] = to_json(value.artifact)
    return content


def model_from_json(content: Mapping[str, Any]) -> Model:
    """The model that `to_json` wrote."""
    imgsz, seed = content.get("imgsz"), content.get("seed")
    made = str(content["name"]), str(content["method"]), float(content["ratio"]), bool(content["tuned"])
    return Model(*made, None if imgsz is None else int(imgsz), None if seed is None else int(seed))


def artifact_from_json(content: Mapping[str, Any]) -> Artifact:
    """The artifact that `to_json` wrote."""
    model, size = model_from_json(content["model"]), content["size"]
    return Artifact(model, FORMATS[content["format"]], content["precision"], None if size is None else int(size))


def timing_from_json(content: Mapping[str, Any]) -> Timing:
    """The timing that `to_json` wrote."""
    return Timing(str(content["device"]), int(content["threads"]), artifact_from_json(content["artifact"]))


def described(path: Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a file in a record: `model`, `method`, `ratio`, `tuned` and `precision`.

    Args:
        path: a checkpoint or an exported file.
        metadata: the file's metadata. Files made by Pinch name the model there; for others, `path` is parsed.
    """
    try:
        said = metadata["model"]
        model = model_from_json(ast.literal_eval(said) if isinstance(said, str) else said)
        if model.method not in _ORDER or not 0 <= model.ratio < 1:
            raise ValueError(said)
        return model.fields() | {"precision": metadata.get("precision")}
    except (KeyError, TypeError, ValueError, SyntaxError):
        artifact = parse_artifact(path)
        model = artifact.model if artifact else parse_model(path.stem)
        return model.fields() | {"precision": artifact.precision if artifact else None}


def parse_model(stem: str) -> Model:
    """The model that the name of a checkpoint from outside (without its suffix) describes."""
    match = _MODEL.match(stem)
    assert match, stem
    name, tuned = match["name"], bool(match["tuned"])
    if match["rival"] == "size":
        # How much smaller than the base's images that is, its name does not tell.
        return Model(name, "size", 0.0, tuned, round(float(match["amount"])))
    amount = float(match["amount"] or 0) / 100
    return Model(name, match["method"] or match["rival"] or "none", 1 - amount if match["rival"] else amount, tuned)


def parse_artifact(path: str | Path) -> Artifact | None:
    """The artifact that the name of an exported file from outside describes; None if its ending is unknown."""
    name = Path(path).name
    entry = format_of(name)
    if entry is None:
        return None
    stem = name.removesuffix(entry.ending)
    precision = next((p for p in entry.precisions if stem.endswith(f"_{p}")), None)
    stem = stem.removesuffix(f"_{precision}")
    unsized, _, size = stem.rpartition("_")
    # A number at the end of a base's name may be part of the name.
    if size.isdigit() and (model := parse_model(unsized)) != Model(unsized):
        return Artifact(model, entry, precision, int(size))
    return Artifact(parse_model(stem), entry, precision)
