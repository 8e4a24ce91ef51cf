"""What data sets of other people bring along: odd files, files that change, folders that must stay as they are."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import shapes
import yaml
from conftest import ROOT
from PIL import Image

import prepare_dataset
import train
from pinch.core import records
from pinch.core.environment import library_path
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord
from pinch.data import changes, check, image_check, prepare
from pinch.data import dataset as datasets
from pinch.data import manifest as manifests
from pinch.measuring.evaluation import evaluate


@pytest.fixture
def own(tmp_path):
    """A user's data set: its data.yaml."""
    return shapes.write(tmp_path / "own", train=12, val=6, imgsz=32)


def prepared(own, for_training=True):
    """The data set as the workflow's first step leaves it."""
    written, _ = prepare.prepare(datasets.load(own), own.parents[1] / "prepared", for_training)
    return written


def tree(folder):
    """Every file of a folder: its content and its modification time."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def spoil_silently(path):
    """Spoil a file's content, but not its size and time, so that only those who open it notice."""
    times, size = path.stat(), path.stat().st_size
    path.write_bytes(b"\0" * size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


class Malicious:
    """What runs code when somebody unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.fault
@pytest.mark.slow
def test_the_users_folder_is_only_read(own, tmp_path):
    picture = own.parent / "images/train/0003.png"
    cv2.imwrite(str(picture.with_suffix(".jpg")), cv2.imread(str(picture)))
    picture.unlink()
    picture = picture.with_suffix(".jpg")
    picture.write_bytes(picture.read_bytes() + b"trailing bytes of a camera")
    picture.with_suffix(".npy").write_bytes(b"no array")
    for split in ("train", "val"):
        with (own.parent / f"labels/{split}.cache").open("wb") as stream:
            np.save(stream, np.array({"labels": Malicious(tmp_path / "ran")}, dtype=object), allow_pickle=True)
    before = tree(own.parent)
    mounted = subprocess.run(["mount", "--bind", "-o", "ro", own.parent, own.parent], capture_output=True)
    try:
        data = prepared(own)
        options = ["--dataset", str(data.path), "--project", str(tmp_path / "models"), "--imgsz", "32", "--epochs", "1"]
        train.main(["m", *options, "--base-model", str(ROOT / "resources/hands.pt"), "--batch", "8"])
        evaluate(tmp_path / "models/m.pt", own, ["val"], imgsz=32)
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", own.parent], check=True)
    assert tree(own.parent) == before
    assert not (tmp_path / "ran").exists()
    np.load(own.parent / "labels/val.cache", allow_pickle=True)
    assert (tmp_path / "ran").exists()  # whoever opens it is caught


@pytest.mark.fault
def test_only_what_has_changed_is_looked_at_again(own):
    first = prepared(own)
    images = first.images("train")
    for image in images[2:]:
        spoil_silently(image)
    labels = datasets.label_path(images[0])
    labels.write_text(f"{labels.read_text()}\n1 0.5 0.5 0.1 0.1\n")
    shutil.copy(images[0], images[0].with_name("new.png"))
    images[1].unlink()
    again = prepared(own)
    assert len(again.images("train")) == 12
    assert again.digest != first.digest
    os.utime(images[5])
    with pytest.raises(PinchError, match=f"{images[5].name} cannot be decoded"):
        prepared(own)


@pytest.mark.fault
def test_a_look_that_was_broken_off_goes_on(own, monkeypatch):
    monkeypatch.setattr(check, "_KEEP_EVERY", 0)
    folder, lines = own.parents[1] / "prepared", []

    def killed(line):
        lines.append(line)
        if len(lines) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(datasets.load(own), folder, True, killed)
    assert not (folder / "data.yaml").exists()
    seen = list(manifests.read(folder / manifests.FILE).entries)
    assert len(seen) == 8
    for name in seen:
        spoil_silently(own.parent / name)
    assert prepared(own).images("train")


@pytest.mark.fault
def test_processes_that_decode_end_with_the_one_that_is_killed(tmp_path):
    script = tmp_path / "many.py"
    script.write_text(
        "import os, time\n"
        "from pinch.core import processes\n"
        "if __name__ == '__main__':\n"
        "    with processes.pool(2) as pool:\n"
        "        print(*set(pool.map(time.sleep, [0.5] * 4)), *pool._processes, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    environment = {"PYTHONPATH": library_path(), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True)
    assert done.returncode == -9
    started = [int(word) for word in done.stdout.split()[1:]]
    assert len(started) == 2
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in started if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def test_many_images_are_decoded_by_processes_with_the_same_result(own, tmp_path, monkeypatch):
    broken = next((own.parent / "images/train").iterdir())
    content = broken.read_bytes()
    expected = check.look(datasets.load(own))
    monkeypatch.setattr(check, "_MANY", 1)
    found = check.look(datasets.load(own))
    assert found.manifest.digest(datasets.load(own), ["train", "val"]) == expected.manifest.digest(
        datasets.load(own), ["train", "val"]
    )
    broken.write_bytes(content[:-60])
    found = check.look(datasets.load(own), known=expected.manifest)
    assert list(found.broken) == [broken]
    assert "cannot be decoded" in found.broken[broken]


@pytest.mark.fault
@pytest.mark.parametrize("fault", ["new", "changed", "removed", "labels", "edited", "manifest"])
def test_a_set_that_changed_after_it_was_prepared_is_not_trained_on(own, fault):
    data = prepared(own)
    image = data.images("train")[4]
    if fault == "new":
        shutil.copy(image, image.with_name("new.png"))
    elif fault == "changed":
        cv2.imwrite(str(image), np.zeros((40, 32, 3), np.uint8))
    elif fault == "removed":
        image.unlink()
    elif fault == "labels":
        datasets.label_path(image).unlink()
    elif fault == "edited":
        content = yaml.safe_load(data.path.read_text())
        data.path.write_text(yaml.safe_dump(content | {"names": ["a", "b", "c"]}))
    else:
        (data.path.parent / manifests.FILE).write_bytes(b"truncated")
    with pytest.raises(PinchError, match="only these files are looked at"):
        check.current(datasets.load(data.path), check.TRAINED_ON)
    assert check.current(prepared(own), check.TRAINED_ON).entries


@pytest.mark.fault
def test_clocks_that_go_wrong_do_not_matter(own):
    for image in datasets.load(own).images("train")[:6]:
        os.utime(image, (time.time() + 1e6,) * 2)
    data = prepared(own)
    assert check.current(data, check.TRAINED_ON).entries
    os.utime(data.images("train")[0], (0, 0))
    with pytest.raises(PinchError, match=r"1 changed"):
        check.current(datasets.load(data.path), check.TRAINED_ON)


@pytest.mark.fault
def test_replaced_pictures_run_again_what_was_made_from_them(own, tmp_path, snakemake):
    config = {"name": "t", "dataset": str(own), "coarse": {"ratios": [0.5]}, "fine": {"ratios": []}}
    results = tmp_path / "run/results/t"
    shutil.copytree(prepared(own).path.parent, results / "dataset")
    assert "has changed since it was prepared" not in snakemake(tmp_path / "run", "-n", config=config).stderr
    for image in datasets.load(own).images("train")[:3]:
        shutil.copy(image, image.with_name(f"more-{image.name}"))
    done = snakemake(tmp_path / "run", "-n", config=config)
    printed = done.stdout + done.stderr
    assert "The data set has changed since it was prepared: 3 new (" in printed
    assert "Updated input files: results/t/dataset/changes.json" in printed


def test_sources_of_a_conversion_that_change_are_noticed(tmp_path):
    import tiny_hagrid

    import hagrid_to_yolo

    root = tiny_hagrid.write(tmp_path / "hagrid", images=2)
    hagrid_to_yolo.main(["--cfg", str(tiny_hagrid.config(root)), "--out", str(tmp_path / "out")])
    assert changes.since_prepared(tmp_path / "out", None) == []
    (root / "images/like/another.jpg").touch()
    assert "folders or annotation files of HaGRID" in changes.since_prepared(tmp_path / "out", None)[0]


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["rotated.jpg", "grey.png", "16 bit.png", "cmyk.jpg", "animated.webp", "pages.tif"])
def test_unusual_pictures_are_read_as_training_reads_them(tmp_path, kind):
    from ultralytics.utils.patches import imread

    colours = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8))
    path = tmp_path / kind
    exif = Image.Exif()
    exif[274] = 6
    save = {
        "rotated.jpg": lambda: colours.save(path, exif=exif),
        "grey.png": lambda: colours.convert("L").save(path),
        "16 bit.png": lambda: Image.fromarray(np.full((40, 30), 40000, np.uint16)).save(path),
        "cmyk.jpg": lambda: colours.convert("CMYK").save(path),
        "animated.webp": lambda: colours.save(path, save_all=True, append_images=[colours]),
        "pages.tif": lambda: colours.save(path, save_all=True, append_images=[colours]),
    }
    save[kind]()
    assert image_check.shape_of(path.read_bytes(), path) == imread(path).shape[:2]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty.png", "cannot be decoded"),
        ("text.jpg", "cannot be decoded"),
        ("huge.png", "cannot be decoded .*decompression bomb"),
        ("tiny.png", "has 4x4 pixels, fewer than 10 on a side"),
        ("two\nlines.png", "has a line break: rename it"),
    ],
)
def test_pictures_that_cannot_be_used_are_named(own, name, sentence):
    path = own.parent / "images/train" / name
    size = {"huge.png": (20000, 20000), "tiny.png": (4, 4)}.get(name, (32, 32))
    if name in {"empty.png", "text.jpg"}:
        path.write_bytes(b"" if name == "empty.png" else b"<html>")
    else:
        Image.new("1", size).save(path)
    with pytest.raises(PinchError, match=sentence):
        prepared(own)


@pytest.mark.fault
def test_a_link_that_leads_back_is_refused(own):
    (own.parent / "images/train/again").symlink_to(own.parent / "images")
    with pytest.raises(PinchError, match="in which it lies itself: remove the link"):
        prepared(own)


@pytest.mark.fault
def test_names_that_are_not_text(own):
    image = datasets.load(own).images("train")[0]
    odd = image.with_name("Ünïcode — 手 \u202eright.png")
    image.rename(odd)
    datasets.label_path(image).rename(datasets.label_path(odd))
    assert odd in prepared(own).images("train")
    odd.rename(odd.with_name(os.fsdecode(b"\xff.png")))
    with pytest.raises(PinchError, match="is not UTF-8 text: rename it"):
        prepared(own)


def test_the_record_and_data_yaml_carry_the_digest(own, tmp_path):
    prepare_dataset.main([str(own), "--out", str(tmp_path / "out"), "--record", str(tmp_path / "dataset.json")])
    written = datasets.load(tmp_path / "out/data.yaml")
    assert records.read(tmp_path / "dataset.json", DatasetRecord).value.digest == written.digest
    moved = shutil.move(own.parent, tmp_path / "moved")
    other = prepare.prepare(datasets.load(Path(moved) / "data.yaml"), tmp_path / "other", True)[0]
    assert other.digest == written.digest
