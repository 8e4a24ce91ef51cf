"""Models, names and files made by strangers: opened without running what is in them, or refused in one sentence."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile
from fractions import Fraction
from html import unescape

import cv2
import detectors
import docutils.core
import jinja2
import known_detectors
import made_up_run
import numpy as np
import onnx
import pytest
import shapes
import torch
from conftest import SCRIPTS
from ultralytics.utils import IterableSimpleNamespace

import coarse_prune
import evaluate
import import_model
import measure_inference
import train
from pinch import runtimes
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.core.record_types.measurements import InferenceRecord
from pinch.core.text import one_line
from pinch.report import captions, html, pages
from pinch.report.plots import data as plots
from pinch.report.plots import style
from pinch.tables import gathering, output_types
from pinch.weights import checkpoints
from pinch.weights.training import fit
from pinch.weights.training.request import Request


class Call:
    """What a pickle turns into a call of a function when it is opened."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("data"), train=8, val=4)


# --- Checkpoints ------------------------------------------------------------------------------------------------------
def checkpoint(path, **entries):
    """A detector with more entries in its file."""
    torch.save({"model": detectors.network(width=0.125).half(), "train_args": {}, **entries}, path)
    return path


COMMANDS = {
    evaluate: ["{model}", "{data}", "--output", "out.json"],
    train: ["some", "--dataset", "{data}", "--project", "out", "--base-model", "{model}", "--epochs", "1"],
    import_model: ["{model}", "{data}", "out.pt"],
    coarse_prune: ["--model", "{model}", "--sparsity", "0.5", "--output", "out"],
}


@pytest.mark.fault
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_checkpoint_cannot_run_code(command, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = checkpoint(tmp_path / "theirs.pt", extra=Call(os.system, "touch pwned"))
    arguments = [text.format(model=model, data=data) for text in COMMANDS[command]]
    with pytest.raises(PinchError, match=r"theirs\.pt is not opened because it needs posix\.system, .*SAFE_LOAD=0"):
        command.main(arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.pt"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (Call(eval, "open('pwned', 'w')"), "eval"),
        (Call(functools.partial, os.system, "touch pwned"), "functools.partial"),
        (Call(getattr, torch.nn.Conv2d, "__init__"), "getattr"),
        (Call(subprocess.run, ["touch", "pwned"]), "commands.run"),
    ],
    ids=["eval", "partial", "getattr", "subprocess"],
)
def test_ways_around_are_closed(payload, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = checkpoint(tmp_path / "theirs.pt", extra=payload)
    with pytest.raises(PinchError, match=f"it needs ({named})"):
        checkpoints.load(model)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.fault
def test_text_in_a_description_of_a_network_is_not_evaluated(data, tmp_path, monkeypatch):
    """Ultralytics evaluates the `activation` of a model's yaml, also of one that is stored in a checkpoint."""
    monkeypatch.chdir(tmp_path)
    network = detectors.network(width=0.125)
    network.yaml["activation"] = "open('pwned', 'w')"
    torch.save({"model": network.half(), "train_args": {}}, "theirs.pt")
    with pytest.raises(PinchError, match=r"cannot build the network that theirs\.pt describes"):
        coarse_prune.main(["--model", "theirs.pt", "--sparsity", "0.5", "--output", "out"])
    described = pathlib.Path("yolo11.yaml")
    layers = "backbone: [[-1, 1, Conv, [8, 3, 2]]]\nhead: [[[0], 1, Detect, [nc]]]\n"
    described.write_text(f"nc: 3\nactivation: open('pwned', 'w')\n{layers}")
    with pytest.raises(PinchError, match=r"cannot build a plain detector from yolo11\.yaml"):
        train.main(["some", "--dataset", str(data), "--project", "out", "--base-model", "yolo11.yaml"])
    assert not pathlib.Path("pwned").exists()


def test_whoever_trusts_a_checkpoint_can_open_it(tmp_path):
    model = checkpoint(tmp_path / "mine.pt", note=Fraction(1, 2))
    with pytest.raises(PinchError, match=r"it needs fractions\.Fraction"):
        checkpoints.load(model)
    code = "import sys; from pinch.weights import checkpoints; checkpoints.load(sys.argv[1])"
    environment = {**os.environ, "ULTRALYTICS_SAFE_LOAD": "0", "PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", code, str(model)], env=environment, check=True, capture_output=True)


