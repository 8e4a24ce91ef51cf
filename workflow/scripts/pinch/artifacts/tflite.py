"""TFLite: full, half and int8, from one Keras model that onnx2tf makes of the network without its decoding.

The decoding is added in TensorFlow (see `tflite_head`): there its nodes have names by which they are excluded from
quantization, and feature maps already have TFLite's layout, channels last. Box coordinates are fractions of the image,
as in Ultralytics' TFLite files. TensorFlow runs in a separate process (see `tflite_worker`).
"""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pinch.artifacts import exporter, metadata, tflite_worker
from pinch.artifacts.exporter import Quantizer
from pinch.artifacts.head import map_names
from pinch.artifacts.job import ExportJob
from pinch.artifacts.network import exportable
from pinch.artifacts.session import Session
from pinch.artifacts.tflite_spec import Head
from pinch.artifacts.tracing import trace
from pinch.core.record_types.exports import ExportDetails


def export(job: ExportJob) -> ExportDetails:
    """Write `job.output` as TFLite. See `pinch.run.formats.Format.exporter`."""
    return exporter.export(job, _write_float, TfliteQuantizer)


def _write_float(session: Session, precision: str, path: Path) -> None:
    path.write_bytes(_worker(session).call(precision))
    metadata.append(path, metadata.describe(session, precision, session.threshold))


class TfliteQuantizer(Quantizer):
    """Quantizes with TensorFlow's converter; see `Quantizer`."""

    methods = ("minmax",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._worker = _worker(session)
        self.operators = self._worker.call("calibrate", _images(session))

    def write(self, method: str, floats: frozenset[str]) -> Path:
        """See `Quantizer.write`."""
        path = self.session.scratch / "int8.tflite"
        path.write_bytes(self._worker.call("int8", sorted(floats)))
        return path

    def finish(self, path: Path, output: Path, threshold: float | None) -> None:
        """See `Quantizer.finish`."""
        shutil.copyfile(path, output)
        metadata.append(output, metadata.describe(self.session, "int8", threshold))

    def errors(self, path: Path) -> dict[str, float]:
        """See `Quantizer.errors`: each tensor's rounding error in units of its scale."""
        errors: dict[str, float] = self._worker.call("errors")
        return {name: errors[name] for name in self.operators if name in errors}


class _Worker:
    """The process in which TensorFlow runs."""

    def __init__(self, pool: ProcessPoolExecutor, *arguments: Any) -> None:
        self._pool = pool
        pool.submit(tflite_worker.start, *arguments).result()

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of `tflite_worker.Converter`."""
        return self._pool.submit(tflite_worker.call, method, *arguments).result()


def _worker(session: Session) -> _Worker:
    """The session's process, which ends with it."""
    if "tflite" not in session.shared:
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        session.resources.enter_context(pool)
        network: Any = exportable(session.checkpoint.model, None)
        head: Any = network.model[-1].head
        path = session.scratch / "raw.onnx"
        onnx.save(trace(network, session.imgsz, map_names(head.nl), session.scratch), path)
        strides = tuple(int(stride) for stride in head.stride)
        described = Head(
            strides, head.reg_max, head.nc, head.end2end, head.max_det, session.imgsz, session.head.candidates
        )
        session.shared["tflite"] = _Worker(pool, path, described, session.scratch)
    return session.shared["tflite"]


def _images(session: Session) -> Path:
    """The calibration images in a .npy file as `tflite_worker.Converter.calibrate` reads them."""
    path = session.scratch / "calibration.npy"
    shape = (len(session.calibration), session.imgsz, session.imgsz, 3)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for image, batch in zip(images, session.inputs(session.calibration), strict=True):
        image[:] = np.rint(batch[0].transpose(1, 2, 0) * 255)
    images.flush()
    return path
