"""Training and fine-tuning: one entry point for networks from scratch, trained ones and pruned ones."""

import contextlib
import csv
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pinch import checkpoints, dataset, dataset_check
from pinch.checkpoints import Checkpoint
from pinch.errors import PinchError
from pinch.ownership import require_replaceable
from pinch.pruning import masks as mask_tools
from pinch.settings.data import General
from pinch.settings.training import Batches, Loading, Start, Training
from pinch.training import recipes, runs
from pinch.training.devices import ultralytics_device

# Images that are kept decoded in memory while training, at most, in bytes.
_CACHE_BYTES = 2 << 30
# Training settings that arguments of a request stand for.
_OWN_SETTINGS = {
    *("name", "project", "exist_ok", "save_dir", "resume", "model", "data", "device", "task", "mode"),
    *("epochs", "patience", "imgsz", "batch", "workers", "seed", "distill_model"),
}
# Attributes that say where a training ran, of no use to who opens the checkpoint.
_LOCAL_ARGS = ("project", "save_dir", "resume", "distill_model", "exist_ok")


@dataclass(frozen=True)
class Request(Batches, Training, Loading):
    """What is to be trained, and how; the options of training are among its fields.

    Attributes:
        name: the model's name; its checkpoint is `<project>/<name>.pt`, its run folder `<project>/<name>/`.
        data: path of a data.yaml.
        project: folder of models.
        base: a checkpoint to go on from, or a .yaml of Ultralytics to train from scratch.
        pruned: whether the base is pruned and must stay so.
        resume: go on where an interrupted run of the same request stopped, and take the model of a finished one; else
            train anew, whatever an earlier run left.
        imgsz: None takes the base's.
        device: "cpu", "gpu" or numbers of GPUs.
        gpus: how many of them "gpu" means.
        stage_to: a folder on a faster disk, to which images are copied for as long as training lasts.
        seed: of everything random.
        teacher: a checkpoint to distill from.
        dense: for a fine-pruned base: the model before pruning; its weights are then zeroed gradually.
    """

    name: str
    data: str | Path
    project: Path
    base: str | Path = Start.base_model
    pruned: bool = False
    resume: bool = False
    imgsz: int | None = None
    device: str = General.device
    gpus: int = 1
    stage_to: Path | None = None
    seed: int = General.seed
    teacher: Path | None = None
    dense: Path | None = None

    @property
    def run_folder(self) -> Path:
        """Where last.pt, best.pt and results.csv of the run lie."""
        return self.project / self.name

    @property
    def checkpoint(self) -> Path:
        """The trained model."""
        return self.project / f"{self.name}.pt"


def train(request: Request) -> dict[str, Any]:
    """Train, write the best model by validation to `request.checkpoint`, and return the figures for a training record.

    Raises:
        PinchError: something is wrong with the request, the base, the data or the device, or something that Pinch did
            not make stands where the run folder or the model is to be (all found before training); or the pruning did
            not survive.
    """
    _check_request(request)
    require_replaceable(request.checkpoint)
    runs.claim(request.run_folder)
    device = ultralytics_device(request.device, request.gpus)
    data = dataset.load(request.data)
    base = _open_base(request, data)
    dataset_check.check(data, for_training=True)
    request.project.mkdir(parents=True, exist_ok=True)
    arguments = _arguments(request, base, data)
    identity = runs.identity(arguments | _schedule(request), _sources(request), data)
    left = runs.left_by(request.run_folder, identity) if request.resume else None
    finished = left is not None and left.finished
    if not finished:
        with _scratch(request.name, request.project) as folder, _staged(request, data) as staged:
            places = {
                "model": str(_write_start(request, base, identity, Path(folder))),
                "data": str(dataset.ultralytics_yaml(staged, folder)),
                "device": device,
            }
            if left is None:
                runs.renew(request.run_folder)
            _run(request, arguments | places | ({"resume": str(left.last)} if left else {}))
    record = _finish(request, base)
    return record | {"taken_over": finished, "versions": left.versions if left else identity["versions"]}


def _scratch(name: str, parent: Path) -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix=f".{name}-", dir=parent)


@contextlib.contextmanager
def _staged(request: Request, data: dataset.Dataset) -> Iterator[dataset.Dataset]:
    """The data set where training reads it: a copy on a faster disk, if one was named."""
    if request.stage_to is None:
        yield data
        return
    if not request.stage_to.is_dir():
        raise PinchError(f"{request.stage_to}, the folder to stage pictures to, does not exist on this node: mend it")
    with _scratch(request.name, request.stage_to) as folder:
        yield dataset.stage(data, Path(folder))


