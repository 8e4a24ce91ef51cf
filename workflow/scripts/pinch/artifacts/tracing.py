"""The network as an ONNX graph, which the exports of all formats start from."""

import warnings
from pathlib import Path
from typing import Any

import onnx
import onnxslim
import torch

from pinch.artifacts.graph import shorten_names
from pinch.artifacts.job import Session
from pinch.artifacts.network import exportable

# ONNX Runtime's CUDA provider lacks Resize-19 and ReduceMax-20, its quantizer refuses 21 and higher.
OPSET = 17
IR_VERSION = 10  # newer ones are refused by older runtimes


def float_model(session: Session) -> Path:
    """The float32 ONNX file of a session, which all its ONNX and OpenVINO artifacts start from."""
    path = session.scratch / "float.onnx"
    if not path.exists():
        network = exportable(session.checkpoint.model, session.settings.candidates)
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
        # The new exporter is slower, and opset 17 is out of its reach.
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
    """Write the model of an artifact: as `save`, without names that only take room."""
    shorten_names(model.graph)
    save(model, path, entries)


def save(model: onnx.ModelProto, path: Path, entries: dict[str, Any]) -> None:
    """Write a model with metadata (in place of what it has)."""
    del model.metadata_props[:]
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=str(value))
    model.ir_version = min(model.ir_version, IR_VERSION)
    onnx.save(model, path)
