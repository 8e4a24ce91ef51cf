"""How long a job of each rule takes: by ASSUMPTIONS, corrected by what earlier jobs on this cluster took.

This is the only place that knows: plans add up these times, and requests for time follow from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pinch.operations.workload import Workload
from pinch.run.formats import FORMATS, PRECISIONS, format_of
from pinch.run.image_counts import (
    AVERAGE_IMAGES,
    GRADIENT_IMAGES,
    INFLUENCE_IMAGES,
    STATISTICS_IMAGES,
    TEST_PICTURES_AMONG,
)
from pinch.run.settings.pruning import Explain, LayerScan


@dataclass(frozen=True)
class Job:
    """A job: its rule and wildcards, and what it computes on."""

    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    gpu: bool = False
    threads: int = 1


# A teacher's share was measured on one CPU core with a YOLO11n at 160 pixels, in processor time of forward and backward
# pass. Relative to no teacher it is 1.20 with one of half its width (0.3 of its file), 1.37 with its like, and 1.81
# with one of twice its width (3.5 of its file): so the share is rather too high for large teachers.
ASSUMPTIONS = {
    "train_gpu": (400.0, "images of 640 px per second, training on one data-centre GPU"),
    "train_cpu": (2.5, "images of 640 px per second, training on one CPU core"),
    "teacher": (0.35, "of the time of training on an image are added by a teacher as large as the base"),
    "infer_gpu": (600.0, "images of 640 px per second, evaluation on one data-centre GPU"),
    "infer_cpu": (15.0, "images of 640 px per second, evaluation on four CPU threads, and in proportion on others"),
    "decoded": (250.0, "images of 512 px per second and core, decoding"),
    "rendered": (30.0, "synthetic images per second, rendering"),
    "compared": (1000.0, "images per second and file, for intervals of its accuracy"),
    "start": (20.0, "seconds for a job to start its programs"),
    "export": (60.0, "seconds to export one file"),
}
"""Rates that hold if nothing was measured: their values and what they mean."""
_RATE = {name: value for name, (value, _) in ASSUMPTIONS.items()}

SCANNED_LAYERS = 60
"""Layers of YOLO11n in a layer scan."""
CHOSEN = 8
"""Artifacts that are measured on all of test: one for each want and place, of which some are the same."""
COMPARED = 40
"""Files whose accuracies are compared: about as many as config/config.yaml asks for."""
TRAININGS = ("train_base", "tune_base", "tune_pruned", "tune_rival", "explain_tuning")
"""Rules of jobs that pause in time, are sent again, and go on: only an epoch must fit into a submission."""
ON_DEVICE = (*TRAININGS, "evaluate_model", "scan_layers", "explain_pruning")
"""Rules of jobs that use a GPU where the configuration says so."""
GPU_ONLY = ("check_gpu", "measure_on_gpu")
"""Rules of jobs that always use one."""
DEPENDS_ON = {
    "tune_pruned": ("method",),
    "tune_rival": ("rival", "amount"),
    "evaluate_model": ("model",),
    "evaluate_artifact": ("artifact",),
    **{f"export_{name}": ("stem", "precision") for name in FORMATS},
}
"""Wildcards on which the times of a rule's jobs depend. Jobs of one rule that differ in others take the same time."""


def seconds(job: Job, work: Workload) -> float:
    """Seconds of a job according to ASSUMPTIONS."""
    if job.rule.startswith("export_"):
        return _RATE["start"] + _export(job, work)
    return _RATE["start"] + _ESTIMATES.get(job.rule, lambda job, work: 0.0)(job, work)


def epoch_seconds(job: Job, work: Workload) -> float:
    """Seconds of one epoch of training, with its validation."""
    train, val, _ = work.images
    trains, infers = ("train_gpu", "infer_gpu") if job.gpu else ("train_cpu", "infer_cpu")
    # Of jobs that train, those with a method tune a pruned model.
    taught = 1 + _RATE["teacher"] * work.teachers.get(job.wildcards.get("method", ""), 0)
    return _training_scale(job, work) * (taught * train / _RATE[trains] + val / _RATE[infers])


def unbroken_seconds(job: Job, work: Workload) -> float:
    """Seconds that one submission must hold: those of the job or, if it goes on in the next one, of an epoch."""
    if job.rule not in TRAININGS:
        return seconds(job, work)
    measuring = 2 * _explained(job, work) if job.rule == "explain_tuning" else 0
    return _RATE["start"] + epoch_seconds(job, work) + _step(job, work) + _averaging(job, work) + measuring


def images(job: Job, work: Workload) -> int:
    """Number of images that a job looks at; 0 where there are few, or it keeps nothing of them."""
    train, val, test = work.images
    if job.rule.startswith("export_"):
        # It is calibrated, and compared with the checkpoint on val. Where it loses too much, it is quantized and
        # measured again, with operators in float.
        return work.calibration_images * work.classes + 2 * work.measured[0]
    if job.rule in TRAININGS:
        return train + val
    if job.rule in ("evaluate_model", "evaluate_artifact", "compare_accuracy", "compare_runs"):
        return sum(work.measured)
    if job.rule == "compare_chosen":
        return work.measured[1]
    if job.rule == "evaluate_chosen":
        return test
    return train + val + test if job.rule in ("hagrid_to_yolo", "prepare_dataset") else 0


