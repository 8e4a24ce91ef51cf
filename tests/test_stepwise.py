"""Iterative coarse pruning: channels are removed in steps, with one training around them."""

import math

import detectors
import pytest
import shapes
import yaml
from test_averaging import judged_against
from test_training import interrupted_train

from pinch.core.errors import PinchError
from pinch.data import dataset
from pinch.weights import checkpoints
from pinch.weights.pruning import coarse, kinds
from pinch.weights.pruning.stepwise import StepwiseRemoval, unit_widths
from pinch.weights.training import recipes
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request
from pinch.weights.training.trainer import Trainer, bare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=16, val=4)


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    base = detectors.write(folder / "base.pt", width=0.125, names=shapes.NAMES)
    coarse.prune_file(
        base, folder / "coarse.pt", kinds.ChannelRemoval(0.5, kinds.Taylor(), round_to=4), dataset.load(data)
    )
    return folder


@pytest.fixture(scope="module")
def request_of(data, models, tmp_path_factory):
    project = tmp_path_factory.mktemp("trained")

    def make(name, base="coarse.pt", **options):
        fixed = {"warmup_epochs": 0.0}
        options = {"epochs": 3, "batch": 8, "dense": models / "base.pt", "steps": 2, "options": fixed, **options}
        return Request(name, data, project, models / base, pruned=base != "base.pt", **options)

    return make


@pytest.fixture(scope="module")
def unbroken(request_of):
    """A training with two steps: its request, its record, and by epoch the rate, the parameters and the optimizer."""
    seen = []
    validate = Trainer.validate

    def watched(self):
        parameters = sum(p.numel() for p in bare(self.model).parameters())
        seen.append((self.optimizer.param_groups[0]["lr"], parameters, id(self.optimizer)))
        return validate(self)

    request = request_of("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "validate", watched)
        result = train(request)
    return request, result, list(zip(*seen, strict=True))


def test_steps_lie_in_the_first_half():
    assert recipes.step_epochs(24, 1) == [0]
    assert recipes.step_epochs(24, 3) == [0, 4, 8]
    assert recipes.step_epochs(2, 3) == [0, 0, 1]


def test_every_step_is_narrower_and_the_last_is_the_pruned_network(data, models):
    whole, pruned = (checkpoints.load(models / name) for name in ("base.pt", "coarse.pt"))
    steps = StepwiseRemoval(whole, pruned, 2, dataset.load(data), 64)
    before = unit_widths(whole.model)
    for number, widths in enumerate(steps.widths, 1):
        assert all(width % 4 == 0 and width <= before[name] for name, width in widths.items())
        assert sum(widths.values()) < sum(before.values())
        steps.shrink(whole.model, number)
        assert unit_widths(whole.model) == widths
        before = widths
    assert before == unit_widths(pruned.model)


def test_another_network_has_no_steps_to_it(data, models, tmp_path):
    other = detectors.write(tmp_path / "other.pt", width=0.0625, names=shapes.NAMES)
    with pytest.raises(PinchError, match="was not made from"):
        StepwiseRemoval(checkpoints.load(other), checkpoints.load(models / "coarse.pt"), 2, dataset.load(data), 64)


def test_one_curve_and_a_new_optimizer_in_each_step(unbroken, models):
    request, result, (rates, parameters, optimizers) = unbroken
    used = yaml.safe_load((request.run_folder / "args.yaml").read_text())
    curve = [1 + (used["lrf"] - 1) * (1 - math.cos(math.pi * epoch / 3)) / 2 for epoch in range(3)]
    assert rates == pytest.approx([used["lr0"] * share for share in curve], rel=1e-4)
    whole, pruned = (
        sum(p.numel() for p in checkpoints.load(models / n).model.parameters()) for n in ("base.pt", "coarse.pt")
    )
    assert whole > parameters[0] > parameters[1] == parameters[2] == pytest.approx(pruned, rel=0.01)
    assert optimizers[0] != optimizers[1] == optimizers[2]
    trained = checkpoints.load(request.checkpoint)
    assert unit_widths(trained.model) == unit_widths(checkpoints.load(models / "coarse.pt").model)
    assert (trained.meta["method"], trained.meta["tuned"], result.schedule) == ("coarse", True, "2 steps")
    assert result.best_epoch >= 2


@pytest.mark.fault
def test_a_job_killed_in_each_step_goes_on_there(request_of, unbroken, monkeypatch):
    request = request_of("tuned", resume=True)
    interrupted_train(request, monkeypatch, 0)
    interrupted_train(request, monkeypatch, 1)
    result = train(request)
    for found, expected in zip(result.curve, unbroken[1].curve, strict=True):
        assert found.map50_95 == pytest.approx(expected.map50_95, abs=1e-4)
        assert found.train_box_loss == pytest.approx(expected.train_box_loss, rel=1e-3)
    assert result.parameters == unbroken[1].parameters


def test_steps_go_together_with_two_heads_a_teacher_and_an_average(request_of, models, tmp_path, monkeypatch):
    """Also after a kill."""
    base = detectors.write(tmp_path / "base.pt", yaml="yolo26n.yaml", width=0.125, names=shapes.NAMES)
    coarse.prune_file(base, tmp_path / "coarse.pt", kinds.ChannelRemoval(0.5, round_to=4))
    changes = {"dense": base, "teacher": models / "base.pt", "average": 2, "resume": True}
    request = request_of("taught", tmp_path / "coarse.pt", **changes)
    validate, weights = Trainer.validate, {}

    def watched(self):
        # Only of the epoch: the average is validated after the last one.
        weights.setdefault(self.epoch, self.model.criterion.o2m)
        return validate(self)

    monkeypatch.setattr(Trainer, "validate", watched)
    interrupted_train(request, monkeypatch, 1)
    judged_against(monkeypatch, -1.0)
    result = train(request)
    assert weights == pytest.approx({0: 0.45, 1: 0.1, 2: 0.1}), "of the head with several boxes for each hand, after it"
    assert (result.schedule, result.teacher, result.averaged_epochs) == ("2 steps", "base.pt", 2)
    widths = [unit_widths(checkpoints.load(path).model) for path in (request.checkpoint, tmp_path / "coarse.pt")]
    assert widths[0] == widths[1]


@pytest.mark.parametrize(
    ("base", "options", "message"),
    [
        ("coarse.pt", {"steps": 1}, "needs --steps"),
        ("coarse.pt", {"dense": None}, "--gradual-from"),
        ("coarse.pt", {"device": "0,1"}, "one GPU"),
        ("base.pt", {}, "no channels were removed"),
    ],
)
def test_steps_that_cannot_be_are_refused(request_of, base, options, message):
    with pytest.raises(PinchError, match=message):
        train(request_of("tuned", base, **options))
