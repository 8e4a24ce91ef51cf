"""The rivals of pruning: how they are made, trained and called, and when pruning is ahead of them."""

import copy
import re
from pathlib import Path

import detectors
import export_session
import made_up_run
import pandas as pd
import pytest
import shapes
import torch
from conftest import ROOT
from test_workflow import DATA, jobs

import make_rival
from pinch.artifacts.session import ExportSettings, open_session
from pinch.core import records, schema
from pinch.core.errors import PinchError
from pinch.core.record_types.weights import RivalRecord
from pinch.data import dataset
from pinch.operations import rates, workload
from pinch.operations.rates import Job
from pinch.report import captions
from pinch.report.plots import pareto, style
from pinch.run import identity
from pinch.run import rivals as asked
from pinch.run.identity import Model
from pinch.tables import gathering, output_types, rivalry
from pinch.weights import base_check, checkpoints, rivals
from pinch.weights.training import recipes
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request

SIZE, WIDTH, DEPTH = Model("a", "size", 0.5, True, 320), Model("a", "width", 0.3, True), Model("a", "depth", 0.5, True)


@pytest.mark.parametrize(
    ("model", "name", "label"),
    [
        (SIZE, "a_size_320_tuned", "size 320"),
        (WIDTH, "a_width_70_tuned", "width 70%"),
        (DEPTH.untuned, "a_depth_50", "depth 50%"),
    ],
)
def test_rivals_have_names_that_files_from_outside_tell(model, name, label):
    assert (str(model), model.label) == (name, label)
    assert identity.model_from_json(identity.to_json(model)) == model
    found = identity.parse_model(name)
    assert (found.method, found.tuned, found.imgsz, str(found)) == (model.method, model.tuned, model.imgsz, name)
    assert identity.described(Path(f"{name}_full.onnx"), {"model": identity.to_json(model)})["ratio"] == model.ratio
    assert sorted([model, Model("a", "fine", 0.9)], key=lambda each: each.order)[1] is model


@pytest.mark.parametrize(("kind", "count"), [("yolo11n.yaml", 12), ("yolo26n.yaml", 15), ("yolov5n.yaml", 7)])
def test_without_blocks_a_network_computes_as_if_they_added_nothing(kind, count):
    network, image = detectors.network(kind, width=0.125), torch.rand(1, 3, 64, 64)
    names = list(rivals.blocks(network))
    assert len(names) == count
    for removed in (names, names[::2]):
        silent, shorter = copy.deepcopy(network), copy.deepcopy(network)
        for name in removed:
            silent.get_submodule(name).forward = lambda x: x
        rivals.remove_blocks(shorter, removed)
        assert set(rivals.blocks(shorter).values()).isdisjoint(rivals.blocks(network).values())
        assert len(rivals.blocks(shorter)) == count - len(removed)
        with torch.no_grad():
            torch.testing.assert_close(shorter(image)[0], silent(image)[0], rtol=1e-4, atol=1e-4)
        assert checkpoints.describe(shorter, 64).macs < checkpoints.describe(network, 64).macs


def test_the_blocks_that_change_least_go_first(tmp_path):
    data = dataset.load(shapes.write(tmp_path / "data", train=8, val=4))
    network = detectors.network(width=0.125)
    for name in ("model.4.m.0", "model.16.m.0"):
        torch.nn.init.zeros_(network.get_submodule(name).cv2.bn.weight)
        torch.nn.init.constant_(network.get_submodule(name).cv2.bn.bias, -20)  # SiLU makes nearly nothing of it
    checkpoint = checkpoints.load(detectors.write(tmp_path / "base.pt", network, shapes.NAMES))
    found = rivals.influences(checkpoint, data)
    assert found.keys() == rivals.blocks(network).keys()
    assert set(rivals.least(found, 0.85)) == {"model.4.m.0", "model.16.m.0"}


def test_a_narrower_network_begins_with_weights_of_the_base():
    network = detectors.network()
    network.names = {0: "a", 1: "b", 2: "c"}
    made = rivals.narrower(network, 0.5)
    assert (made.names, made.model[-1].nc) == (network.names, 3)
    ours, theirs = (each.model[1].conv.weight for each in (made, network))
    assert (ours.shape, theirs.shape) == ((16, 8, 3, 3), (32, 16, 3, 3))
    torch.testing.assert_close(ours[[0, -1]][:, [0, -1]], theirs[[0, -1]][:, [0, -1]])
    torch.testing.assert_close(made.model[-1].dfl.conv.weight, network.model[-1].dfl.conv.weight)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "asked", "sentence"),
    [
        ("yolo11n.yaml", {"widths": [0.99]}, "a width of 0.99 changes no layer"),
        ("yolo12n.yaml", {"widths": [0.5]}, "the family of the base has no network of the width 0.5"),
        ("yolo11n.yaml", {"depths": [0.97]}, "that removes none of its 12"),
        ("yolov9t.yaml", {"depths": [0.5]}, "it has none: lower it, or leave it out"),
    ],
)
def test_rivals_that_cannot_be_are_refused_before_training(kind, asked, sentence):
    with pytest.raises(PinchError, match=sentence):
        base_check.check(kind, shapes.NAMES, **asked)


