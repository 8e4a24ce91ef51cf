"""OpenVINO IR for x86 desktops: full, bf16 (the same network, computed in bfloat16), and int8 through NNCF.

A folder with the network (.xml), its weights (.bin) and `metadata.yaml`, as Ultralytics' own exports.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from pinch.artifacts import exporter, metadata
from pinch.artifacts.exporter import Quantizer, relative_noise
from pinch.artifacts.job import ExportJob
from pinch.artifacts.session import Session
from pinch.artifacts.tracing import float_model
from pinch.core import yaml_files
from pinch.core.record_types.exports import ExportDetails
from pinch.runtimes.openvino import compile_for, core

# Operators that have weights and can be int8.
WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")
# By processor: NNCF's `OverflowFix`. Without VNNI, all weights have 7 bits (see `pinch.run.targets`).
OVERFLOW = {"x86-vnni": "disable", "x86": "enable", "arm": "disable"}


def export(job: ExportJob) -> ExportDetails:
    """Write the folder `job.output`. See `pinch.run.formats.Format.exporter`."""
    return exporter.export(job, _write_float, OpenvinoQuantizer)


def _write_float(session: Session, precision: str, folder: Path) -> None:
    _save(openvino.convert_model(float_model(session)), folder)
    _describe(folder, metadata.describe(session, precision, session.threshold))


class OpenvinoQuantizer(Quantizer):
    """Quantizes with NNCF; see `Quantizer`."""

    methods = ("nncf mixed",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.target = session.settings.target
        self._model = openvino.convert_model(float_model(session))
        self._decoding = _decoding(self._model)
        operators = self._model.get_ordered_ops()
        self.operators = [op.get_friendly_name() for op in operators if op.get_type_name() in WEIGHTED]

    def write(self, method: str, floats: frozenset[str]) -> Path:
        """See `Quantizer.write`."""
        import nncf

        logging.getLogger("nncf").setLevel(logging.ERROR)
        inputs = list(self.session.inputs(self.session.calibration))
        quantized = nncf.quantize(
            self._model.clone(),
            nncf.Dataset(inputs),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(inputs),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=OVERFLOW[self.session.settings.target]
            ),
            ignored_scope=nncf.IgnoredScope(names=[*self._decoding, *sorted(floats)], validate=False),
        )
        return _save(quantized, self.session.scratch / "model_int8_openvino")

    def finish(self, path: Path, output: Path, threshold: float | None) -> None:
        """See `Quantizer.finish`."""
        shutil.copytree(path, output, dirs_exist_ok=True)
        _describe(output, metadata.describe(self.session, "int8", threshold, self.target))

    def errors(self, path: Path) -> dict[str, float]:
        """See `Quantizer.errors`: the noise in each operator's output."""
        quantized = core().read_model(path / "model.xml")
        return relative_noise(self.operators, self._outputs(self._model), self._outputs(quantized))

    def _outputs(self, model: Any) -> Iterator[list[np.ndarray]]:
        """The outputs of the operators for each of a few real images."""
        observed = model.clone()
        found = {op.get_friendly_name(): op for op in observed.get_ordered_ops()}
        observed.add_outputs([found[name].output(0) for name in self.operators])
        run = compile_for(observed)
        for batch in self.session.parity_inputs:
            result = run(batch)
            yield [result[run.output(index + 1)] for index in range(len(self.operators))]


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


def _save(model: Any, folder: Path) -> Path:
    """Save a model in a folder and replace what is there; float weights stay float32."""
    folder.mkdir(exist_ok=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder


def _describe(folder: Path, described: dict[str, Any]) -> None:
    (folder / "metadata.yaml").write_text(yaml_files.text(described))
