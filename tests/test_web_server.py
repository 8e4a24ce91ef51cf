"""The server of the page: what it gives to whom, and what it refuses."""

import dataclasses
import gzip
import hashlib
import json
import os
import zipfile

import cv2
import known_detectors
import pytest
from starlette.testclient import TestClient

import web
from pinch.apps import ports, webm
from pinch.apps.bundle import making
from pinch.apps.web import bundles, server, site, timings
from pinch.core.errors import PinchError
from pinch.core.typed_json import to_json
from pinch.data import frames


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A bundle of a tiny file."""
    folder = tmp_path_factory.mktemp("small")
    model = known_detectors.onnx_detector(folder / "toy_full.onnx")
    cv2.imwrite(str(folder / "picture.png"), known_detectors.picture(0))
    return making.make(model, folder, making.Sources(pictures=[folder / "picture.png"]))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a built page, as far as the server looks at it."""
    folder = tmp_path_factory.mktemp("dist")
    for name in ("index.html", "main.js", "worker-onnx.js", "ort/runtime.wasm"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"plain")
        (folder / f"{name}.gz").write_bytes(gzip.compress(b"plain"))
    return folder


@pytest.fixture
def client(small, built, tmp_path):
    contents = site.resources([bundles.read(small)], saves=True, clip=None, dist=built)
    return TestClient(server.app(contents, timings.Saver(tmp_path), "127.0.0.1"), base_url="http://127.0.0.1:8000")


# --- The server -------------------------------------------------------------------------------------------------------
def test_only_workers_may_compile_and_nothing_comes_from_elsewhere(client):
    page = client.get("/").headers
    assert page["content-type"].startswith("text/html")
    assert "wasm-unsafe-eval" not in page["content-security-policy"]
    assert "'unsafe-inline'" not in page["content-security-policy"]
    assert "default-src 'none'" in page["content-security-policy"]
    assert "'wasm-unsafe-eval'" in client.get("/worker-onnx.js").headers["content-security-policy"]
    for address in ("/", "/worker-onnx.js", "/bundles/0/toy_full.onnx", "/gone"):
        headers = client.get(address).headers
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["x-content-type-options"] == "nosniff"


def test_models_are_served_compressed_and_as_data(client, small):
    listed = client.get("/models.json").json()
    (folder,) = listed["folders"]
    said = client.get(f"/{folder['folder']}toy_full.onnx")
    assert said.headers["content-encoding"] == "gzip"
    assert said.headers["content-type"] == "application/octet-stream"
    assert hashlib.sha256(said.content).hexdigest() == folder["contract"]["sha256"]
    plain = client.get(f"/{folder['folder']}toy_full.onnx", headers={"accept-encoding": "identity"})
    assert plain.content == said.content
    picture = client.get(f"/{folder['pictures']['test_1.png']}")
    assert picture.headers["content-type"] == "image/png"


