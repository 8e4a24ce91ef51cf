"""Training and fine-tuning: one entry point for new, trained and pruned networks."""

import contextlib
import dataclasses
import functools
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pinch.core import lock
from pinch.core.environment import library_path
from pinch.core.errors import PausedError, PinchError
from pinch.core.ownership import mark, remove_folder, require_replaceable
from pinch.core.processes import ending_with_this
from pinch.core.record_types.weights import PruningRecord, TrainingRecord
from pinch.data import check, dataset
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.data.manifest import Manifest
from pinch.data.staging import staged
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import activations
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.pruning.stepwise import StepwiseRemoval
from pinch.weights.training import averaging, recipes, results, resuming, runs
from pinch.weights.training.devices import ultralytics_device
from pinch.weights.training.request import Request
from pinch.weights.training.request import check as check_request
from pinch.weights.training.start import open_base, sources, write_start

R = TypeVar("R", bound=PruningRecord)
# Training images are cached in memory if they need less than this, in bytes.
_CACHE_BYTES = 2 << 30
# The kind of folder with the files that a training starts from.
_SCRATCH = "start of a training"
# Training arguments with local paths, which mean nothing to others who open the checkpoint.
_LOCAL_ARGS = ("project", "save_dir", "resume", "distill_model", "exist_ok")


def train(request: Request) -> TrainingRecord:
    """Train, write the model with the best validation to `request.checkpoint`, and return the record.

    Raises:
        PinchError: before training, the request, the base, the data or the device is wrong, or Pinch did not make the
            run folder or the model that is there; after training, the pruning is not what it was.
        PausedError: it stopped before DEADLINE of `pinch.core.environment`, and can be resumed.
    """
    check_request(request)
    require_replaceable(request.checkpoint)
    runs.claim(request.run_folder)
    device = ultralytics_device(request.device, request.gpus)
    data = dataset.load(request.data)
    base = open_base(request, data)
    manifest = check.current(data, check.TRAINED_ON, for_training=True)
    request.project.mkdir(parents=True, exist_ok=True)
    with lock.held(request.project / f".{request.name}.lock", f"the training of {request.name}"):
        return _train(request, base, data, manifest, device)


def _train(
    request: Request, base: Checkpoint, data: dataset.Dataset, manifest: Manifest, device: str
) -> TrainingRecord:
    arguments, digest = _arguments(request, base, data), manifest.digest(data, check.TRAINED_ON)
    identity = runs.identity(arguments | _own_settings(request), sources(request), digest)
    left = runs.left_by(request.run_folder, identity) if request.resume else None
    finished = left is not None and left.finished
    if finished:
        resuming.finish(request.run_folder / "weights")
    else:
        with _scratch(request) as folder, _staged(request, data, manifest) as used:
            places = {
                "model": str(write_start(request, base, identity, folder)),
                "data": str(ultralytics_yaml(*used, check.TRAINED_ON, folder)),
                "device": device,
            }
            if left:
                # The batch is the one that the run has had, which may be smaller than the one asked for.
                places["resume"] = str(left.last)
                del arguments["batch"]
            else:
                runs.renew(request.run_folder, keep=request.resume)
            _run(request, arguments | places, request.schedule.removal(base, data, arguments["imgsz"]))
    versions = left.versions if left else identity["versions"]
    return dataclasses.replace(_finish(request, base), taken_over=finished, versions=versions)


@contextlib.contextmanager
def _scratch(request: Request) -> Iterator[Path]:
    """A folder for the time of training. What a killed training left in it is removed first."""
    folder = request.project / f".{request.name}-start"
    remove_folder(folder, _SCRATCH)
    mark(folder, _SCRATCH)
    try:
        yield folder
    finally:
        remove_folder(folder, _SCRATCH)


def _staged(
    request: Request, data: dataset.Dataset, manifest: Manifest
) -> contextlib.AbstractContextManager[tuple[dataset.Dataset, Manifest]]:
    """The data set that training reads, and its manifest: a copy on a faster disk, if the request names one."""
    if request.stage_to is None:
        return contextlib.nullcontext((data, manifest))
    return staged(data, manifest, request.stage_to)


def _own_settings(request: Request) -> dict[str, Any]:
    """The settings of the schedule, of averaging and of the activation, which are no arguments of Ultralytics."""
    own = {"average": request.average, "activation": request.activation}
    return {key: value for key, value in own.items() if value} | request.schedule.settings


def _arguments(request: Request, base: Checkpoint, data: dataset.Dataset) -> dict[str, Any]:
    """Ultralytics' training arguments."""
    knows_classes = base.path.suffix == ".pt" and base.names == data.names
    imgsz = request.imgsz or base.imgsz
    recipe = recipes.tuning(base.meta["method"], base.meta["ratio"])
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
        "close_mosaic": recipes.close_mosaic(request.epochs, recipes.is_smaller(base.meta["method"], request.as_after)),
        "cache": "ram" if len(data.images("train")) * imgsz * imgsz * 3 < _CACHE_BYTES else False,
        **({"distill_model": str(request.teacher.absolute())} if request.teacher else {}),
        # Validation would make a network that suppresses by itself use its other head, and save it so.
        **({"nms": False} if base.model.end2end else {}),
        **request.options,
    }


