import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tiny_hagrid
from tiny_hagrid import GESTURES, HAND, IDLE, OTHER, TOGETHER

from pinch.core.errors import PinchError
from pinch.data import dataset as datasets
from pinch.data.hagrid import conversion, reading, source
from pinch.data.hagrid.annotations import Annotation, clip
from pinch.data.hagrid.settings import ConversionSettings

VERSIONS = ["v1", "v2", "v2-1M", "mixed"]


def convert(root, out, targets=GESTURES, phases=(), background=None, processes=1, labels=None, **options):
    found = source.find(root / "images", root / "annotations", targets, phases, background)
    _, findings = conversion.convert(found, out, ConversionSettings(**options), processes=processes, labels=labels)
    return findings


def labels(out, split, gesture, number=0):
    (path,) = (out / "labels").rglob(f"{split}-{gesture}-{number}.txt")
    return path.read_text().splitlines()


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
    assert found.warnings == ["there is no val phase: 10% of the users of train become the val split"]


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


def test_gestures_of_two_hands(tmp_path):
    for version, boxes in {"v2": [HAND, OTHER], "v2-1M": [TOGETHER]}.items():
        root = tiny_hagrid.write(tmp_path / version, version, images=1)
        convert(root, tmp_path / "out" / version)
        assert labels(tmp_path / "out" / version, "train", "timeout") == [line(2, box) for box in boxes]


def test_two_united_boxes_and_an_idle_hand_beside_them(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    entries = tiny_hagrid.annotations(root, "train", "timeout")
    for entry in entries.values():
        entry["bboxes"].append(IDLE)
        entry["labels"].append("no_gesture")
        entry["united_bbox"].append(OTHER)
        entry["united_label"].append("timeout")
    tiny_hagrid.write_annotations(root, "train", "timeout", entries)
    convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "timeout") == [line(2, TOGETHER), line(2, OTHER), line(3, IDLE)]


