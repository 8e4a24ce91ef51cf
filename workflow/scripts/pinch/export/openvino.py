"""OpenVINO IR for x86 desktops: full, and int8 through NNCF.

A folder with the network (.xml), its weights (.bin) and `metadata.yaml`, as Ultralytics' own exports.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import yaml

from pinch.export import metadata, parity
from pinch.export.guard import keep_accuracy
from pinch.export.job import Job, Session
from pinch.export.onnx import float_model
from pinch.runtimes.openvino import compile_float32


def export(job: Job) -> dict[str, Any]:
    """Write the folder `job.output`. See `pinch.formats.Format.exporter`."""
    session = job.session
    if job.precision == "int8":
        return _export_int8(job)
    _write(session, job.output, job.precision, openvino.convert_model(float_model(session)))
    compared = parity.check(job.output, session.checkpoint.model, session.parity_inputs, job.precision)
    return {"parity": compared, "head": {"candidates": session.settings.candidates}}


def _export_int8(job: Job) -> dict[str, Any]:
    session = job.session
    model = openvino.convert_model(float_model(session))
    decoding = _decoding(model)
    operators = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() in WEIGHTED]

    def quantize(floats: frozenset[str]) -> Path:
        quantized = _quantize(session, model, [*decoding, *sorted(floats)])
        return _write(session, session.scratch / "model_int8_openvino", job.precision, quantized)

    def worst_first(folder: Path) -> list[str]:
        noise = _noise(session, model, openvino.Core().read_model(folder / "model.xml"), operators)
        return sorted(operators, key=lambda name: -noise[name])

    path, guard = keep_accuracy(session, quantize, worst_first, len(operators))
    shutil.copytree(path, job.output, dirs_exist_ok=True)
    return {
        "target": None,
        "calibration": {
            "images": len(session.calibration),
            "sha256": session.calibration_sha256,
            "method": "nncf mixed",
            "tried": {},
        },
        "guard": guard,
        "head": {"candidates": session.settings.candidates},
    }


# What has weights and can be int8.
WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")


def _quantize(session: Session, model: Any, floats: list[str]) -> Any:
    """An int8 copy of a model in which the named operators are float."""
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    inputs = list(session.inputs(session.calibration))
    return nncf.quantize(
        model.clone(),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(names=floats, validate=False),
    )


def _noise(session: Session, plain: Any, quantized: Any, operators: list[str]) -> dict[str, float]:
    """For each operator the power of its output's error relative to the output's own, on some calibration images."""
    plain_outputs, rounded_outputs = (_outputs(session, model, operators) for model in (plain, quantized))
    noise, signal = np.zeros(len(operators)), np.full(len(operators), 1e-12)
    for a, b in zip(plain_outputs, rounded_outputs, strict=True):
        noise += [float(np.square(x - y).sum()) for x, y in zip(a, b, strict=True)]
        signal += [float(np.square(x).sum()) for x in a]
    return dict(zip(operators, noise / signal, strict=True))


def _outputs(session: Session, model: Any, operators: list[str]) -> Iterator[list[np.ndarray]]:
    """What the named operators give for each of a few real images."""
    observed = model.clone()
    found = {op.get_friendly_name(): op for op in observed.get_ordered_ops()}
    observed.add_outputs([found[name].output(0) for name in operators])
    run = compile_float32(observed)
    for batch in session.parity_inputs:
        result = run(batch)
        yield [result[run.output(index + 1)] for index in range(len(operators))]


def _decoding(model: Any) -> list[str]:
    """Names of the operators between the last convolutions and the output."""
    todo, names = [model.outputs[0].get_node()], set()
    while todo:
        operator = todo.pop()
        name = operator.get_friendly_name()
        if operator.get_type_name() in ("Convolution", "GroupConvolution", "Parameter", "Constant") or name in names:
            continue
        names.add(name)
        todo += [source.get_source_output().get_node() for source in operator.inputs()]
    # The sum of the last convolution and its bias belongs to the convolution.
    return sorted(names - _biases(model))


def _biases(model: Any) -> set[str]:
    """Names of the additions of a constant to a convolution's output."""
    found = set()
    for operator in model.get_ordered_ops():
        kinds = {source.get_source_output().get_node().get_type_name() for source in operator.inputs()}
        if operator.get_type_name() == "Add" and kinds <= {"Convolution", "GroupConvolution", "Constant"}:
            found.add(operator.get_friendly_name())
    return found


def _write(session: Session, folder: Path, precision: str, model: Any) -> Path:
    """Save a model in place of what the folder holds; float weights stay float32."""
    folder.mkdir(exist_ok=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    described = metadata.describe(session, precision)
    (folder / "metadata.yaml").write_text(yaml.safe_dump(described, sort_keys=False, allow_unicode=True))
    return folder