def test_what_is_unchanged_is_not_sent_again(client):
    first = client.get("/main.js", headers={"accept-encoding": "identity"})
    again = client.get("/main.js", headers={"accept-encoding": "identity", "if-none-match": first.headers["etag"]})
    assert (first.content, again.status_code, again.content) == (b"plain", 304, b"")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_models_are_not_sent_again(client, built, small, coding):
    headers = {"accept-encoding": coding}
    for address in ("/bundles/0/toy_full.onnx", "/bundles/0/test_1.png", "/models.json"):
        tag = client.get(address, headers=headers).headers["etag"]
        again = client.get(address, headers=headers | {"if-none-match": f'"of another build", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = client.get(address, headers=headers | {"if-none-match": tag.replace(tag[1:9], "0" * 8)})
        assert (other.status_code, other.headers["etag"]) == (200, tag)


def test_another_coding_and_another_model_have_another_tag(client, small, built):
    address = "/bundles/0/toy_full.onnx"
    tags = {client.get(address, headers={"accept-encoding": coding}).headers["etag"] for coding in ("identity", "gzip")}
    read = bundles.read(small)
    grown = dataclasses.replace(read, files=read.files | {"toy_full.onnx": read.files["toy_full.onnx"] + b"\0"})
    contents = site.resources([grown], saves=False, clip=None, dist=built)
    later = TestClient(server.app(contents, print, "127.0.0.1"), base_url="http://127.0.0.1:8000")
    assert len(tags) == 2
    assert later.get(address, headers={"if-none-match": ", ".join(tags)}).status_code == 200


@pytest.mark.fault
@pytest.mark.parametrize("address", ["/..%2f..%2fweb.py", "/ort", "/bundles/1/toy_full.onnx", "//etc/passwd"])
def test_nothing_else_is_served(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.fault
def test_pages_from_elsewhere_get_nothing_by_a_name_for_this_machine(client):
    assert client.get("/", headers={"host": "evil.example:8000"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:8000"}).status_code == 200


def page_times(**changes):
    device = {"name": "Phone / 1", "user_agent": "", "platform": "Android", "cores": 8, "memory_gb": None, "gpu": None}
    runtime = {"name": "LiteRT.js", "version": "2.5.3", "backend": "wasm", "threads": 1}
    model = {"file": "a.tflite", "sha256": "0" * 64, "runtime": runtime, "rounds": [[2.5, 2.0], [1.5, 2.0]]}
    whole = {"pinch_device_timings": 1, "measured_at": "2026-11-27T07:00:00Z", "device": device, "models": [model]}
    return whole | {"device": device | changes} if changes else whole


HOSTILE = {
    "another page": ({"content": json.dumps(page_times()), "headers": {"origin": "http://evil.example"}}, "this page"),
    "a form": ({"data": page_times()}, "this page"),
    "no JSON": ({"content": "[" * 100_000}, "no JSON"),
    "another file": ({"content": "{}"}, "no pinch_device_timings"),
    "no name": ({"content": json.dumps(page_times(name=" "))}, "name"),
    "lines in the name": ({"content": json.dumps(page_times(name="a\nb"))}, "name"),
    "too much": ({"content": b" " * (server.MAX_TIMINGS + 1)}, "more than 16 MB"),
}


@pytest.mark.fault
@pytest.mark.parametrize("case", HOSTILE)
def test_what_the_page_does_not_send_is_refused(client, tmp_path, case):
    request, sentence = HOSTILE[case]
    headers = {"origin": "http://127.0.0.1:8000", "content-type": "application/json", **request.get("headers", {})}
    if "data" in request:
        del headers["content-type"]
    answer = client.post("/timings", **{**request, "headers": headers})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert list(tmp_path.iterdir()) == []


def test_long_names_in_any_script_fit_a_file_name(client, tmp_path):
    headers = {"origin": "http://127.0.0.1:8000", "content-type": "application/json"}
    answer = client.post("/timings", content=json.dumps(page_times(name="電" * 80)), headers=headers)
    assert answer.status_code == 200
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("timings_device_")


def test_times_are_written_and_the_next_command_is_told(client, tmp_path):
    headers = {"origin": "http://127.0.0.1:8000", "content-type": "application/json"}
    answer = client.post("/timings", content=json.dumps(page_times()), headers=headers)
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text()) == page_times()
    assert path.name.startswith("timings_Phone_1_")
    assert f"import_timings.py {path}" in answer.text


@pytest.mark.fault
def test_no_more_files_are_written_than_a_disk_takes(client, tmp_path, monkeypatch):
    monkeypatch.setattr(timings, "MAX_FILES", 2)
    headers = {"origin": "http://127.0.0.1:8000", "content-type": "application/json"}
    answers = [client.post("/timings", content=json.dumps(page_times()), headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 507]
    assert "2 files" in answers[2].text
    assert "started again" in answers[2].text
    assert len(list(tmp_path.iterdir())) == 2


# --- The command ------------------------------------------------------------------------------------------------------
def changed(source, path, **contents):
    """A copy of a bundle with other contents; None: without that file."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()} | contents
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def renamed(source, name):
    """The model.json of a bundle whose file is called otherwise."""
    return json.dumps(to_json(bundles.read(source).contract) | {"file": name})


BAD = {
    "gone": (lambda small, path: path, "No such file"),
    "text": (lambda small, path: path.write_text("no zip") and path, "is no bundle"),
    "cut": (lambda small, path: path.write_bytes(small.read_bytes()[:2000]) and path, "is no bundle"),
    "no contract": (lambda small, path: changed(small, path, **{"model.json": None}), "no model.json"),
    "no JSON": (lambda small, path: changed(small, path, **{"model.json": "{"}), "is no bundle"),
    "another version": (lambda small, path: changed(small, path, **{"model.json": '{"version": 9}'}), "version 1"),
    "another file": (
        lambda small, path: changed(small, path, **{"toy_full.onnx": b"x"}),
        "not the file that its contract",
    ),
    "outside": (
        lambda small, path: changed(small, path, **{"model.json": renamed(small, "../a.onnx")}),
        "not the name",
    ),
    "its folder": (
        lambda small, path: changed(small, path, **{"model.json": renamed(small, ".."), "..": b"x"}),
        "not the name",
    ),
    "large": (lambda small, path: changed(small, path, **{"test_1.png": bytes((20 << 20) + 1)}), "more than 20 MB"),
}


@pytest.mark.fault
@pytest.mark.parametrize("case", BAD)
def test_bad_bundles_get_one_sentence(small, tmp_path, case):
    make, sentence = BAD[case]
    with pytest.raises(PinchError, match=sentence) as caught:
        bundles.read(make(small, tmp_path / "bad.zip"))
    assert "bad.zip" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_page_it_says_how_to_build_it(tmp_path):
    with pytest.raises(PinchError, match="make web"):
        site.require_built(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.zip", "--certificate", __file__], "go together"),
        (["a.zip", "--clip", "gone.mp4"], "no file"),
        (["a.zip", "--port", "65536"], "not a port"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments, said, capsys):
    with pytest.raises(SystemExit):
        web.main(arguments)
    assert said in capsys.readouterr().err


def test_a_folder_for_another_server(small, built, tmp_path):
    contents = site.resources([bundles.read(small)], saves=False, clip=None, dist=built)
    site.write(tmp_path / "page", contents)
    listed = json.loads((tmp_path / "page/models.json").read_text())
    assert not listed["saves"]
    assert (tmp_path / "page/bundles/0/toy_full.onnx").is_file()
    assert (tmp_path / "page/ort/runtime.wasm").read_bytes() == b"plain"


def test_clips_become_videos_that_browsers_play(tmp_path, capfd):
    pictures = [known_detectors.picture(number) for number in range(3)]
    clip = site.encode(pictures, tmp_path / site.CLIP)
    assert capfd.readouterr().err == ""
    assert clip.read_bytes()[:4] == b"\x1aE\xdf\xa3", "the mark of Matroska and WebM"
    assert [frame.shape for frame in frames.stream(clip)] == [picture.shape for picture in pictures]


def test_other_messages_than_the_unfounded_one_stay(capfd):
    unfounded = b"OpenCV: FFMPEG: tag 0x30385056/'VP80' is not supported with codec id 139 and format 'webm / WebM'\n"
    with webm.without_unfounded():
        os.write(2, b"before\n" + unfounded + unfounded.replace(b"VP80", b"avc1"))
    os.write(2, b"after\n")
    assert capfd.readouterr().err.encode() == b"before\n" + unfounded.replace(b"VP80", b"avc1") + b"after\n"


@pytest.mark.fault
def test_a_port_that_cannot_be_used():
    with ports.listen("127.0.0.1", 0) as taken, pytest.raises(PinchError, match="cannot be used"):
        ports.listen("127.0.0.1", taken.getsockname()[1])


def test_the_address_names_the_port_that_was_taken():
    with ports.listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert port > 0
        assert ports.written("127.0.0.1", listening) == f"127.0.0.1:{port}"
        assert ports.written("::1", listening) == f"[::1]:{port}"
