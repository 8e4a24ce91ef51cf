"""The average of the weights of the last epochs."""

import detectors
import pytest
import shapes
import torch
from test_training import interrupted_train

from pinch.weights import checkpoints
from pinch.weights.pruning import fine, kinds
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.training import averaging
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request
from pinch.weights.training.trainer import Trainer

pytestmark = pytest.mark.slow


@pytest.fixture
def request_of(tmp_path):
    data = shapes.write(tmp_path / "shapes", train=16, val=4)
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    fine.prune_file(base, tmp_path / "fine.pt", kinds.LayerMagnitude(0.7))

    def make(**options):
        options = {"epochs": 3, "batch": 8, "average": 2, **options}
        return Request("tuned", data, tmp_path / "models", tmp_path / "fine.pt", pruned=True, **options)

    return make


def judged_against(monkeypatch, best_fitness):
    """Let the average find this as the fitness of the best epoch."""
    better = averaging.better

    def judging(trainer, validate):
        trainer.best_fitness = best_fitness
        return better(trainer, validate)

    monkeypatch.setattr(averaging, "better", judging)


def test_a_better_average_is_kept_with_its_zeros_also_after_a_kill(request_of, monkeypatch):
    states = {}
    keep = averaging.keep

    def watched(folder, epoch, network, count):
        states[epoch] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        keep(folder, epoch, network, count)

    monkeypatch.setattr(averaging, "keep", watched)
    request = request_of(resume=True)
    interrupted_train(request, monkeypatch, 1)
    judged_against(monkeypatch, -1.0)
    result = train(request)
    assert result.averaged_epochs == 2
    assert result.averaged_map50_95 is not None
    trained = checkpoints.load(request.checkpoint)
    found = trained.model.state_dict()
    name = "model.1.conv.weight"
    mean = (states[1][name] + states[2][name]) / 2
    assert not torch.equal(states[1][name], states[2][name])
    assert torch.allclose(found[name], mean, atol=1e-3)
    statistics = "model.1.bn.running_mean"
    assert not torch.allclose(found[statistics], (states[1][statistics] + states[2][statistics]) / 2, atol=1e-3)
    masks = mask_tools.unpack(trained.meta["masks"], trained.model, "tuned")
    assert mask_tools.sparsity(trained.model, masks) == pytest.approx(0.7, abs=0.001)
    assert not list(request.run_folder.glob("weights/ema-*"))


def test_an_average_that_is_no_better_is_not_kept(request_of, monkeypatch):
    judged_against(monkeypatch, 2.0)
    result = train(request_of(epochs=2))
    assert result.averaged_epochs == 0
    assert result.averaged_map50_95 is not None


def test_patience_makes_an_epoch_the_last_whose_average_is_tried(request_of, monkeypatch):
    judged_against(monkeypatch, -1.0)
    validate = Trainer.validate

    def no_better(self):
        metrics, _ = validate(self)
        return metrics, 1.0

    monkeypatch.setattr(Trainer, "validate", no_better)
    result = train(request_of(epochs=5, patience=1))
    assert (result.epochs_run, result.averaged_epochs) == (2, 2)
