"""int8 ONNX: static quantization with ONNX Runtime's tools."""

import logging
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quant_pre_process, quantize_static
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

from pinch.artifacts import calibrate, metadata
from pinch.artifacts.exporter import Quantizer, relative_noise
from pinch.artifacts.graph import attention, decoding, producers, units
from pinch.artifacts.session import Session
from pinch.artifacts.tracing import finish, float_model

# Everything else stays float: the shapes and the arithmetic of decoding and attention, and HardSigmoid (a part of
# hardswish), for which ONNX Runtime has no integer kernel.
QUANTIZED = ("Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Relu", "LeakyRelu", "Clip")
# By processor: types of activations and weights, and whether weights have only 7 bits. Without VNNI (a dot product of
# 8-bit integers), x86 adds two products in 16 bits, which overflows with 8-bit weights.
TYPES = {
    "x86-vnni": (QuantType.QUInt8, QuantType.QInt8, False),
    "x86": (QuantType.QUInt8, QuantType.QInt8, True),
    "arm": (QuantType.QInt8, QuantType.QInt8, False),
}


class OnnxQuantizer(Quantizer):
    """Quantizes one network in several ways after one run over the calibration images; see `Quantizer`.

    Attributes:
        units: what can return to float, by name: a convolution with its activation, or any other quantized node alone.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.methods, self.target = session.settings.calibration_methods, session.settings.target
        self._prepared = session.scratch / "prepared.onnx"
        # Folds constants and infers shapes. All shapes are static, so symbolic shape inference is not needed.
        quant_pre_process(str(float_model(session)), str(self._prepared), skip_symbolic_shape=True)
        self._model = onnx.load(self._prepared)
        # Nodes are excluded by name, and the nodes that hardswish was decomposed into have none.
        for node in self._model.graph.node:
            node.name = node.name or node.output[0]
        onnx.save(self._model, self._prepared)
        self._float = {node.name for part in (decoding, attention) for node in part(self._model.graph)}
        quantized = [n for n in self._model.graph.node if n.op_type in QUANTIZED and n.name not in self._float]
        self.units = units(self._model.graph, quantized)
        self.operators = list(self.units)
        inputs = session.inputs(session.calibration)
        self._seen = calibrate.collect(self._model, inputs, session.settings.seed, session.settings.threads)

    def write(self, method: str, floats: frozenset[str]) -> Path:
        """See `Quantizer.write`: a QDQ model; `floats` are names of units."""
        activations, weights, reduce_range = TYPES[self.session.settings.target]
        path = self.session.scratch / f"{method}_int8.onnx"
        returned = {node.name for name in floats for node in self.units[name]}
        logging.getLogger().setLevel(logging.ERROR)
        quantize_static(
            self._prepared,
            path,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=activations,
            weight_type=weights,
            nodes_to_exclude=sorted(self._float | returned),
            calibration_cache_path=self._ranges(method),
        )
        return path

    def errors(self, path: Path) -> dict[str, float]:
        """See `Quantizer.errors`: the noise of each unit's output minus that of its worst input."""
        error = self._noise(path)
        own = {}
        for name, nodes in self.units.items():
            outputs = {output for node in nodes for output in node.output}
            before = [error.get(i, 0.0) for node in nodes for i in node.input if i not in outputs]
            own[name] = error.get(nodes[-1].output[0], 0.0) - max(before, default=0.0)
        return own

    def finish(self, path: Path, output: Path, threshold: float | None) -> None:
        """See `Quantizer.finish`. Names are shortened only here because `errors` finds tensors by them."""
        finish(onnx.load(path), output, metadata.describe(self.session, "int8", threshold, self.target))

    def _noise(self, path: Path) -> dict[str, float]:
        """For each tensor the ratio of quantization noise to signal on a few calibration images."""
        session, made = self.session, set(producers(onnx.load(path).graph))
        # Compare a quantized tensor after rounding, as the nodes that read it receive it.
        seen_as = {name: f"{name}_DequantizeLinear_Output" for name in calibrate.float_tensors(self._model)}
        seen_as = {name: rounded if rounded in made else name for name, rounded in seen_as.items() if name in made}
        plain = calibrate.with_outputs(self._model, list(seen_as), session.settings.threads)
        rounded = calibrate.with_outputs(path, list(seen_as.values()), session.settings.threads)
        return relative_noise(
            list(seen_as),
            (plain.run(list(seen_as), {"images": batch}) for batch in session.parity_inputs),
            (rounded.run(list(seen_as.values()), {"images": batch}) for batch in session.parity_inputs),
        )

    def _ranges(self, method: str) -> Path:
        """The ranges of all activations as a calibration cache of ONNX Runtime."""
        path = self.session.scratch / f"{method}.json"
        ranges = {name: seen.range(method) for name, seen in self._seen.items()}
        arrays = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, arrays), path)
        return path
