"""ONNX: full and half; `int8` quantizes."""

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from pinch.artifacts import exporter, metadata
from pinch.artifacts.graph import decoding
from pinch.artifacts.int8 import OnnxQuantizer
from pinch.artifacts.job import ExportJob
from pinch.artifacts.session import Session
from pinch.artifacts.tracing import finish, float_model
from pinch.core.record_types.exports import ExportDetails


def export(job: ExportJob) -> ExportDetails:
    """Write `job.output` as ONNX. See `pinch.run.formats.Format.exporter`."""
    return exporter.export(job, _write, OnnxQuantizer)


def _write(session: Session, precision: str, path: Path) -> None:
    model = onnx.load(float_model(session))
    if precision == "half":
        model = to_half(model)
    finish(model, path, metadata.describe(session, precision, session.threshold))


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights and arithmetic in float16; input, output and the head's decoding stay float32.

    Above 512, a float16 has steps of half a pixel, which would move boxes.
    """
    names = [node.name for node in decoding(model.graph)]
    return convert_float_to_float16(model, keep_io_types=True, node_block_list=names)
