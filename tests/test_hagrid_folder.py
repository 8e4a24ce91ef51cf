"""The folder that a conversion of HaGRID writes: links, labels, what is added and what is left out."""

import errno
import os

import pytest
import tiny_hagrid
from hagrid_conversion import convert, labels, line, times, tree
from tiny_hagrid import GESTURES, HAND, OTHER

from pinch.core.errors import PinchError
from pinch.data import dataset as datasets


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
