"""What the demo page offers: models, images and a clip; and how two models are compared."""

import dataclasses
import queue
import subprocess

import cv2
import known_detectors as detectors
import made_up_run
import numpy as np
import pandas as pd
import pytest
from conftest import CHROMIUM

import demo
from pinch.apps.demo import desk, differences, run, samples, uploads
from pinch.apps.demo.looking import Eye, look
from pinch.apps.demo.models import OPEN, Models, named
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.files import write_json
from pinch.core.record_types.measurements import AccuracyRecord, OperatingPoint
from pinch.run import formats, manifest
from pinch.runtimes.postprocess import Detections
from pinch.tables import gathering


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return Models([named(detectors.onnx_detector(tmp_path_factory.mktemp("toy") / "toy.onnx"))])


@pytest.fixture
def results(tmp_path):
    """A run with two chosen files, of which each ONNX file can be opened."""
    folder = made_up_run.make(tmp_path / "results/my run", coarse=(50,), fine=())
    (folder / "artifacts").mkdir()
    for number, artifact in enumerate(manifest.load(folder).artifacts):
        if artifact.format.name == "onnx":
            detectors.onnx_detector(folder / "artifacts" / artifact.file)
            point = OperatingPoint(threshold=0.3 + number / 100, f1=0.8, precision=0.8, recall=0.8)
            path = folder / f"records/accuracy/{artifact.file}.json"
            found = records.read(path, AccuracyRecord)
            value = dataclasses.replace(found.value, operating_point=point)
            write_json(path, records.content(found._replace(value=value)))
    chosen = [("demo_coarse_prune_50_tuned_int8.onnx", "phone"), ("demo_half.onnx", "desktop")]
    chosen += [("demo_coarse_prune_50_tuned_int8.onnx", "small")]
    rows = [dict.fromkeys(gathering.COLUMNS.get("selection", []), "") | {"file": f, "want": w} for f, w in chosen]
    gathering.write(folder, "selection", pd.DataFrame(rows))
    detectors.dataset(folder / "dataset", {"train": 4, "val": 4, "test": 6})
    (folder / "hagrid").mkdir()
    detectors.video(folder / "hagrid/video.mp4", 3)
    return folder


def test_a_run_offers_its_files_the_chosen_first_with_its_images_and_its_clip(results):
    offered = desk.gather([], results, [])
    files = [choice.path.name for choice in offered.models.choices]
    assert files[:2] == ["demo_coarse_prune_50_tuned_int8.onnx", "demo_half.onnx"]
    assert len(files) == len(set(files)) == 6
    first = offered.models.choices[0]
    assert first.label == "coarse 50% · int8 onnx · chosen"
    assert first.note == "chosen for phone, small"
    assert offered.notes == ["6 of its 12 files are not exported yet."]
    assert {path.parent.name for path in offered.pictures} == {"val", "test"}
    assert offered.clip == results / "hagrid/video.mp4"
    # The threshold is the one of that very file.
    stored = records.read(results / f"records/accuracy/{first.path.name}.json", AccuracyRecord).value
    assert offered.models.open(0).threshold == stored.operating_point.threshold > 0.3


def test_a_model_of_a_run_begins_with_what_its_run_has(results):
    path = results / "artifacts/demo_full.onnx"
    offered = desk.gather([path], None, [])
    assert [choice.label for choice in offered.models.choices] == ["demo_full.onnx"]
    assert offered.models.choices[0].threshold == 0.3
    assert len(offered.pictures) == 10
    both = desk.gather([path], results, [])
    assert both.models.choices[0].path == path
    assert len(both.models) == 6


def test_a_run_that_hides_its_images_shows_none(results):
    write_json(results / manifest.CONFIG_FILE, {"hide_images": True})
    shown = run.shown(results)
    assert (shown.pictures, shown.clip) == ([], None)
    assert "hides its images" in shown.notes[0]


