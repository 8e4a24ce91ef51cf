"""What a run is expected to measure: its models, artifacts, timings and studies, as values.

The workflow writes `results/<name>/manifest.json` from the configuration. If there is none, as after commands that were
run by hand, the manifest is made from the records that exist and their names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.run.identity import (
    Artifact,
    Model,
    Timing,
    artifact_from_json,
    model_from_json,
    parse_artifact,
    parse_model,
    timing_from_json,
    to_json,
)

VERSION = 2
"""Version of the file. Version 1 had names only."""
CONFIG_FILE = "config.json"
"""The configuration with all defaults, which the workflow leaves beside the manifest."""


@dataclass(frozen=True)
class Manifest:
    """What a run consists of, in the order of the tables.

    Attributes:
        models: the base, its twin if there is one, and every tuned model.
        artifacts: the exported files.
        timings: the timings of artifacts.
        studies: names of the records of studies (under `records/sensitivity/`, without their suffix).
        other_seeds: the same models made with further seeds.
        seed: of the run's own models; None in older manifests.
        imported: names of the records of times from other devices (under `records/imported/`), likewise.
    """

    models: list[Model]
    artifacts: list[Artifact]
    timings: list[Timing]
    studies: list[str]
    other_seeds: list[Model] = field(default_factory=list)
    seed: int | None = None
    imported: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("models", "artifacts", "timings", "other_seeds"):
            object.__setattr__(self, name, sorted(getattr(self, name), key=lambda value: value.order))

    @property
    def base(self) -> Model | None:
        """The first model that is neither pruned nor tuned."""
        return next((model for model in self.models if model.method == "none" and not model.tuned), None)

    def to_json(self) -> dict[str, Any]:
        """The content of manifest.json."""
        return {
            "version": VERSION,
            "models": [to_json(model) for model in self.models],
            "artifacts": [to_json(artifact) for artifact in self.artifacts],
            "timings": [to_json(timing) for timing in self.timings],
            "studies": self.studies,
            "other_seeds": [to_json(model) for model in self.other_seeds],
            "seed": self.seed,
            "imported": self.imported,
        }


def load(results: Path) -> Manifest:
    """The manifest of a run; if it has none, one made from its records.

    Raises:
        PinchError: the folder holds neither a manifest nor records, or the manifest cannot be read.
    """
    path = results / "manifest.json"
    if not path.exists():
        return _from_records(results)
    content = read_json(path)
    if isinstance(content, dict) and "base" in content:
        raise PinchError(f"{path} is of an earlier version of Pinch: run the workflow again, which replaces it")
    read: dict[str, Callable[[Any], Any]] = {
        "models": model_from_json,
        "artifacts": artifact_from_json,
        "timings": timing_from_json,
        "studies": str,
        "other_seeds": model_from_json,
        "imported": str,
    }
    values: dict[str, list[Any]] = {}
    for name, from_json in read.items():
        try:
            values[name] = [from_json(value) for value in _listed(content, name)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PinchError(
                f"{path} is not a manifest of Pinch (its {name}: {error!r}): delete it and run the workflow again"
            ) from error
    return Manifest(**values, seed=content.get("seed"))


def _listed(content: Any, name: str) -> Any:
    # Older manifests have neither.
    return content.get(name, []) if name in ("other_seeds", "imported") else content[name]


def configuration(results: Path) -> dict[str, Any] | None:
    """The configuration that a run left; None if it left none.

    Raises:
        PinchError: it is not JSON, or no configuration.
    """
    path = results / CONFIG_FILE
    if not path.exists():
        return None
    found = read_json(path)
    if not isinstance(found, dict):
        raise PinchError(f"{path} is no configuration: delete it and run the workflow again, which writes it")
    return found


def hides_images(results: Path) -> bool:
    """Whether the configuration that a run left says that no image of its data set may be shown.

    Raises:
        PinchError: see `configuration`.
    """
    return bool((configuration(results) or {}).get("hide_images"))


def _from_records(results: Path) -> Manifest:
    records = results / "records"
    evaluated = [path.stem for path in (records / "accuracy").glob("*.json")]
    timed = list((records / "inference").glob("*_*/*.json"))
    if not evaluated and not timed:
        raise PinchError(
            f"{results} holds neither a manifest.json nor records: give the folder of a run, results/<name>"
        )
    artifacts = {file: artifact for file in evaluated if (artifact := parse_artifact(file))}
    models = [parse_model(stem) for stem in evaluated if stem not in artifacts]
    timings = []
    for path in timed:
        device, _, threads = path.parent.name.rpartition("_")
        if threads.isdigit() and (artifact := parse_artifact(path.stem)):
            timings.append(Timing(device, int(threads), artifact))
    return Manifest(
        [model for model in models if model.method == "none" or model.tuned],
        list(artifacts.values()),
        timings,
        studies=sorted(path.stem for path in (records / "sensitivity").glob("*.json")),
        imported=sorted(path.stem for path in (records / "imported").glob("*.json")),
    )
