"""What cannot be asked for, or would be asked for in vain, is refused before any job, and by commands likewise."""

import pytest
from conftest import ROOT

import check_base_model
import coarse_prune
from pinch.core.errors import PinchError
from pinch.core.schema import load, validate
from pinch.weights import contradictions

SCHEMA = load(str(ROOT / "workflow/schemas/config.schema.yaml"))
TRAINED = {"trained_model": "mine.pt"}


def refuse(**changes):
    config = {"name": "some", **changes}
    validate(config, SCHEMA)
    contradictions.refuse(config)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"coarse": {"mode": "mask", "steps": 2}}, "coarse.steps is for the mode remove, not for mask: leave it out"),
        (
            {"coarse": {"mode": "mask", "activation": "relu"}},
            "coarse.activation is for the mode remove, not for the mode",
        ),
        ({"coarse": {"mode": "mask", "spread": "uniform"}}, "coarse.spread is for the mode remove"),
        ({"coarse": {"norm": 1}}, "coarse.norm is for the mode mask and the rankings ln and group_norm, not for"),
        ({"coarse": {"spread": "uniform", "macs_limit": 1.3}}, "coarse.macs_limit is for the spread global"),
        ({"coarse": {"steps": 6}}, "coarse.steps: 6 steps do not fit into the first half of 10 epochs"),
        (
            {"coarse": {"steps": 3, "average": 8}},
            "coarse.average: 8 epochs cannot be averaged, since there are only 7 of 10",
        ),
        ({"fine": {"schedule": "cubic", "average": 8}}, "fine.average: 8 epochs .* 7 of 15 .* or raise fine.epochs"),
        ({"train": {"epochs": 3, "average": 4}}, "train.average: 4 epochs .* only 3: lower it, or raise train.epochs"),
        ({"fine": {"schedule": "cubic", "pattern": "2:4"}}, "fine.schedule: cubic would not keep fine.pattern"),
        ({"fine": {"scope": "layer", "pattern": "2:4"}}, "leave out fine.scope, or fine.pattern"),
        ({"fine": {"ratios": [0.3], "pattern": "2:4"}}, "give the ratio 0.5, not 0.3"),
        (TRAINED | {"train": {"activation": "relu"}}, "train.activation has no effect on a trained_model"),
        (
            {"coarse": {"ratios": [0.5], "teacher": "tuned"}, "tune_base": False},
            "coarse.teacher: tuned needs tune_base: true",
        ),
        (TRAINED | {"seeds": [0, 1]}, "seeds have no effect on a trained_model alone"),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises(PinchError, match=sentence) as error:
        refuse(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"coarse": {"mode": "mask", "norm": 1}},
        {"coarse": {"steps": 3, "average": 7, "activation": "relu"}},
        {"fine": {"pattern": "2:4", "ratios": [0.5]}},
        TRAINED | {"train": {"epochs": 3, "average": 4}, "seeds": [0, 1], "rivals": {"width": [0.5]}},
    ],
)
def test_what_has_an_effect_is_accepted(changes):
    refuse(**changes)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["--epochs", "3"], "--epochs is for fine-tuning: add --fine-tune, or leave it out"),
        (["--fine-tune", "--mode", "mask", "--steps", "2"], "--steps is for the mode remove, not for mask"),
        (
            ["--fine-tune", "--epochs", "2", "--steps", "2"],
            "--steps: 2 steps do not fit into the first half of 2 epochs",
        ),
        (["--fine-tune", "--average", "11"], "--average: 11 epochs cannot be averaged, since there are only 10"),
    ],
)
def test_the_command_refuses_the_same_before_it_opens_anything(said, sentence, tmp_path):
    fixed = ["--model", "none.pt", "--sparsity", "0.5", "--output", str(tmp_path), "--dataset", "none.yaml"]
    with pytest.raises(PinchError, match=sentence):
        coarse_prune.main([*fixed, *said])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("setting", "sentence"), [("no_such=1", "no_such"), ("epochs=3", "follows from other arguments")]
)
def test_settings_of_tuning_are_checked_before_the_base_is_trained(setting, sentence, tmp_path):
    output = tmp_path / "check.json"
    with pytest.raises(PinchError, match=sentence):
        check_base_model.main(["none.pt", "--output", str(output), "--classes", "cat", "--set", "lr0=0.1", setting])
    assert not output.exists()
