"""The registry of formats: names of artifacts there and back, and entries that can be loaded."""

import pytest

from pinch import formats
from pinch.errors import PinchError


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
