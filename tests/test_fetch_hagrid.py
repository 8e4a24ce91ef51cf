"""Downloading HaGRID from a server of this machine that fails in every way that servers fail."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile

import hagrid_server
import pytest
from conftest import ROOT, SCRIPTS

import fetch_hagrid
import hagrid_to_yolo
from pinch.core.errors import PinchError
from pinch.data import gestures
from pinch.data.download import catalogue, choosing, http, members, plan, progress
from pinch.run.settings import data


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """As many attempts as always, without the waits between them."""
    monkeypatch.setattr(http, "DELAYS", (0,) * len(http.DELAYS))


@pytest.fixture
def serve(tmp_path):
    """serve(version, size) -> (server of its archives, (gesture, stem) of all pictures)."""
    with hagrid_server.serving(tmp_path / "archives") as server:
        server.serve = lambda version, size, **options: hagrid_server.write(server.folder, version, size, **options)
        yield server


def fetch(server, out, *arguments, version="v2-1M", size="512"):
    line = ["--url", server.url, "--version", version, "--size", size, "--out", str(out), "--accept-licence"]
    fetch_hagrid.main([*line, *arguments])


def fetched(out):
    """(gesture, stem) of the pictures in a folder, each as the server has it."""
    paths = list((out / "images").glob("*/*"))
    for path in paths:
        assert path.read_bytes() == hagrid_server.picture(path.stem), path
    return {(path.parent.name, path.stem) for path in paths}


def annotated(out):
    """(gesture, stem) of the annotated pictures, and the phases."""
    paths = list((out / "annotations").glob("*/*.json"))
    entries = {(path.stem, stem) for path in paths for stem in json.loads(path.read_text())}
    return entries, {path.parent.name for path in paths}


def sizes(server):
    return {path.name: path.stat().st_size for path in server.folder.iterdir()}


# --- What there is ----------------------------------------------------------------------------------------------------
def test_gestures_and_releases_are_those_of_the_options():
    assert len(set(gestures.GESTURES)) == 34
    assert len(gestures.PICTURED["v1"]) == 18
    assert gestures.IDLE not in gestures.PICTURED["v2"]
    assert set(catalogue.RELEASES) == {(v, s) for v in data.HAGRID_VERSIONS for s in data.HAGRID_SIZES}
    for release in catalogue.RELEASES.values():
        names = [archive.name for archive in (*release.annotations, *release.images)]
        assert len(set(names)) == len(names), "a mirror has all archives of a release in one folder"
        assert {name for archive in release.images for name in archive.gestures} == set(release.gestures)


def test_the_tables_of_the_page_are_the_catalogue():
    text = (ROOT / "docs/hagrid.md").read_text()
    assert catalogue.LICENCE_URL in text
    rows = [re.split(r" *\| *", line.strip("| \n")) for line in text.splitlines() if line.startswith("|")]
    archives = {tuple(row) for row in rows if len(row) == 5}
    per_gesture = {row[0].strip("`"): dict(zip(data.HAGRID_VERSIONS, row[1:], strict=True)) for row in rows[-34:]}
    expected = {("version", "pictures", "archive", "published size", "folder"), ("---",) * 5}
    gestures_expected = {name: dict.fromkeys(data.HAGRID_VERSIONS, "-") for name in gestures.GESTURES}
    for release in catalogue.RELEASES.values():
        for archive in (*release.annotations, *release.images):
            size = "not published" if archive.size is None else progress.amount(archive.size)
            folder = f"`{archive.url.removesuffix(archive.name)}`"
            if len(archive.gestures) == 1:
                gestures_expected[archive.gestures[0]][release.version] = size
                assert folder in text
            else:
                pictures = "any" if archive in release.annotations else release.size
                expected.add((release.version, pictures, f"`{archive.name}`", size, folder))
    assert archives == expected
    assert per_gesture == gestures_expected
    for version in data.HAGRID_VERSIONS:
        assert f"{catalogue.RELEASES[version, 'full'].pictures:,}" in text


def test_the_plan_is_said_and_a_dry_run_fetches_nothing(serve, tmp_path, capsys):
    serve.serve("v2", "512")
    line = ["--url", serve.url, "--version", "v2", "--out", str(tmp_path / "out"), "--dry-run"]
    fetch_hagrid.main([*line, "--targets", "call", "no_gesture", "--limit", "5"])
    text = capsys.readouterr().out
    assert "HaGRID v2, size 512: 1 gesture, 5 pictures each" in text
    assert "no_gesture has no pictures of its own in v2" in text
    assert f"hagrid_dataset_512.zip: {progress.amount(sizes(serve)['hagrid_dataset_512.zip'])}, about" in text
    assert re.search(r"to fetch: about [\d.,]+ \w+; on the disk: about .* at most; free there: ", text)
    assert not (tmp_path / "out").exists()
    assert serve.log == [("annotations.zip", 0, 0), ("hagrid_dataset_512.zip", 0, 0)], "a byte of each archive"


def test_a_dry_run_without_a_network_takes_the_published_sizes(tmp_path, capsys):
    line = ["--url", "http://127.0.0.1:9/archives", "--version", "v2", "--out", str(tmp_path), "--dry-run"]
    fetch_hagrid.main(line)
    assert "hagrid_dataset_512.zip: 26.4 GB (the server did not answer), whole" in capsys.readouterr().out


def test_the_licence_is_accepted_first(serve, tmp_path):
    serve.serve("v2", "512")
    with pytest.raises(PinchError, match=r"licence .*license/en_us\.pdf, and give --accept-licence"):
        fetch_hagrid.main(["--url", serve.url, "--out", str(tmp_path / "out")])
    assert not serve.log


# --- Everything, single gestures, some pictures -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("version", "size"), [("v1", "full"), ("v1", "512"), ("v2", "full"), ("v2", "512"), ("v2-1M", "512")]
)
def test_everything_of_a_version(serve, tmp_path, version, size):
    pictures = serve.serve(version, size, images=2)
    out = tmp_path / "out"
    fetch(serve, out, version=version, size=size)
    assert fetched(out) == pictures
    phases = {"ann_train_val", "ann_test"} if version == "v1" else {"train", "val", "test"}
    assert annotated(out) == (pictures, phases)
    assert not [path for path in (out / ".fetch").iterdir() if path.suffix in (".zip", ".part")]
    requests = len(serve.log)
    fetch(serve, out, version=version, size=size)
    assert len(serve.log) == requests, "what is unpacked was asked for again"


def test_single_gestures_are_single_archives(serve, tmp_path):
    pictures = serve.serve("v2", "full")
    fetch(serve, tmp_path / "out", "--targets", "ok", "like", "no_gesture", version="v2", size="full")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] in ("ok", "like")}
    assert {name for name, _, _ in serve.log} == {"ok.zip", "like.zip", "annotations.zip"}
    assert {path.stem for path in (tmp_path / "out/annotations/train").iterdir()} == {"ok", "like"}


def test_single_gestures_out_of_one_archive(serve, tmp_path):
    pictures = serve.serve("v2-1M", "512")
    fetch(serve, tmp_path / "out", "--targets", "ok", "no_gesture")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] in ("ok", "no_gesture")}
    serve.log.clear()
    fetch(serve, tmp_path / "out", "--targets", "ok", "no_gesture", "like")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] in ("ok", "no_gesture", "like")}
    whole = sizes(serve)["hagridv2_512.zip"]
    assert not [each for each in serve.log if each[0] == "hagridv2_512.zip" and each[1] == 0 and each[2] != 0]
    assert serve.sent < whole


def test_a_small_part_is_chosen_and_can_be_converted(serve, tmp_path, capsys):
    pictures = serve.serve("v2-1M", "512", images=12)
    out = tmp_path / "out"
    fetch(serve, out, "--targets", "ok", "like", "timeout", "no_gesture", "--limit", "8", "--connections", "2")
    few = fetched(out)
    assert few < pictures
    assert sorted(gesture for gesture, _ in few) == sorted(["ok", "like", "timeout", "no_gesture"] * 8)
    assert annotated(out) == (few, {"train", "val", "test"})
    folders = ["--images", str(out / "images"), "--annotations", str(out / "annotations")]
    targets = ["--targets", "ok", "like", "timeout", "no_gesture"]
    hagrid_to_yolo.main([*folders, *targets, "--out", str(tmp_path / "yolo"), "--for-training"])
    assert len(list((tmp_path / "yolo/images").glob("*/*.jpg"))) == 32

    fetch(serve, out, "--targets", "ok", "like", "timeout", "no_gesture", "--limit", "20")
    more = fetched(out)
    assert few < more
    assert annotated(out)[0] == more
    fetch(serve, tmp_path / "other", "--targets", "ok", "--limit", "8", "--seed", "1")
    assert fetched(tmp_path / "other") != {each for each in few if each[0] == "ok"}
    fetch(serve, out, "--targets", "ok", "--limit", "99")
    assert "ok has 36 annotated pictures, fewer than 99" in capsys.readouterr().out


def test_a_small_part_of_several_archives(serve, tmp_path):
    serve.serve("v1", "full", images=6)
    fetch(serve, tmp_path / "out", "--targets", "call", "--limit", "7", version="v1", size="full")
    found = fetched(tmp_path / "out")
    assert len(found) == 7
    assert {stem.rsplit("-")[-1] for _, stem in found} == {"train", "test"}
    assert annotated(tmp_path / "out") == (found, {"ann_train_val", "ann_test"})


def test_fewer_are_among_more_and_phases_keep_their_shares():
    stems = {
        "train": [f"a{i}" for i in range(760)],
        "val": [f"b{i}" for i in range(90)],
        "test": [f"c{i}" for i in range(150)],
    }
    order = choosing.ordered(stems, 0, "ok")
    assert {phase for phase, _ in order[:3]} == set(stems)
    for number in (20, 100, 500):
        for phase, found in stems.items():
            taken = sum(one == phase for one, _ in order[:number])
            assert abs(taken - number * len(found) / 1000) < 2
    assert sorted(order) == sorted((phase, stem) for phase, found in stems.items() for stem in found)
    assert choosing.chosen(order, {stem for _, stem in order[5:]}, 3) == order[5:8]
    assert choosing.ordered(stems, 1, "ok") != order != choosing.ordered(stems, 0, "like")


def test_neighbours_come_in_one_request(serve, tmp_path):
    serve.serve("v2-1M", "512", images=12)
    fetch(serve, tmp_path / "out", "--targets", "ok")
    parts = [each for each in serve.log if each[0] == "hagridv2_512.zip" and each[1:] != (0, 0)]
    assert len(parts) <= 6, "one for each run of neighbours, and a few for the directory"


def test_members_beyond_four_gigabytes(serve, tmp_path):
    serve.serve("v2-1M", "512", images=1)
    path = serve.folder / "hagridv2_512.zip"
    path.unlink()
    with open(path, "wb") as stream:  # a hole on the disk, so that the archive needs 64-bit offsets
        stream.seek(5 << 30)
        with zipfile.ZipFile(stream, "w") as made:
            for name in ("like", "ok"):
                stem = hagrid_server.stem("val", name, 0)
                made.writestr(f"HaGRIDv2_dataset_512/{name}/{stem}.jpg", hagrid_server.picture(stem))
    fetch(serve, tmp_path / "out", "--targets", "ok")
    assert fetched(tmp_path / "out") == {("ok", hagrid_server.stem("val", "ok", 0))}


def test_progress_is_plain_lines_at_a_steady_pace(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    said = progress.Progress("call.zip", 5_000_000_000)
    said.begin(1_000_000_000)
    for _ in range(2000):
        now += 0.1
        said.add(1_000_000)
    said.end()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert re.fullmatch(r"call\.zip: 1\.3 GB of 5\.0 GB \(26%\), 10\.0 MB/s, 6 min left", lines[0])
    assert lines[-1] == "call.zip: 3.0 GB, done"


# --- What goes wrong --------------------------------------------------------------------------------------------------
@pytest.mark.fault
def test_a_connection_that_breaks_off_is_continued(serve, tmp_path):
    pictures = serve.serve("v2", "512")
    size = sizes(serve)["hagrid_dataset_512.zip"]
    serve.faults["hagrid_dataset_512.zip"] = [size // 2, 1000, 2000]
    fetch(serve, tmp_path / "out", version="v2")
    assert fetched(tmp_path / "out") == pictures
    starts = [first for name, first, last in serve.log if name == "hagrid_dataset_512.zip" and last != 0]
    assert starts == [0, size // 2, size // 2 + 1000, size // 2 + 3000]


@pytest.mark.fault
def test_a_broken_connection_within_a_part_is_continued(serve, tmp_path):
    serve.serve("v2-1M", "512", images=12)
    serve.faults["hagridv2_512.zip"] = [None, 50, None, 100, 100]
    fetch(serve, tmp_path / "out", "--limit", "2", "--targets", "ok", "like")
    assert len(fetched(tmp_path / "out")) == 4


@pytest.mark.fault
def test_a_server_that_is_busy_is_asked_again(serve, tmp_path):
    pictures = serve.serve("v2", "512")
    serve.faults["hagrid_dataset_512.zip"] = [503, 429, 500, None]
    fetch(serve, tmp_path / "out", version="v2")
    assert fetched(tmp_path / "out") == pictures


@pytest.mark.fault
def test_a_server_that_stays_away_ends_in_a_sentence_and_keeps_what_came(serve, tmp_path):
    pictures = serve.serve("v2", "512")
    size = sizes(serve)["hagrid_dataset_512.zip"]
    serve.faults["hagrid_dataset_512.zip"] = [size // 2, *[503] * 8]
    with pytest.raises(PinchError, match=r"512\.zip cannot be fetched: it answered 503, 8 times in a row"):
        fetch(serve, tmp_path / "out", version="v2")
    assert not list((tmp_path / "out").glob("images/*"))
    serve.log.clear()
    fetch(serve, tmp_path / "out", version="v2")
    assert fetched(tmp_path / "out") == pictures
    assert ("hagrid_dataset_512.zip", size // 2, None) in serve.log


@pytest.mark.fault
def test_without_a_network_fetching_names_the_archive(tmp_path):
    line = ["--url", "http://127.0.0.1:9/archives", "--out", str(tmp_path / "out"), "--accept-licence"]
    with pytest.raises(PinchError, match=r"annotations\.zip cannot be fetched: the connection fails"):
        fetch_hagrid.main(line)
    assert not (tmp_path / "out").exists()


@pytest.mark.fault
def test_archives_that_have_moved_are_named(serve, tmp_path):
    serve.serve("v2", "512")
    (serve.folder / "hagrid_dataset_512.zip").unlink()
    with pytest.raises(PinchError, match=r"hagrid_dataset_512\.zip: the server answered 404: HaGRID's archives have"):
        fetch(serve, tmp_path / "out", version="v2")


@pytest.mark.fault
def test_a_server_without_parts_sends_whole_archives_only(serve, tmp_path):
    pictures = serve.serve("v2", "full")
    serve.ranges = False
    with pytest.raises(PinchError, match=r"the server sends no parts of files"):
        fetch(serve, tmp_path / "out", "--limit", "2", version="v2", size="full")
    serve.faults["ok.zip"] = [None, 1000, 1500]
    fetch(serve, tmp_path / "out", "--targets", "ok", version="v2", size="full")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] == "ok"}


@pytest.mark.fault
def test_a_file_that_changed_between_two_attempts_is_fetched_anew(serve, tmp_path):
    serve.serve("v2", "512")
    serve.faults["hagrid_dataset_512.zip"] = [5000, *[503] * 8]
    with pytest.raises(PinchError):
        fetch(serve, tmp_path / "out", version="v2")
    assert (tmp_path / "out/.fetch/hagrid_dataset_512.zip.part").stat().st_size == 5000
    pictures = serve.serve("v2", "512", images=5)
    fetch(serve, tmp_path / "out", version="v2")
    assert {gesture for gesture, _ in fetched(tmp_path / "out")} == {gesture for gesture, _ in pictures}
    assert fetched(tmp_path / "out") == pictures


@pytest.mark.fault
def test_a_file_that_changes_while_it_is_read_is_named(serve, tmp_path):
    serve.serve("v2", "512")
    path = serve.folder / "hagrid_dataset_512.zip"
    with http.session(1) as session:
        remote = http.look(session, f"{serve.url}/{path.name}")
        os.utime(path)
        with pytest.raises(PinchError, match="has changed on the server: start the same command again"):
            remote.read(10, 20)


def damage(path, names):
    """Change a byte in the content of members."""
    content = bytearray(path.read_bytes())
    for name in names:
        place = content.index(hagrid_server.picture(name))
        content[place + 400] ^= 1
    path.write_bytes(content)


@pytest.mark.fault
def test_a_picture_that_was_damaged_on_the_way_is_fetched_again(serve, tmp_path):
    pictures = serve.serve("v2", "512")
    path = serve.folder / "hagrid_dataset_512.zip"
    kept = tmp_path / "out/.fetch" / path.name
    (tmp_path / "out/.fetch").mkdir(parents=True)
    kept.write_bytes(path.read_bytes())
    damage(kept, [name for _, name in sorted(pictures)[:5]])
    fetch(serve, tmp_path / "out", version="v2")
    assert fetched(tmp_path / "out") == pictures


@pytest.mark.fault
@pytest.mark.parametrize("arguments", [[], ["--limit", "12"]], ids=["whole", "part"])
def test_a_picture_that_is_damaged_on_the_server_is_left_out(serve, tmp_path, capsys, arguments):
    pictures = serve.serve("v2", "512")
    path = serve.folder / "hagrid_dataset_512.zip"
    damage(path, [hagrid_server.stem("train", "ok", 1)])
    fetch(serve, tmp_path / "out", *arguments, version="v2")
    assert fetched(tmp_path / "out") == pictures - {("ok", hagrid_server.stem("train", "ok", 1))}
    assert "warning: " in (text := capsys.readouterr().out)
    assert "1 of 216 files are damaged on the server (the first is hagrid_dataset_512/ok/" in text
    assert "ok/" in text


@pytest.mark.fault
def test_an_archive_with_many_damaged_pictures_is_refused(serve, tmp_path):
    pictures = serve.serve("v2", "512")
    damage(serve.folder / "hagrid_dataset_512.zip", [name for _, name in sorted(pictures)[:20]])
    with pytest.raises(PinchError, match=r"20 of 216 files are damaged on the server .*; the others are there"):
        fetch(serve, tmp_path / "out", version="v2")
    assert len(fetched(tmp_path / "out")) == 196


@pytest.mark.fault
def test_a_damaged_archive_of_a_server_without_parts_is_removed(serve, tmp_path):
    pictures = serve.serve("v2", "full")
    path = serve.folder / "ok.zip"
    whole = path.read_bytes()
    serve.ranges = False
    damage(path, [hagrid_server.stem("train", "ok", 1)])
    with pytest.raises(PinchError, match=r"ok\.zip: 1 of its files came damaged .* it was removed: start the same"):
        fetch(serve, tmp_path / "out", "--targets", "ok", version="v2", size="full")
    path.write_bytes(whole)
    fetch(serve, tmp_path / "out", "--targets", "ok", version="v2", size="full")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] == "ok"}


@pytest.mark.fault
@pytest.mark.parametrize("name", ["../../evil/ok/a.jpg", "/evil/ok/a.jpg", "ok\\..\\..\\a.jpg", "link"])
def test_members_that_lead_elsewhere_are_refused(serve, tmp_path, name):
    serve.serve("v2", "full", images=1)
    with zipfile.ZipFile(serve.folder / "ok.zip", "a") as archive:
        info = zipfile.ZipInfo(f"ok/{name}.jpg" if name == "link" else name)
        if name == "link":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    before = set(tmp_path.rglob("*evil*"))
    for arguments in ([], ["--limit", "1"]):
        with pytest.raises(PinchError, match=r"ok\.zip is refused: its member .*, so it is not HaGRID's archive"):
            fetch(serve, tmp_path / "out", "--targets", "ok", *arguments, version="v2", size="full")
    assert not (tmp_path / "out/images").exists()
    assert set(tmp_path.rglob("*evil*")) == before


@pytest.mark.fault
def test_what_the_disk_does_not_hold_is_not_begun(serve, tmp_path, monkeypatch):
    serve.serve("v2", "512")
    monkeypatch.setattr(plan, "free", lambda folder: 50_000)
    with pytest.raises(PinchError, match=r"has 50 kB free, and the download takes [\d.,]+ [kM]B: free some space"):
        fetch(serve, tmp_path / "out", version="v2")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault
def test_a_page_in_place_of_an_archive_is_named(serve, tmp_path):
    serve.serve("v2", "512")
    (serve.folder / "hagrid_dataset_512.zip").write_text("<html>Please sign in</html>")
    with pytest.raises(PinchError, match=r"hagrid_dataset_512\.zip is no zip archive"):
        fetch(serve, tmp_path / "out", "--limit", "1", version="v2")
    with pytest.raises(PinchError, match=r"\.fetch/hagrid_dataset_512\.zip is no zip archive .*: remove it"):
        fetch(serve, tmp_path / "out", version="v2")


@pytest.mark.fault
def test_another_version_or_a_folder_of_the_user_is_left_alone(serve, tmp_path):
    serve.serve("v2", "512", images=1)
    fetch(serve, tmp_path / "out", version="v2")
    with pytest.raises(PinchError, match="holds HaGRID v2 at size 512: choose another folder with --out"):
        fetch(serve, tmp_path / "out", version="v2-1M")
    (tmp_path / "mine/images").mkdir(parents=True)
    with pytest.raises(PinchError, match="holds images that Pinch did not make"):
        fetch(serve, tmp_path / "mine", version="v2")


@pytest.mark.fault
def test_gestures_that_a_version_does_not_have_are_named(serve, tmp_path):
    with pytest.raises(PinchError, match="HaGRID v2 has no pictures of middle_finger: choose other targets or another"):
        fetch(serve, tmp_path / "out", "--targets", "middle_finger", "ok", version="v2")


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_download_that_is_ended_goes_on_where_it_was(serve, tmp_path, number):
    pictures = serve.serve("v2", "512", images=20)
    name, pause = "hagrid_dataset_512.zip", threading.Event()
    serve.pauses[name] = pause
    part, half = tmp_path / "out/.fetch" / f"{name}.part", sizes(serve)[name] // 2
    line = [sys.executable, str(SCRIPTS / "fetch_hagrid.py"), "--url", serve.url, "--version", "v2"]
    line += ["--out", str(tmp_path / "out"), "--accept-licence"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.02)
        process.send_signal(number)
    pause.set()
    there = part.stat().st_size
    assert 0 < there <= half
    assert not list((tmp_path / "out").glob("images/*"))
    fetch(serve, tmp_path / "out", version="v2")
    assert (name, there, None) in serve.log
    assert fetched(tmp_path / "out") == pictures


@pytest.mark.fault
def test_pictures_that_were_half_written_do_not_stay(serve, tmp_path):
    pictures = serve.serve("v2", "512", images=1)
    folder = tmp_path / "out/images/ok"
    fetch(serve, tmp_path / "out", "--targets", "ok", "--limit", "1", version="v2")
    (folder / f".{hagrid_server.stem('val', 'ok', 0)}.0123abcd.jpg").write_bytes(b"half")
    fetch(serve, tmp_path / "out", "--targets", "ok", version="v2")
    assert fetched(tmp_path / "out") == {each for each in pictures if each[0] == "ok"}
    assert len(list(folder.iterdir())) == 3


def test_directories_of_archives_are_about_as_large_as_planned(tmp_path):
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for number in range(100):
            archive.writestr(f"HaGRIDv2_dataset_512/two_up_inverted/{number:036d}.jpg", b"")
    with zipfile.ZipFile(tmp_path / "some.zip") as archive:
        directory = (tmp_path / "some.zip").stat().st_size - archive.start_dir
    assert members.DIRECTORY_ENTRY * 0.8 < directory / 100 < members.DIRECTORY_ENTRY * 1.3


# --- In the workflow --------------------------------------------------------------------------------------------------
FETCHING = {"name": "some", "base_model": "yolo11n.yaml"}
WANTED = {"version": "v2-1M", "size": 512, "limit": 6, "accept_licence": True}


def test_a_run_that_fetches_has_a_job_for_it_and_misses_no_folders(snakemake, tmp_path):
    config = FETCHING | {"hagrid": {"targets": ["ok", "like"], "fetch": WANTED}}
    result = snakemake(tmp_path, "-n", "-p", config=config)
    text = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == 0, text
    assert re.search(r"fetch_hagrid 1 ", text)
    assert "Downloading HaGRID, on this node" in text
    assert "fetch_hagrid.py --version v2-1M --size 512 --limit 6 --accept-licence --targets ok like --seed 0" in text
    assert "hagrid_to_yolo.py --images data/hagrid/images --annotations data/hagrid/annotations" in text
    assert "does not exist" not in text


@pytest.mark.fault
def test_a_run_that_would_read_from_another_folder_than_it_fetches_to_is_refused(snakemake, tmp_path):
    config = FETCHING | {"hagrid": {"images": "elsewhere/images", "fetch": WANTED}}
    result = snakemake(tmp_path, "-n", config=config)
    assert result.returncode != 0
    assert "hagrid.images: elsewhere/images is not where hagrid.fetch puts HaGRID" in result.stdout + result.stderr


def test_a_run_fetches_and_converts(serve, snakemake, tmp_path):
    serve.serve("v2-1M", "512")
    config = FETCHING | {"hagrid": {"targets": ["ok", "like"], "fetch": WANTED | {"url": serve.url}}}
    target = "results/some/dataset/data.yaml"
    result = snakemake(tmp_path, target, config=config)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(fetched(tmp_path / "data/hagrid")) == 12
    record = json.loads((tmp_path / "results/some/records/dataset.json").read_text())
    assert sum(split["images"] for split in record["result"]["splits"].values()) == 12
    result = snakemake(tmp_path, target, config=config)
    assert "Nothing to be done" in result.stdout + result.stderr
