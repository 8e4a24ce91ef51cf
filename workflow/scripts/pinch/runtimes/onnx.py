"""ONNX Runtime, on the CPU or through CUDA."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from pinch.core.errors import PinchError
from pinch.runtimes.base import Backend, Tensor, input_shape, made_for_here, only_output

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class OnnxBackend(Backend):
    """An ONNX file in ONNX Runtime. See `Backend`; on the GPU input and output stay there, bound to the session."""

    def __init__(
        self, path: Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
    ):
        self._session = start(str(path), device, cpu_options(threads, exact))
        only_output(path, len(self._session.get_outputs()))
        entry = self._session.get_inputs()[0]
        metadata = self._session.get_modelmeta().custom_metadata_map
        super().__init__(path, metadata, input_shape(path, tuple(entry.shape[2:]), metadata, imgsz))
        if entry.type not in _TYPES:
            raise PinchError(f"{path} takes {entry.type} instead of floating-point images: export it with float input")
        self._input, self._type = entry.name, _TYPES[entry.type]
        self._binding = None
        if exact and not made_for_here(metadata):
            self.notes.append(f"made for {metadata['target']}: computed exactly here, in more time")
        if device == "gpu":
            self.notes.append("ONNX Runtime computes float32 without TF32")
            self._binding = self._session.io_binding()
            self._binding.bind_output(self._session.get_outputs()[0].name, "cuda")
            self.notes += fallback_notes(placement(path, device, (1, 3, *self.shape), self._type))

    def _typed(self, values: np.ndarray) -> np.ndarray:
        return values.astype(self._type, copy=False)

    def _place(self, batch: np.ndarray) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_numpy(batch, "cuda", 0) if self._binding else batch

    def tensors(self) -> tuple[Tensor, Tensor]:
        """See `Backend.tensors`."""
        taken = np.zeros((1, 3, *self.shape), self._type)
        # By running it, since a graph need not say its output's sizes.
        given = self._session.run(None, {self._input: taken})[0]
        name = self._session.get_outputs()[0].name
        return (
            Tensor(name=self._input, shape=list(taken.shape), dtype=taken.dtype.name),
            Tensor(name=name, shape=list(given.shape), dtype=given.dtype.name),
        )

    def run(self, inputs: Any) -> Any:
        """See `Backend.run`."""
        if self._binding is None:
            return self._session.run(None, {self._input: inputs})[0]
        self._binding.bind_ortvalue_input(self._input, inputs)
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        return self._binding.get_outputs()[0]

    def download(self, outputs: Any) -> np.ndarray:
        """See `Backend.download`."""
        return (outputs.numpy() if self._binding else outputs).astype(np.float32, copy=False)


def providers(device: str, available: list[str]) -> list[str]:
    """The execution providers for a device, in order of preference.

    Raises:
        PinchError: the device is "gpu" and this build of ONNX Runtime has no CUDA.
    """
    if device == "cpu":
        return [CPU]
    if CUDA not in available:
        raise PinchError(
            f"ONNX Runtime {onnxruntime.__version__} has no CUDA provider (it has {', '.join(available)}): install"
            " onnxruntime-gpu in place of onnxruntime, or measure on the cpu"
        )
    return [CUDA, CPU]


def placement(path: Path, device: str, shape: tuple[int, ...], dtype: Any = np.float32) -> dict[str, Counter]:
    """Which operators run on which provider, found by profiling one run in a separate session.

    Args:
        path: the ONNX file.
        device: "cpu" or "gpu".
        shape: of its input.
        dtype: of its input.

    Returns:
        For each execution provider the operators that it ran, with their numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = cpu_options(1)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = start(str(path), device, options)
        session.run(None, {session.get_inputs()[0].name: np.zeros(shape, dtype)})
        events = json.loads(Path(session.end_profiling()).read_text())
    placed: dict[str, Counter] = {}
    for event in events:
        arguments = event.get("args", {})
        if event.get("cat") == "Node" and "provider" in arguments:
            placed.setdefault(arguments["provider"], Counter())[arguments["op_name"]] += 1
    return placed


def fallback_notes(placed: dict[str, Counter]) -> list[str]:
    """A note on the operators that ran on the CPU instead of the GPU; empty if there are none."""
    fallen = placed.get(CPU)
    if not fallen:
        return []
    operators = ", ".join(f"{count} {name}" for name, count in sorted(fallen.items()))
    return [
        f"{sum(fallen.values())} of {sum(map(Counter.total, placed.values()))} nodes fell back to the CPU: {operators}"
    ]


def start(
    model: str | bytes, device: str, options: onnxruntime.SessionOptions | None = None
) -> onnxruntime.InferenceSession:
    """Start a session, and check that it runs on the device that was asked for.

    Args:
        model: path of an ONNX file, or its content.
        device: "cpu" or "gpu".
        options: of the session.

    Raises:
        PinchError: the device's provider did not start (ONNX Runtime would silently use the CPU).
    """
    wanted = providers(device, onnxruntime.get_available_providers())
    if device == "gpu":
        onnxruntime.preload_dlls()  # CUDA and cuDNN from the packages that PyTorch depends on
    # CUDA's default, TF32, keeps only 10 of the 23 mantissa bits of each factor.
    exact = [(name, {"use_tf32": "0"}) if name == CUDA else name for name in wanted]
    session = onnxruntime.InferenceSession(model, options, providers=exact)
    if session.get_providers()[0] != wanted[0]:
        raise PinchError(
            f"ONNX Runtime {onnxruntime.__version__} could not start {wanted[0]} because CUDA or cuDNN libraries are"
            " missing: install them"
        )
    return session


def check_gpu() -> str:
    """Run a model on the GPU and return the version of ONNX Runtime.

    Raises:
        PinchError: ONNX Runtime cannot use the GPU.
    """
    from onnx import TensorProto, helper

    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "check", tensors[:1], tensors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    version = onnxruntime.__version__
    try:
        start(model.SerializeToString(), "gpu").run(None, {"x": np.ones((8, 8), np.float32)})
    except PinchError:
        raise
    except Exception as error:
        raise PinchError(f"ONNX Runtime {version} cannot compute on the GPU: {str(error).splitlines()[0]}") from error
    return version


def cpu_options(threads: int, exact: bool = False) -> onnxruntime.SessionOptions:
    """Options of a session that computes on this number of threads; `exact`: see `pinch.runtimes.open`."""
    options = onnxruntime.SessionOptions()
    if exact:
        # Without it, products of 8-bit integers overflow on x86 processors without VNNI; elsewhere it does nothing.
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the warnings do not concern users
    return options
