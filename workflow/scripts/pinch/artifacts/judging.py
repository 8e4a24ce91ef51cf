"""What a quantized file loses and gains against the float file of the same network, format and size."""

from dataclasses import dataclass
from pathlib import Path

from pinch.artifacts.session import Session
from pinch.core import provenance
from pinch.core.record_types.intervals import ClassEstimate, Estimate
from pinch.measuring import statistics
from pinch.measuring.side_by_side import relative_time
from pinch.measuring.statistics import Resampled
from pinch.run.comparing import LEAST, comparable
from pinch.run.targets import suits


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a file keeps of its float file's accuracy on val.

    Attributes:
        map50_95: of the file.
        whole: share of the float file's mAP50-95.
        worst_class: the same of the class that keeps least; None where no class can be compared.
        found: what the file would keep on other images, for `Judge.gains`.
    """

    map50_95: float
    whole: Estimate
    worst_class: ClassEstimate | None
    found: Resampled | None = None

    def allowed(self, whole: float, of_a_class: float) -> bool:
        """Whether these shares are kept, or the losses may be chance."""
        shares: list[tuple[Estimate, float]] = [(self.whole, whole)]
        if self.worst_class:
            shares.append((self.worst_class, of_a_class))
        return all(estimate.value >= least or not statistics.is_loss(estimate) for estimate, least in shares)


class Judge:
    """Compares quantized files with their float file, on the val images of a session only.

    Args:
        session: what is exported.
        path: the float file.
        target: the processor that the quantized files are made for; None: any.

    Attributes:
        twin: what the float file is, e.g. "full.tflite".
        images: how many images of val are looked at.
        reference: its mAP50-95 on val; None if it is too low, or val too small, for shares of it.
        incomparable: then, why; else None.
    """

    def __init__(self, session: Session, path: Path, target: str | None) -> None:
        self._session, self._path = session, path
        self._can_be_timed = suits(target, provenance.hardware())
        self.twin = path.name
        evidence, accuracy = session.evidence(path), comparable(session.map50_95(path))
        self._found = statistics.resample(evidence, session.settings.seed) if evidence and accuracy else None
        whole = statistics.share(self._found, self._found) if self._found else None
        self.images = self._found.images if self._found else 0
        self.reference = accuracy if whole else None
        self.incomparable = None if whole else _why_incomparable(self._found)

    def loss(self, path: Path) -> Loss:
        """What a file keeps; `reference` must not be None."""
        evidence = self._session.evidence(path)
        assert evidence, "val has no images"
        assert self._found, "there is nothing to compare"
        found = statistics.resample(evidence, self._session.settings.seed)
        whole = statistics.share(found, self._found)
        assert whole, "the float file can be compared with itself, so it can be with others"
        return Loss(
            map50_95=self._session.map50_95(path) or 0.0,
            whole=whole,
            worst_class=statistics.worst_class(found, self._found),
            found=found,
        )

    def gains(self, ours: Loss, theirs: Loss) -> bool:
        """Whether a file is more accurate than another by more than chance, in all or in the other's worst class."""
        assert ours.found
        assert theirs.found
        shares = [statistics.share(ours.found, theirs.found)]
        if theirs.worst_class:
            shares.append(statistics.share_of_class(ours.found, theirs.found, theirs.worst_class.name))
        return any(share is not None and statistics.is_gain(share) for share in shares)

    def relative_time(self, path: Path) -> float | None:
        """A file's time relative to the float file's, on one thread; None if it is made for other processors."""
        return relative_time(path, self._path, self._session.parity_inputs[0]) if self._can_be_timed else None


def _why_incomparable(found: Resampled | None) -> str:
    """Why shares of a float file's accuracy say nothing, from what it would be on other images (None: hardly any)."""
    if found and found.groups < 2:
        only = "a single person" if found.persons else "a single image"
        return f"val shows {only}, so nothing tells what is lost by more than chance"
    parts = "all parts of val" if found else "val"
    return f"the float file does not reach mAP50-95 {LEAST:g} on {parts}, so shares of it say nothing"
