"""The registry of formats: names of artifacts there and back, and entries that can be loaded."""

import pytest
from matplotlib.lines import Line2D

from pinch.core.errors import PinchError
from pinch.run import formats


def test_the_six_artifacts_keep_their_names():
    fixed = {"full.onnx", "half.onnx", "int8.onnx", "full.tflite", "half.tflite", "int8.tflite"}
    assert fixed <= set(formats.specs())


@pytest.mark.parametrize("spec", ["int4.onnx", "full", "half_openvino", "full.onnx ", ""])
def test_an_unknown_artifact_is_refused_with_those_there_are(spec):
    with pytest.raises(PinchError, match=r"full\.onnx, half\.onnx"):
        formats.parse_spec(spec)


def test_files_of_others_are_known_by_their_ending_alone():
    assert formats.format_of("detector.onnx").name == "onnx"
    assert formats.format_of("detector.pt") is None


@pytest.mark.parametrize("name", sorted(formats.FORMATS))
def test_every_entry_names_code_that_exists(name):
    assert callable(formats.FORMATS[name].load("exporter"))
    assert callable(formats.FORMATS[name].load("backend"))


def test_checkpoints_name_code_that_exists():
    assert callable(formats.CHECKPOINT.load("backend"))
    assert formats.endings()[0] == ".pt"


@pytest.mark.parametrize("entry", formats.FORMATS.values(), ids=formats.FORMATS)
def test_every_entry_says_what_others_understand(entry):
    assert set(entry.devices) <= {"cpu", "gpu"}
    assert set(entry.precisions) <= set(formats.PRECISIONS)
    assert entry.filling in Line2D.fillStyles


def test_what_is_made_by_default_are_the_six():
    assert formats.default_specs() == [f"{p}.{f}" for f in ("onnx", "tflite") for p in ("full", "half", "int8")]


def test_a_folder_with_another_name_is_known_by_what_is_in_it(tmp_path):
    assert formats.format_of(tmp_path) is None
    (tmp_path / "model.xml").touch()
    assert formats.format_of(tmp_path).name == "openvino"
    assert formats.format_of(tmp_path / "model.xml") is None