KNOWN = ["yolov5.yaml", "yolov8n.yaml", "yolov9t.yaml", "yolov10n.yaml", "yolo11n.yaml", "yolo12n.yaml", "yolo26n.yaml"]


@pytest.mark.parametrize("kind", KNOWN)
def test_detectors_of_every_generation_open(kind, tmp_path):
    """With all that a checkpoint of a running training holds: losses, optimizer, settings, metrics, paths."""
    network = detectors.network(kind, width=None if "12" in kind else 0.125)
    network.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5, cls_pw=0.0, project=tmp_path)
    network.criterion = network.init_criterion()
    optimizer = torch.optim.AdamW(network.parameters())
    entries = {"best_fitness": np.float64(0.5), "train_metrics": {"a": np.float32(1)}, "ema": network}
    entries |= {"optimizer": optimizer.state_dict(), "scaler": {}, "epoch": 3, "train_args": {"imgsz": 64}}
    path = checkpoint(tmp_path / "last.pt", **entries)
    loaded = checkpoints.load(path)
    assert loaded.imgsz == 64
    assert len(loaded.model.state_dict()) == len(network.state_dict())
    assert checkpoints.content(path)["epoch"] == 3


def test_detectors_of_older_releases_open(tmp_path):
    """Before 8.0.100 all layers were in one module, and settings in a package that is gone."""
    network = detectors.network("yolov8n.yaml", width=0.125)
    network.args = IterableSimpleNamespace(imgsz=64)
    torch.save({"model": network.half(), "train_args": {}}, tmp_path / "new.pt")
    moved = {
        b"cultralytics.nn.modules.conv\n": b"cultralytics.nn.modules\n",
        b"cultralytics.nn.modules.block\n": b"cultralytics.nn.modules\n",
        b"cultralytics.utils\n": b"cultralytics.yolo.utils\n",
    }
    with zipfile.ZipFile(tmp_path / "new.pt") as new, zipfile.ZipFile(tmp_path / "old.pt", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name.endswith("data.pkl"):
                for after, before in moved.items():
                    assert after in content
                    content = content.replace(after, before)
            old.writestr(name, content)
    assert len(checkpoints.load(tmp_path / "old.pt").model.state_dict()) == len(network.state_dict())


@pytest.mark.fault
def test_names_that_ultralytics_would_change_stay_names(data, tmp_path):
    """It drops quotes, adds a letter to some names, and then looks for the other file on the network."""
    folder = tmp_path / 'that\'s "mine"? & $HOME; héllo 手 👋'
    folder.mkdir()
    base = detectors.write(folder / "yolov5n.pt", width=0.125, names=shapes.NAMES)
    request = Request("手 'n'", data, folder / "models", base, epochs=1, batch=8)
    assert fit.train(request).parameters > 0
    assert checkpoints.load(request.checkpoint).names == shapes.NAMES


# --- Exported files ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    return known_detectors.dataset(tmp_path_factory.mktemp("two"), {"train": 1, "val": 1, "test": 2})


def external(path, location, **more):
    """An ONNX detector one of whose tensors lies in another file."""
    model = onnx.load(known_detectors.onnx_detector(path))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "matrix")
    content = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    path.write_bytes(model.SerializeToString())
    return content


def test_weights_beside_an_onnx_file_are_read(tmp_path):
    content = external(tmp_path / "m.onnx", "weights.bin")
    (tmp_path / "weights.bin").write_bytes(content)
    assert runtimes.open(tmp_path / "m.onnx").shape == (64, 64)


