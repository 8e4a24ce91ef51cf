# The only place that reads the configuration: from here on there are lists of models, artifacts and devices, which the
# library makes (`pinch.operations.expected`), and arguments of commands.
import functools
import gc
import json
import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
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
from pinch.operations import experience, expected, failures, interruption, sources, submission, waking
from pinch.report import contents
from pinch.run import formats, record_paths, rivals, seeds, studies, targets, wants
from pinch.run.identity import METHODS, RIVALS
from pinch.run.manifest import CONFIG_FILE
from pinch.run.settings import data, exporting, measuring, pruning, training
from pinch.weights import contradictions
from pinch.weights.pruning import kinds

# A DAG is millions of small objects that stay: looking through them for garbage every 700 new ones, Python's default,
# takes several percent of a dry run of ten thousand jobs.
gc.set_threshold(500_000)

if workflow.is_main_process:
    interruption.end_on_signals()


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

NAME = config["name"]
RUN = f"results/{NAME}"
HAGRID = f"{RUN}/hagrid"

with wrong_configuration():
    WANTS = wants.read(config["select"])
    # Times from other devices, by the names of their records.
    IMPORTED = entries.listed(config["measure"]["imported"])
    EXPECTED = expected.Expected(config, IMPORTED)
    SOURCES = sources.Sources(config, HAGRID, IMPORTED.values())
    if workflow.is_main_process:  # jobs need not read files of times again
        entries.require(IMPORTED.values(), EXPECTED.artifacts)
        # A file that is not there yet may have what a want asks for; a real run refuses it before the first job.
        if all(entry.found for entry in IMPORTED.values()):
            elsewhere = [timing for entry in IMPORTED.values() for timing in entry.timings(EXPECTED.artifacts)]
            on_phones = [each for entry in IMPORTED.values() for each in entry.on_phone(EXPECTED.artifacts)]
            wants.require_timed(WANTS, [*EXPECTED.timings, *elsewhere], on_phones)

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
NOTED_CHANGES = f"{RUN}/dataset/changes.json"
STARTED = time.time()
# Absolute, since Snakemake looks for it beside the Snakefile.
FRONT_CAPTION = str(Path(f"{RUN}/{contents.FRONT}").resolve())

# The configuration has values for the options of all kinds of pruning: what is not of its own kind is a default.
NOT_COARSE = kinds.OPTIONS.keys() - EXPECTED.coarse_options - {"scan"}
NOT_FINE = {"scope" if config["fine"]["pattern"] else "pattern"}
# The run that this one is compared with, if any.
OTHER_RUN = config["compare_with"]
COMPARISON = [f"{RUN}/comparison.{ending}" for ending in ("html", "csv")] if OTHER_RUN else []


def in_run(paths):
    """Files of the run by their paths in its folder."""
    return [f"{RUN}/{path}" for path in paths]


# --- Where things come from -------------------------------------------------------------------------------------------
def existing(path):
    """A path of the user's as an input, so that a change of the file is noticed; nothing where it is not there yet.

    A dry run must not fail for it, and a real run has refused it before the first job.
    """
    return [path] if path and Path(path).exists() else []


# Of a base that is a file; a .yaml of Ultralytics is none.
WEIGHTS_FILE = [SOURCES.base_model] if SOURCES.is_stock else existing(SOURCES.base_model)


def trained_base(wildcards):
    """The base that models with the seed of a job are made from."""
    return f"{RUN}/models/{NAME}{wildcards.seed if EXPECTED.trained else ''}.pt"


def seed_of(wildcards):
    """The seed of a job that makes a model."""
    return EXPECTED.seeds[wildcards.seed]


def base_model(wildcards, input):
    """The base: the file of its weights, or what else the configuration names."""
    return input.weights[0] if input.weights else SOURCES.base_model


def class_arguments():
    """Arguments that tell the classes of the run, before there is a data set."""
    if SOURCES.dataset:
        return ["--dataset", SOURCES.dataset]
    given = config["hagrid"]
    return ["--classes", *source.expected_classes(given["targets"], given["mode"], SOURCES.hagrid("annotations"))]


def for_training():
    """Makes the look at the data set refuse what no network can be trained on, if the run trains."""
    return ["--for-training"] if EXPECTED.training_records else []


def timed_on():
    """What artifacts are timed on: the user's video or pictures, the rendered video, or else the validation pictures."""
    return existing(config["video"]) if config["video"] else f"{HAGRID}/video.mp4" if SOURCES.synthetic else DATA


def refuse_missing_paths():
    """Stop a real run before its first job."""
    if missing := SOURCES.missing():
        raise WorkflowError("The configuration is wrong: " + "; ".join(missing))


def notice_changed_data():
    """Note down if files of the data set have changed, which data.yaml does not tell.

    A dry run and a run then prepare it again, because the note is an input of the rule that does so.
    """
    own = SOURCES.dataset and Path(SOURCES.dataset)
    if changed := changes.since_prepared(Path(DATA).parent, own):
        logger.warning(
            f"The data set has changed since it was prepared: {'; '.join(changed)}."
            " It is prepared again, and what was made from it is made again"
        )
        write_json(NOTED_CHANGES, {"noticed": time.time(), "changes": changed})


if workflow.is_main_process:
    for sentence in SOURCES.missing():
        logger.warning(f"The configuration names a path that is not there yet: {sentence}")
    notice_changed_data()
    for sentence in EXPECTED.slow_files():
        logger.warning(sentence)


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
    size = EXPECTED.own_sizes.get(f"{NAME}{wildcards.seed}_{wildcards.rival}_{wildcards.amount}", IMGSZ)
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
    return [f"{RUN}/{record_paths.PROCESSOR}"] if quantized and timed_here else []


def training_settings():
    """Arguments that name the training settings of all sections, each once."""
    sections = [*(["train"] if EXPECTED.trained else []), *METHODS]
    given = {
        argument: None for section in sections for argument in options(section, training.Training, only={"options"})
    }
    return list(given)


def export_inputs(entry):
    """What files of a format are made from: a function of a job's wildcards, one for all since there are many jobs."""

    @signed
    def found(wildcards):
        artifact = EXPECTED.artifacts[entry.file(wildcards.stem, wildcards.precision)]
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
        artifact = EXPECTED.artifacts[entry.file(wildcards.stem, wildcards.precision)]
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
    return [f"{RUN}/{record_paths.study('layers')}"] if EXPECTED.needs_scan else []


def study_parts(wildcards):
    """The records that a study is gathered from."""
    return in_run(record_paths.study_part(wildcards.study, part) for part in EXPECTED.study_parts(wildcards.study))


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
SEEDED = "|".join(filter(None, EXPECTED.seeds))
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