def test_a_clip_that_the_page_does_not_take_is_left_out(results, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_FRAMES", 2)
    shown = run.shown(results)
    assert shown.clip is None
    assert "more than the 2 frames" in shown.notes[0]
    assert shown.pictures


def test_an_unfinished_run_offers_what_there_is(results):
    (results / "tables/selection.csv").unlink()
    choices, notes = run.choices(results)
    assert choices[0].path.name == "demo_full.onnx"
    assert notes[0] == "Nothing is chosen in this run yet."
    for path in (results / "artifacts").iterdir():
        path.unlink()
    with pytest.raises(PinchError, match="no exported file"):
        run.choices(results)


def test_files_that_this_processor_cannot_run_are_left_out(results, monkeypatch):
    monkeypatch.setattr(run, "lacking", lambda precision: "it cannot" if precision == "int8" else None)
    choices, notes = run.choices(results)
    assert {formats.format_of(choice.path).name for choice in choices} == {"onnx"}
    assert not any("int8" in choice.path.name for choice in choices)
    assert notes[-1] == "2 are left out: it cannot."


@pytest.mark.parametrize("kind", ["onnx", "openvino", "pt"])
def test_models_of_strangers_with_spaces_in_their_names(tmp_path, kind):
    source = detectors.onnx_detector(tmp_path / "my model.onnx")
    path = source
    if kind == "openvino":
        path = detectors.openvino_detector(tmp_path / "my model_openvino_model", source)
    if kind == "pt":
        path = detectors.checkpoint(tmp_path / "my model.pt")
    offered = desk.gather([path, path], None, [])
    assert (offered.title, offered.pictures, offered.clip) == (path.name, [], None)
    assert "--example" in offered.notes[0]
    detector = offered.models.open(0)
    assert (detector.own_threshold, detector.threshold) == (None, 0.25)
    found, times = detector.detect(detectors.picture(0), 0.25)
    assert len(found)
    assert min(times.preprocess, times.inference, times.postprocess) > 0


def test_only_the_last_models_stay_open(tmp_path):
    paths = [detectors.onnx_detector(tmp_path / f"{number}.onnx") for number in range(OPEN + 1)]
    models = Models([named(path) for path in [*paths, paths[0]]])
    assert len(models) == OPEN + 1
    first, second, *_ = [models.open(number) for number in range(OPEN)]
    assert models.open(0) is first
    models.open(OPEN)
    assert models.open(0) is first
    assert models.open(1) is not second


def test_examples_are_images_folders_data_sets_and_a_video(tmp_path):
    data = detectors.dataset(tmp_path / "set", {"train": 2, "val": 3})
    clip = detectors.video(tmp_path / "my clip.mp4", 2)
    folder, picture = tmp_path / "set/images/train", tmp_path / "set/images/val/1.png"
    pictures, video = samples.given([picture, folder, data, clip])
    assert pictures[:3] == [picture, folder / "0.png", folder / "1.png"]
    assert sorted(pictures[3:]) == [data.parent / f"images/val/{number}.png" for number in range(3)]
    assert video == clip


@pytest.mark.parametrize(
    ("name", "said"),
    [("text.txt", "no image, video, folder"), ("empty", "has no images"), ("bad.mp4", "cannot be read")],
)
def test_an_example_that_is_none_gets_one_sentence(tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    for file in ("text.txt", "bad.mp4"):
        (tmp_path / file).touch()
    with pytest.raises(PinchError, match=said):
        samples.given([tmp_path / name])


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(PinchError, match=r"a\.png: this file cannot be read"):
        uploads.thumbnail(tmp_path / "a.png", 160)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_fits_a_phone_and_begins_with_something_to_see(toy, tmp_path):
    """In a frame of 390 pixels, with an image whose boxes are shown before anybody did anything."""
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route

    from pinch.apps.demo import page

    async def frame(request):
        return HTMLResponse(_FRAME)

    async def measured(request):
        said.put(await request.json())
        return Response()

    pictures = [tmp_path / f"{number}.png" for number in range(5)]
    for path in pictures:
        cv2.imwrite(str(path), detectors.picture(0))
    said = queue.Queue()
    built = page.build(
        Models([*toy.choices, named(detectors.onnx_detector(tmp_path / ("a" * 70 + ".onnx")))]), "t", pictures
    )
    address = page.launch(built, "127.0.0.1", 0)
    built.app.router.routes[:0] = [Route("/frame", frame), Route("/measured", measured, methods=["POST"])]
    line = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    line += ["--disable-background-networking"]
    line += [f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-port=0", f"{address}frame"]
    browser = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        own, wide, text = said.get(timeout=90)
    finally:
        browser.kill()
        browser.wait()
        built.close()
    assert own == 390
    assert wide <= own
    assert "1 box" in text
    assert "pre-processing" in text


_FRAME = """<!doctype html><iframe src="/" width="390" height="800"></iframe><script>
const frame = document.querySelector("iframe");
const look = () => {
  const page = frame.contentDocument;
  const text = page?.body?.innerText || "";
  // Times come with the boxes; then the last pictures are laid out.
  if (!text.includes("pre-processing")) return setTimeout(look, 200);
  setTimeout(() => fetch("/measured", { method: "POST", body: JSON.stringify(
    [frame.contentWindow.innerWidth, page.documentElement.scrollWidth, text]) }), 1000);
};
look();
</script>
"""


def test_boxes_of_one_class_in_one_place_agree():
    boxes = np.array([[10, 10, 50, 50], [60, 10, 90, 40], [10, 60, 30, 90]], np.float32)
    ours = Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 1, 0]))
    theirs = Detections(boxes[[1, 0]] + 2, np.array([0.9, 0.8], np.float32), np.array([4, 4]))
    # Of the two that are in the same places, one has another class; names count, not numbers.
    found = differences.between((ours, ["fist", "like", "fist"]), (theirs, ["like", "palm"]), (100, 100))
    assert found.first.tolist() == [True, False, True]
    assert found.second.tolist() == [False, True]
    assert found.same == 1
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    alone = differences.between((nothing, []), (theirs, ["like", "palm"]), (100, 100))
    assert (len(alone.first), alone.second.tolist(), alone.same) == (0, [True, True], 0)


