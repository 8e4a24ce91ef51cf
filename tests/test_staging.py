"""Copies of a data set on a faster disk."""

import shutil
import subprocess
import sys

import pytest
import shapes

from pinch.core.environment import library_path
from pinch.core.errors import PinchError
from pinch.data import check, dataset, staging
from pinch.data.prepare import prepare


@pytest.fixture
def prepared(tmp_path):
    """A prepared data set of a user's."""
    own = dataset.load(shapes.write(tmp_path / "own", train=6, val=3, imgsz=32))
    data, _ = prepare(own, tmp_path / "run", for_training=True)
    return data, check.current(data, check.TRAINED_ON)


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "fast disk").mkdir()
    return tmp_path / "fast disk"


def contents(data):
    return {split: [image.read_bytes() for image in data.images(split)] for split in check.TRAINED_ON}


def test_images_are_packed_once_and_copied_in_their_order(prepared, disk, tmp_path):
    data, manifest = prepared
    expected, boxes = contents(data), [manifest.of(data, image).boxes.tolist() for image in data.images("train")]
    with staging.staged(data, manifest, disk) as (copy, of_copy):
        assert contents(copy) == expected
        assert [of_copy.of(copy, image).boxes.tolist() for image in copy.images("train")] == boxes
        assert all(image.is_relative_to(disk) for image in copy.images("val"))
    assert not list(disk.iterdir())
    (packed,) = (tmp_path / "run").glob("*.tar")
    # The second copy asks the user's folder for nothing.
    data.images("train"), data.images("val")
    shutil.rmtree(tmp_path / "own/images/train")
    with staging.staged(data, manifest, disk) as (copy, _):
        assert contents(copy) == expected
    assert list((tmp_path / "run").glob("*.tar")) == [packed]


def test_other_data_are_packed_anew(prepared, disk, tmp_path):
    data, manifest = prepared
    with staging.staged(data, manifest, disk):
        pass
    before = {path.name for path in (tmp_path / "run").glob("*.tar")}
    (tmp_path / "own/images/train/0000.png").unlink()
    data, _ = prepare(dataset.load(tmp_path / "own/data.yaml"), tmp_path / "run", for_training=False)
    with staging.staged(data, check.current(data, check.TRAINED_ON), disk) as (copy, _):
        assert len(copy.images("train")) == 5
    after = {path.name for path in (tmp_path / "run").glob("*.tar")}
    assert len(after) == 1
    assert after != before


@pytest.mark.parametrize("is_prepared", [True, False])
def test_where_images_are_not_packed_they_are_copied_one_by_one(
    prepared, disk, tmp_path, monkeypatch, capsys, is_prepared
):
    data = prepared[0] if is_prepared else dataset.load(tmp_path / "own/data.yaml")
    monkeypatch.setattr(staging, "_SPARE", 0)
    with staging.staged(data, check.current(data, check.TRAINED_ON), disk) as (copy, _):
        assert contents(copy) == contents(data)
    assert ("has too little space to pack images there" in capsys.readouterr().err) == is_prepared
    assert not list((tmp_path / "run").glob("*.tar"))


@pytest.mark.fault
def test_what_a_killed_training_staged_is_removed_by_the_next(prepared, disk, tmp_path):
    data, manifest = prepared
    (disk / ".pinch-of-others").mkdir()
    code = (
        "import os, pathlib, sys; from pinch.data import check, dataset, staging\n"
        "data = dataset.load(sys.argv[1])\n"
        "with staging.staged(data, check.current(data, check.TRAINED_ON), pathlib.Path(sys.argv[2])):\n"
        "    os.kill(os.getpid(), 9)"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "run/data.yaml"), str(disk)]
    killed = subprocess.run(line, env={"PYTHONPATH": library_path(), "PATH": "/usr/bin:/bin"})
    assert killed.returncode == -9
    (left,) = (path for path in disk.iterdir() if list(path.rglob("*.png")))
    with staging.staged(data, manifest, disk), staging.staged(data, manifest, disk):
        assert not left.exists()
        assert len(list(disk.iterdir())) == 3, "one of others, and two that are in use"
    assert [path.name for path in disk.iterdir()] == [".pinch-of-others"]


def test_a_disk_that_is_missing_or_too_small_is_refused(prepared, tmp_path, disk, monkeypatch):
    data, manifest = prepared
    with (
        pytest.raises(PinchError, match="the folder to copy images to, does not exist on this node"),
        staging.staged(data, manifest, tmp_path / "none"),
    ):
        pass
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 0, 10))
    with (
        pytest.raises(PinchError, match=r"has 0\.0 GB free: give another folder"),
        staging.staged(data, manifest, disk),
    ):
        pass
    assert not list(disk.iterdir())
