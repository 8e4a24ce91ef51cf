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


def test_ultralytics_finds_every_image_from_any_folder(own, tmp_path, monkeypatch):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    (own.parent / "val.txt").write_text("images/val/0003.png\n")
    dataset = rewrite(own, val="val.txt", train=["images/train", "images/test"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = check_det_dataset(str(for_ultralytics.ultralytics_yaml(dataset, "for_ultralytics")))
    assert data["names"] == dict(enumerate(shapes.NAMES))
    for split in ("train", "val", "test"):
        seen = YOLODataset(img_path=data[split], data=data, task="detect")
        assert [Path(label["im_file"]) for label in seen.labels] == dataset.images(split)
        for label in seen.labels:
            ours = dataset.labels(Path(label["im_file"]))
            np.testing.assert_allclose(
                np.hstack([label["cls"], label["bboxes"]]), ours[np.lexsort(ours.T[::-1])], atol=1e-6
            )


def test_label_cache_is_what_training_reads(own, tmp_path):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    dataset = datasets.load(own)
    for_ultralytics.make_label_cache(dataset)
    caches = sorted(own.parent.rglob("*.cache"))
    assert [cache.name for cache in caches] == ["test.cache", "train.cache", "val.cache"]
    times = [cache.stat().st_mtime_ns for cache in caches]
    data = check_det_dataset(str(for_ultralytics.ultralytics_yaml(dataset, tmp_path / "other")))
    for split in ("train", "val", "test"):
        YOLODataset(img_path=data[split], data=data, task="detect", augment=True)
    assert [cache.stat().st_mtime_ns for cache in caches] == times


def test_staging_copies_what_training_reads_in_its_order(own, tmp_path):
    original = datasets.load(own)
    datasets.label_path(original.images("train")[3]).unlink()  # background
    disk = tmp_path / "disk"
    disk.mkdir()
    copy = for_ultralytics.stage(original, disk)
    for split in ("train", "val"):
        pairs = list(zip(original.images(split), copy.images(split), strict=True))
        assert all(new.is_relative_to(disk) and new.read_bytes() == old.read_bytes() for old, new in pairs)
        assert all(np.array_equal(original.labels(old), copy.labels(new)) for old, new in pairs)
    assert copy.names == original.names
    assert "test" not in copy.splits


def test_staging_to_a_full_disk_is_refused_before_it_begins(own, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(PinchError, match="give another folder to copy them to"):
        for_ultralytics.stage(datasets.load(own), tmp_path)


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
    assert check.check(datasets.load(made), for_training=True) == []
    found = check.inspect(datasets.load(made))
    assert found.images == {"train": 24, "val": 12, "test": 12}
    assert sum(found.boxes["val"].values()) == sum(
        len(datasets.read_labels(p)) for p in (made.parent / "labels/val").iterdir()
    )


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp"])
def test_truncated_image_is_named(own, ending):
    old = own.parent / "images/train/0005.png"
    image = old.with_suffix(f".{ending}")
    cv2.imwrite(str(image), cv2.resize(cv2.imread(str(old)), (200, 100)))
    if image != old:
        old.unlink()
    assert check.decoding_error(image) is None
    truncate(image)
    with pytest.raises(PinchError, match=rf"images/train/0005\.{ending} cannot be decoded"):
        check.check(datasets.load(own), for_training=True)
    assert any("0005" in warning for warning in check.check(datasets.load(own)))


def test_several_broken_files_are_one_sentence(own):
    for number in range(3):
        (own.parent / f"images/val/000{number}.png").write_bytes(b"")
    with pytest.raises(PinchError, match=r"0000\.png cannot be decoded .* \(and 2 more like this\)$"):
        check.check(datasets.load(own), for_training=True)


def test_class_without_images(own):
    for path in (own.parent / "labels/val").iterdir():
        path.write_text("\n".join(line for line in path.read_text().splitlines() if line[0] == "1"))
    dataset = datasets.load(own)
    sentence = r"the val split of .* has no images of disc, cross"
    with pytest.raises(PinchError, match=sentence):
        check.check(dataset, for_training=True)
    (warning,) = check.check(dataset)
    assert "disc, cross" in warning
    assert check.check(dataset, ["test"]) == []


@pytest.mark.parametrize("empty", [True, False])
def test_split_without_images(own, empty):
    shutil.rmtree(own.parent / "images/val")
    if empty:
        (own.parent / "images/val").mkdir()
    with pytest.raises(PinchError, match="val split"):
        check.check(datasets.load(own), for_training=True)
    assert any("val split" in warning for warning in check.check(datasets.load(own)))


def test_labels_that_do_not_fit(own):
    (own.parent / "labels/train/0001.txt").write_text("3 0.5 0.5 0.1 0.1")
    with pytest.raises(PinchError, match=r"labels/train/0001\.txt has class 3, but .* has classes 0 to 2"):
        check.check(datasets.load(own), for_training=True)
    (own.parent / "labels/train/0001.txt").write_text("1 0.95 0.5 0.2 0.1\n1 0.5 0.5 0.1 0.1\n1 0.5 0.5 0 0.1")
    (warning,) = check.check(datasets.load(own), for_training=True)
    assert "labels/train/0001.txt: 2 of 3 boxes are empty or reach outside the image" in warning