@pytest.mark.fault
@pytest.mark.parametrize("where", ["outside", "absolute", "link", "huge", "missing"])
def test_an_onnx_file_reads_nothing_outside_its_folder(where, two_classes, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.bin"
    place = {"outside": "../secret.bin", "absolute": str(secret), "link": "link.bin", "missing": "none.bin"}
    more = {"offset": 0, "length": 1 << 40} if where == "huge" else {}
    content = external(folder / "m.onnx", place.get(where, "own.bin"), **more)
    secret.write_bytes(content)
    (folder / "own.bin").write_bytes(content)
    (folder / "link.bin").symlink_to(secret)
    with pytest.raises(PinchError, match=r"m\.onnx cannot be loaded .*[Ee]xternal") as error:
        evaluate.main(["model/m.onnx", str(two_classes), "--output", "out.json"])
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A detector in several formats, m.pt and so on; what is called .tflite is a checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    detectors.write(folder / "m.pt", width=0.125)
    shutil.copy(folder / "m.pt", folder / "m.tflite")
    known_detectors.onnx_detector(folder / "m.onnx")
    known_detectors.openvino_detector(folder / "m_openvino", folder / "m.onnx")
    return folder


DAMAGE = {
    "empty": lambda whole: b"",
    "text": lambda whole: b"no: [model\n\t{" * 50,
    "cut": lambda whole: whole[: len(whole) // 2],
    "picture": lambda whole: cv2.imencode(".png", known_detectors.picture(0))[1].tobytes(),
    "gone": None,
}


def damage(whole, folder, ending, how):
    """Copy a model of a format and damage the copy; returns its name."""
    path = folder / f"m{ending}"
    (shutil.copytree if ending == "_openvino" else shutil.copy)(whole / path.name, path)
    part = path / "model.xml" if ending == "_openvino" else path
    if DAMAGE[how]:
        part.write_bytes(DAMAGE[how](part.read_bytes()))
    else:
        part.unlink()
    return path.name


@pytest.mark.fault
@pytest.mark.parametrize("how", ["empty", "text", "cut", "picture", "gone"])
@pytest.mark.parametrize("ending", [".pt", ".onnx", ".tflite", "_openvino"])
def test_damaged_models_get_one_sentence(whole, ending, how, two_classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = damage(whole, tmp_path, ending, how)
    with pytest.raises(PinchError, match=name) as error:
        evaluate.main([name, str(two_classes), "--output", "out.json"])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.fault
@pytest.mark.parametrize("ending", [".onnx", ".tflite", "_openvino"])
def test_damaged_models_are_not_timed(whole, ending, two_classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = damage(whole, tmp_path, ending, "text")
    with pytest.raises(PinchError, match=name) as error:
        measure_inference.main([name, str(two_classes), "--output", "out.json", "--rounds", "1"])
    assert "\n" not in str(error.value)


@pytest.mark.fault
def test_a_checkpoint_with_changed_bytes_is_damaged(tmp_path):
    """PyTorch itself would load it, with other weights."""
    path = detectors.write(tmp_path / "m.pt", width=0.125)
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 500] = bytes(500)
    path.write_bytes(content)
    with pytest.raises(PinchError, match=r"m\.pt cannot be read: it is damaged"):
        checkpoints.load(path)


def other_model(path, output=(1, 1000), task="classify", imgsz=None):
    """An ONNX file that is no detector."""
    from onnx import TensorProto, helper, numpy_helper

    side = imgsz or "side"
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
                helper.make_node("Mul", ["constant", "mean"], ["output0"]),
            ],
            "other",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
            [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(output))],
            [numpy_helper.from_array(np.ones(output, np.float32), "constant")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    said = known_detectors.metadata(64, known_detectors.NAMES) | {"task": task}
    if imgsz is None:
        said["imgsz"] = [999_999, 999_999]
    for key, value in said.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(value)
    onnx.save(model, path)
    return path


@pytest.mark.fault
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"output": (1, 1000), "imgsz": 64}, r"no YOLO detector: its output has the shape \(1, 1000\)"),
        ({"output": (1, 56, 84), "imgsz": 64}, r"shape \(1, 56, 84\), not \(1, 4 \+ 2, anchors\)"),
        ({"output": (1, 6, 84)}, r"takes images of 999999x999999 pixels"),
    ],
    ids=["classifier", "poses", "endless"],
)
def test_a_model_for_something_else_is_no_detector(options, sentence, two_classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other_model(tmp_path / "other.onnx", **options)
    with pytest.raises(PinchError, match=sentence):
        evaluate.main(["other.onnx", str(two_classes), "--output", "out.json"])


# --- Names in the report ----------------------------------------------------------------------------------------------
HOSTILE = [
    "{{ 7 * 7 }}", "{% raw %}", "{# note #}", "<script>alert(1)</script>", "`x <javascript:alert(1)>`_", "*a* ``b``",
    "|x|", "end_", ":math:`x`", "literal::", ".. raw:: html", "1. first", "- item", "C:\\x", "$x^2$ and $5", "null",
    "7", "'q' \"d\"", "two\nlines", "😀 👋🏽", "שלום", "\u202eevil", "手",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """The report of a run whose classes, and the video that it was timed on, have such names."""
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(50,), fine=())
    boxes = {name: 10 + number for number, name in enumerate(HOSTILE)}
    splits = {split: SplitContent(images=9, users=3, boxes=boxes) for split in ("train", "val", "test")}
    made_up_run.edit(folder / "records/dataset.json", DatasetRecord, classes=HOSTILE, splits=splits)
    for path in (folder / "records/inference").rglob("*.json"):
        made_up_run.edit(path, InferenceRecord, source="{{ clip }} `<b>`_.mp4")
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    made_up_run.add_pictures(folder)
    captions.render(folder)
    pages.render(folder)
    return folder


def as_snakemake_shows_it(caption):
    """A caption as HTML: filled in by Jinja once more, and rendered with docutils' defaults."""
    text = jinja2.Environment().from_string(caption.read_text()).render()
    return docutils.core.publish_parts(text, writer="html", settings_overrides={"report_level": 1})["body"]


@pytest.mark.fault
def test_hostile_names_are_shown_as_they_are_in_captions(hostile_run):
    shown = as_snakemake_shows_it(hostile_run / "captions/data.rst")
    text = " ".join(unescape(re.sub(r"<[^>]*>", "", shown)).split())
    expected = [one_line(name) for name in HOSTILE]
    assert f"knows {len(HOSTILE)} classes: {', '.join(expected)}." in text
    assert expected[HOSTILE.index("\u202eevil")] == "evil"
    for caption in (hostile_run / "captions").glob("*.rst"):
        shown = as_snakemake_shows_it(caption)
        assert not re.search(r"system-message|<script|javascript:alert\(1\)\"", shown), caption


@pytest.mark.fault
def test_hostile_names_are_no_markup_on_pages(hostile_run):
    for page in [*(hostile_run / "pages").glob("*.html"), *(hostile_run / "tables").glob("*.html")]:
        text = page.read_text().replace(html.SCRIPT.read_text(), "")
        assert text.count("<script") == 1, page
        assert not re.search(r"href=\"javascript|system-message", text), page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (hostile_run / "pages/data.html").read_text()


@pytest.mark.fault
def test_hostile_names_are_no_formulas_in_plots(hostile_run):
    with style.applied():
        drawn = plots.classes(hostile_run)
        style.save(drawn, hostile_run / "plots/classes.png")
    assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == HOSTILE
    assert not any(label.get_parse_math() for label in drawn.axes[0].get_yticklabels())
