"""HaGRID's versions and layouts, and the official configuration file."""

import os
from pathlib import Path

import pytest
import tiny_hagrid
from hagrid_conversion import convert, labels, line, tree
from tiny_hagrid import GESTURES, HAND, IDLE

from pinch.core.errors import PinchError
from pinch.data import dataset as datasets
from pinch.data.hagrid import source

VERSIONS = ["v1", "v2", "v2-1M", "mixed"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layout", ["flat", "outer", "phases"])
def test_every_version_and_layout(tmp_path, version, layout):
    root = tiny_hagrid.write(tmp_path / "hagrid", version, layout=layout)
    found = convert(root, tmp_path / "out")
    each, idle = (12, 8) if version in ("v1", "v2") else (16, 16)
    assert found.images == {"train": each, "val": each, "test": each}
    assert {split: len(users) for split, users in found.users.items()} == {"train": 3, "val": 3, "test": 3}
    assert found.everything() == []
    assert labels(tmp_path / "out", "train", "like") == [line(0, HAND), line(3, IDLE)]
    dataset = datasets.load(tmp_path / "out/data.yaml")
    assert dataset.names == GESTURES
    counted = datasets.count_boxes(dataset, [dataset.labels(image) for image in dataset.images("val")])
    assert counted == found.boxes["val"]
    assert counted["no_gesture"] == idle


def test_version_1_as_its_archives_unpack(tmp_path):
    """Train and test alone, without idle hands as a class: a tenth of the people of train become val."""
    root = tiny_hagrid.write(tmp_path / "hagrid", "v1", images=1, phases=("train", "test"), layout="v1")
    entries = {}
    for number in range(60):
        entries[f"n{number}"] = tiny_hagrid.entry("like", "v1", f"user-{number // 2}")
        picture = root / "images/train_val_like/train-like-0.jpg"
        picture.with_stem(f"n{number}").write_bytes(picture.read_bytes())
    tiny_hagrid.write_annotations(root, "ann_train_val", "like", entries)
    found = convert(root, tmp_path / "out", ["like", "no_gesture"], seed=3)
    users = {split: len(users) for split, users in found.users.items()}
    assert 0 < users["val"] < 10
    assert users["train"] + users["val"] == 30
    assert found.images["train"] + found.images["val"] == 60
    assert found.images["test"] == 1
    assert found.warnings == ["there is no val phase: 10% of the persons of train become the val split"]


def test_a_sample_without_phases(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "v1", images=30, phases=("train",), layout="sample")
    found = convert(root, tmp_path / "out", seed=1)
    assert found.images["train"] + found.images["val"] == 90
    assert found.images["test"] == found.images["val"]
    assert "there is no test phase: the val split is used in its place" in found.warnings[-1]


def test_phases_that_repeat_others_are_left_alone_or_counted_once(tmp_path):
    """The official converter of v1 also names `subsample`, whose images are those of other phases."""
    root = tiny_hagrid.write(
        tmp_path / "hagrid", "v1", images=2, phases=("train", "test", "subsample"), layout="phases"
    )
    again = tiny_hagrid.annotations(root, "train", "like") | tiny_hagrid.annotations(root, "test", "like")
    tiny_hagrid.write_annotations(root, "subsample", "like", again)
    for stem in again:
        (root / f"images/subsample/like/{stem}.jpg").write_bytes(
            (root / "images/test/like/test-like-0.jpg").read_bytes()
        )
    assert sum(convert(root, tmp_path / "out").images.values()) == 12
    found = convert(root, tmp_path / "all", phases=["train", "subsample", "test"])
    assert found.images["test"] == 6
    assert any(
        "2 images are annotated in train and once more in test: they are kept in test alone" in w
        for w in found.warnings
    )
    with pytest.raises(PinchError, match="phases has sample: a phase must be one of train, "):
        convert(root, tmp_path / "none", phases=["sample"])


def test_a_picture_in_the_folder_of_another_phase_is_found(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "v2", layout="phases")
    os.renames(root / "images/val/like/val-like-0.jpg", root / "images/train/like/val-like-0.jpg")
    assert convert(root, tmp_path / "out").images["val"] == 12


def test_all_targets(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "v1", phases=("train", "test"), layout="v1")
    (root / "annotations/ann_train_val/wave.json").write_text("{}")
    (root / "annotations/ann_test/wave.json").write_text("{}")
    convert(root, tmp_path / "out", "all")
    # In HaGRID's order, with idle hands, which have no file; then what HaGRID does not know.
    assert datasets.load(tmp_path / "out/data.yaml").names == ["timeout", "fist", "like", "no_gesture", "wave"]


def test_no_gesture_may_be_left_out(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    found = convert(root, tmp_path / "out", targets=["fist", "like"])
    assert labels(tmp_path / "out", "train", "like") == [line(1, HAND)]
    assert found.warnings == ["24 boxes of other classes than the targets were left out: no_gesture 24"]


@pytest.mark.parametrize("ending", ["jpeg", "PNG", "webp"])
def test_any_ending(tmp_path, ending):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=2, ending=ending)
    found = convert(root, tmp_path / "out")
    assert found.images["test"] == 8
    assert (tmp_path / f"out/images/fist/val-fist-1.{ending}").exists()


def test_several_processes_give_the_same(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "mixed")
    one, two = convert(root, tmp_path / "1", limit=2), convert(root, tmp_path / "2", limit=2, processes=2)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert one.manifest.digest(datasets.load(tmp_path / "1/data.yaml"), ["train"]) == two.manifest.digest(
        datasets.load(tmp_path / "2/data.yaml"), ["train"]
    )


def test_official_configuration_file(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    found = source.from_config(tiny_hagrid.config(root), targets=["fist"], dataset_folder=None)
    assert found.targets == ["fist"]
    assert found.images == root / "images"
    assert [phase.name for phase in found.phases] == ["train", "val", "test"]
    # That of version 1 names phases that most people do not have.
    found = source.from_config(tiny_hagrid.config(root, phases=["train", "test", "subsample"]))
    assert [phase.name for phase in found.phases] == ["train", "test"]
    assert "names the phases subsample, which are not there" in found.warnings[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": []}, "does not say targets"),
        ({"targets": "fist"}, "targets must be a list of names"),
        ({"targets": ["fist", "like", "fist"]}, "targets has fist more than once"),
        ({"phases": ["train", "sample"]}, "phases has sample"),
        ({"phases": ["subsample"]}, r"has no folders of annotation files \(subsample; there are: test, train, val"),
        ({"dataset_folder": "<path_to_dataset_folder>"}, "there is no folder .*<path_to_dataset_folder>"),
        ({"dataset_annotations": None}, "does not say dataset_annotations"),
    ],
)
def test_impossible_configurations(tmp_path, changes, message):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    with pytest.raises(PinchError, match=message):
        source.from_config(tiny_hagrid.config(root, **changes))


@pytest.mark.parametrize(("text", "message"), [("a: [", "not a YAML file"), ("a: 1", "no `dataset:` block")])
def test_no_configuration_file(tmp_path, text, message):
    path = Path(tmp_path, "cfg.yaml")
    with pytest.raises(PinchError, match="there is no file"):
        source.from_config(path)
    path.write_text(text)
    with pytest.raises(PinchError, match=message):
        source.from_config(path)
