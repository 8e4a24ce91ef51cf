# The only place that reads the configuration: from here on there are lists of models, artifacts and devices.
import functools
import gc
import json
import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir) / "workflow/scripts"))

from pinch.core import arguments, schema
from pinch.core.errors import PinchError
from pinch.core.files import write_json
from pinch.core.signatures import signed
from pinch.core.yaml_files import read_yaml
from pinch.data import changes
from pinch.data.hagrid import source
from pinch.measuring.imported import entries
from pinch.operations import experience, failures, interruption, submission
from pinch.report import contents
from pinch.run import activations, comparing, exported, formats, rivals, seeds, studies, targets, wants
from pinch.run.identity import METHODS, RIVALS, Artifact, Model, Timing, seed_suffix
from pinch.run.manifest import CONFIG_FILE, Manifest
from pinch.run.settings import data, exporting, measuring, pruning, training
from pinch.weights import contradictions
from pinch.weights.pruning import kinds

# A DAG is millions of small objects that stay: looking through them for garbage every 700 new ones, Python's default,
# takes several percent of a dry run of ten thousand jobs.
gc.set_threshold(500_000)

if workflow.is_main_process:
    interruption.end_on_sigterm()


@contextmanager
def wrong_configuration():
    """What the library refuses is wrong in the configuration."""
    try:
        yield
    except PinchError as error:
        raise WorkflowError(f"The configuration is wrong: {error}") from None


with wrong_configuration():
    # Snakemake has read these files already, and took the last of keys that are there twice.
    for configfile in workflow.configfiles:
        read_yaml(configfile)
    seeds.settle(config)
    schema.validate(
        config,
        schema.load(str(Path(workflow.basedir) / "workflow/schemas/config.schema.yaml")),
    )
    contradictions.refuse(config)
    SPECS = [formats.parse_spec(spec) for spec in config["export"]["artifacts"]]
    WANTS = wants.read(config["select"])
    RIVAL_MODELS = rivals.models(config)
    OTHER_SEEDS = seeds.others(config)

NAME = config["name"]
RUN = f"results/{NAME}"
# Rules call commands by name. Conda environments bring an interpreter; without them it is the one that runs Snakemake.
COMMANDS = [f"{workflow.basedir}/workflow/scripts"]
if not workflow.deployment_settings.deployment_method:
    COMMANDS.append(str(Path(sys.executable).parent))
# A prefix takes the place of Snakemake's own, which lets a job fail with any of its commands.
shell.prefix(f"set -euo pipefail; export PATH={shlex.quote(':'.join(COMMANDS))}:$PATH; ")

SEED = config["seed"]
DEVICE = config["device"]
IMGSZ = config["train"]["imgsz"]
GPUS = int(DEVICE == "gpu")
DATA = f"{RUN}/dataset/data.yaml"
# Label files of HaGRID, which runs with the same classes share.
LABELS = "results/labels"
NOTED_CHANGES = f"{RUN}/dataset/changes.json"
STARTED = time.time()
# Absolute, since Snakemake looks for it beside the Snakefile.
FRONT_CAPTION = str(Path(f"{RUN}/{contents.FRONT}").resolve())


# --- Models -----------------------------------------------------------------------------------------------------------
BASE = Model(NAME)
# The base's twin is tuned as the pruned models of this method are.
TWIN_METHOD = comparing.twin_method(config)
TWIN = [Model(NAME, tuned=True)] if TWIN_METHOD else []
TUNED = [Model(NAME, method, ratio, True) for method in METHODS for ratio in sorted(config[method]["ratios"])]
TUNED += RIVAL_MODELS
UNTUNED = [model.untuned for model in TUNED]
# Those that tables show.
MODELS = [BASE, *TWIN, *TUNED]
# The seed of each model, by the part of its name that tells the seed. The data, and whatever measures, have the run's own.
SEEDS = {seed_suffix(None): SEED} | {seed_suffix(seed): seed for seed in OTHER_SEEDS}
# The same models with the other seeds: made and evaluated, but not exported. A trained base is the same for all seeds.
TRAINED = [] if config["trained_model"] else [BASE]
OTHER_MODELS = [replace(model, seed=seed) for seed in OTHER_SEEDS for model in (*TRAINED, *TWIN, *TUNED)]
# Image sizes of those that have another one than the base.
OWN_SIZES = {
    str(each): model.imgsz for model in (*TUNED, *OTHER_MODELS) if model.imgsz for each in (model, model.untuned)
}


