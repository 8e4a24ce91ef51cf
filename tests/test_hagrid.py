import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tiny_hagrid
from tiny_hagrid import GESTURES, HAND, IDLE, OTHER, TOGETHER

from pinch.core.errors import PinchError
from pinch.data import conversion, hagrid
from pinch.data import dataset as datasets
from pinch.data.conversion import ConversionSettings

VERSIONS = ["v1", "v2", "v2-1M", "mixed"]


def convert(root, out, targets=GESTURES, phases=None, **options):
    source = hagrid.source(
        dataset_folder=root / "images", dataset_annotations=root / "annotations", targets=list(targets), phases=phases
    )
    _, found, users = conversion.convert(source, out, ConversionSettings(**options))
    return found, users


def labels(out, split, gesture, number=0):
    return (out / "labels" / split / gesture / f"{split}-{gesture}-{number}.txt").read_text().splitlines()


def line(number, box):
    x, y, width, height = box
    return f"{number} {x + width / 2:.6f} {y + height / 2:.6f} {width:.6f} {height:.6f}"


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def times(out):
    files = [path.lstat() for path in sorted([*out.rglob("*.jpg"), *out.rglob("*.txt")])]
    return [(file.st_ino, file.st_mtime_ns) for file in files]


# Versions and layouts


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("phase_folders", [False, True])
def test_every_version_and_layout(tmp_path, version, phase_folders):
    root = tiny_hagrid.write(tmp_path / "hagrid", version, phase_folders=phase_folders)
    found, users = convert(root, tmp_path / "out")
    assert found.images == {"train": 16, "val": 16, "test": 16}
    assert users == {"train": 3, "val": 3, "test": 3}
    assert found.everything() == []
    assert labels(tmp_path / "out", "train", "like") == [line(0, HAND), line(3, IDLE)]
    dataset = datasets.load(tmp_path / "out/data.yaml")
    assert dataset.names == GESTURES
    counted = datasets.count_boxes(dataset, [dataset.labels(image) for image in dataset.images("val")])
    assert counted == found.boxes["val"]


def test_gestures_of_two_hands(tmp_path):
    for version, boxes in {"v2": [HAND, OTHER], "v2-1M": [TOGETHER]}.items():
        root = tiny_hagrid.write(tmp_path / version, version, images=1)
        convert(root, tmp_path / "out" / version)
        assert labels(tmp_path / "out" / version, "train", "timeout") == [line(2, box) for box in boxes]


def test_an_idle_hand_beside_a_gesture_of_two_hands_stays(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    entries = tiny_hagrid.annotations(root, "train", "timeout")
    for entry in entries.values():
        entry["bboxes"].append(IDLE)
        entry["labels"].append("no_gesture")
    tiny_hagrid.write_annotations(root, "train", "timeout", entries)
    convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "timeout") == [line(2, TOGETHER), line(3, IDLE)]


