"""Kinds of schedule as values: what tells their trainings apart, and what does not fit into their epochs."""

from pathlib import Path

import pytest

from pinch.core.errors import PinchError
from pinch.weights.training import schedules

DENSE = Path("base.pt")


@pytest.mark.parametrize(
    ("epochs", "dense", "steps", "name", "settings", "settled"),
    [
        (24, None, 1, "one-shot", {}, 1),
        (24, DENSE, 3, "3 steps", {"steps": [0, 4, 8]}, 9),
        (24, DENSE, 1, "cubic", {"ramp": 0.6}, 14.4),
    ],
)
def test_each_kind_is_known_by_what_the_identity_of_its_trainings_says(epochs, dense, steps, name, settings, settled):
    """Earlier trainings have these settings in their identity, by which they are found again."""
    schedule = schedules.chosen(epochs, dense, steps)
    assert (schedule.name, schedule.settings, schedule.settled) == (name, settings, pytest.approx(settled))
    assert schedule.several_gpus == (steps == 1)


@pytest.mark.parametrize(
    ("epochs", "dense", "steps", "most"), [(5, None, 1, 5), (5, DENSE, 1, 3), (3, DENSE, 2, 2), (24, DENSE, 3, 16)]
)
def test_only_epochs_after_pruning_can_be_averaged(epochs, dense, steps, most):
    schedule = schedules.chosen(epochs, dense, steps)
    schedule.require_fit(most)
    with pytest.raises(PinchError, match=rf"--average: {most + 1} epochs .* only {most}.* or raise --epochs"):
        schedule.require_fit(most + 1)


def test_each_step_needs_an_epoch_of_its_own():
    schedules.chosen(6, DENSE, 3).require_fit(0)
    with pytest.raises(PinchError, match=r"coarse\.steps: 3 steps do not fit .* of 4 epochs.* raise coarse\.epochs"):
        schedules.chosen(4, DENSE, 3).require_fit(0, "coarse.{}".format)


def test_steps_need_the_network_that_they_start_from():
    with pytest.raises(PinchError, match="--gradual-from"):
        schedules.chosen(24, None, 2)