def _training(job: Job, work: Workload) -> float:
    steps = work.steps if work.steps > 1 else 0
    epochs = work.epochs[_epochs_of(job)] * epoch_seconds(job, work)
    return epochs + steps * _step(job, work) + _averaging(job, work)


def _epochs_of(job: Job) -> str:
    """The key of `Workload.epochs` for a job that trains."""
    fixed = {"train_base": "base", "tune_base": "twin", "explain_tuning": "fine"}
    return fixed.get(job.rule) or job.wildcards["method" if job.rule == "tune_pruned" else "rival"]


def _training_scale(job: Job, work: Workload) -> float:
    """Work for an image of a training relative to one of 640 pixels."""
    return work.scale_of(f"_{job.wildcards['amount']}" if job.wildcards.get("rival") == "size" else "")


def _step(job: Job, work: Workload) -> float:
    """Seconds of one step of an iterative coarse pruning, which is taken on the processor; 0 if there are none."""
    return _ranking(replace(job, gpu=False), work) if work.steps > 1 and _epochs_of(job) == "coarse" else 0


def _averaging(job: Job, work: Workload) -> float:
    """Seconds for the average of weights at the end of a training: its statistics, and one more validation."""
    if _epochs_of(job) not in work.averaged:
        return 0
    train, val, _ = work.images
    return (
        _training_scale(job, work) * (min(train, AVERAGE_IMAGES) + val) / _RATE["infer_gpu" if job.gpu else "infer_cpu"]
    )


def _read_all(job: Job, work: Workload) -> float:
    return images(job, work) / (_RATE["decoded"] * job.threads)


def _per_image(job: Job) -> float:
    """Seconds for the prediction of an image of 640 pixels."""
    return 1 / _RATE["infer_gpu"] if job.gpu else 4 / (_RATE["infer_cpu"] * job.threads)


def _evaluation(job: Job, work: Workload) -> float:
    artifact = job.wildcards.get("artifact")
    model = job.wildcards.get("model", "")
    scale = work.scale_of(_stem(artifact) if artifact else model if "_size_" in model else "")
    # One process reads the images and waits for the predictions.
    return images(job, work) * (1 / _RATE["decoded"] + scale * _per_image(job))


def _stem(artifact: str) -> str:
    """The name of an exported file without precision and ending."""
    entry = format_of(artifact)
    return artifact.removesuffix(entry.ending).rpartition("_")[0] if entry else artifact


def _ranking(job: Job, work: Workload) -> float:
    return work.scale * GRADIENT_IMAGES / _RATE["train_cpu"] + STATISTICS_IMAGES * _scaled(job, work)


def _timing(work: Workload, rate: str) -> float:
    # In turns with the baseline, and on one thread.
    return 2 * work.timed_frames * 4 * work.scale / _RATE[rate]


def _scaled(job: Job, work: Workload) -> float:
    """Seconds for the prediction of an image of this run."""
    return work.scale * _per_image(job)


def _scanned(job: Job, work: Workload) -> float:
    return min(work.images[1], LayerScan.images) * _scaled(job, work)


def _explained(job: Job, work: Workload) -> float:
    return min(work.images[2], Explain.images) * _scaled(job, work)


def _export(job: Job, work: Workload) -> float:
    precision = PRECISIONS.get(job.wildcards.get("precision", ""))
    if not (precision and precision.quantized):
        return _RATE["export"]
    return _RATE["export"] + images(job, work) * work.scale_of(job.wildcards.get("stem", "")) * _per_image(job)


_ESTIMATES: dict[str, Callable[[Job, Workload], float]] = {
    "synthesize_hands": lambda job, work: sum(work.images) / _RATE["rendered"],
    "hagrid_to_yolo": _read_all,
    "prepare_dataset": _read_all,
    **dict.fromkeys(TRAININGS, _training),
    "coarse_prune": _ranking,
    "make_rival": lambda job, work: (STATISTICS_IMAGES + INFLUENCE_IMAGES) * _scaled(job, work),
    "evaluate_model": _evaluation,
    "evaluate_artifact": _evaluation,
    "compare_accuracy": lambda job, work: COMPARED * images(job, work) / _RATE["compared"],
    # On test alone, but boxes of each size once more.
    "compare_chosen": lambda job, work: 2 * CHOSEN * images(job, work) / _RATE["compared"],
    "compare_runs": lambda job, work: 2 * COMPARED * images(job, work) / _RATE["compared"],
    "evaluate_chosen": lambda job, work: CHOSEN * _evaluation(job, work),
    "make_bundles": lambda job, work: CHOSEN * TEST_PICTURES_AMONG * work.scale * _per_image(job),
    "measure_on_cpu": lambda job, work: _timing(work, "infer_cpu"),
    "measure_on_gpu": lambda job, work: _timing(work, "infer_gpu"),
    # Each part of a study also measures the unpruned network.
    "scan_layers": lambda job, work: (SCANNED_LAYERS + 1) * _scanned(job, work),
    "explain_pruning": lambda job, work: (len(Explain.ratios) + 1) * _explained(job, work),
    "explain_tuning": lambda job, work: _training(job, work) + 2 * _explained(job, work),
}
