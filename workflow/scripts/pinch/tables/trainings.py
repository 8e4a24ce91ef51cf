"""The epochs of trainings: rows of the table `training`."""

from typing import Any

from pinch.core.record_types.weights import TrainingRecord
from pinch.tables.cells import pick, scalars

# What is said of a training in the row of each of its epochs. The first are a fixed interface.
_ABOUT = ["best_epoch", "epochs_requested", "seconds", "imgsz", "device"]
_ASKED_AND_DONE = ["batch", "batch_used", "diverged_epoch"]
_MORE = ["schedule", "teacher", "averaged_epochs", "averaged_map50_95", "activation"]
COLUMNS = ["model", "epoch", "map50", "map50_95", *_ABOUT, "method", "ratio", "tuned", "label"]
COLUMNS += [*_ASKED_AND_DONE, *_MORE, "seed"]


def rows(record: TrainingRecord, seed: int | None) -> list[dict[str, Any]]:
    """One row for each epoch, without the columns that say what the model is."""
    about = pick(record, *_ABOUT, *_ASKED_AND_DONE, *_MORE) | {"seed": seed}
    return [scalars(epoch) | about for epoch in record.curve]