@pytest.mark.slow
def test_rivals_are_made_trained_and_exported(tmp_path):
    data = shapes.write(tmp_path / "data", train=16, val=4)
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    record = tmp_path / "record.json"
    made = {"size 32": "base_size_32", "width 0.75": "base_width_75", "depth 0.5": "base_depth_50"}
    for what, name in made.items():
        arguments = ["--model", str(base), f"--{what.split()[0]}", what.split()[1], "--output", str(tmp_path)]
        make_rival.main([*arguments, "--dataset", str(data), "--record", str(record)])
        found, checkpoint = records.read(record, RivalRecord).value, checkpoints.load(tmp_path / f"{name}.pt")
        assert (found.model, found.imgsz) == (name, checkpoint.imgsz) == (name, 32 if "size" in what else 64)
        assert found.after.macs < found.before.macs
        assert str(Model.of_checkpoint(checkpoint.path, checkpoint.meta)) == name
    options = {"epochs": 1, "batch": 8, "pruned": True}
    request = Request("base_depth_50_tuned", data, tmp_path / "models", tmp_path / "base_depth_50.pt", **options)
    train(request)
    with open_session(request.checkpoint, data, ExportSettings(calibration_images=2, target="x86")) as session:
        assert session.model == Model("base", "depth", 0.5, True)
        _, exported = export_session.export(session, "full.onnx", tmp_path)
    assert exported.parity.score < 1e-4
    with pytest.raises(PinchError, match="already pruned"):
        make_rival.main(["--model", str(tmp_path / "base_depth_50.pt"), "--width", "0.5", "--output", str(tmp_path)])
    with pytest.raises(PinchError, match="128 pixels are not fewer than the base's 64"):
        make_rival.main(["--model", str(base), "--size", "128", "--output", str(tmp_path)])


def test_rivals_are_trained_by_what_they_lack():
    assert recipes.tuning("width", 0.5) == recipes.tuning("coarse", 0.5) != recipes.FINE_TUNING
    assert recipes.tuning("size", 0.5) == recipes.tuning("depth", 0.5) == recipes.FINE_TUNING
    assert [recipes.is_smaller(method, None) for method in ("size", "depth", "width")] == [True, True, False]


RIVALS = {"rivals": {"imgsz": [64], "width": [0.5], "depth": [0.5]}, "train": {"imgsz": 96, "epochs": 7}}
EXPORT = {"export": {"artifacts": ["full.onnx"], "imgsz": [32], "models": ["base", "size 64", "width 0.50"]}}


def test_rivals_are_models_like_the_others(snakemake, tmp_path):
    result = snakemake(tmp_path, "-n", "-p", config=DATA | RIVALS | EXPORT)
    found, text = jobs(result), result.stdout
    assert found["make_rival"] == found["tune_rival"] == 3
    assert found["tune_base"] == 1
    assert found["evaluate_model"] == 2 + 2 * 3
    # Those at an image size of their own are exported at that size only.
    assert found["export_onnx"] == found["measure_on_cpu"] == 2 + 1 + 2
    lines = [line for line in text.splitlines() if "Shell command: train.py some_" in line]
    trained = {line.split()[3]: line for line in lines}
    assert "--imgsz 64 --batch 16 --epochs 15 --patience 15 " in trained["some_size_64_tuned"]
    assert "--imgsz 96 --batch 16 --epochs 22 --patience 100 " in trained["some_width_50_tuned"]
    assert "--imgsz 96 --batch 16 --epochs 15 --patience 15 " in trained["some_depth_50_tuned"]
    assert "--widths 0.5 --depths 0.5" in text
    assert (
        "evaluate.py results/some/models/some_size_64_tuned.pt results/some/dataset/data.yaml --split val test" in text
    )
    assert text.count("--name some_size_64_tuned --imgsz 64 ") == 1


def test_tables_show_what_is_gone_without_the_noise_of_binary_fractions():
    config = {"name": "a", "train": {"imgsz": 640}, "rivals": {"imgsz": [512], "width": [0.9], "depth": [0.3]}}
    assert [(str(each), each.ratio) for each in asked.models(config)] == [
        *[("a_size_512_tuned", 0.2), ("a_width_90_tuned", 0.1), ("a_depth_30_tuned", 0.7)]
    ]