def test_each_hand_keeps_its_gesture_or_all_are_one_class(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    convert(root, tmp_path / "hands", targets=["like", "timeout"], mode="hands")
    assert labels(tmp_path / "hands", "train", "timeout") == [line(1, HAND), line(1, OTHER)]
    assert labels(tmp_path / "hands", "train", "like") == [line(0, HAND)]
    found = convert(root, tmp_path / "hand", targets=["like", "timeout"], mode="hand")
    assert labels(tmp_path / "hand", "train", "timeout") == [line(0, HAND), line(0, OTHER)]
    assert labels(tmp_path / "hand", "train", "like") == [line(0, HAND), line(0, IDLE)]
    assert found.boxes["train"] == {"hand": 4}


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


def test_folders_are_linked_and_the_second_run_changes_nothing(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out)
    assert [path.name for path in sorted((out / "images").iterdir())] == sorted(GESTURES)
    assert all(path.is_symlink() for path in (out / "images").iterdir())
    before = times(out)
    found = convert(root, out)
    assert found.images["train"] == 16
    assert times(out) == before


def test_another_run_takes_away_what_is_no_longer_wanted(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out, ["like", "fist", "timeout"])
    (out / "images/old").mkdir()
    (out / "images/old/picture.jpg").touch()
    (root / "images/like/train-like-0.jpg").unlink()
    entries = tiny_hagrid.annotations(root, "train", "like")
    entries["train-like-1"]["bboxes"][0] = OTHER
    tiny_hagrid.write_annotations(root, "train", "like", entries)
    options = {"targets": ["like", "fist"], "phases": ["train", "val"], "rebuild": True, "max_missing": 1}
    convert(root, out, **options)
    assert labels(out, "train", "like", 1) == [line(0, OTHER)]
    convert(root, tmp_path / "fresh", **options)
    listed = [(folder / "train.txt").read_text() for folder in (out, tmp_path / "fresh")]
    assert listed[0] == listed[1]
    assert sorted(path.name for path in (out / "images").iterdir()) == ["fist", "like"]
    assert len(list((root / "images/timeout").iterdir())) == 12


@pytest.mark.fault
def test_a_folder_that_was_not_made_here_is_left_alone(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    for _ in range(2):
        with pytest.raises(PinchError, match="that Pinch did not make"):
            convert(root, root)
        (root / "conversion.json").write_text("{}")
    assert len(tree(root / "images")) == 48


@pytest.mark.parametrize("links", [[], ["link"]])
def test_other_file_systems(tmp_path, monkeypatch, links):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    for name in {"link", "symlink"} - set(links):
        monkeypatch.setattr(os, name, refuse)
    root, out = tiny_hagrid.write(tmp_path / "hagrid", images=1), tmp_path / "out"
    for _ in range(2):
        convert(root, out)
        image = out / "images/like/train-like-0.jpg"
        assert image.samefile(root / "images/like/train-like-0.jpg") == bool(links)
        assert image.read_bytes() == (root / "images/like/train-like-0.jpg").read_bytes()


@pytest.mark.fault
@pytest.mark.parametrize("name", ["symlink", "link"])
def test_a_full_quota_is_told_and_images_are_not_copied_instead(tmp_path, monkeypatch, name):
    def full(*_, **__):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def no_links(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    root, out = tiny_hagrid.write(tmp_path / "hagrid", images=1), tmp_path / "out"
    monkeypatch.setattr(os, "symlink", no_links)
    monkeypatch.setattr(os, name, full)
    with pytest.raises(PinchError, match=r"your quota on the disk of .* is used up"):
        convert(root, out)
    assert not list(out.rglob("*.jpg"))


def test_copies(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid", images=1), tmp_path / "out"
    convert(root, out)
    convert(root, out, copy=True)
    assert not (out / "images/like/train-like-0.jpg").samefile(root / "images/like/train-like-0.jpg")
    assert len(list(out.rglob("*.jpg"))) == 12
    convert(root, out)
    assert (out / "images/like").is_symlink()


def test_labels_lie_once_for_all_data_sets_of_a_source(tmp_path):
    root, shared = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "labels"
    for name, limit in (("a", 2), ("b", 3)):
        convert(root, tmp_path / name, labels=shared, limit=limit)
    assert (tmp_path / "a/labels").samefile(tmp_path / "b/labels")
    assert len(list(shared.iterdir())) == 1
    assert len(datasets.load(tmp_path / "a/data.yaml").images("train")) == 8
    # Other class numbers need other labels; those that nobody uses any more are removed.
    convert(root, tmp_path / "a", GESTURES[:2], labels=shared, rebuild=True)
    assert len(list(shared.iterdir())) == 2
    convert(root, tmp_path / "b", GESTURES[:2], labels=shared, rebuild=True)
    assert (tmp_path / "a/labels").samefile(tmp_path / "b/labels")
    assert len(list(shared.iterdir())) == 1
    convert(root, tmp_path / "b", GESTURES[:2])
    assert not (tmp_path / "b/labels").is_symlink()
    assert labels(tmp_path / "b", "train", "like") == [line(0, HAND)]


# What is left out, and what is added


def test_idle_hands_are_capped_in_train(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=12)
    before = convert(root, tmp_path / "all")
    found = convert(root, tmp_path / "out", max_idle=1.5, seed=4)
    assert before.boxes["train"]["no_gesture"] == 48
    boxes = found.boxes["train"]
    assert boxes["no_gesture"] <= 1.5 * max(boxes["like"], boxes["fist"], boxes["timeout"])
    # Those that show nothing else go first, and what is held out stays as it is.
    assert boxes["timeout"] == before.boxes["train"]["timeout"]
    assert found.boxes["test"] == before.boxes["test"]
    assert "were left out, so that there are at most 1.5 times as many as of any gesture" in found.warnings[-1]
    with pytest.raises(PinchError, match=r"max_idle 0\.1 would leave out 3\d of the 48 training images: raise it"):
        convert(root, tmp_path / "none", max_idle=0.1)


def test_images_without_hands_are_added_to_all_splits(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    for number in range(40):
        path = tmp_path / f"rooms/{number % 2}/room-{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((root / "images/like/train-like-0.jpg").read_bytes())
    found = convert(root, tmp_path / "out", background=tmp_path / "rooms")
    assert sum(found.images.values()) == 48 + 40
    assert all(count > 16 for count in found.images.values())
    assert convert(root, tmp_path / "plain").boxes == found.boxes
    assert found.gaps == {}


@pytest.mark.fault
def test_class_numbers_do_not_change_without_being_asked(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out, ["like", "fist"])
    convert(root, out, ["like", "fist", "timeout"])
    for targets, what in ((["fist", "like", "timeout"], "in another order"), (["like", "timeout"], "without fist")):
        with pytest.raises(PinchError, match=f"given {what} now: add targets at the end, or ask for .* `rebuild`"):
            convert(root, out, targets)
    assert labels(out, "train", "fist") == [line(1, HAND)]
    convert(root, out, ["fist", "like"], rebuild=True)
    assert labels(out, "train", "fist") == [line(0, HAND)]


def test_limit_is_seeded_and_does_not_depend_on_the_targets(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=12)
    drawn = []
    for number, (targets, seed) in enumerate([(GESTURES, 0), (["fist"], 0), (["fist"], 1)]):
        out = tmp_path / str(number)
        found = convert(root, out, targets=targets, limit=3, seed=seed)
        assert found.images == dict.fromkeys(("train", "val", "test"), 3 * len(targets))
        drawn.append({path.name for path in datasets.load(out / "data.yaml").images("train") if "fist" in path.name})
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
    found = convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "fist", 0)[0] == line(1, [0, 0.5, 0.2, 0.5])
    assert labels(tmp_path / "out", "train", "fist", 1) == [line(3, IDLE)]
    assert labels(tmp_path / "out", "train", "fist", 2)[0] == line(1, [0.8, 0.8, 0.2, 0.2])
    clipped, outside = found.warnings
    assert "1 boxes reach outside their image and were clipped (first: train/fist.json: train-fist-0)" in clipped
    assert "1 boxes lie outside their image or are empty and were left out" in outside
    assert "train-fist-1" in outside
    for boxes in (datasets.read_labels(path) for path in (tmp_path / "out/labels").rglob("*.txt")):
        assert (boxes[:, 1:3] - boxes[:, 3:] / 2 > -1e-5).all()
        assert (boxes[:, 1:3] + boxes[:, 3:] / 2 < 1 + 1e-5).all()


@pytest.mark.parametrize("box", [[-0.5, -0.5, 2, 2], [0.3, 0.3, 0.1, 0.1], [2, 2, 1, 1], [0.5, 0.5, 0, 0.1]])
def test_clip(box):
    *_, width, height = clip(tuple(box))
    covered = np.zeros((100, 100), bool)
    left, top, right, bottom = (round(100 * v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    covered[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    assert max(width, 0) * max(height, 0) == pytest.approx(covered.mean())


def test_annotated_images_that_are_not_there(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    for number in range(2):
        (root / f"images/like/train-like-{number}.jpg").unlink()
    found = convert(root, tmp_path / "out")
    assert found.images["train"] == 14
    assert found.warnings == ["2 annotated images are missing and were left out: train/like 2"]


@pytest.mark.fault
def test_too_many_missing_images_stop_before_anything_is_written_or_removed(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out)
    before = times(out), (out / "data.yaml").read_bytes()
    (root / "images").rename(root / "unmounted")
    (root / "images").mkdir()
    with pytest.raises(PinchError, match=r"48 of 48 annotated images are missing \(.*which has no folders of these"):
        convert(root, out)
    (root / "images").rmdir()
    (root / "unmounted").rename(root / "images")
    for path in (root / "images/like").iterdir():
        path.unlink()
    with pytest.raises(PinchError, match=r"12 of 48 .* \(train/like 4, .*: mend the path, .* with `max_missing`"):
        convert(root, out)
    assert (times(out), (out / "data.yaml").read_bytes()) == before
    assert convert(root, out, max_missing=0.25).images["train"] == 12


def test_images_beyond_the_limit_may_be_missing(tmp_path):
    """As where a few images of each gesture were fetched, and the annotations of all."""
    root = tiny_hagrid.write(tmp_path / "hagrid", images=12)
    for path in (root / "images").rglob("*.jpg"):
        if int(path.stem.rpartition("-")[2]) >= 3:
            path.unlink()
    assert convert(root, tmp_path / "out", limit=3).images["train"] == 12
    with pytest.raises(PinchError, match="12 of 48 annotated images are missing"):
        convert(root, tmp_path / "out", limit=4)


def test_class_and_split_without_images_only_warn(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    tiny_hagrid.write_annotations(root, "val", "like", {})
    for path in (root / "images").rglob("test-*.jpg"):
        path.unlink()
    found = convert(root, tmp_path / "out", max_missing=1)
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
    found = convert(root, tmp_path / "out")
    assert found.warnings == ["1 users are in train and in test: accuracy on test will look better than it is"]


def test_truncated_image(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    image = root / "images/fist/val-fist-2.jpg"
    image.write_bytes(image.read_bytes()[:-80])
    with pytest.raises(PinchError, match=r"images/fist/val-fist-2\.jpg cannot be decoded .* restore it"):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out/data.yaml").exists()
    found = convert(root, tmp_path / "out", skip_broken=True)
    assert found.images["val"] == 15
    assert "val-fist-2.jpg cannot be decoded" in found.warnings[0]
    val = datasets.load(tmp_path / "out/data.yaml").images("val")
    assert (tmp_path / "out/images/fist/val-fist-2.jpg") not in val


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"train/fist\.json is not valid JSON"),
        ("[]", r"train/fist\.json is not a HaGRID annotation file"),
        ('{"a": [1]}', r"1 of \d+ annotations in .* cannot be used: 1 \(train/fist\.json: a\) are no objects"),
        ('{"a": {"labels": []}}', "have no list of bboxes or labels"),
        ('{"a": {"bboxes": null, "labels": null}}', "have no list of bboxes or labels"),
        ('{"a": {"bboxes": [[0, 0, 1, 1]], "labels": []}}', "have other numbers of bboxes and labels"),
        ('{"a": {"bboxes": [[0, 0, 1]], "labels": ["fist"]}}', "have bboxes that are not"),
        ('{"a": {"bboxes": [null], "labels": ["fist"]}}', "have bboxes that are not"),
        ('{"a": {"bboxes": [[0, 0, 1, NaN]], "labels": ["fist"]}}', "have bboxes that are not finite"),
        ('{"a": {"bboxes": [[0, 0, 1, 1]], "labels": [null]}}', "have labels that are not text"),
        ('{"a": {"bboxes": [], "labels": [], "user_id": 7}}', "have a user_id that is not text"),
    ],
)
def test_annotation_files_that_are_not_hagrids(tmp_path, text, message):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/train/fist.json").write_text(text)
    with pytest.raises(PinchError, match=message):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault
def test_a_few_wrong_entries_are_counted_by_kind_and_left_out(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=30)
    entries = tiny_hagrid.annotations(root, "val", "like")
    entries["val-like-0"]["bboxes"] = None
    entries["val-like-1"]["bboxes"][0][0] = None
    entries["val-like-2"]["labels"][0] = "wave"
    entries["val-like-3"] |= {"bboxes": [], "labels": []}
    tiny_hagrid.write_annotations(root, "val", "like", entries)
    found = convert(root, tmp_path / "out")
    assert found.images["val"] == 118
    assert found.warnings == [
        "entries were left out because they have no list of bboxes or labels: 1 (val/like.json: val-like-0)",
        "entries were left out because they have bboxes that are not [x, y, width, height]: "
        "1 (val/like.json: val-like-1)",
        "1 boxes of labels that HaGRID does not know were left out: wave 1",
    ]
    # An image without hands is one to learn from.
    assert labels(tmp_path / "out", "val", "like", 3) == []
    with pytest.raises(PinchError, match=r"2 of 360 annotations in .* cannot be used"):
        convert(root, tmp_path / "strict", strict=True)


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


# The geometry of boxes


@pytest.mark.parametrize("side", [32, 512, 1920])
def test_boxes_come_back_within_half_a_pixel(tmp_path, side):
    """From HaGRID's corner and size, through the text of a label file and Pinch's reader, to pixels."""
    rng = np.random.default_rng(side)
    corners = np.sort(rng.uniform(-0.2, 1.2, (500, 2, 2)), axis=1)
    hands = [("like", (x0, y0, x1 - x0, y1 - y0)) for (x0, y0), (x1, y1) in corners.tolist()]
    text = reading._label(Annotation("a", hands, None), {"like": 0}, "gestures", reading.Part(), "a")
    found = datasets.parse_labels(text.encode(), tmp_path)[:, 1:].astype(float)
    inside = np.clip(corners, 0, 1)
    inside = inside[((inside[:, 1] - inside[:, 0]) > 0).all(1)]
    assert len(found) == len(inside) > 300
    back = np.stack([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2], 1)
    assert abs(back - inside).max() * side < 0.5
    assert found.min() >= 0
    assert found.max() <= 1
