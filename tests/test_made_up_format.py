"""A format is declared once: what is registered in `made_up_format` is found wherever formats are."""

import re
import subprocess
import sys

import export_session
import known_detectors
import made_up_format
import made_up_run
import numpy as np
import pytest
import yaml
from conftest import ROOT
from slurm import profile

from pinch import runtimes
from pinch.core.errors import PinchError
from pinch.report.plots import style
from pinch.run import formats
from pinch.tables import gathering

CONFIG = {
    "name": "some",
    "synthetic": {"images": [2, 1, 1]},
    "base_model": "yolo11n.yaml",
    "export": {"models": ["base"], "artifacts": ["full.onnx", "full.tflite", "full.invented", "int8.invented"]},
    "measure": {"devices": ["cpu", "gpu"], "threads": [1, 2]},
}


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(formats.FORMATS, made_up_format.ENTRY.name, made_up_format.ENTRY)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "toy_full.invented"
    path.write_text('{"0": "fist", "1": "like"}')
    return path


def test_a_dry_run_has_its_rule_its_files_and_its_timings_on_its_devices(tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump(CONFIG))
    line = [sys.executable, ROOT / "tests/made_up_format.py", "--snakefile", ROOT / "Snakefile", "--cores", "2"]
    line += ["--directory", tmp_path, "-n", "-p", "--configfile", settings]
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, cwd=ROOT)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    counts = dict(re.findall(r"^(\w+) +(\d+)$", text.rsplit("Job stats:", 1)[1], re.MULTILINE))
    assert counts["export_invented"] == "2"
    assert counts["evaluate_artifact"] == "4"
    # Three kinds of file on the GPU (TFLite has no runtime there), four on one and two threads of the CPU.
    assert (counts["measure_on_gpu"], counts["measure_on_cpu"]) == ("3", "8")
    for path in (
        "artifacts/some_int8.invented",
        "records/export/some_full.invented.json",
        "records/inference/gpu_1/some_int8.invented.json",
        "records/inference/cpu_2/some_full.invented.json",
    ):
        assert f"results/some/{path}" in text
    assert "--artifacts int8.invented" in text


def test_the_command_offers_it_and_makes_it_by_default(registered, tmp_path):
    line = [sys.executable, ROOT / "tests/made_up_format.py", "quantization.py", "--help"]
    shown = " ".join(subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout.split())
    assert "int8_openvino, full.invented, half.invented, int8.invented" in shown
    assert "int8.tflite full.invented half.invented int8.invented)" in shown
    assert formats.parse_spec("int8.invented") == ("int8", made_up_format.ENTRY)
    with export_session.open_session(tmp_path) as session:
        path, result = export_session.export(session, "full.invented", tmp_path)
    assert path.exists()
    assert (result.format, result.parity.score) == ("invented", 0.0)


def test_its_file_is_run_on_its_devices(registered, file):
    backend = runtimes.open(file, "gpu")
    assert backend.names == {0: "fist", 1: "like"}
    assert backend.infer(np.zeros((1, 3, 64, 64), np.float32)).shape == (1, 6, 1)
    with pytest.raises(PinchError, match=r"its name must end in \.pt, .*_openvino, \.invented"):
        runtimes.open(known_detectors.video(file.parent / "video.mp4"))


def test_tables_have_it_in_the_registry_s_order(registered, monkeypatch, tmp_path):
    monkeypatch.setitem(made_up_run.FORMAT_TIME, "invented", 1.1)
    run = made_up_run.make(tmp_path / "results/demo", coarse=(50,), fine=())
    rows = gathering.gather(run).tables["artifacts"].query("model == 'demo'")
    kinds = list(zip(rows["format"], rows["precision"], strict=True))
    every = ("full", "half", "int8")
    assert kinds == [(kind, precision) for kind in ("onnx", "tflite", "invented") for precision in every]


def test_pictures_draw_it_as_it_says(registered):
    drawn = style.look("invented", "int8", style.BLACK)
    assert (drawn["fillstyle"], drawn["marker"]) == ("top", formats.PRECISIONS["int8"].marker)
    assert style.marker("invented", "full", style.BLACK).get_label() == "full invented"


def test_the_cluster_s_profile_groups_its_export_and_asks_for_enough(registered, tmp_path):
    content = profile.render({}, tmp_path)
    assert content["groups"]["export_invented"] == content["groups"]["export_onnx"]
    assert content["set-resources"]["export_invented"] == content["set-resources"]["export_onnx"]


def test_the_demo_page_lists_it_and_shows_it(registered, file, capsys):
    import demo
    from pinch.apps.demo import words
    from pinch.apps.demo.looking import Eye, look
    from pinch.apps.demo.models import Models, named

    with pytest.raises(SystemExit):
        demo.main(["--help"])
    assert ".invented" in capsys.readouterr().out
    models = Models([named(file)])
    detector = models.open(0)
    assert "toy_<wbr>full.invented" in words.facts(detector, models.choices[0])
    seen = look(np.zeros((64, 64, 3), np.uint8), [Eye("it", detector, 0.5)], 0.7)
    assert seen.looks[0].labels == ["fist"]
