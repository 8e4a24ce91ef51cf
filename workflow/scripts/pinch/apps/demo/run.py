"""What the folder of a run, `results/<name>`, has for the page: its exported files, images and its clip."""

from dataclasses import dataclass, field
from pathlib import Path

from pinch.apps.demo import uploads
from pinch.apps.demo.models import Choice
from pinch.apps.demo.samples import MOST, is_video, of_dataset
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.run import manifest, record_paths
from pinch.run.formats import lacking
from pinch.run.identity import Artifact
from pinch.tables import gathering


@dataclass(frozen=True)
class Shown:
    """What a page about a run begins with.

    Attributes:
        pictures: images of its test and val split that show all classes; none if the run hides its images.
        clip: the video that its files were timed on; None if there is none, or if the run hides its images.
        notes: sentences on what is left out.
    """

    pictures: list[Path]
    clip: Path | None
    notes: list[str] = field(default_factory=list)


def choices(results: Path) -> tuple[list[Choice], list[str]]:
    """The exported files of a run, finished or not: those that were chosen first, then in the order of the tables.

    Returns:
        The files, and sentences on what is left out.

    Raises:
        PinchError: the folder is of no run, nothing is exported yet, or one of its files cannot be read.
    """
    artifacts = {artifact.file: artifact for artifact in manifest.load(results).artifacts}
    wants = _wants(results)
    ordered = list(dict.fromkeys([*(file for file in wants if file in artifacts), *artifacts]))
    made = [file for file in ordered if (results / "artifacts" / file).exists()]
    able = [file for file in made if not lacking(artifacts[file].precision)]
    if not able:
        raise PinchError(f"{results} has no exported file that can run here yet: run the workflow, or name a model")
    notes = [] if wants else ["Nothing is chosen in this run yet."]
    if made != ordered:
        notes.append(f"{len(ordered) - len(made)} of its {len(ordered)} files are not exported yet.")
    if unable := next((file for file in made if file not in able), None):
        notes.append(f"{len(made) - len(able)} are left out: {lacking(artifacts[unable].precision)}.")
    return [_choice(results, artifacts[file], wants.get(file, [])) for file in able], notes


def shown(results: Path) -> Shown:
    """Images and the clip of a run.

    Raises:
        PinchError: its configuration or its data set cannot be read.
    """
    if manifest.hides_images(results):
        return Shown([], None, ["This run hides its images (hide_images), so give one of your own."])
    data = results / "dataset/data.yaml"
    pictures = of_dataset(data, MOST) if data.exists() else []
    try:
        return Shown(pictures, _clip(results))
    except PinchError as error:
        return Shown(pictures, None, [f"The clip is left out ({error})."])


def around(path: Path) -> Path | None:
    """The run that a model is an exported file or a checkpoint of, by where it lies; None if there is none."""
    folder = path.absolute().parent
    is_run = folder.name in ("artifacts", "models") and (folder.parent / "manifest.json").exists()
    return folder.parent if is_run else None


def choice_of(results: Path, path: Path) -> Choice:
    """A model of a run that is named by its path."""
    return Choice(path, path.name, _threshold(results, path.name))


def _choice(results: Path, artifact: Artifact, wants: list[str]) -> Choice:
    note = f"chosen for {', '.join(wants)}" if wants else ""
    label = f"{artifact.label} · {artifact.precision} {artifact.format.name}"
    export = results / record_paths.export(artifact.file)
    if export.exists() and (failed := records.read(export, ExportRecord).value.failed):
        note = f"failed its check ({failed})"
    mark = " · chosen" if wants else " · failed its check" if note else ""
    return Choice(results / "artifacts" / artifact.file, label + mark, _threshold(results, artifact.file), note)


def _threshold(results: Path, file: str) -> float | None:
    """The score of the best F1 on val of that very file."""
    path = results / record_paths.accuracy(file.removesuffix(".pt"))
    point = records.read(path, AccuracyRecord).value.operating_point if path.exists() else None
    return point.threshold if point else None


def _wants(results: Path) -> dict[str, list[str]]:
    """What each chosen file is chosen for, in the order of tables/selection.csv; empty if nothing is chosen yet."""
    if not (results / "tables/selection.csv").exists():
        return {}
    found: dict[str, list[str]] = {}
    for row in gathering.rows(gathering.read(results, "selection")):
        found.setdefault(str(row["file"]), []).append(str(row["want"]))
    return {file: list(dict.fromkeys(wants)) for file, wants in found.items()}


def _clip(results: Path) -> Path | None:
    """The user's video, or the one that was rendered with the data set."""
    config = manifest.configuration(results) or {}
    clip = Path(config["video"]) if config.get("video") else results / "hagrid/video.mp4"
    if not (clip.is_file() and is_video(clip)):
        return None
    uploads.require_video(clip)
    return clip
