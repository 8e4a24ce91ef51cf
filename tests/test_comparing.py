"""What pruned models are compared with: the better of base and twin; and whether the base was trained enough."""

import pytest

from pinch.run import comparing
from pinch.run.identity import Model
from pinch.tables import plateau


def rows(**val):
    """Rows of models by their accuracy on val: `base`, `twin`, `coarse`."""
    models = {"base": Model("x"), "twin": Model("x", tuned=True), "coarse": Model("x", "coarse", 0.5, True)}
    return [models[name].fields() | {"val_map50_95": value} for name, value in val.items()]


@pytest.mark.parametrize(
    ("val", "model"),
    [
        ({"base": 0.8}, "x"),
        ({"base": 0.8, "twin": 0.81, "coarse": 0.9}, "x_tuned"),
        ({"twin": 0.8, "base": 0.8}, "x"),
        ({"base": 0.8, "twin": 0.79}, "x"),
        ({"base": 0.8, "twin": None}, "x"),
        ({"base": 0.8, "twin": float("nan")}, "x"),
        ({"base": float("nan"), "twin": 0.2}, "x_tuned"),
        ({"base": 0.001, "twin": 0.002}, "x"),
    ],
)
def test_the_better_of_base_and_twin_on_val_is_what_others_are_compared_with(val, model):
    assert comparing.unpruned(rows(**val))["model"] == model


def test_without_the_base_nothing_is_compared():
    assert comparing.unpruned(rows(twin=0.8, coarse=0.7)) is None
    assert comparing.unpruned([]) is None


def training(name, curve):
    return [
        {"model": name, "epoch": epoch, "best_epoch": curve.index(max(curve)) + 1, "map50_95": value}
        for epoch, value in enumerate(curve, 1)
    ]


STEADY = [0.5, 0.7, 0.76, 0.79, 0.80, 0.79, 0.80, 0.79]


@pytest.mark.parametrize(
    ("base", "val", "rising", "gains"),
    [
        ([0.6, 0.8, 0.79], {"base": 0.8, "twin": 0.81}, False, False),
        ([0.6, 0.8, 0.79], {"base": 0.8, "twin": 0.79}, False, False),
        ([0.6, 0.8, 0.79], {"base": 0.8, "twin": 0.83}, False, True),
        ([0.6, 0.7, 0.8], {"base": 0.8, "twin": 0.83}, True, True),
        ([0.6, 0.7, 0.8], {"base": 0.8}, True, False),
        ([], {"base": 0.8, "twin": 0.83}, False, True),
        ([], {"base": 0.8, "twin": None}, False, False),
    ],
)
def test_a_base_that_rose_to_its_end_or_gains_by_more_epochs_was_not_at_its_plateau(base, val, rising, gains):
    found = plateau.of(rows(**val), training("x", base) + training("x_tuned", STEADY))
    assert (found.rising, found.gains, found.reached) == (rising, gains, not (rising or gains))
    assert found.noise == (pytest.approx(0.01) if "twin" in val else None)


def test_noise_is_that_of_the_second_half_and_needs_some_epochs():
    assert plateau.noise(STEADY) == pytest.approx(0.01)
    assert plateau.noise([0.5, 0.6, 0.7, 0.71]) is None
    assert plateau.noise([]) is None
    assert plateau.of([], []) is None