# --- Artifacts --------------------------------------------------------------------------------------------------------
with wrong_configuration():
    EXPORTED = exported.models(config["export"]["models"], BASE, TWIN, TUNED)
SIZES = [None, *(size for size in config["export"]["imgsz"] if size != IMGSZ)]
ARTIFACTS = {
    artifact.file: artifact
    for artifact in (
        Artifact(model, entry, precision, size)
        for model in EXPORTED
        for size in (SIZES if model.imgsz is None else [None])
        for precision, entry in SPECS
    )
}


DEVICES = [
    (device, threads)
    for device in config["measure"]["devices"]
    for threads in (config["measure"]["threads"] if device == "cpu" else [1])
]
TIMINGS = [
    Timing(device, threads, artifact)
    for device, threads in DEVICES
    for artifact in ARTIFACTS.values()
    if device in artifact.format.devices
]
# Times from other devices, by the names of their records.
IMPORTED = entries.listed(config["measure"]["imported"])
if workflow.is_main_process:  # jobs need not read them again
    with wrong_configuration():
        entries.require(IMPORTED.values(), ARTIFACTS)
        # A file that is not there yet may have what a want asks for; a real run refuses it before the first job.
        if all(entry.found for entry in IMPORTED.values()):
            wants.require_timed(
                WANTS,
                [*TIMINGS, *(timing for entry in IMPORTED.values() for timing in entry.timings(ARTIFACTS))],
                [each for entry in IMPORTED.values() for each in entry.on_phone(ARTIFACTS)],
            )
# Every artifact is timed in turns with this one, so that ratios hold when the machine's speed drifts.
BASELINE = [
    f"{RUN}/artifacts/{artifact.file}"
    for artifact in ARTIFACTS.values()
    if (artifact.model, artifact.size, artifact.precision, artifact.format.name) == (BASE, None, *formats.REFERENCE)
]


