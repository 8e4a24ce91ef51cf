"""Families of detectors through the whole chain: trained a little, pruned in both ways, tuned, exported, evaluated.

    .venv/bin/python tests/families.py FOLDER [--families yolov8n yolo26n ...] [--images 900] [--imgsz 96] [--epochs 30]

Trains each family from random weights on pictures of simple shapes, makes every format of the base and of two pruned
models, and writes FOLDER/families.csv: what pruning leaves, what each model and each file finds on val, and how many
operators of an int8 file the guard returned to float. A family named with `-end2end` uses the head that needs no
suppression, where it has one. A table that is there is continued: models in it are not made again.
"""

import argparse
import csv
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "tests")]

from pinch.core.environment import isolate_ultralytics  # noqa: E402

isolate_ultralytics()  # before Ultralytics is imported

import shapes  # noqa: E402

from pinch.artifacts import job  # noqa: E402
from pinch.artifacts.session import ExportSettings, open_session  # noqa: E402
from pinch.core.record_types.exports import ExportRecord  # noqa: E402
from pinch.data import dataset  # noqa: E402
from pinch.measuring.evaluation import evaluate  # noqa: E402
from pinch.run.formats import parse_spec, specs  # noqa: E402
from pinch.weights.pruning import coarse, fine, kinds  # noqa: E402
from pinch.weights.training.fit import train  # noqa: E402
from pinch.weights.training.request import Request  # noqa: E402

FAMILIES = ("yolo11n", "yolov8n", "yolo12n", "yolo26n", "yolo26n-end2end")
PRUNED = {
    "coarse_prune_30": kinds.ChannelRemoval(0.3, kinds.Taylor()),
    "coarse_prune_50": kinds.ChannelRemoval(0.5, kinds.Taylor()),
    "fine_prune_50": kinds.Lamp(0.5),
}


@dataclass(frozen=True)
class Training:
    """How the models of a family are trained."""

    data: Path
    folder: Path
    imgsz: int
    epochs: int
    tuning: int
    batch: int = 16


def train_base(family: str, how: Training) -> Path:
    """The family's smallest network, trained from random weights."""
    plan, _, head = family.partition("-")
    # `nms` is Ultralytics' name of the choice between two heads.
    options = {"nms": False} if head == "end2end" else {}
    return _train(f"{plan}.yaml", how, family, epochs=how.epochs, imgsz=how.imgsz, options=options)


def prune(base: Path, name: str, how: Training) -> Path:
    """The base after one of PRUNED, tuned."""
    output, pruning = how.folder / f"{base.stem}_{name}.pt", PRUNED[name]
    if isinstance(pruning, kinds.ChannelRemoval):
        coarse.prune_file(base, output, pruning, dataset.load(how.data))
    else:
        fine.prune_file(base, output, pruning)
    return tune(output, how)


def tune(pruned: Path, how: Training) -> Path:
    """A pruned model, tuned."""
    return _train(pruned, how, f"{pruned.stem}_tuned", epochs=how.tuning, pruned=True)


def _train(base: str | Path, how: Training, name: str, **options) -> Path:
    request = Request(name, how.data, how.folder, base, batch=how.batch, resume=True, **options)
    train(request)
    return request.checkpoint


def export(model: Path, how: Training, wanted: list[str], **settings) -> dict[str, tuple[Path, ExportRecord]]:
    """Files of a model and their records, by specification."""
    made = {}
    with open_session(model, how.data, ExportSettings(how.imgsz, **settings)) as session:
        for spec in wanted:
            precision, entry = parse_spec(spec)
            path = how.folder / "artifacts" / entry.file(model.stem, precision)
            path.parent.mkdir(exist_ok=True)
            made[spec] = path, job.run(session, precision, entry, path)
    return made


@dataclass(frozen=True)
class Row:
    """A model, or one file of it.

    Attributes:
        family, model: the family, and how it was pruned.
        file: the format; "pt" for the checkpoint.
        parameters, macs: shares of the base's that are left; nonzero parameters.
        map50_95: on val, measured on this very file.
        kept: that as a share of the checkpoint's; for int8, of the float file's.
        floats: operators of an int8 file that are float.
        failed: what is wrong with the file.
    """

    family: str
    model: str
    file: str
    parameters: float | str
    macs: float | str
    map50_95: float
    kept: float | str = ""
    floats: int | str = ""
    failed: str = ""


def rows(family: str, model: Path, base: Path, how: Training, wanted: list[str]) -> list[Row]:
    """A model and all its files, exported and evaluated."""
    name = model.stem.removeprefix(family).strip("_") or "base"
    accuracy, whole = (evaluate(path, how.data, ["val"]) for path in (model, base))
    found = {"pt": accuracy.splits["val"].map50_95}
    left = [round(getattr(accuracy, of) / getattr(whole, of), 4) for of in ("nonzero_parameters", "macs")]
    made = [Row(family, name, "pt", *left, round(found["pt"], 4))]
    for spec, (path, record) in export(model, how, wanted).items():
        evaluated = evaluate(path, how.data, ["val"])
        if evaluated.skipped:
            continue
        found[spec] = evaluated.splits["val"].map50_95
        reference = found.get(spec.replace("int8", "full"), found["pt"]) if "int8" in spec else found["pt"]
        kept = round(found[spec] / reference, 4) if reference else ""
        floats = len(record.guard.float_operators or []) if record.guard else ""
        made.append(Row(family, name, spec, *left, round(found[spec], 4), kept, floats, record.failed or ""))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--families", nargs="+", default=FAMILIES, metavar="FAMILY", help="such as yolov8n or yolo11s")
    parser.add_argument("--models", nargs="+", default=["base", *PRUNED], choices=["base", *PRUNED])
    parser.add_argument("--artifacts", nargs="+", default=specs(), choices=specs())
    parser.add_argument("--images", type=int, default=900, help="of train; a sixth of it for val")
    parser.add_argument("--imgsz", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=30, help="of the base")
    parser.add_argument("--tuning", type=int, default=10, help="epochs after pruning")
    arguments = parser.parse_args()

    data = arguments.folder / "data/data.yaml"
    if not data.exists():
        shapes.write(data.parent, arguments.images, arguments.images // 6, arguments.imgsz)
    table = arguments.folder / "families.csv"
    done = list(csv.DictReader(table.open(newline=""))) if table.exists() else []
    for family in arguments.families:
        how = Training(data, arguments.folder / family, arguments.imgsz, arguments.epochs, arguments.tuning)
        base = train_base(family, how)
        for name in arguments.models:
            if any(row["family"] == family and row["model"].startswith(name) for row in done):
                continue
            model = base if name == "base" else prune(base, name, how)
            done += map(asdict, rows(family, model, base, how, arguments.artifacts))
            with table.open("w", newline="") as stream:
                writer = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
                writer.writeheader()
                writer.writerows(done)


if __name__ == "__main__":
    main()
