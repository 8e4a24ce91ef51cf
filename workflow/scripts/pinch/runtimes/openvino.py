"""OpenVINO, on the CPU."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import yaml

from pinch.core.errors import PinchError
from pinch.runtimes.base import Backend, input_shape, made_for_here, only_output


@functools.cache
def core() -> Any:
    """OpenVINO's runtime, one for the process, which stays.

    It gives the thread another stack for signals, and takes it back when it is destroyed. If that happens in another
    thread, as garbage collection may have it, the next signal ends the process.
    """
    return openvino.Core()


def compile_for(model: Any, type: str = "f32", **settings: Any) -> Any:
    """Compile a model for the CPU so that everything that is not int8 is computed in a type, "f32" or "bf16".

    On a processor with bfloat16, OpenVINO would otherwise compute float32 models in bfloat16 without saying so: boxes
    of YOLO11n move by 0.012 of the image, scores by 0.06.
    """
    return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": type, **settings})


class OpenvinoBackend(Backend):
    """A folder with OpenVINO's IR (.xml and .bin) and metadata.yaml; see `Backend`."""

    def __init__(
        self, path: Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
    ):
        graph = next(path.glob("*.xml"), None)
        if graph is None:
            raise PinchError(f"{path} has no .xml file of OpenVINO: export it again")
        model = core().read_model(graph)
        only_output(path, len(model.outputs))
        metadata = _metadata(path)
        sides = [side.get_length() if side.is_static else None for side in model.input().partial_shape]
        super().__init__(path, metadata, input_shape(path, (sides[2], sides[3]), metadata, imgsz))
        model.reshape([1, 3, *self.shape])
        type = "bf16" if metadata.get("precision") == "bf16" else "f32"
        compiled = compile_for(model, type, PERFORMANCE_HINT="LATENCY", INFERENCE_NUM_THREADS=threads)
        self._request = compiled.create_infer_request()
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if exact and not made_for_here(metadata):
            self.notes.append(f"made for {metadata['target']}: its numbers may differ there")
        self.notes.append(f"OpenVINO runs the floating-point part in {precision}")

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        self._request.infer([inputs], share_inputs=True)
        return self._request.get_output_tensor().data

    def download(self, outputs: np.ndarray) -> np.ndarray:
        """See `Backend.download`."""
        return outputs.astype(np.float32)  # a copy: the tensor belongs to the request


def _metadata(path: Path) -> dict[str, Any]:
    sidecar = path / "metadata.yaml"
    return yaml.safe_load(sidecar.read_text()) or {} if sidecar.exists() else {}