# --- Records ----------------------------------------------------------------------------------------------------------
# Of other seeds: each model, before and after tuning, and how it was made.
OTHER_TUNED = [model for model in OTHER_MODELS if model.method != "none"]
OTHER_UNTUNED = [model.untuned for model in OTHER_TUNED]
SEED_RECORDS = [f"{RUN}/records/accuracy/{model}.json" for model in (*OTHER_MODELS, *OTHER_UNTUNED)]
SEED_RECORDS += [f"{RUN}/records/training/{model}.json" for model in OTHER_MODELS]
SEED_RECORDS += [f"{RUN}/records/pruning/{model}.json" for model in OTHER_UNTUNED]
MODEL_RECORDS = [f"{RUN}/records/accuracy/{model}.json" for model in (*MODELS, *UNTUNED)]
TRAINING_RECORDS = [f"{RUN}/records/training/{model}.json" for model in (*TRAINED, *TWIN, *TUNED)]
PRUNING_RECORDS = [f"{RUN}/records/pruning/{model}.json" for model in UNTUNED]
EXPORT_RECORDS = [f"{RUN}/records/export/{file}.json" for file in ARTIFACTS]
ARTIFACT_RECORDS = [f"{RUN}/records/accuracy/{file}.json" for file in ARTIFACTS]
INFERENCE_RECORDS = [f"{RUN}/records/inference/{timing.place}/{timing.artifact.file}.json" for timing in TIMINGS]
IMPORTED_RECORDS = [f"{RUN}/records/imported/{name}.json" for name in IMPORTED]
PROCESSOR = f"{RUN}/records/processor/cpu.json"
# Of what tables compare: what matching found in each image, beside the record.
EVIDENCE = [f"{RUN}/records/accuracy/{name}.npz" for name in (*MODELS, *ARTIFACTS)]
LAYER_SCAN = f"{RUN}/records/sensitivity/layers.json"
# The configuration has values for the options of all kinds of pruning. Commands refuse those of other kinds than its own,
# which are defaults.
COARSE_OPTIONS = kinds.coarse_options(*(config["coarse"][key] for key in ("mode", "ranking", "spread")))
NOT_COARSE = kinds.OPTIONS.keys() - COARSE_OPTIONS - {"scan"}
NOT_FINE = {"scope" if config["fine"]["pattern"] else "pattern"}
# Optional studies, by the name of their record: what asks for them.
ASKED_FOR = {
    "layers": config["sensitivity"]["scan"] or "scan" in COARSE_OPTIONS,
    "explain": config["sensitivity"]["explain"],
}
STUDIES = [study for study, asked_for in ASKED_FOR.items() if asked_for]
STUDY_RECORDS = [f"{RUN}/records/sensitivity/{study}.json" for study in STUDIES]
STUDY_PARTS = {study: studies.parts(study, config["sensitivity"]["ratios"]) for study in ASKED_FOR}
STUDY_PLOTS = [contents.STUDY_PLOTS[study] for study in STUDIES]
ALL_RECORDS = (
    STUDY_RECORDS
    + MODEL_RECORDS
    + TRAINING_RECORDS
    + PRUNING_RECORDS
    + SEED_RECORDS
    + EXPORT_RECORDS
    + ARTIFACT_RECORDS
    + INFERENCE_RECORDS
    + IMPORTED_RECORDS
)
OPTIONAL_PLOTS = [*([] if config["hide_images"] else [contents.SAMPLES, contents.FAILURES]), *STUDY_PLOTS]
# Where accuracy is measured on a part of test, the chosen artifacts are measured on all of it.
CHOSEN = [contents.CHOSEN] if config["evaluate"]["limit"] else []
OVER_SEEDS = [contents.OVER_SEEDS] if OTHER_MODELS else []
OPTIONAL_TABLES = [*OVER_SEEDS, *CHOSEN]
OPTIONAL_ITEMS = [*OPTIONAL_PLOTS, *OPTIONAL_TABLES]
# The run that this one is compared with, if any.
OTHER_RUN = config["compare_with"]
COMPARISON = [f"{RUN}/comparison.{ending}" for ending in ("html", "csv")] if OTHER_RUN else []

MANIFEST = Manifest(MODELS, list(ARTIFACTS.values()), TIMINGS, STUDIES, OTHER_MODELS, SEED, list(IMPORTED)).to_json()
MANIFEST |= experience.noted(config)


# --- Where things come from -------------------------------------------------------------------------------------------
SYNTHETIC = config["synthetic"] if not config["dataset"] else None
HAGRID = f"{RUN}/hagrid"
# What is downloaded of HaGRID, and the folder for it, which several runs may share.
FETCH = config["hagrid"]["fetch"] if not (config["dataset"] or SYNTHETIC) else None
FETCHED = "data/hagrid"
WEIGHTS = "resources/weights"
# A bare file name is one of Ultralytics' weights, fetched by a local rule; anything else is a path of the user's.
STOCK_BASE = Path(config["base_model"]).name == config["base_model"] and config["base_model"].endswith(".pt")
BASE_MODEL = f"{WEIGHTS}/{config['base_model']}" if STOCK_BASE else config["base_model"]


def existing(path):
    """A path of the user's as an input, so that a change of the file is noticed; nothing where it is not there yet.

    A dry run must not fail for it, and a real run has refused it before the first job.
    """
    return [path] if path and Path(path).exists() else []


# What makes training impossible is refused when the data set is looked at, if the run trains.
FOR_TRAINING = ["--for-training"] if TRAINING_RECORDS else []
# Of a base that is a file; a .yaml of Ultralytics is none.
WEIGHTS_FILE = [BASE_MODEL] if STOCK_BASE else existing(BASE_MODEL)
# What artifacts are timed on: the user's video or pictures, the rendered video, or else the validation pictures.
TIMING_SOURCE = existing(config["video"]) if config["video"] else (f"{HAGRID}/video.mp4" if SYNTHETIC else DATA)