def _check_request(request: Request) -> None:
    """Refuse what would write elsewhere than the run folder, or mean something that has an argument of its own."""
    if Path(request.name).name != request.name:
        raise PinchError(f"{request.name!r} is no name of a model: give it without folders, those go to --project")
    if own := sorted(_OWN_SETTINGS & request.options.keys()):
        raise PinchError(f"the training setting {own[0]} cannot be set: it follows from the other arguments")
    _check_options(request.options)


def _check_options(options: dict[str, Any]) -> None:
    from ultralytics.cfg import get_cfg

    try:
        get_cfg(overrides=options)
    except (SyntaxError, TypeError, ValueError) as error:
        reason = next(line.strip() for line in str(error).splitlines() if line.strip())
        raise PinchError(f"Ultralytics does not know these training settings: {reason}") from error


def _open_base(request: Request, data: dataset.Dataset) -> Checkpoint:
    base = Path(request.base)
    if base.suffix in {".yaml", ".yml"}:
        return _from_scratch(request, len(data.names))
    if not base.is_file():
        hint = (
            f": download it from the Ultralytics assets release (`yolo` or a browser) to {base}"
            if len(base.parts) == 1
            else ""
        )
        raise PinchError(f"the base model {base} does not exist{hint}, or name another with --base-model")
    checkpoint = checkpoints.load(base)
    pruned = checkpoints.is_pruned(checkpoint)
    if pruned and not request.pruned:
        raise PinchError(f"{base} is pruned: add --pruned-model, or training would make it dense again")
    if request.pruned and not pruned:
        raise PinchError(f"{base} is not pruned: leave out --pruned-model")
    if pruned and len(checkpoint.names) != len(data.names):
        raise PinchError(
            f"{base} is pruned for {len(checkpoint.names)} classes, but {data.path} has {len(data.names)}: "
            "train on its own classes, or train first and prune then"
        )
    if request.dense and not checkpoint.meta.get("masks"):
        raise PinchError(f"{base} has no masks: a gradual schedule is for fine-pruned models")
    return checkpoint


def _from_scratch(request: Request, classes: int) -> Checkpoint:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(request.seed)
    try:
        model = DetectionModel(str(request.base), nc=classes, verbose=False)
    except (FileNotFoundError, KeyError) as error:
        raise PinchError(f"{request.base} is not a model of Ultralytics: use one such as yolo11n.yaml") from error
    return Checkpoint(Path(request.base), model, {"method": "none", "ratio": 0.0, "tuned": False})


def _sources(request: Request) -> list[Path | None]:
    """The checkpoints that shape a training."""
    return [Path(request.base), request.dense, request.teacher]


def _schedule(request: Request) -> dict[str, Any]:
    """What shapes a gradual schedule, which Ultralytics has no arguments for."""
    return {"ramp": recipes.RAMP} if request.dense else {}


def _write_start(request: Request, base: Checkpoint, identity: dict[str, Any], folder: Path) -> Path:
    """Write the checkpoint that Ultralytics starts from: the base, with what the trainer must know in its `pinch`."""
    model, meta = base.model, {**base.meta, **identity}
    if request.dense:
        model = checkpoints.load(request.dense).model
        mask_tools.unpack(base.meta["masks"], model, str(request.dense))
        meta["gradual"] = True
    checkpoints.save(folder / "start.pt", model, meta, base)
    return folder / "start.pt"


def _arguments(request: Request, base: Checkpoint, data: dataset.Dataset) -> dict[str, Any]:
    """Ultralytics' training arguments."""
    knows_classes = base.path.suffix == ".pt" and base.names == data.names
    imgsz = request.imgsz or base.imgsz
    coarse = base.meta["method"] == "coarse"
    recipe = recipes.after_coarse(base.meta["ratio"]) if coarse else recipes.FINE_TUNING
    return {
        **recipes.QUIET,
        **(recipe | {"nbs": request.batch} if knows_classes else {}),
        "task": "detect",
        "project": str(request.project.absolute()),
        "name": request.name,
        "epochs": request.epochs,
        "patience": request.patience,
        "imgsz": imgsz,
        "batch": request.batch,
        "workers": request.workers,
        "seed": request.seed,
        "close_mosaic": recipes.close_mosaic(request.epochs, coarse),
        "cache": "ram" if len(data.images("train")) * imgsz * imgsz * 3 < _CACHE_BYTES else False,
        **({"distill_model": str(request.teacher.absolute())} if request.teacher else {}),
        **request.options,
    }


