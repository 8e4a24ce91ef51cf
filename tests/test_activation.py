"""The activation of a base, and of what is made from it."""

import dataclasses
import re
from collections import Counter

import detectors
import export_session
import onnx
import pytest
import shapes

from pinch.artifacts.session import ExportSettings, open_session
from pinch.core.errors import PinchError
from pinch.run import activations as names
from pinch.weights import checkpoints
from pinch.weights.pruning import activations, coarse, kinds
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request
from pinch.weights.training.trainer import Trainer


def of(path):
    return activations.of(checkpoints.load(path).model)


def interrupted(request, monkeypatch, after):
    """Train until a method of the trainer was called once."""
    method = getattr(Trainer, after)

    def stopping(self):
        method(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, after, stopping)
        with pytest.raises(KeyboardInterrupt):
            train(request)


def test_replacing_takes_every_place_in_any_direction():
    network = detectors.network(width=0.125)
    for name in ("relu", "hardswish", "silu"):
        activations.replace(network, name)
        assert activations.of(network) == {name}
    before = network.yaml
    activations.replace(network, None)
    assert (activations.of(network), network.yaml) == ({"silu"}, before)


@pytest.mark.slow
def test_a_base_has_its_activation_from_start_to_file(tmp_path, monkeypatch, capsys):
    """Also where Ultralytics builds the network again, for other classes, and where training goes on after a stop."""
    data = shapes.write(tmp_path / "data", train=16, val=4)
    base = detectors.write(tmp_path / "five.pt", width=0.125, classes=5)
    options = {"epochs": 2, "batch": 8, "imgsz": 64, "resume": True}
    request = Request("three", data, tmp_path / "models", base, activation="relu", **options)
    step, seen = Trainer.optimizer_step, []

    def watched(self):
        seen.append(activations.of(self.model) | activations.of(self.ema.ema))
        step(self)

    monkeypatch.setattr(Trainer, "optimizer_step", watched)
    interrupted(request, monkeypatch, "save_model")
    assert train(request).activation == "relu"
    printed = capsys.readouterr().out
    assert (printed.count("epoch 1/2"), printed.count("epoch 2/2")) == (1, 1)
    assert seen
    assert all(found == {"relu"} for found in seen)
    made = [request.checkpoint, *(request.run_folder / "weights").glob("*.pt")]
    assert [of(path) for path in made] == [{"relu"}] * 3
    with open_session(request.checkpoint, data, ExportSettings(64, calibration_images=2, target="x86")) as session:
        full, _ = export_session.export(session, "full.onnx", tmp_path)
    nodes = Counter(node.op_type for node in onnx.load(full).graph.node)
    assert nodes["Relu"] > 50
    assert nodes["Sigmoid"] == 1  # of the scores
    # A pruned model follows the base.
    coarse.prune_file(request.checkpoint, tmp_path / "pruned.pt", kinds.ChannelRemoval(0.5, round_to=4))
    assert of(tmp_path / "pruned.pt") == {"relu"}
    # With another activation it is another training.
    interrupted(dataclasses.replace(request, activation=None), monkeypatch, "_setup_train")
    assert "is of another request" in capsys.readouterr().out


def test_a_pruned_model_gets_its_activation_when_it_is_pruned(tmp_path):
    with pytest.raises(PinchError, match=r"--activation is for a base that is not pruned: .* coarse_prune\.py"):
        train(Request("some", "data.yaml", tmp_path, "some.pt", pruned=True, activation="relu"))


def test_the_configuration_says_which_network_has_which():
    def configured(method, base=None, coarse=None, mode="remove", trained=None):
        config = {"trained_model": trained, "train": {"activation": base}}
        return names.configured(config | {"coarse": {"activation": coarse, "mode": mode}}, method)

    assert configured("coarse") is configured("none") is None
    assert configured("coarse", "relu") == configured("fine", "relu") == ("train.activation", "relu")
    assert configured("coarse", "relu", "silu") == ("coarse.activation", "silu")
    assert configured("none", "relu", "silu") == ("train.activation", "relu")
    assert configured("none", "relu", trained="mine.pt") is None
    assert configured("coarse", "relu", "silu", mode="mask") == ("train.activation", "relu")


def test_files_known_to_be_slow_are_named_before_they_are_made(snakemake, tmp_path):
    config = {"name": "some", "synthetic": {"images": [2, 1, 1]}, "base_model": "yolo11n.yaml"}
    config |= {"train": {"activation": "hardswish"}, "coarse": {"ratios": [0.5], "activation": "relu"}}
    config |= {"export": {"artifacts": ["int8.onnx", "int8.tflite"]}}
    said = snakemake(tmp_path, "-n", "-p", config=config)
    text = said.stdout + said.stderr
    assert said.returncode == 0, text
    assert text.count("will be slow, because") == 1
    assert "train.activation: hardswish: int8.tflite files of models with it will be slow, because LiteRT" in text
    commands = dict(re.findall(r"Shell command: (\S+) .* --activation (\w+)", text))
    assert commands == {"train.py": "hardswish", "coarse_prune.py": "relu"}