def trained_base(wildcards):
    """The base that models with the seed of a job are made from."""
    return f"{RUN}/models/{NAME}{wildcards.seed if TRAINED else ''}.pt"


def seed_of(wildcards):
    """The seed of a job that makes a model."""
    return SEEDS[wildcards.seed]


def base_model(wildcards, input):
    """The base: the file of its weights, or what else the configuration names."""
    return input.weights[0] if input.weights else BASE_MODEL


def hagrid_folder(key):
    """HaGRID's `images` or `annotations`: rendered, downloaded, or the user's."""
    return f"{HAGRID}/{key}" if SYNTHETIC else f"{FETCHED}/{key}" if FETCH else config["hagrid"][key]


def hagrid_images(wildcards):
    """The folder of HaGRID's pictures."""
    return hagrid_folder("images")


def hagrid_annotations(wildcards):
    """The folder of HaGRID's annotations."""
    return hagrid_folder("annotations")


def class_arguments():
    """Arguments that tell the classes of the run, before there is a data set."""
    if config["dataset"]:
        return ["--dataset", config["dataset"]]
    given = config["hagrid"]
    return ["--classes", *source.expected_classes(given["targets"], given["mode"], hagrid_folder("annotations"))]


def user_paths():
    """Configuration keys and the paths of the user's that they name."""
    paths = {
        "video": config["video"],
        "trained_model": config["trained_model"],
        "dataset": config["dataset"],
        "compare_with": config["compare_with"],
    }
    if not config["trained_model"] and not STOCK_BASE and Path(BASE_MODEL).suffix != ".yaml":
        paths["base_model"] = BASE_MODEL
    for method in METHODS:
        if config[method]["ratios"] and config[method]["teacher"] not in training.OWN_TEACHERS:
            paths[f"{method}.teacher"] = config[method]["teacher"]
    if not (config["dataset"] or SYNTHETIC or FETCH):
        paths |= {f"hagrid.{key}": config["hagrid"][key] for key in ("images", "annotations")}
        if None in (paths["hagrid.images"], paths["hagrid.annotations"]):
            raise WorkflowError(
                "The configuration names no data: set dataset, hagrid.images and annotations, hagrid.fetch, or synthetic"
            )
    if not (config["dataset"] or SYNTHETIC):
        paths["hagrid.background"] = config["hagrid"]["background"]
    for number, entry in enumerate(IMPORTED.values()):
        paths |= {f"measure.imported[{number}].files[{index}]": path for index, path in enumerate(entry.files)}
    return {key: path for key, path in paths.items() if path}


def refuse_braces():
    """Stop at a path that Snakemake would take for a pattern."""
    for key, path in user_paths().items():
        if set("{}") & set(path):
            raise WorkflowError(
                f"The configuration is wrong: {key}: {path} has braces, which Snakemake takes for wildcards:"
                " rename it, or link to it under another name"
            )


def refuse_other_folders():
    """Stop where HaGRID would be downloaded to one folder and read from another."""
    for key in ("images", "annotations") if FETCH else ():
        if config["hagrid"][key] not in (None, hagrid_folder(key)):
            raise WorkflowError(
                f"The configuration is wrong: hagrid.{key}: {config['hagrid'][key]} is not where hagrid.fetch puts HaGRID,"
                f" {hagrid_folder(key)}: leave out one of the two"
            )


def missing_paths():
    """One sentence for each path of the configuration that does not exist."""
    return [
        f"{key}: {path} does not exist (as seen from {Path.cwd()}): mend the path or put the data there"
        for key, path in user_paths().items()
        if not Path(path).exists()
    ]


def refuse_missing_paths():
    """Stop a real run before its first job."""
    if missing := missing_paths():
        raise WorkflowError("The configuration is wrong: " + "; ".join(missing))


def notice_changed_data():
    """Note down if files of the data set have changed, which data.yaml does not tell.

    A dry run and a run then prepare it again, because the note is an input of the rule that does so.
    """
    own = config["dataset"] and Path(config["dataset"])
    if changed := changes.since_prepared(Path(DATA).parent, own):
        logger.warning(
            f"The data set has changed since it was prepared: {'; '.join(changed)}."
            " It is prepared again, and what was made from it is made again"
        )
        write_json(NOTED_CHANGES, {"noticed": time.time(), "changes": changed})


