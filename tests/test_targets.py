"""int8 files are made for a processor, and known to be for it."""

import dataclasses

import made_up_records
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import describe_processor
import quantization
from pinch import runtimes
from pinch.core import records
from pinch.core.provenance import hardware
from pinch.core.record_types.devices import ProcessorRecord
from pinch.run.targets import TARGETS, suits, target_of

MADE_UP = made_up_records.PROVENANCE.hardware


def processor(system, *flags):
    return dataclasses.replace(MADE_UP, system=system, cpu_flags=list(flags))


X86 = processor("Linux-6.1-x86_64", "avx2")
VNNI = processor("Linux-6.1-x86_64", "avx2", "avx512f", "avx512_vnni")
ARM = processor("Linux-6.1-aarch64", "asimddp")


def test_processors_are_told_apart():
    assert [target_of(one) for one in (X86, VNNI, ARM)] == ["x86", "x86-vnni", "arm"]
    assert target_of(processor("macOS-15-arm64")) == "arm"
    assert target_of(hardware()) in TARGETS


@pytest.mark.parametrize(
    ("target", "right"),
    [("x86-vnni", [VNNI]), ("x86", [X86, VNNI]), ("arm", [ARM]), (None, [X86, VNNI, ARM]), ("any", [X86, VNNI, ARM])],
)
def test_a_file_for_vnni_is_wrong_without_it(target, right):
    assert [one for one in (X86, VNNI, ARM) if suits(target, one)] == right


def overflowing(path, target):
    """A detector whose 8-bit products overflow 16 bits when two are added: every value of its output is 3."""
    sides = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 4, 4))
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 6, 16))
    constants = {
        "input_scale": np.float32(1 / 255),
        "unsigned_zero": np.uint8(0),
        "signed_zero": np.int8(0),
        "weight": np.full((6, 3, 1, 1), 127, np.int8),
        "weight_scale": np.float32(1 / 127),
        "output_scale": np.float32(3 / 255),
        "shape": np.array([1, 6, 16]),
    }
    quantized = ["image", "input_scale", "unsigned_zero", "weight", "weight_scale", "signed_zero", "output_scale"]
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "input_scale", "unsigned_zero"], ["image"]),
        helper.make_node("QLinearConv", [*quantized, "unsigned_zero"], ["found"]),
        helper.make_node("DequantizeLinear", ["found", "output_scale", "unsigned_zero"], ["floats"]),
        helper.make_node("Reshape", ["floats", "shape"], ["output0"]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "overflowing", [sides], [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"target": target, "names": "{0: 'a', 1: 'b'}"})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_accuracy_is_measured_with_exact_products_on_every_processor(tmp_path, target):
    path = overflowing(tmp_path / "toy_int8.onnx", target)
    backend = runtimes.open(path, exact=True)
    np.testing.assert_allclose(backend.infer(np.ones((1, 3, 4, 4), np.float32)), 3, atol=0.02)
    assert any("computed exactly" in note for note in backend.notes) != suits(target, hardware())


def test_files_are_made_for_the_processor_that_times_them(tmp_path, monkeypatch):
    """The exporting machine is another than the measuring one, whose record says what it is."""
    record = tmp_path / "processor.json"
    describe_processor.main(["--output", str(record)])
    here = records.read(record, ProcessorRecord).value
    assert here.target == target_of(hardware())
    elsewhere = next(target for target in TARGETS if target != here.target)
    records.write(record, dataclasses.replace(here, target=elsewhere))
    asked = []
    monkeypatch.setattr("pinch.artifacts.session.open_session", lambda *arguments: asked.append(arguments[2]) or 1 / 0)
    line = ["m.pt", "data.yaml", str(tmp_path), "--measured-on", str(record)]
    for more in ([], ["--target", "x86"]):
        with pytest.raises(ZeroDivisionError):
            quantization.main([*line, *more])
    assert [settings.target for settings in asked] == [elsewhere, "x86"]
