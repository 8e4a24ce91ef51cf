"""TensorFlow's part of the export to TFLite, which runs in a separate process.

TensorFlow and PyTorch together can crash a process, so nothing here imports PyTorch. The process holds one network:
`start` loads it, `call` uses it.
"""

import contextlib
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pinch.artifacts.tflite_spec import Head

# onnx2tf downloads this file of images unless the working directory has it.
SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
# The core of attention stays float, as in other formats. TFLite's quantization specification gives the results of every
# softmax the scale 1/256, which is more than the mean weight of 400 positions (at 640 pixels).
ATTENTION = {"BATCH_MATMUL", "SOFTMAX"}


class Converter:
    """One network on its way to TFLite.

    Args:
        graph: ONNX file with one input, (1, 3, imgsz, imgsz), and the outputs of `pinch.artifacts.head.RawHead`.
        head: how to decode them.
        scratch: folder for intermediate files.
    """

    def __init__(self, graph: Path, head: Head, scratch: Path) -> None:
        import tensorflow as tf

        from pinch.artifacts.tflite_head import decoder

        body, decode = _keras(graph, scratch), decoder(head)
        shape = (1, head.imgsz, head.imgsz, 3)

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="images")], autograph=False)
        def detect(images: Any) -> dict[str, Any]:
            return {"output0": decode(body(images))}

        self._tf, self._function, self._concrete = tf, detect, detect.get_concrete_function()
        self._full = b""
        self._debugger: Any = None
        self._fixed: list[str] = []

    def full(self) -> bytes:
        """A float32 file."""
        self._full = self._full or self._fresh().convert()
        return self._full

    def half(self) -> bytes:
        """Weights in float16; runtimes widen them when they load the file, or compute in float16 where they can."""
        fresh = self._fresh()
        fresh.optimizations = [self._tf.lite.Optimize.DEFAULT]
        fresh.target_spec.supported_types = [self._tf.float16]
        return fresh.convert()

    def calibrate(self, images: Path) -> list[str]:
        """Run the calibration images, (n, imgsz, imgsz, 3) uint8 in a .npy file.

        Returns:
            Names of the tensors made by operators that can be quantized.
        """
        from pinch.artifacts.tflite_head import SCOPE

        loaded = np.load(images, mmap_mode="r")

        def batches() -> Iterator[list[np.ndarray]]:
            return ([image[None].astype(np.float32) / 255] for image in loaded)

        interpreter = self._tf.lite.Interpreter(model_content=self.full(), experimental_preserve_all_tensors=True)
        made = _made(interpreter)
        # The last operator of the decoding has the name of the output. In int8 it would give boxes, scores and, where
        # the network suppresses by itself, numbers of classes one scale.
        ends = {tensor["name"] for tensor in interpreter.get_output_details()}
        self._fixed = [n for n, kind in made.items() if SCOPE in n or n in ends or kind in ATTENTION]
        fresh = self._fresh()
        fresh.optimizations = [self._tf.lite.Optimize.DEFAULT]
        fresh.representative_dataset = batches
        self._debugger = self._tf.lite.experimental.QuantizationDebugger(
            converter=fresh, debug_dataset=batches, debug_options=self._options([])
        )
        return [name for name in made if name not in self._fixed]

    def int8(self, floats: list[str]) -> bytes:
        """An int8 file, after `calibrate`.

        Input, output, decoding, the cores of attention and the operators of the named tensors are float.
        """
        self._debugger.options = self._options(floats)
        return self._debugger.get_nondebug_quantized_model()

    def errors(self) -> dict[str, float]:
        """Each tensor's error in the last int8 file: root mean square on calibration images, in units of its scale.

        A pure rounding error is 1/sqrt(12).
        """
        self._debugger.run()
        table = io.StringIO()
        self._debugger.layer_statistics_dump(table)
        table.seek(0)
        rows = [row for row in csv.DictReader(table) if row["scale"]]
        return {row["tensor_name"]: float(row["mean_squared_error"]) ** 0.5 / float(row["scale"]) for row in rows}

    def _fresh(self) -> Any:
        return self._tf.lite.TFLiteConverter.from_concrete_functions([self._concrete], self._function)

    def _options(self, floats: list[str]) -> Any:
        return self._tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=[*self._fixed, *floats])


def _keras(graph: Path, scratch: Path) -> Any:
    """The network up to its raw feature maps as a Keras model, channels last."""
    np.save(scratch / SAMPLES, np.zeros((20, 128, 128, 3), np.float32))
    with contextlib.chdir(scratch), contextlib.redirect_stdout(io.StringIO()):
        import onnx2tf

        return onnx2tf.convert(
            input_onnx_file_path=str(graph),
            output_folder_path=str(scratch / "keras"),
            not_use_onnxsim=True,
            verbosity="error",
            # Strict mode runs the model after each operator to correct layouts; `parity` checks that in much less time.
            disable_strict_mode=True,
            disable_model_save=True,
            output_signaturedefs=True,
        )


def _made(interpreter: Any) -> dict[str, str]:
    """Names of the tensors that operators compute, with the kinds of the operators."""
    kinds = {index: operator["op_name"] for operator in interpreter._get_ops_details() for index in operator["outputs"]}
    tensors = interpreter.get_tensor_details()
    return {tensor["name"]: kinds[tensor["index"]] for tensor in tensors if tensor["index"] in kinds}


_converters: list[Converter] = []


def start(graph: Path, head: Head, scratch: Path) -> None:
    """Create this process's converter."""
    # TensorFlow reads these when it is imported: do not search for GPUs (conversion needs none), log errors only.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _converters[:] = [Converter(graph, head, scratch)]


def call(method: str, *arguments: Any) -> Any:
    """Call a method of this process's converter."""
    return getattr(_converters[0], method)(*arguments)
