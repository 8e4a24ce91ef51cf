"""The network as an ONNX graph, from which the exports of all formats start."""

import warnings
from pathlib import Path
from typing import Any

import onnx
import onnxslim
import torch

from pinch.artifacts.graph import shorten_names
from pinch.artifacts.network import exportable
from pinch.artifacts.session import Session

# ONNX Runtime's CUDA provider lacks Resize-19 and ReduceMax-20, and its quantizer refuses opset 21 and higher.
OPSET = 17
IR_VERSION = 10  # older runtimes refuse newer versions


def float_model(session: Session) -> Path:
    """The float32 ONNX file of a session, from which all its ONNX and OpenVINO artifacts are made."""
    path = session.scratch / "float.onnx"
    if not path.exists():
        network = exportable(session.checkpoint.model, session.head.candidates)
        save(trace(network, session.imgsz, ["output0"], session.scratch), path, {})
    return path


def trace(network: torch.nn.Module, imgsz: int, outputs: list[str], scratch: Path) -> onnx.ModelProto:
    """Turn a network into a simplified ONNX graph with one static input, `images` (1, 3, imgsz, imgsz).

    Args:
        network: what to trace.
        imgsz: side of the input in pixels.
        outputs: names of the outputs.
        scratch: folder for an intermediate file.
    """
    path = scratch / "traced.onnx"
    with warnings.catch_warnings():
        # The new exporter is slower and cannot write opset 17, so this one is used and its warning ignored.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, imgsz, imgsz),),
            path,
            opset_version=OPSET,
            input_names=["images"],
            output_names=outputs,
            dynamo=False,
        )
    return onnxslim.slim(onnx.load(path))


def finish(model: onnx.ModelProto, path: Path, entries: dict[str, Any]) -> None:
    """Write the model of an artifact: like `save`, but with short tensor names, which make the file smaller."""
    shorten_names(model.graph)
    save(model, path, entries)


def save(model: onnx.ModelProto, path: Path, entries: dict[str, Any]) -> None:
    """Write a model; `entries` replace its metadata."""
    del model.metadata_props[:]
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=str(value))
    model.ir_version = min(model.ir_version, IR_VERSION)
    onnx.save(model, path)