def warn_of_slow_files():
    """Say before anything is made which files are known to be slow."""
    methods = {artifact.model.method for artifact in ARTIFACTS.values()}
    for key, activation in sorted(filter(None, {activations.configured(config, method) for method in methods})):
        for precision, entry in SPECS:
            if reason := entry.slow.get((precision, activation)):
                logger.warning(
                    f"{key}: {activation}: {precision}{entry.ending} files of models with it will be slow, because {reason}"
                )


refuse_braces()
refuse_other_folders()
if workflow.is_main_process:
    for sentence in missing_paths():
        logger.warning(f"The configuration names a path that is not there yet: {sentence}")
    notice_changed_data()
    warn_of_slow_files()


# --- Arguments of commands --------------------------------------------------------------------------------------------
# Every value reaches the shell quoted (`:q`); what may be absent is a list of arguments, empty where it is.
# Options are declared in `pinch.run.settings`: a new one reaches its command from there, without a change of any rule.
def options(section, *declarations, only=(), without=()):
    """Arguments of a command for the options that it takes from a section of the configuration."""
    values = functools.reduce(lambda outer, key: outer[key], section.split("."), config)
    return [
        argument
        for declaration in declarations
        for argument in arguments.rule_arguments(declaration, values, only=only, without=without)
    ]


def rival_shares():
    """Arguments that name the shares of the base's width and depth that rivals have, if there are any."""
    given = {key: config["rivals"][key] for key in ("width", "depth")}
    return [argument for key, shares in given.items() if shares for argument in (f"--{key}s", *map(str, shares))]


def rival_arguments(wildcards):
    """Arguments of make_rival.py: what the rival has less of, and how much is left."""
    left = float(wildcards.amount)
    return [f"--{wildcards.rival}", f"{left if wildcards.rival == 'size' else left / 100:.10g}"]


def rival_tuning(wildcards):
    """Arguments of train.py for a rival."""
    size = OWN_SIZES.get(f"{NAME}{wildcards.seed}_{wildcards.rival}_{wildcards.amount}", IMGSZ)
    said = arguments.rule_arguments(training.ImageSize, {"imgsz": size}) + options("train", training.Batches)
    return said + arguments.rule_arguments(training.Training, rivals.training(config, wildcards.rival))


# Of jobs that tune a network, or measure it while it is in memory.
NETWORK_OPTIONS = options("train", training.ImageSize, training.Batches)


def gpu_check(purpose, device=None):
    """The record of the GPU check that a job waits for, where it uses a GPU."""
    return [f"{RUN}/records/gpu/{purpose}.json"] if (device or DEVICE) == "gpu" else []


def made_for(artifact):
    """The record of the processor that a quantized file is made for, where that is the one that files are timed on."""
    quantized = formats.PRECISIONS[artifact.precision].quantized and artifact.format.targeted
    timed_here = config["export"]["target"] == targets.AUTO and "cpu" in config["measure"]["devices"]
    return [PROCESSOR] if quantized and timed_here else []


def training_settings():
    """Arguments that name the training settings of all sections, each once."""
    sections = [*(["train"] if TRAINED else []), *METHODS]
    given = {
        argument: None for section in sections for argument in options(section, training.Training, only={"options"})
    }
    return list(given)


def export_inputs(entry):
    """What files of a format are made from: a function of a job's wildcards, one for all since there are many jobs."""

    @signed
    def found(wildcards):
        artifact = ARTIFACTS[entry.file(wildcards.stem, wildcards.precision)]
        return {
            "data": DATA,
            "model": f"{RUN}/models/{artifact.model}.pt",
            # Of its checkpoint, where that was measured at the same image size.
            "accuracy": [] if artifact.size else [f"{RUN}/records/accuracy/{artifact.model}.json"],
            "processor": made_for(artifact),
        }

    return found


