"""Disks, quotas and files that are not as they should be: one sentence, and what was there stays whole."""

import contextlib
import errno
import json
import os
import subprocess
import sys
import textwrap

import detectors
import made_up_records as made_up
import pytest
import tiny_hagrid
import torch
from conftest import SCRIPTS

import evaluate
from pinch.core import cli, disk, files, records
from pinch.core.errors import PinchError
from pinch.core.yaml_files import read_yaml
from pinch.data import dataset
from pinch.data.hagrid.annotations import read_annotations
from pinch.run import manifest
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing
from pinch.weights import checkpoints


# --- Disks ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def mounted(tmp_path):
    """Mount a disk of its own: mounted("size=1m") -> its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this user may not mount a disk: {done.stderr.strip()}")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)


def in_process(code, *arguments):
    """Run code as a command of Pinch does."""
    body = textwrap.indent(code, "    ")
    text = f"import sys\nfrom pinch.core import cli\ndef main(argv):\n{body}\ncli.run(main)"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    line = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=environment)


def test_a_file_gets_a_second_name_or_is_copied_where_there_are_no_links(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_text("text")
    os.utime(source, (1_000_000, 1_000_000))
    (tmp_path / "link").write_text("another")
    files.place(source, tmp_path / "link")
    assert (tmp_path / "link").samefile(source)
    for number, copied in ((errno.EPERM, True), (errno.EXDEV, True), (errno.EDQUOT, False)):
        monkeypatch.setattr(os, "link", lambda *_, number=number: (_ for _ in ()).throw(OSError(number, "no link")))
        target = tmp_path / f"copy{number}"
        with contextlib.nullcontext() if copied else pytest.raises(PinchError, match="is not written"):
            files.place(source, target)
        assert target.exists() == copied
        if copied:
            assert not target.samefile(source)
            assert (target.read_text(), target.stat().st_mtime) == ("text", 1_000_000)
            before = target.stat()
            files.place(source, target)
            assert target.stat() == before, "it is not copied again"
    assert len(list(tmp_path.iterdir())) == 4, "nothing is left under temporary names"


def test_a_copy_takes_the_place_of_a_second_name(tmp_path):
    (tmp_path / "source").write_text("text")
    for copy in (False, True):
        files.place(tmp_path / "source", tmp_path / "target", copy)
        assert (tmp_path / "target").read_text() == "text"
        assert (tmp_path / "target").samefile(tmp_path / "source") == (not copy)


@pytest.mark.fault
def test_a_full_disk_leaves_the_old_file_whole(mounted):
    folder = mounted("size=1m")
    record = folder / "record.json"
    records.write(record, made_up.accuracy_record(Model("demo"), made_up.splits(1)))
    before = record.read_bytes()
    (folder / "filling").write_bytes(bytes((1 << 20) - len(before) - 20_000))
    with pytest.raises(PinchError, match=r"record\.json is not written: there is no space left on the disk"):
        files.write_json(record, ["much"] * 100_000)
    assert record.read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"record.json", "filling"}


@pytest.mark.fault
def test_a_full_disk_leaves_no_part_of_a_checkpoint(mounted, tmp_path):
    loaded = checkpoints.load(detectors.write(tmp_path / "base.pt", width=0.125))
    folder = mounted("size=256k")
    with pytest.raises(PinchError, match=r"m\.pt is not written: there is no space left on the disk"):
        checkpoints.save(folder / "m.pt", loaded.model, loaded.meta, loaded)
    assert not list(folder.iterdir())


@pytest.mark.fault
def test_a_full_disk_is_named_where_a_library_does_not_say_so(mounted):
    """PyTorch raises a RuntimeError when it writes to a path."""
    folder = mounted("size=256k")
    with pytest.raises(PinchError, match="no space left on the disk"), files.atomic(folder / "m.pt") as temporary:
        torch.save(torch.zeros(100_000), temporary)
    assert not list(folder.iterdir())


@pytest.mark.fault
@pytest.mark.parametrize("place", ["new.json", "a/folder/new.json"])
def test_a_read_only_disk_is_named(mounted, place):
    folder = mounted("size=1m,ro")
    with pytest.raises(PinchError, match=r"new\.json is not written: .* is on a disk that is read-only"):
        files.write_json(folder / place, {})


@pytest.mark.fault
def test_a_limit_on_the_size_of_files_leaves_the_old_file_whole(tmp_path):
    record = tmp_path / "record.json"
    files.write_json(record, "old")
    done = in_process(
        "import resource\nfrom pinch.core import files\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "files.write_json(sys.argv[1], 'x' * 20_000)",
        record,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"{record} is larger than the system allows" in done.stderr
    assert json.loads(record.read_text()) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


KINDS = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "your quota",
    errno.EROFS: "read-only",
    errno.EACCES: "is denied",
    errno.EPERM: "is denied",
    errno.EISDIR: "is a folder",
    errno.ENOTDIR: "is no folder",
    errno.ELOOP: "in a circle",
    errno.EIO: "does not answer",
}


@pytest.mark.fault
@pytest.mark.parametrize("number", KINDS, ids=errno.errorcode.get)
def test_errors_of_a_disk_are_one_sentence(number, tmp_path, monkeypatch, capsys):
    """Also where no library function of Pinch was writing; the quota of a real user cannot be used up here."""
    monkeypatch.setattr(sys, "argv", ["evaluate.py"])

    def main(argv):
        raise OSError(number, os.strerror(number), "results/out.json")

    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    assert str(ended.value).startswith("evaluate.py: error: ")
    assert KINDS[number] in str(ended.value)
    assert "results/out.json" in str(ended.value)
    with pytest.raises(PinchError, match=KINDS[number]), files.atomic(tmp_path / "out.json"):
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_other_errors_of_the_system_are_not_explained_away():
    assert disk.explain(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


@pytest.mark.fault
def test_paths_that_are_something_else_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path, reason in (("file/out.json", "no folder|needed"), ("circle/out.json", "in a circle|needed")):
        with pytest.raises(PinchError, match=reason):
            files.write_json(tmp_path / path, {})
    with pytest.raises(PinchError, match="is a folder"):
        evaluate.main([str(tmp_path), str(tmp_path), "--output", str(tmp_path)])


# --- YAML -------------------------------------------------------------------------------------------------------------
@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train: a\nval: b\ntrain: c\n", r"data\.yaml is not a YAML file \(line 3\): the key 'train' is there twice"),
        ("names:\n  0: a\n  1: b\n  1: c\n", r"\(line 4\): the key '1' is there twice"),
        ("train: a\nnames:\n\t0: a\n", r"\(line 3\): YAML takes no tabs: indent with spaces"),
        ("train: [a\nval: b\n", r"\(line 2\): "),
        (b"train: \xff\xfe", r"data\.yaml is not a YAML file"),
        ("just text", r"data\.yaml is not a data set file"),
    ],
)
def test_wrong_yaml_is_named_with_its_line(text, sentence, tmp_path):
    path = tmp_path / "data.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PinchError, match=sentence) as error:
        dataset.load(path)
    assert "\n" not in str(error.value)


def test_merged_keys_may_be_overridden(tmp_path):
    (tmp_path / "a.yaml").write_text("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n")
    assert read_yaml(tmp_path / "a.yaml")["more"] == {"a": 1, "b": 3}


@pytest.mark.fault
def test_a_key_that_is_twice_in_the_configuration_is_refused(snakemake, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsynthetic: {images: [2, 1, 1]}\nseed: 1\nseed: 2\n")
    done = snakemake(tmp_path, "-n", "--configfile", path)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "mine.yaml is not a YAML file (line 4): the key 'seed' is there twice" in text
    assert "Traceback" not in text


# --- JSON -------------------------------------------------------------------------------------------------------------
@pytest.mark.fault
@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2", "<html>", "\x00" * 9, "[" * 100_000, "9" * 5000], ids=lambda text: repr(text[:6])
)
def test_broken_json_is_named(text, tmp_path):
    path = tmp_path / "accuracy.json"
    path.write_text(text)
    with pytest.raises(PinchError, match=r"accuracy\.json is not valid JSON") as error:
        files.read_json(path)
    assert "\n" not in str(error.value)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content["models"].append(5), "models"),
        (lambda content: content.pop("artifacts"), "artifacts"),
        (lambda content: content["artifacts"][0].update(format="exe"), "artifacts"),
        (lambda content: content["models"][0].update(ratio="much"), "models"),
        (lambda content: content["timings"][0].update(threads=None), "timings"),
        (lambda content: content.update(studies=7), "studies"),
    ],
    ids=["number", "missing", "format", "text", "null", "no list"],
)
def test_a_manifest_of_wrong_types_is_named(change, named, tmp_path):
    artifact = Artifact(Model("demo"), FORMATS["onnx"], "full")
    content = manifest.Manifest([Model("demo")], [artifact], [Timing("cpu", 1, artifact)], []).to_json()
    change(content)
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(PinchError, match=rf"manifest\.json is not a manifest of Pinch \(its {named}: .*delete it"):
        manifest.load(tmp_path)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ([1], "are no objects"),
        ({"bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": 3}, "have no list of bboxes or labels"),
        ({"bboxes": [[0.1, 0.1, "wide", 0.2]], "labels": ["like"]}, "have bboxes that are not [x, y, width, height]"),
        ({"bboxes": [[0.1, float("nan"), 0.2, 0.2]], "labels": ["like"]}, "have bboxes that are not finite"),
        ({"bboxes": [[0.1, 10**400, 0.2, 0.2]], "labels": ["like"]}, "have bboxes that are not [x, y, width, height]"),
        ({"bboxes": [], "labels": [], "user_id": ["me"]}, "have a user_id that is not text"),
    ],
)
def test_annotations_of_wrong_types_are_named(entry, reason, tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    path = root / "annotations/train/like.json"
    path.write_text(json.dumps({"stem-1": entry}))
    assert read_annotations(path) == ([], {reason: ["stem-1"]})
