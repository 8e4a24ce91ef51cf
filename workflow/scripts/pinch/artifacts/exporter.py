"""The steps of an export that all formats share: write and compare, or quantize and guard the accuracy."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from pinch.artifacts import guard, parity
from pinch.artifacts.job import ExportJob
from pinch.artifacts.judging import Judge
from pinch.artifacts.session import Session
from pinch.core.record_types.exports import Calibration, ExportDetails
from pinch.run.formats import PRECISIONS, REFERENCE

FLOAT = REFERENCE[0]
"""The precision that quantized files are compared with."""


class Quantizer(ABC):
    """Quantizes the network of one session in several ways, with any of its operators left in float.

    Attributes:
        session: what is exported and how.
        operators: names of what can return to float.
        methods: ways to choose the ranges of activations; the most accurate on val is used.
        target: the processor that the file is made for; None if the file is the same for all.
    """

    operators: list[str]
    methods: tuple[str, ...]
    target: str | None = None

    def __init__(self, session: Session) -> None:
        self.session = session

    @abstractmethod
    def write(self, method: str, floats: frozenset[str]) -> Path:
        """Write a quantized file to the session's scratch folder, in place of an earlier one.

        Args:
            method: one of `methods`.
            floats: names of the operators that are float.
        """

    @abstractmethod
    def errors(self, path: Path) -> dict[str, float]:
        """The error of each operator's output on calibration images, on any scale that ranks the operators.

        Args:
            path: what `write` returned last.
        """

    def worst_first(self, path: Path) -> list[str]:
        """The operators with an error, the largest first; see `errors`."""
        errors = self.errors(path)
        return sorted(errors, key=lambda name: -errors[name])

    @abstractmethod
    def finish(self, path: Path, output: Path, threshold: float | None) -> None:
        """Make the artifact.

        Args:
            path: a copy of what `write` returned.
            output: where the artifact is written.
            threshold: see `pinch.artifacts.metadata.describe`.
        """


def export(
    job: ExportJob, write: Callable[[Session, str, Path], None], quantizer: Callable[[Session], Quantizer]
) -> ExportDetails:
    """Make one artifact of any format.

    Args:
        job: what is made; `job.output` is written.
        write: called as write(session, precision, path) for a precision that is not quantized.
        quantizer: makes the format's quantizer.

    Returns:
        How the file was checked. One that does not compute what the checkpoint computes, or loses too much accuracy, is
        written all the same, and `failed` says so.
    """
    session = job.session
    if PRECISIONS[job.precision].quantized:
        return _quantized(job, write, quantizer(session))
    write(session, job.precision, job.output)
    if reason := PRECISIONS[job.precision].lacking:
        return ExportDetails(unchecked=reason, head=session.head)
    compared = parity.check(job.output, session.checkpoint.model, session.parity_inputs, job.precision)
    return ExportDetails(
        failed=parity.failure(compared), parity=compared, head=session.head, threshold=session.threshold
    )


def _quantized(job: ExportJob, write: Callable[[Session, str, Path], None], quantizer: Quantizer) -> ExportDetails:
    session = job.session
    judge = Judge(session, _twin(job, write), quantizer.target)
    method, tried = _best_method(session, judge, quantizer)
    path, kept = guard.keep_accuracy(
        judge,
        session.settings,
        lambda floats: quantizer.write(method, floats),
        quantizer.worst_first,
        len(quantizer.operators),
    )
    threshold = session.threshold_of(path)
    quantizer.finish(path, job.output, threshold)
    calibration = Calibration(
        images=len(session.calibration), sha256=session.calibration_sha256, method=method, tried=tried
    )
    return ExportDetails(
        failed=guard.failure(kept, session.settings.least),
        target=quantizer.target,
        calibration=calibration,
        guard=kept,
        head=session.head,
        threshold=threshold,
    )


def _twin(job: ExportJob, write: Callable[[Session, str, Path], None]) -> Path:
    """The float file that a quantized one stands beside."""
    path = job.session.scratch / f"{FLOAT}{job.format.ending}"
    write(job.session, FLOAT, path)
    return path


def _best_method(session: Session, judge: Judge, quantizer: Quantizer) -> tuple[str, dict[str, float]]:
    """The calibration method with the best mAP50-95 on val, and the mAP50-95 of each."""
    methods = quantizer.methods
    if len(methods) == 1 or judge.reference is None:
        return methods[0], {}
    tried = {method: session.map50_95(quantizer.write(method, frozenset())) or 0.0 for method in methods}
    return max(tried, key=lambda method: tried[method]), tried


def relative_noise(
    names: list[str], plain: Iterable[list[np.ndarray]], rounded: Iterable[list[np.ndarray]]
) -> dict[str, float]:
    """For each tensor the power of its error divided by its power, over several images.

    Args:
        names: of the tensors.
        plain: the float network's tensors for each image, in the order of `names`.
        rounded: the quantized network's, of the same shapes.
    """
    noise, signal = np.zeros(len(names)), np.full(len(names), 1e-12)
    for exact, rough in zip(plain, rounded, strict=True):
        noise += [float(np.square(x - y).sum()) for x, y in zip(exact, rough, strict=True)]
        signal += [float(np.square(x).sum()) for x in exact]
    return dict(zip(names, noise / signal, strict=True))
