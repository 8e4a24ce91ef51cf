"""What a run is expected to have measured, and which record says so.

`results/<name>/manifest.json` is written by the workflow:

    {"name", "base": model, "models": [the base and every tuned model], "untuned": [models before fine-tuning],
     "artifacts": [file names], "devices": [[device, threads], ...],
     "measurements": [[device, threads, artifact], ...]}

`measurements` may be left out where every artifact is timed on every device. Without a manifest, as after commands that
were run by hand, whatever has a record is expected.
"""

from dataclasses import dataclass
from pathlib import Path

from pinch.errors import PinchError
from pinch.files import read_json
from pinch.formats import FORMATS, parse_artifact
from pinch.names import METHODS, parse_model


@dataclass(frozen=True)
class Manifest:
    """The models, artifacts and timings of a run, in the order of the tables."""

    models: list[str]
    artifacts: list[str]
    measurements: list[tuple[str, int, str]]

    @property
    def base(self) -> str | None:
        """The first model that is not pruned."""
        return next((model for model in self.models if parse_model(model).method == "none"), None)


def load(results: Path) -> Manifest:
    """The manifest of a run, or what its records amount to where it has none.

    Raises:
        PinchError: the folder holds neither a manifest nor records, or the manifest cannot be read.
    """
    path = results / "manifest.json"
    if not path.exists():
        return _from_records(results)
    try:
        content = read_json(path)
        artifacts = list(content["artifacts"])
        everywhere = [(device, threads, file) for device, threads in content["devices"] for file in artifacts]
        measurements = [(str(d), int(t), str(f)) for d, t, f in content.get("measurements", everywhere)]
        return _sorted(list(content["models"]), artifacts, measurements)
    except (KeyError, TypeError, ValueError) as error:
        raise PinchError(
            f"{path} is not a manifest of Pinch ({error!r}): delete it and run the workflow again"
        ) from error


def _from_records(results: Path) -> Manifest:
    accuracy = [path.stem for path in (results / "records/accuracy").glob("*.json")]
    timed = list((results / "records/inference").glob("*_*/*.json"))
    if not accuracy and not timed:
        raise PinchError(f"{results} holds neither a manifest.json nor records: is it results/<name>?")
    measurements = []
    for path in timed:
        device, _, threads = path.parent.name.rpartition("_")
        if threads.isdigit():
            measurements.append((device, int(threads), path.stem))
    artifacts = {stem for stem in accuracy if _is_artifact(stem)}
    models = [stem for stem in accuracy if stem not in artifacts and _is_final(stem)]
    return _sorted(models, sorted(artifacts), measurements)


def _is_artifact(stem: str) -> bool:
    return parse_artifact(stem) is not None or any(stem.endswith(entry.ending) for entry in FORMATS.values())


def _is_final(stem: str) -> bool:
    model = parse_model(stem)
    return model.method == "none" or model.tuned


def _sorted(models: list[str], artifacts: list[str], measurements: list[tuple[str, int, str]]) -> Manifest:
    return Manifest(
        sorted(models, key=model_key),
        sorted(artifacts, key=artifact_key),
        sorted(measurements, key=lambda m: (m[0], m[1], artifact_key(m[2]))),
    )


def model_key(name: str) -> tuple[int, float, str]:
    """Sorts models: the base, then coarse, then fine, by ratio."""
    model = parse_model(name)
    return ("none", *METHODS).index(model.method), model.ratio, name


def artifact_key(file: str) -> tuple[object, ...]:
    """Sorts artifacts by model, then format, then precision, in the order of the registry; others come last."""
    artifact = parse_artifact(file)
    if artifact is None:
        return (1, file)
    formats = list(FORMATS)
    precision = artifact.format.precisions.index(artifact.precision)
    return (0, *model_key(artifact.model), formats.index(artifact.format.name), precision)