def test_images_that_are_not_smaller_get_one_sentence(snakemake, tmp_path):
    result = snakemake(tmp_path, "-n", config=DATA | RIVALS | {"rivals": {"imgsz": [96]}})
    assert result.returncode != 0
    assert "rivals.imgsz: 96 is not smaller than train.imgsz, 96" in result.stderr + result.stdout
    assert "Traceback" not in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"imgsz": [50]}, "rivals.imgsz.0: 50 is not a multiple of 32"),
        ({"width": [1.2]}, "rivals.width.0: 1.2 must be less than 1"),
        ({"depth": [0]}, "rivals.depth.0: 0 must be greater than 0"),
    ],
)
def test_shares_and_sizes_have_limits(change, sentence):
    with pytest.raises(PinchError, match=re.escape(sentence)):
        schema.validate(DATA | {"rivals": change}, schema.load(str(ROOT / "workflow/schemas/config.schema.yaml")))


def test_smaller_pictures_take_less_of_the_time_of_a_run():
    epochs = {"size": 4, "width": 9, "depth": 4}
    work = workload.Workload(images=(1000, 0, 0), epochs=epochs, imgsz=640, timed_frames=1, sizes=(320,))
    whole, small = (
        rates.seconds(Job("tune_rival", {"rival": rival, "amount": "320"}), work) - 20 for rival in ("depth", "size")
    )
    assert small == pytest.approx(whole / 4)
    assert rates.seconds(Job("tune_rival", {"rival": "width", "amount": "50"}), work) - 20 == pytest.approx(
        whole * 9 / 4
    )


def rows(*files):
    """Files as (method, time, accuracy); accuracies are known to 1%, times to 2%."""
    columns = {"method": "none", "ratio": 0.0, "tuned": True, "precision": "full", "format": "onnx", "bytes_zipped": 1}
    columns |= {"val_images": 100, "val_persons": None, "rounds": 8, "crowded": False}
    made = []
    for number, (method, time, accuracy) in enumerate(files):
        figures = {"relative_time": time, "val_map50_95": accuracy, "kept": accuracy, "file": f"{number}"}
        figures |= {"relative_time_low": time * 0.98, "relative_time_high": time * 1.02}
        figures |= {
            f"val_{name}_{end}": accuracy * (1 + by) for name in ("kept", "map50_95") for end, by in ENDS.items()
        }
        made.append(columns | figures | {"method": method})
    return pd.DataFrame(made)


ENDS = {"low": -0.01, "high": 0.01}


def told(*files):
    return [(span.start, span.ahead) for span in rivalry.spans(rows(*files))]


def test_who_is_ahead_depends_on_the_time():
    pruned, rival = ("coarse", 0.3, 0.6), ("size", 0.5, 0.8)
    assert told(pruned, rival) == [(0.3, "pruning"), (0.5, "rival")]
    assert told(pruned, ("width", 0.4, 0.3), rival) == [(0.3, "pruning"), (0.5, "rival")]
    assert told(("none", 0.1, 0.9), pruned) == []
    first, second = rivalry.spans(rows(pruned, rival))
    assert (first.pruned["file"], first.rival, second.rival["file"]) == ("0", None, "1")


def test_what_is_within_the_noise_is_not_told():
    assert told(("fine", 0.3, 0.6), ("depth", 0.3, 0.601)) == [(0.3, "neither")]
    # It is slower by no more than the noise, so pruning is not ahead before it, either.
    assert told(("coarse", 0.3, 0.6), ("size", 0.303, 0.8)) == [(0.3, "neither"), (0.303, "rival")]


def test_the_report_says_and_shows_who_is_ahead(tmp_path):
    made = {Model("demo", "size", 0.3, True, 448): 0.99, Model("demo", "width", 0.6, True): 0.5}
    folder = made_up_run.make(tmp_path / "demo", devices=[("cpu", 1)], coarse=(50,), fine=(), rivals=made)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    assert set(gathering.read(folder, "models")["method"]) == {"none", "coarse", "size", "width"}
    captions.render(folder)
    for caption in ("pareto", "workflow"):
        text = " ".join((folder / f"captions/{caption}.rst").read_text().split())
        (said,) = re.findall(r"\*\*Pruning and its rivals, cpu, 1 thread\*\*: (.*?) on this data\.", text)
        first, *others = said.split("; from")
        assert "a rival is ahead (no pruned file is as fast, ``demo_width_40_tuned_" in first
        assert "pruning is ahead (``demo_coarse_prune_50_tuned_" in others[0]
        assert "a rival is ahead (``demo_coarse_prune_50_tuned_" in others[-1]
        assert "``demo_size_448_tuned_" in others[-1]
    text = " ".join((folder / "captions/sensitivity.rst").read_text().split())
    assert "Rivals of pruning, with as many epochs: size 448 keeps 99%" in text
    with style.applied():
        drawn = pareto.pareto(folder)
        marks = {line.get_marker() for line in drawn.axes[0].lines}
        assert {style.RIVAL_MARKS["size"], style.RIVAL_MARKS["width"]} <= marks
        assert style.RIVAL_MARKS["depth"] not in marks
        assert {"smaller pictures", "narrower network"} <= {text.get_text() for text in drawn.legends[0].get_texts()}