def export_size(entry):
    """The image size of files of a format: a function of a job's wildcards."""

    @signed
    def size(wildcards):
        artifact = ARTIFACTS[entry.file(wildcards.stem, wildcards.precision)]
        return artifact.size or artifact.model.imgsz or IMGSZ

    return size


@signed
def known_accuracy(wildcards, input):
    """Arguments of quantization.py that name the record of the checkpoint's accuracy, where there is one."""
    return ["--accuracy", *input.accuracy] if input.accuracy else []


@signed
def known_processor(wildcards, input):
    """The same of the record of the processor."""
    return ["--measured-on", *input.processor] if input.processor else []


def pruning_ratios(method):
    """Arguments that name the ratios of a method, if there are any."""
    ratios = config[method]["ratios"]
    return [f"--{method}", *map(str, ratios)] if ratios else []


def tuning_options(wildcards):
    """Arguments of train.py for fine-tuning this pruned model."""
    return NETWORK_OPTIONS + options(wildcards.method, training.Training)


def distillation(wildcards):
    """The teacher, where the configuration asks for one."""
    named = config[wildcards.method]["teacher"]
    return ["--distill", *(own_teacher(wildcards) or [named])] if named else []


def teachers(*methods):
    """The teachers of pruned models that are the user's, as far as they are there."""
    named = {config[method]["teacher"]: None for method in methods if config[method]["ratios"]}
    return [path for teacher in named if teacher not in training.OWN_TEACHERS for path in existing(teacher)]


def own_teacher(wildcards):
    """The teacher of this pruned model that the run makes: the base or its twin."""
    twin = f"{RUN}/models/{NAME}{wildcards.seed}_tuned.pt"
    return {"base": [trained_base(wildcards)], "tuned": [twin]}.get(config[wildcards.method]["teacher"], [])


def teacher(wildcards):
    """The teacher of this pruned model, if it has one and it is there or made."""
    return own_teacher(wildcards) or teachers(wildcards.method)


def gradual(wildcards):
    """The dense model that a gradual schedule starts from, and in how many steps channels are removed from it."""
    dense = ["--gradual-from", trained_base(wildcards)]
    if wildcards.method == "fine":
        return dense if config["fine"]["schedule"] == "cubic" else []
    steps = config["coarse"]["steps"]
    return [*dense, "--steps", str(steps)] if steps > 1 else []


def scan_record():
    """The layer scan that the spread `sensitivity` reads."""
    return [LAYER_SCAN] if "scan" in COARSE_OPTIONS else []


def study_parts(wildcards):
    """The records that a study is gathered from."""
    return [f"{RUN}/records/sensitivity/{wildcards.study}/{part}.json" for part in STUDY_PARTS[wildcards.study]]


# --- The report -------------------------------------------------------------------------------------------------------
def reported(path):
    """A file of the run that the HTML report shows."""
    return report(f"{RUN}/{path}", **contents.report_arguments(RUN, path))


def comparison(wildcards):
    """What the target `compare` makes."""
    if not COMPARISON:
        raise WorkflowError(
            "The configuration names no run to compare with: set compare_with, e.g. --config compare_with=results/other"
        )
    return COMPARISON


# Tables that can be downloaded from the report.
SHOWN_TABLES = [f"tables/{table}.csv" for table in ("models", "artifacts", "inference")]


METHOD, RIVAL, PERCENT = "|".join(METHODS), "|".join(RIVALS), r"\d+(\.\d+)?"
SEEDED = "|".join(seed_suffix(seed) for seed in OTHER_SEEDS)
MODEL = rf"{NAME}({SEEDED})?(_(({METHOD})_prune|{RIVAL})_{PERCENT})?(_tuned)?"
STEM = rf"{MODEL}(_\d+)?"
SPEC = "|".join(map(re.escape, formats.specs()))


wildcard_constraints:
    method=METHOD,
    percent=PERCENT,
    rival=RIVAL,
    amount=PERCENT,
    seed=rf"({SEEDED})?",
    model=MODEL,
    stem=STEM,
    precision="|".join(formats.PRECISIONS),
    artifact=rf"{STEM}_({SPEC})",
    device="cpu|gpu",
    threads=r"\d+",
