"""One export: an artifact, and the steps around its exporter."""

import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pinch.artifacts.session import Session
from pinch.core import records
from pinch.core.files import atomic, sha256, size
from pinch.core.record_types.exports import ExportRecord, Guard
from pinch.run.formats import PRECISIONS, Format
from pinch.weights.pruning import activations

ARTIFACT = "artifact"
"""The mark of artifacts that are folders, see `pinch.core.ownership.mark`."""


@dataclass(frozen=True)
class ExportJob:
    """One artifact to make.

    Attributes:
        session: from what and how.
        precision: one of the format's.
        format: of the registry.
        output: the path to write, a temporary one.
    """

    session: Session
    precision: str
    format: Format
    output: Path


def run(session: Session, precision: str, entry: Format, output: Path, record: Path | None = None) -> ExportRecord:
    """Make one artifact, check it, and write its record.

    Args:
        session: from what and how.
        precision: one of the format's.
        entry: the format.
        output: the artifact. An earlier one is replaced only after the new one is complete and checked.
        record: where its record is written; None: nowhere.

    Returns:
        Its record. A file that failed its check is written too; `failed` says what is wrong with it.

    Raises:
        PinchError: calibration images are missing, the disk is full, or there is something at `output` that Pinch did
            not make.
    """
    started = time.perf_counter()
    if PRECISIONS[precision].quantized:
        _ = session.calibration  # refuses before the conversion starts
    slow, costly = (_known(session, precision, said) for said in (entry.slow, entry.costly))
    if slow:
        print(f"warning: {output.name} will be slow: {slow}", file=sys.stderr)
    with atomic(output, folder=ARTIFACT if entry.is_folder else None) as temporary:
        details = entry.load("exporter")(ExportJob(session, precision, entry, temporary))
        result = ExportRecord(
            file=output.name,
            **session.model.fields(),
            format=entry.name,
            precision=precision,
            imgsz=session.imgsz,
            bytes=size(temporary),
            sha256=sha256(temporary),
            seconds=round(time.perf_counter() - started, 2),
            source_sha256=session.source_sha256,
            **vars(dataclasses.replace(details, known_slow=slow, costly=slow or costly)),
        )
    if record is not None:
        records.write(record, result, session.settings.seed, session.dataset.digest)
    _warn(output, result)
    return result


def _known(session: Session, precision: str, said: Mapping[tuple[str, str], str]) -> str | None:
    """What is known of files of a precision, by the activations of the network."""
    reasons = [said.get((precision, name)) for name in sorted(activations.of(session.checkpoint.model))]
    return next(filter(None, reasons), None)


def _warn(output: Path, result: ExportRecord) -> None:
    for warning in _warnings(output, result, result.guard or Guard()):
        print(f"warning: {warning}", file=sys.stderr)


def _warnings(output: Path, result: ExportRecord, guard: Guard) -> Iterator[str]:
    if result.unchecked:
        yield f"{output} is not checked: {result.unchecked}"
    elif result.failed:
        yield f"{output} {result.failed}: it is kept to be looked at, and must not be used"
    elif guard.skipped:
        yield f"the accuracy of {output} is not guarded: {guard.skipped}"
    elif guard.passed is False:
        yield f"{output} keeps {_kept(guard)} of what {guard.twin} finds on val"
    if guard.pays is False:
        why = f": {result.costly}" if result.costly else ""
        yield f"int8 does not pay here: {output} takes {guard.relative_time:.2f} of the time of {guard.twin}{why}"


def _kept(guard: Guard) -> str:
    """What does not keep enough, and of what it is a share."""
    whole = f"{guard.share:.3f} of the mAP50-95 (not {guard.required:g})"
    if guard.worst_class_share is None:
        return whole
    return f"{whole} and {guard.worst_class_share:.3f} of the AP of {guard.worst_class} (not {guard.class_required:g})"
