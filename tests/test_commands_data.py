import subprocess
import sys
from pathlib import Path

import pytest
import shapes
import tiny_hagrid
import yaml

import contact_sheet
import hagrid_to_yolo
import prepare_dataset
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.data import dataset as datasets

SCRIPTS = Path(hagrid_to_yolo.__file__).parent


@pytest.mark.parametrize("script", ["hagrid_to_yolo.py", "prepare_dataset.py", "contact_sheet.py"])
def test_help(script):
    for option in ("-h", "--help"):
        done = subprocess.run([sys.executable, SCRIPTS / script, option], capture_output=True, text=True, check=True)
        assert "usage: " + script in done.stdout


def test_hagrid_to_yolo_from_a_configuration_file(tmp_path, capsys, monkeypatch):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    config, record = str(tiny_hagrid.config(root)), tmp_path / "records" / "dataset.json"
    monkeypatch.chdir(tmp_path)
    hagrid_to_yolo.main(
        ["--cfg", config, "--out", "out", "--mode", "gestures", "--record", str(record), "--for-training"]
    )
    printed = capsys.readouterr()
    assert "train: 16 images of 3 persons, 28 boxes" in printed.out
    assert printed.err == ""
    result = records.read(record, DatasetRecord).value
    assert result.classes == tiny_hagrid.GESTURES
    assert result.splits["val"] == SplitContent(
        images=16,
        users=3,
        boxes={"like": 4, "fist": 4, "timeout": 4, "no_gesture": 16},
        images_with={"like": 4, "fist": 4, "timeout": 4, "no_gesture": 12},
        users_with=dict.fromkeys(tiny_hagrid.GESTURES, 3),
        boxes_per_image={"0": 0, "1": 4, "2": 12, "3+": 0},
        box_sides={"p5": 0.2449, "p25": 0.2449, "p50": 0.2828, "p75": 0.2828, "p95": 0.5916},
        image_sizes={"32x24": 16},
    )
    assert len(datasets.load("out/data.yaml").images("test")) == 16


def test_hagrid_to_yolo_from_options_alone(tmp_path, capsys):
    root = tiny_hagrid.write(tmp_path / "hagrid", layout="phases")
    folders = ["--images", str(root / "images"), "--annotations", str(root / "annotations")]
    hagrid_to_yolo.main([*folders, "--targets", "fist", "like", "--out", str(tmp_path / "out"), "--limit", "2"])
    assert datasets.load(tmp_path / "out/data.yaml").names == ["fist", "like"]
    assert "warning: 12 boxes of other classes than the targets were left out" in capsys.readouterr().err


def test_options_override_the_configuration_file(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    config = str(tiny_hagrid.config(root, dataset_folder="nowhere"))
    with pytest.raises(PinchError, match=r"there is no folder .*nowhere"):
        hagrid_to_yolo.main(["--cfg", config, "--out", str(tmp_path / "out")])
    overrides = [
        "--images",
        str(root / "images"),
        "--targets",
        "timeout",
        "--phases",
        "train",
        "val",
        "--mode",
        "hand",
    ]
    hagrid_to_yolo.main(["--cfg", config, "--out", str(tmp_path / "out"), *overrides])
    written = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert len(written.pop("digest")) == 64
    assert written == {"train": "train.txt", "val": "val.txt", "test": "val.txt", "names": {0: "hand"}}


def test_a_failing_command_ends_with_one_sentence(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/test/like.json").write_text("<html>")
    command = [
        sys.executable,
        SCRIPTS / "hagrid_to_yolo.py",
        "--cfg",
        tiny_hagrid.config(root),
        "--out",
        tmp_path / "out",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("hagrid_to_yolo.py: error: ")
    assert "like.json is not valid JSON" in done.stderr
    assert done.stderr.count("\n") == 1


def test_prepare_dataset(tmp_path, capsys):
    data = shapes.write(tmp_path / "own", train=12, val=6, imgsz=32)
    content = yaml.safe_load(data.read_text())
    data.write_text(yaml.safe_dump({key: value for key, value in content.items() if key != "test"}))
    record = tmp_path / "dataset.json"
    prepare_dataset.main([str(data), "--out", str(tmp_path / "out"), "--record", str(record), "--for-training"])
    prepared = datasets.load(tmp_path / "out/data.yaml")
    assert prepared.names == shapes.NAMES
    assert prepared.images("test") == prepared.images("val") == datasets.load(data).images("val")
    result = records.read(record, DatasetRecord).value
    assert {split: figures.images for split, figures in result.splits.items()} == {
        "train": 12,
        "val": 6,
        "test": 6,
    }
    assert "names no test split: the val split is used in its place" in result.warnings[-1]
    assert result.warnings[-1] in capsys.readouterr().err


def test_prepare_dataset_stops_at_a_broken_image(tmp_path):
    data = shapes.write(tmp_path / "own", train=3, val=3, imgsz=32)
    image = tmp_path / "own/images/val/0001.png"
    image.write_bytes(image.read_bytes()[:-60])
    with pytest.raises(PinchError, match=r"images/val/0001\.png cannot be decoded"):
        prepare_dataset.main([str(data), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out/data.yaml").exists()


def test_contact_sheet(tmp_path):
    data = shapes.write(tmp_path / "own", train=6, val=3, imgsz=32)
    contact_sheet.main([str(data), str(tmp_path / "sheets" / "sheet.png"), "--images", "6", "--title", "Shapes"])
    assert [path.name for path in (tmp_path / "sheets").iterdir()] == ["sheet.png"]