def test_hands_are_one_class(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    found, _ = convert(root, tmp_path / "out", targets=["like", "timeout"], mode="hands")
    assert labels(tmp_path / "out", "train", "timeout") == [line(0, HAND), line(0, OTHER)]
    assert labels(tmp_path / "out", "train", "like") == [line(0, HAND), line(0, IDLE)]
    assert found.boxes["train"] == {"hand": 4}


def test_no_gesture_may_be_left_out(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    found, _ = convert(root, tmp_path / "out", targets=["fist", "like"])
    assert labels(tmp_path / "out", "train", "like") == [line(1, HAND)]
    assert found.warnings == ["24 boxes of other classes than the targets were left out: no_gesture 24"]


@pytest.mark.parametrize("ending", ["jpeg", "PNG", "webp"])
def test_any_ending(tmp_path, ending):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=2, ending=ending)
    found, _ = convert(root, tmp_path / "out")
    assert found.images["test"] == 8
    assert (tmp_path / f"out/images/val/fist/val-fist-1.{ending}").exists()


def test_version_1_has_no_val_phase(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "v1", images=1, phases=("train", "test"))
    entries = {}
    for number in range(60):
        entries[f"n{number}"] = tiny_hagrid.entry("like", "v1", f"user-{number // 2}")
        (root / f"images/like/n{number}.jpg").write_bytes((root / "images/like/train-like-0.jpg").read_bytes())
    tiny_hagrid.write_annotations(root, "train", "like", entries)
    found, users = convert(root, tmp_path / "out", ["like"], phases=["train", "test"], seed=3)
    assert 0 < users["val"] < 10
    assert users["train"] + users["val"] == 30
    assert found.images["train"] + found.images["val"] == 60
    assert found.warnings[-1] == "there is no val phase: 10% of the users of train become the val split"


# The folder that is written


def test_stock_ultralytics_reads_it_from_anywhere(tmp_path, monkeypatch):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    out = tmp_path / "train_and_test" / "training"
    convert(tiny_hagrid.write(tmp_path / "hagrid"), out)
    monkeypatch.chdir(tmp_path)
    for path in (out / "data.yaml", os.path.relpath(out / "data.yaml")):
        data = check_det_dataset(str(path))
        for split in ("train", "val", "test"):
            seen = YOLODataset(img_path=data[split], data=data, task="detect").labels
            assert len(seen) == 16
            assert all(len(label["cls"]) in (1, 2) for label in seen)


def test_images_are_links_and_the_second_run_changes_nothing(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out)
    image = out / "images/train/like/train-like-0.jpg"
    assert image.samefile(root / "images/like/train-like-0.jpg")
    before = times(out)
    found, _ = convert(root, out)
    assert found.images["train"] == 16
    assert times(out) == before


def test_another_run_takes_away_what_is_no_longer_wanted(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out)
    for cache in ("like", "timeout"):
        (out / f"labels/train/{cache}.cache").touch()
    (root / "images/like/train-like-0.jpg").unlink()
    entries = tiny_hagrid.annotations(root, "train", "like")
    entries["train-like-1"]["bboxes"][0] = OTHER
    tiny_hagrid.write_annotations(root, "train", "like", entries)
    convert(root, out, targets=["fist", "like"], phases=["train", "val"])
    assert labels(out, "train", "like", 1) == [line(1, OTHER)]
    convert(root, tmp_path / "fresh", targets=["fist", "like"], phases=["train", "val"])
    assert tree(out) - {"labels/train/like.cache"} == tree(tmp_path / "fresh")


def test_a_folder_that_was_not_made_here_is_left_alone(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    with pytest.raises(PinchError, match="that Pinch did not make"):
        convert(root, root)
    (root / "conversion.json").write_text("{}")
    with pytest.raises(PinchError, match="that Pinch did not make"):
        convert(root, root)
    assert len(tree(root / "images")) == 48


@pytest.mark.parametrize("links", [[], ["symlink"]])
def test_other_file_systems(tmp_path, monkeypatch, links):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    for name in {"link", "symlink"} - set(links):
        monkeypatch.setattr(os, name, refuse)
    root, out = tiny_hagrid.write(tmp_path / "hagrid", images=1), tmp_path / "out"
    for _ in range(2):
        convert(root, out)
        image = out / "images/train/like/train-like-0.jpg"
        assert image.is_symlink() == bool(links)
        assert image.read_bytes() == (root / "images/like/train-like-0.jpg").read_bytes()
        assert image.stat().st_nlink == 1


def test_copies(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid", images=1), tmp_path / "out"
    convert(root, out)
    convert(root, out, copy=True)
    assert not (out / "images/train/like/train-like-0.jpg").samefile(root / "images/like/train-like-0.jpg")
    assert all(path.stat().st_nlink == 1 for path in out.rglob("*.jpg"))


def test_limit_is_seeded_and_does_not_depend_on_the_targets(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=12)
    drawn = []
    for number, (targets, seed) in enumerate([(GESTURES, 0), (["fist"], 0), (["fist"], 1)]):
        out = tmp_path / str(number)
        found, _ = convert(root, out, targets=targets, limit=3, seed=seed)
        assert found.images == dict.fromkeys(("train", "val", "test"), 3 * len(targets))
        drawn.append({path.name for split in ("train", "val") for path in (out / "images" / split / "fist").iterdir()})
    assert drawn[0] == drawn[1] != drawn[2]


# What may be wrong


def test_boxes_outside_the_image(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=3)
    entries = tiny_hagrid.annotations(root, "train", "fist")
    for stem, box in zip(
        entries, [[-0.1, 0.5, 0.3, 0.7], [1.2, 0.1, 0.2, 0.2], [0.8, 0.8, 0.2000001, 0.2]], strict=True
    ):
        entries[stem]["bboxes"][0] = box
    tiny_hagrid.write_annotations(root, "train", "fist", entries)
    found, _ = convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "fist", 0)[0] == line(1, [0, 0.5, 0.2, 0.5])
    assert labels(tmp_path / "out", "train", "fist", 1) == [line(3, IDLE)]
    assert labels(tmp_path / "out", "train", "fist", 2)[0] == line(1, [0.8, 0.8, 0.2, 0.2])
    clipped, outside = found.warnings
    assert "1 boxes reach outside their image and were clipped (first: image train-fist-0 of " in clipped
    assert "1 boxes lie outside their image or are empty and were left out" in outside
    assert "train-fist-1" in outside
    for boxes in (datasets.read_labels(path) for path in (tmp_path / "out/labels").rglob("*.txt")):
        assert (boxes[:, 1:3] - boxes[:, 3:] / 2 > -1e-5).all()
        assert (boxes[:, 1:3] + boxes[:, 3:] / 2 < 1 + 1e-5).all()


@pytest.mark.parametrize("box", [[-0.5, -0.5, 2, 2], [0.3, 0.3, 0.1, 0.1], [2, 2, 1, 1], [0.5, 0.5, 0, 0.1]])
def test_clip(box):
    *_, width, height = hagrid.clip(tuple(box))
    covered = np.zeros((100, 100), bool)
    left, top, right, bottom = (round(100 * v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    covered[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    assert max(width, 0) * max(height, 0) == pytest.approx(covered.mean())


def test_annotated_images_that_are_not_there(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    for number in range(2):
        (root / f"images/like/train-like-{number}.jpg").unlink()
    found, _ = convert(root, tmp_path / "out")
    assert found.images["train"] == 14
    assert found.warnings == ["2 annotated images are missing and were left out: train/like 2"]


def test_class_and_split_without_images_only_warn(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    tiny_hagrid.write_annotations(root, "val", "like", {})
    for path in (root / "images").rglob("test-*.jpg"):
        path.unlink()
    found, _ = convert(root, tmp_path / "out")
    assert [gap.split(" (")[0] for gap in found.gaps.values()] == [
        "the val split has no images of like",
        f"the test split has no images of {', '.join(GESTURES)}",
    ]
    assert datasets.load(tmp_path / "out/data.yaml").images("test") == []


def test_users_in_two_splits(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    entries = tiny_hagrid.annotations(root, "test", "like")
    entries["test-like-0"]["user_id"] = "train-user-1"
    tiny_hagrid.write_annotations(root, "test", "like", entries)
    found, _ = convert(root, tmp_path / "out")
    assert found.warnings == ["1 users are in train and in test: accuracy on test will look better than it is"]


def test_truncated_image(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    image = root / "images/fist/val-fist-2.jpg"
    image.write_bytes(image.read_bytes()[:-80])
    with pytest.raises(PinchError, match=r"images/fist/val-fist-2\.jpg cannot be decoded .* restore it"):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out/data.yaml").exists()
    found, _ = convert(root, tmp_path / "out", skip_broken=True)
    assert found.images["val"] == 15
    assert "val-fist-2.jpg cannot be decoded" in found.warnings[0]
    assert not (tmp_path / "out/labels/val/fist/val-fist-2.txt").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"train/fist\.json is not valid JSON"),
        ("[]", r"train/fist\.json is not a HaGRID annotation file"),
        ('{"a": [1]}', r"the entry a is not HaGRID's"),
        ('{"a": {"labels": []}}', "it needs bboxes and labels"),
        ('{"a": {"bboxes": [[0, 0, 1, 1]], "labels": []}}', "it has 1 bboxes, but 0 labels"),
        ('{"a": {"bboxes": [[0, 0, 1]], "labels": ["fist"]}}', r"\[0, 0, 1\] is not a box"),
        ('{"a": {"bboxes": [[0, 0, 1, NaN]], "labels": ["fist"]}}', "is not a box"),
        ('{"a": {"bboxes": [0.1], "labels": ["fist"]}}', "the entry a is not HaGRID's"),
    ],
)
def test_annotation_files_that_are_not_hagrids(tmp_path, text, message):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/train/fist.json").write_text(text)
    with pytest.raises(PinchError, match=message):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out/data.yaml").exists()


def test_missing_class_file(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/val/like.json").unlink()
    with pytest.raises(
        PinchError, match=r"there is no annotation file .*/annotations/val/like\.json: .* like, no_gesture"
    ):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# The configuration file


def test_official_configuration_file(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    source = hagrid.source(tiny_hagrid.config(root), targets=["fist"], dataset_folder=None)
    assert source.targets == ["fist"]
    assert source.images == root / "images"
    assert source.phases == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": []}, "does not say targets"),
        ({"targets": "fist"}, "targets must be a list of names"),
        ({"targets": ["fist", "like", "fist"]}, "targets has fist more than once"),
        ({"phases": ["train", "subsample"]}, "phases has subsample"),
        ({"dataset_folder": "<path_to_dataset_folder>"}, "there is no folder .*<path_to_dataset_folder>"),
        ({"dataset_annotations": None}, "does not say dataset_annotations"),
    ],
)
def test_impossible_configurations(tmp_path, changes, message):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    with pytest.raises(PinchError, match=message):
        hagrid.source(tiny_hagrid.config(root, **changes))


@pytest.mark.parametrize(("text", "message"), [("a: [", "not a YAML file"), ("a: 1", "no `dataset:` block")])
def test_no_configuration_file(tmp_path, text, message):
    path = Path(tmp_path, "cfg.yaml")
    with pytest.raises(PinchError, match="there is no file"):
        hagrid.source(path)
    path.write_text(text)
    with pytest.raises(PinchError, match=message):
        hagrid.source(path)
