"""Where the records of a run are, relative to its folder `results/<name>`."""

from pinch.run.identity import Model

DATASET = "records/dataset.json"
PROCESSOR = "records/processor/cpu.json"
INTERVALS = "records/intervals.json"


def accuracy(name: Model | str) -> str:
    """Of a model or an artifact."""
    return f"records/accuracy/{name}.json"


def training(model: Model | str) -> str:
    """Of a model that was trained or tuned."""
    return f"records/training/{model}.json"


def pruning(model: Model | str) -> str:
    """Of a model that was pruned, or made into a rival, and not tuned yet."""
    return f"records/pruning/{model}.json"


def export(artifact: str) -> str:
    """Of an artifact."""
    return f"records/export/{artifact}.json"


def inference(place: str, artifact: str) -> str:
    """Of an artifact's times; `place` as `Timing.place`."""
    return f"records/inference/{place}/{artifact}.json"


def imported(name: str) -> str:
    """Of times from another device."""
    return f"records/imported/{name}.json"


def study(name: str) -> str:
    """Of a study, one of `pinch.run.studies.STUDIES`."""
    return f"records/sensitivity/{name}.json"


def study_part(study: str, part: str) -> str:
    """Of a part of a study."""
    return f"records/sensitivity/{study}/{part}.json"
