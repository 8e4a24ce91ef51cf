"""OpenVINO IR for x86 desktops: full, and int8 through NNCF.

A folder with the network (.xml), its weights (.bin) and `metadata.yaml`, as Ultralytics' own exports.
"""

from pathlib import Path
from typing import Any

import openvino
import yaml

from pinch.export import metadata, parity
from pinch.export.guard import keep_accuracy
from pinch.export.job import Job, Session
from pinch.export.onnx import float_model


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

    def worst_first(_: Path) -> list[str]:
        # NNCF measures no error of single operators; the first and the last ones are known to hurt most.
        ends = sorted(range(len(operators)), key=lambda i: min(i, len(operators) - 1 - i))
        return [operators[i] for i in ends]

    path, guard = keep_accuracy(session, quantize, worst_first, len(operators))
    path.replace(job.output)
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


WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")


def _quantize(session: Session, model: Any, floats: list[str]) -> Any:
    """An int8 copy of a model in which the named operators are float."""
    import logging

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
    folder.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    described = metadata.describe(session, precision)
    (folder / "metadata.yaml").write_text(yaml.safe_dump(described, sort_keys=False, allow_unicode=True))
    return folder
