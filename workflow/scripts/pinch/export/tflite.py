"""TFLite: full, half and int8, from one Keras model that onnx2tf makes of the network without its decoding.

The decoding is added in TensorFlow (see `tflite_head`), where its nodes have names to exclude from quantization, and
where feature maps already lie as TFLite wants them, channels last. Box coordinates are fractions of the image, as in
Ultralytics' own TFLite files.
"""

import contextlib
import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pinch.export import metadata, parity
from pinch.export.guard import keep_accuracy
from pinch.export.head import map_names
from pinch.export.job import Job, Session
from pinch.export.network import exportable
from pinch.export.onnx import trace

# TensorFlow reads these when it is imported: no search for GPUs (conversion needs none), errors only.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

from pinch.export.tflite_head import SCOPE, decoder

# onnx2tf fetches this file of pictures from the network unless the working directory has it.
SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"


def export(job: Job) -> dict[str, Any]:
    """Write `job.output` as TFLite. See `pinch.formats.Format.exporter`."""
    session = job.session
    if job.precision == "int8":
        return _export_int8(job)
    job.output.write_bytes(_half(session) if job.precision == "half" else _full(session))
    metadata.append(job.output, metadata.describe(session, job.precision))
    compared = parity.check(job.output, session.checkpoint.model, session.parity_inputs, job.precision)
    return {"parity": compared, "head": {"candidates": session.settings.candidates}}


def _export_int8(job: Job) -> dict[str, Any]:
    session = job.session
    quantizer = Quantizer(session)
    path, guard = keep_accuracy(session, quantizer.write, quantizer.worst_first, len(quantizer.operators))
    job.output.write_bytes(path.read_bytes())
    return {
        "target": None,
        "calibration": {
            "images": len(session.calibration),
            "sha256": session.calibration_sha256,
            "method": "minmax",
            "tried": {},
        },
        "guard": guard,
        "head": {"candidates": session.settings.candidates},
    }


class Quantizer:
    """Quantizes one network to int8, input, output and decoding in float, after one calibration.

    Attributes:
        operators: names of the tensors made by operators that can be quantized.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        converter = _converter(session)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = self._calibration
        plain = tf.lite.Interpreter(model_content=_full(session), experimental_preserve_all_tensors=True)
        made = {index for operator in plain._get_ops_details() for index in operator["outputs"]}
        names = [tensor["name"] for tensor in plain.get_tensor_details() if tensor["index"] in made]
        self._decoding = [name for name in names if SCOPE in name]
        self.operators = [name for name in names if SCOPE not in name]
        self._debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=self._checked, debug_options=self._options(frozenset())
        )

    def write(self, floats: frozenset[str]) -> Path:
        """Write a file in which the operators that make the named tensors are float."""
        if floats:
            self._debugger.options = self._options(floats)
        path = self._session.scratch / "int8.tflite"
        path.write_bytes(self._debugger.get_nondebug_quantized_model())
        metadata.append(path, metadata.describe(self._session, "int8"))
        return path

    def worst_first(self, _: Path) -> list[str]:
        """Names of the tensors whose rounding error is largest, in steps of their own scale, first.

        An error that is only rounding has the root mean square 1/sqrt(12) of a step.
        """
        self._debugger.run()
        table = io.StringIO()
        self._debugger.layer_statistics_dump(table)
        table.seek(0)
        error = {
            row["tensor_name"]: float(row["mean_squared_error"]) ** 0.5 / float(row["scale"])
            for row in csv.DictReader(table)
            if row["scale"]
        }
        return sorted((name for name in self.operators if name in error), key=lambda name: -error[name])

    def _options(self, floats: frozenset[str]) -> Any:
        return tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=[*self._decoding, *sorted(floats)])

    def _calibration(self) -> Iterator[list[np.ndarray]]:
        for batch in self._session.inputs(self._session.calibration):
            yield [_channels_last(batch)]

    def _checked(self) -> Iterator[list[np.ndarray]]:
        for batch in self._session.parity_inputs:
            yield [_channels_last(batch)]


def _full(session: Session) -> bytes:
    if "full.tflite" not in session.shared:
        session.shared["full.tflite"] = _converter(session).convert()
    return session.shared["full.tflite"]


def _half(session: Session) -> bytes:
    """Weights in float16; runtimes widen them when they load the file, or compute in float16 where they can."""
    converter = _converter(session)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _converter(session: Session) -> Any:
    """A fresh TFLite converter of the session's network with its decoding."""
    function = _function(session)
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)


def _function(session: Session) -> Any:
    """The network as a function of one image, channels last, to Ultralytics' output with fractions for pixels."""
    if "tensorflow" not in session.shared:
        body = _keras(session)
        head: Any = session.checkpoint.model.model[-1]  # type: ignore[index]
        decode = decoder(head, session.imgsz, session.settings.candidates)
        shape = (1, session.imgsz, session.imgsz, 3)

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="images")], autograph=False)
        def detect(images: Any) -> dict[str, Any]:
            return {"output0": decode(body(images))}

        session.shared["tensorflow"] = detect
    return session.shared["tensorflow"]


def _keras(session: Session) -> Callable[[Any], list[Any]]:
    """The network up to its raw feature maps as a Keras model, through onnx2tf."""
    network: Any = exportable(session.checkpoint.model, None)
    names = map_names(len(network.stride))
    path = session.scratch / "raw.onnx"
    onnx.save(trace(network, session.imgsz, names, session.scratch), path)
    np.save(session.scratch / SAMPLES, np.zeros((20, 128, 128, 3), np.float32))
    with contextlib.chdir(session.scratch), contextlib.redirect_stdout(io.StringIO()):
        import onnx2tf

        return onnx2tf.convert(
            input_onnx_file_path=str(path),
            output_folder_path=str(session.scratch / "keras"),
            not_use_onnxsim=True,
            verbosity="error",
            # It would run the model after each operator to correct its layouts: half of the time, and `parity` tells.
            disable_strict_mode=True,
            disable_model_save=True,
            output_signaturedefs=True,
        )


def _channels_last(batch: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