def _run(request: Request, arguments: dict[str, Any], removal: StepwiseRemoval | None) -> None:
    import torch

    from pinch.weights.training.trainer import Trainer

    # The processes of a run on several GPUs import the trainer by name.
    os.environ["PYTHONPATH"] = library_path()
    trainer = Trainer(overrides=arguments)
    trainer.removal = removal
    # The processes of a run on several GPUs get the arguments and the callbacks of the trainer, not its attributes.
    trainer.add_callback("on_train_start", functools.partial(averaging.ask_for, count=request.average))
    try:
        with ending_with_this() if trainer.ddp else contextlib.nullcontext():
            trainer.train()
    except torch.OutOfMemoryError as error:
        raise PinchError(
            f"training {request.name} needs more memory than the GPU has, although its batch was made smaller than "
            f"{request.batch} where possible: lower train.batch, or train.imgsz"
        ) from error
    except subprocess.CalledProcessError as error:
        raise PinchError(
            f"training {request.name} on GPUs {arguments['device']} failed: see its message above"
        ) from error
    last = request.run_folder / "weights" / "last.pt"
    if last.is_file() and not runs.is_finished(last):
        raise PausedError(f"training {request.name} pauses: its next epoch would not end before the job's time limit")


def _finish(request: Request, base: Checkpoint) -> TrainingRecord:
    """Check the best model of the run and write it with its `pinch` entry."""
    best = request.run_folder / "weights" / "best.pt"
    if not best.is_file():
        raise PinchError(
            f"the losses of training {request.name} became infinite or undefined before any epoch had a result that can"
            " be kept: lower lr0 in its options (and name an optimizer there, since `auto` chooses its own rate)"
        )
    trained = checkpoints.load(best)
    carried = trained.model.__dict__.pop("pinch", {})
    meta = {**base.meta, "tuned": base.meta["method"] != "none" or request.as_after is not None}
    sparsity = 0.0
    if base.meta["method"] != "none":
        structures = [request.schedule.structure(network) for network in (base.model, trained.model)]
        if structures[0] != structures[1]:
            raise PinchError(f"training changed the structure of {base.path}: it is no longer the pruned network")
    if carried.get("masks"):
        meta["masks"] = carried["masks"]
        kept = mask_tools.unpack(meta["masks"], trained.model, str(best))
        sparsity = mask_tools.require_sparsity(trained.model, kept, meta["sparsity"], request.name)
    trained.train_args = {k: v for k, v in trained.train_args.items() if k not in _LOCAL_ARGS}
    trained.train_args |= {"model": Path(request.base).name, "data": str(request.data)}
    checkpoints.save(request.checkpoint, trained.model, meta, trained)
    return _record(request, trained, sparsity)


def _record(request: Request, trained: Checkpoint, sparsity: float) -> TrainingRecord:
    curve = results.curve(request.run_folder / results.RESULTS)
    best = max((row for row in curve if row.epoch >= request.schedule.settled), key=lambda row: row.map50_95)
    return TrainingRecord(
        model=request.name,
        base_model=Path(request.base).name,
        epochs_requested=request.epochs,
        epochs_run=len(curve),
        best_epoch=best.epoch,
        seconds=round(results.seconds(request.run_folder / results.RESULTS), 1),
        imgsz=trained.train_args["imgsz"],
        device=request.device,
        parameters=checkpoints.count_parameters(trained.model),
        teacher=request.teacher.name if request.teacher else None,
        schedule=request.schedule.name,
        curve=curve,
        sparsity=sparsity,
        batch=request.batch,
        batch_used=trained.train_args["batch"],
        diverged_epoch=results.diverged_epoch(request.run_folder),
        **results.averaged(request.run_folder),
        activation=", ".join(sorted(activations.of(trained.model))) or None,
    )


def tuned_pruning(prune: Callable[[Path], R], output: Path, data: Path, **settings: Any) -> R:
    """Prune and tune, and keep only the tuned model.

    Args:
        prune: writes the pruned checkpoint to the given path and returns its record.
        output: the tuned checkpoint.
        data: data.yaml.
        settings: of the `Request`.

    Returns:
        What `prune` returned, with the tuned model's name as `model` and its training as `tuning`.
    """
    require_replaceable(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.stem}-", dir=output.parent) as folder:
        base = Path(folder) / f"{output.stem.removesuffix('_tuned')}.pt"
        result = prune(base)
        request = Request(output.stem, data, Path(folder), base, pruned=True, **settings)
        tuning = train(request)
        os.replace(request.checkpoint, output)
    return dataclasses.replace(result, model=output.stem, tuning=tuning)