def test_models_see_a_mirror_image_as_the_camera_does(toy):
    """The toy finds its box where it always is; in the mirror it is on the other side."""
    picture = cv2.cvtColor(detectors.picture(0), cv2.COLOR_BGR2RGB)
    eye = Eye("toy", toy.open(0), 0.25)
    plain = look(picture, [eye], 0.7).looks[0].found.boxes[0]
    mirrored = look(picture[:, ::-1], [eye], 0.7, is_mirrored=True)
    width = picture.shape[1]
    assert mirrored.looks[0].found.boxes[0] == pytest.approx([width - plain[2], plain[1], width - plain[0], plain[3]])
    assert (mirrored.picture == picture[:, ::-1]).all()


def test_boxes_are_drawn_where_they_are(toy):
    from pinch.apps.demo.drawing import draw
    from pinch.apps.demo.looking import Eye, Look
    from pinch.runtimes.postprocess import Detections

    image = np.zeros((200, 300, 3), np.uint8)
    found = Detections(np.array([[50, 60, 150, 160]], np.float32), np.array([0.5], np.float32), np.array([1]))
    drawn = draw(image, Look(Eye("toy", toy.open(0), 0.25), found, None))
    assert not image.any()
    assert drawn[100, 50].any()
    assert drawn[50, 60].any()  # the label above the box
    assert not drawn[100, 100].any()


def test_classes_without_a_name_are_numbered(toy):
    assert toy.open(0).label(7) == "class 7"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.onnx"], "does not exist"),
        ([], "nothing to show"),
        (["a.onnx", "--example", "gone.png"], "no example gone.png"),
        (["--results", "gone"], "neither a manifest.json nor records"),
        (["a.onnx", "--port", "65536"], "port"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments, said, capsys):
    with pytest.raises((PinchError, SystemExit)) as caught:
        demo.main(["--port", "0", *arguments])
    assert said in str(caught.value) + capsys.readouterr().err
