import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapes
import yaml

from pinch.core.errors import PinchError
from pinch.data import check, for_ultralytics
from pinch.data import dataset as datasets


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=24, val=12, imgsz=32)


@pytest.fixture
def own(made, tmp_path):
    """A copy of the set that a test may spoil."""
    shutil.copytree(made.parent, tmp_path / "own")
    return tmp_path / "own" / "data.yaml"


def rewrite(file, /, **changes):
    content = yaml.safe_load(file.read_text()) | changes
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return datasets.load(file)


def truncate(image):
    data = image.read_bytes()
    image.write_bytes(data[: len(data) * 2 // 3])


# Layouts


def test_relative_path_means_the_folder_of_the_file(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = datasets.load(os.path.relpath(made))
    assert dataset.names == shapes.NAMES
    assert len(dataset.images("train")) == 24
    assert all(image.is_absolute() and image.exists() for image in dataset.images("train"))


@pytest.mark.parametrize("path", [None, ".", "../own", "absolute"])
def test_root(own, path):
    dataset = rewrite(own, path=str(own.parent) if path == "absolute" else path)
    assert dataset.root == own.parent
    assert len(dataset.images("val")) == 12


def test_splits_as_lists_of_folders_and_of_images(own):
    images = sorted((own.parent / "images/val").iterdir())
    (own.parent / "lists").mkdir()
    (own.parent / "lists/val.txt").write_text(
        f"./../images/val/{images[0].name}\nimages/val/{images[1].name}\n{images[2]}\n\n"
    )
    dataset = rewrite(own, train=["images/train", "images/val"], val="lists/val.txt", test=None)
    assert len(dataset.images("train")) == 36
    assert dataset.images("val") == images[:3]
    assert "test" not in dataset.splits


def test_roboflow_layout(own):
    dataset = rewrite(own, path=None, train="../images/train", val=None, validation="../images/val")
    assert len(dataset.images("train")) == 24
    assert len(dataset.images("val")) == 12


def test_images_in_folders_of_folders_with_any_ending(own):
    folder = own.parent / "images/train/more"
    folder.mkdir()
    shutil.move(own.parent / "images/train/0000.png", folder / "a.PNG")
    (own.parent / "images/train/.0001.ab12.png").touch()
    (own.parent / "images/train/notes.md").touch()
    images = datasets.load(own).images("train")
    assert len(images) == 24
    assert folder / "a.PNG" in images


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"names": {1: "b", 0: "a"}}, ["a", "b"]),
        ({"names": ["a"]}, ["a"]),
        ({"names": None, "nc": 2}, ["class_0", "class_1"]),
    ],
)
def test_names(own, changes, names):
    assert rewrite(own, **changes).names == names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": None}, "has no `names`"),
        ({"names": {0: "a", 2: "b"}}, "must be the class numbers 0 to 1"),
        ({"names": ["a", "b", "a"]}, "has a more than once"),
        ({"names": ["a", "b"], "nc": 3}, "says `nc: 3`, but `names` has 2"),
        ({"path": "nowhere"}, "nowhere does not exist"),
        ({"train": None, "val": None, "test": None}, "names no split"),
        ({"train": 3}, "`train` must be a folder"),
    ],
)
def test_impossible_files_get_one_sentence(own, changes, message):
    with pytest.raises(PinchError, match=message):
        rewrite(own, **changes)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "there is no file"), ("a: [", "not a YAML"), ("- a", "not a data set file")]
)
def test_no_data_set_file(tmp_path, text, message):
    if text is not None:
        (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(PinchError, match=message):
        datasets.load(tmp_path / "data.yaml")


def test_missing_split_or_folder(own):
    dataset = rewrite(own, val="images/nowhere", test=None)
    with pytest.raises(PinchError, match=r"images/nowhere as its val split, but it does not exist"):
        dataset.images("val")
    with pytest.raises(PinchError, match="names no test split"):
        dataset.images("test")


# Labels


def test_label_path_replaces_the_last_images_folder():
    assert datasets.label_path(Path("/images/set/images/train/a.b.jpg")) == Path("/images/set/labels/train/a.b.txt")
    assert datasets.label_path(Path("/set/train/a.jpg")) == Path("/set/train/a.txt")


def test_labels(tmp_path):
    path = tmp_path / "a.txt"
    assert datasets.read_labels(path).shape == (0, 5)
    path.write_text("\ufeff1 0.5 0.5 0.2 0.4\n\n2 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n", encoding="utf-8")
    boxes = datasets.read_labels(path)
    np.testing.assert_allclose(boxes, [[1, 0.5, 0.5, 0.2, 0.4], [2, 0.2, 0.4, 0.2, 0.4]], rtol=1e-6)
    assert boxes.dtype == np.float32
    for bad in ("1 0.5 0.5", "cat 0.5 0.5 0.1 0.1", "1 0.5 0.5 0.1 0.1 0.9"):
        path.write_text(bad)
        with pytest.raises(PinchError, match=r"a\.txt is not a YOLO label file"):
            datasets.read_labels(path)


# What Ultralytics gets


def ultralytics_reads(dataset, folder, split):
    """What Ultralytics' data set of a split holds, and whether it is that with labels from a manifest."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    from pinch.data.ultralytics_dataset import labels_from_manifest

    folder.mkdir(exist_ok=True)
    written = for_ultralytics.ultralytics_yaml(dataset, check.current(dataset, [split]), [split], folder)
    data = check_det_dataset(str(written), autodownload=False)
    assert data["names"] == dict(enumerate(dataset.names))
    with labels_from_manifest():
        return build_yolo_dataset(get_cfg(), data[split], 4, data, mode="val")


def ultralytics_verifies(dataset, split):
    """The labels that Ultralytics' own verification finds."""
    from ultralytics.data.dataset import YOLODataset

    listed = dataset.root / f"verified_{split}.txt"
    listed.write_text("".join(f"{image}\n" for image in dataset.images(split)))
    return YOLODataset(img_path=str(listed), data={"names": dict(enumerate(dataset.names))}, task="detect").labels


def test_ultralytics_gets_what_its_own_verification_finds(own, tmp_path, monkeypatch):
    labels = own.parent / "labels/train"
    (labels / "0000.txt").write_text("2 0.5 0.5 0.2 0.2\n1 0.4 0.4 0.2 0.2\n1 0.4 0.4 0.2 0.2\n")  # one box twice
    (labels / "0001.txt").unlink()  # background
    (labels / "0002.txt").write_text("")
    (labels / "0003.txt").write_text("1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n")  # a polygon
    (own.parent / "val.txt").write_text("images/val/0003.png\n")
    rewrite(own, val="val.txt", train=["images/train", "images/test"])
    verified = {split: ultralytics_verifies(datasets.load(own), split) for split in ("train", "val", "test")}
    monkeypatch.chdir(tmp_path)
    for split, expected in verified.items():
        found = ultralytics_reads(datasets.load(own), tmp_path / split, split).labels
        assert [label["im_file"] for label in found] == [label["im_file"] for label in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours["shape"] == theirs["shape"]
            for part in ("cls", "bboxes"):
                assert ours[part].dtype == theirs[part].dtype
                np.testing.assert_allclose(ours[part], theirs[part], atol=1e-7)  # a polygon's box is rounded


def test_the_val_split_serves_where_there_is_no_test_split(own):
    dataset = datasets.load(own)
    assert datasets.with_test_split(dataset) is dataset
    without = rewrite(own, test=None)
    assert datasets.with_test_split(without).images("test") == without.images("val")


# Calibration


def test_calibration_images_show_every_class(made):
    dataset = datasets.load(made)
    chosen = datasets.calibration_images(dataset, per_class=5, seed=1)
    shown = datasets.count_boxes(dataset, [np.unique(dataset.labels(image)[:, :1], axis=0) for image in chosen])
    assert all(count >= 5 for count in shown.values())
    assert set(chosen) <= set(dataset.images("train"))
    assert len(chosen) == len(set(chosen)) <= 15


def test_calibration_images_follow_from_the_seed_alone(made, own):
    names = [
        [p.name for p in datasets.calibration_images(datasets.load(data), 4, seed)]
        for data in (made, own)
        for seed in (0, 1)
    ]
    assert names[0] == names[2]
    assert names[1] == names[3]
    assert names[0] != names[1]


def test_too_few_calibration_images(own):
    labels = sorted((own.parent / "labels/train").iterdir())
    for path in labels:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("2")]
        path.write_text("\n".join(lines))
    labels[0].write_text("2 0.5 0.5 0.1 0.1")
    with pytest.raises(
        PinchError, match=r"needs 3 training images of every class, but .* has too few of cross \(1\): add images"
    ):
        datasets.calibration_images(datasets.load(own), 3)


# Checks


def test_a_sound_set_passes(made):
    found = check.look(datasets.load(made))
    found.require(for_training=True)
    assert found.everything() == []
    assert found.images == {"train": 24, "val": 12, "test": 12}
    assert sum(found.boxes["val"].values()) == sum(
        len(datasets.read_labels(p)) for p in (made.parent / "labels/val").iterdir()
    )
    assert {entry.shape for entry in found.manifest.entries.values()} == {(32, 32)}


@pytest.mark.fault
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp"])
def test_truncated_image_is_named(own, ending):
    old = own.parent / "images/train/0005.png"
    image = old.with_suffix(f".{ending}")
    cv2.imwrite(str(image), cv2.resize(cv2.imread(str(old)), (200, 100)))
    if image != old:
        old.unlink()
    assert check.look(datasets.load(own)).broken == {}
    truncate(image)
    found = check.look(datasets.load(own))
    assert list(found.broken) == [image]
    with pytest.raises(PinchError, match=rf"images/train/0005\.{ending} cannot be decoded"):
        found.require(for_training=False)


@pytest.mark.fault
def test_several_broken_files_are_one_sentence(own):
    for number in range(3):
        (own.parent / f"images/val/000{number}.png").write_bytes(b"")
    with pytest.raises(PinchError, match=r"0000\.png cannot be decoded .* \(and 2 more like this\)$"):
        check.look(datasets.load(own)).require(for_training=False)


@pytest.mark.fault
def test_class_without_images(own):
    for split in ("val", "test"):
        for path in (own.parent / "labels" / split).iterdir():
            path.write_text("\n".join(line for line in path.read_text().splitlines() if line[0] == "1"))
    found = check.look(datasets.load(own))
    found.require(for_training=False)
    with pytest.raises(PinchError, match=r"the val split of .* has no images of disc, cross$"):
        found.require(for_training=True)
    assert "the test split of" in found.everything()[1]


@pytest.mark.parametrize("empty", [True, False])
def test_split_without_images(own, empty):
    shutil.rmtree(own.parent / "images/val")
    if empty:
        (own.parent / "images/val").mkdir()
    found = check.look(datasets.load(own))
    found.require(for_training=False)
    with pytest.raises(PinchError, match="val split"):
        found.require(for_training=True)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("3 0.5 0.5 0.1 0.1", r"labels/train/0001\.txt has class 3, but .* has classes 0 to 2"),
        ("nan 0.5 0.5 0.1 0.1", "has numbers that are not finite"),
        ("1 0.5 inf 0.1 0.1", "has numbers that are not finite"),
        ("1 0.5 0.5 nan 0.1", "has numbers that are not finite"),
        ("1 20 30 16 16", "has boxes that are not fractions of the image"),
        ("1 0.5 0.5 -0.1 0.1", "has boxes that are not fractions of the image"),
        ("1 0.5 0.5 0.1", "is not a YOLO label file"),
        ("hand 0.5 0.5 0.1 0.1", "is not a YOLO label file"),
    ],
)
def test_labels_that_do_not_fit(own, line, sentence):
    (own.parent / "labels/train/0001.txt").write_text(f"1 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(PinchError, match=sentence):
        check.look(datasets.load(own)).require(for_training=False)


def test_boxes_that_reach_outside_are_a_warning(own):
    (own.parent / "labels/train/0001.txt").write_text("1 0.95 0.5 0.2 0.1\n1 0.5 0.5 0.1 0.1\n1 0.5 0.5 0 0.1")
    found = check.look(datasets.load(own))
    found.require(for_training=True)
    (warning,) = found.everything()
    assert "labels/train/0001.txt: 2 of 3 boxes are empty or reach outside the image" in warning