def _run(request: Request, arguments: dict[str, Any]) -> None:
    import pinch
    from pinch.training.trainer import Trainer

    # The processes of a run on several GPUs import the trainer by name.
    scripts = str(Path(pinch.__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [scripts, os.environ.get("PYTHONPATH")]))
    try:
        Trainer(overrides=arguments).train()
    except subprocess.CalledProcessError as error:
        raise PinchError(
            f"training {request.name} on GPUs {arguments['device']} failed: its own message stands above"
        ) from error


def _finish(request: Request, base: Checkpoint) -> dict[str, Any]:
    """Check the best model of the run and write it with its `pinch` entry."""
    best = request.run_folder / "weights" / "best.pt"
    if not best.is_file():
        raise PinchError(f"training {request.name} left no best model: no epoch was validated with a finite result")
    trained = checkpoints.load(best)
    carried = trained.model.__dict__.pop("pinch", {})
    meta = {**base.meta, "tuned": base.meta["method"] != "none"}
    sparsity = 0.0
    if base.meta["method"] != "none":
        _require_structure(trained, base)
    if carried.get("masks"):
        meta["masks"] = carried["masks"]
        kept = mask_tools.unpack(meta["masks"], trained.model, str(best))
        sparsity = mask_tools.require_sparsity(trained.model, kept, meta["sparsity"], request.name)
    trained.train_args = {k: v for k, v in trained.train_args.items() if k not in _LOCAL_ARGS}
    trained.train_args |= {"model": Path(request.base).name, "data": str(request.data)}
    checkpoints.save(request.checkpoint, trained.model, meta, trained)
    return {**_record(request, trained), "sparsity": sparsity}


def _require_structure(trained: Checkpoint, base: Checkpoint) -> None:
    before, after = ([tuple(p.shape) for p in c.model.parameters()] for c in (base, trained))
    if before != after:
        raise PinchError(f"training changed the structure of {base.path}: it is not the pruned network any more")


def _record(request: Request, trained: Checkpoint) -> dict[str, Any]:
    curve = _curve(request.run_folder / "results.csv")
    # While a gradual schedule still rises no epoch can be the best.
    ramp = recipes.RAMP * request.epochs if request.dense else 0
    best = max((row for row in curve if row["epoch"] >= ramp), key=lambda row: row["map50_95"])
    return {
        "model": request.name,
        "base_model": Path(request.base).name,
        "epochs_requested": request.epochs,
        "epochs_run": len(curve),
        "best_epoch": best["epoch"],
        "seconds": round(_seconds(request.run_folder / "results.csv"), 1),
        "imgsz": trained.train_args["imgsz"],
        "device": request.device,
        "parameters": sum(p.numel() for p in trained.model.parameters()),
        "teacher": request.teacher.name if request.teacher else None,
        "schedule": "cubic" if request.dense else "one-shot",
        "curve": curve,
    }


def _seconds(path: Path) -> float:
    """Time of all epochs; a resumed run counts its seconds from its own start."""
    times = [row["time"] for row in _results(path)]
    return sum(now - before if now > before else now for before, now in pairwise([0.0, *times]))


def _results(path: Path) -> list[dict[str, float]]:
    """The rows of Ultralytics' results.csv."""
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key.strip(): float(value) for key, value in row.items() if key.strip()} for row in rows]


def _curve(path: Path) -> list[dict[str, Any]]:
    return [
        {
            "epoch": int(row["epoch"]),
            "map50": row["metrics/mAP50(B)"],
            "map50_95": row["metrics/mAP50-95(B)"],
            "precision": row["metrics/precision(B)"],
            "recall": row["metrics/recall(B)"],
            **{key.replace("/", "_"): value for key, value in row.items() if "loss" in key},
        }
        for row in _results(path)
    ]


def tuned_pruning(prune: Callable[[Path], dict[str, Any]], output: Path, data: Path, **settings: Any) -> dict[str, Any]:
    """Prune, tune, and leave one file.

    Args:
        prune: writes the pruned checkpoint to the path it is given and returns the figures of a pruning record.
        output: the tuned checkpoint.
        data: data.yaml.
        settings: of the `Request`.

    Returns:
        What `prune` returned, with the model's name and what tuning was like (a training record's result) in `tuning`.
    """
    require_replaceable(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.stem}-", dir=output.parent) as folder:
        base = Path(folder) / f"{output.stem.removesuffix('_tuned')}.pt"
        result = prune(base)
        request = Request(output.stem, data, Path(folder), base, pruned=True, **settings)
        tuning = train(request)
        os.replace(request.checkpoint, output)
    return {**result, "model": output.stem, "tuning": tuning}
