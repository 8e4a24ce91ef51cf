"""How far an accuracy, or a share of one, would move with other images of the same kind: 95% intervals from evidence.

What varies are groups of images (see `Evidence.groups`): images of one person are drawn together. Two files that were
evaluated on the same images are compared in the same resamples, so what makes both better or worse cancels out.

An interval is built on a scale on which such figures spread evenly (logit for accuracies, square root for shares, the
figure itself for differences):

    figure - bias +- t * error

`error` and `bias` are from random halves of the groups, drawn without replacement: the jackknife that leaves out half
of the data, which holds for figures that are not smooth (Shao and Wu, A general theory for jackknife variance
estimation, Annals of Statistics 17, 1989):

- `error` is half of the range of the middle 68% of the halves, which is the standard deviation of a normal distribution
  and bears the halves in which a class is hardly found, for halves of h of n groups times sqrt(h / (n - h));
- `bias` is what halves have more than the whole, divided by (n / h) ** RATE - 1: mAP on few images is too high, because
  the precision at a recall is the highest at that recall or above. The bias of such an envelope shrinks with a power of
  the number of images: 1/2 where precision is level, 2/3 where it falls (Groeneboom, Estimating a monotone density,
  1985);
- `t` is the quantile of Student's distribution for n groups.

tests/coverage_benchmark.py measures how often such intervals hold the true figure, and what other kinds would do.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, stdtrit

from pinch.core.errors import PinchError
from pinch.core.record_types.intervals import ClassEstimate, Estimate
from pinch.measuring import average_precision, interval
from pinch.measuring.evidence import Evidence
from pinch.measuring.interval import LEVEL
from pinch.run.comparing import LEAST

RESAMPLES = 400
"""Number of halves, an even one: each comes with the other half."""
USABLE = 0.98
"""Least share of halves on which the reference of a share must be `comparable`; the others are left out."""
RATE = 0.6
"""Power of the number of groups with which the bias shrinks: 0.53 to 0.62 in a population of the benchmark."""

# Numbers in the weights of one step: above, resamples are taken in several. The same for all files, which share them.
_MOST = 4_000_000
# Accuracies nearer to 0 or 1 than this are moved here, where the logit is finite.
_EDGE = 1e-4

Scale = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]
_LOGIT: Scale = (lambda value: logit(np.clip(value, _EDGE, 1 - _EDGE)), expit)
_ROOT: Scale = (np.sqrt, lambda value: np.maximum(value, 0.0) ** 2)
_PLAIN: Scale = (np.asarray, np.asarray)


@dataclass(frozen=True)
class Resampled:
    """What a file's accuracy would be on other sets of images.

    Attributes:
        images, groups, persons: what the evidence is of: how many images, groups of images, and known persons.
        digest: SHA-256 of the names of images and classes: files with the same one can be compared image by image.
        names: of the `c` classes.
        values: (1 + RESAMPLES, c), mAP50-95 of each class: as measured, and on each half. NaN without boxes of a class.
    """

    images: int
    groups: int
    persons: int
    digest: str
    names: list[str]
    values: np.ndarray


def resample(evidence: Evidence, seed: int = 0) -> Resampled:
    """Evaluate a file on other sets of its images.

    Args:
        evidence: of the file.
        seed: of the halves. Files evaluated on the same images have the same ones with the same seed.
    """
    values = np.concatenate([average_precision.of_classes(evidence, weights) for weights in _weights(evidence, seed)])
    digest = hashlib.sha256(json.dumps([evidence.images, evidence.names]).encode()).hexdigest()
    return Resampled(
        images=len(evidence.images),
        groups=int(evidence.groups.max()) + 1,
        persons=evidence.persons,
        digest=digest,
        names=evidence.names,
        values=values,
    )


def _weights(evidence: Evidence, seed: int) -> Iterator[np.ndarray]:
    """Weights of all images, then of the halves: (rows, groups) each."""
    groups = int(evidence.groups.max()) + 1
    return itertools.chain([np.ones((1, groups))], _halves(groups, np.random.default_rng(seed)))


def rates(evidence: Evidence, counted: np.ndarray, of: np.ndarray, seed: int = 0) -> np.ndarray:
    """Shares of things that are counted in groups of images, on the sets of images of `resample`.

    Args:
        evidence: whose groups they are.
        counted: (g, c), how many each group has of each of `c` kinds.
        of: (g, c), of how many.
        seed: of the halves.

    Returns:
        (1 + RESAMPLES, c), as in `Resampled.values`; NaN where there is nothing to count.
    """
    found = [(weights @ counted, weights @ of) for weights in _weights(evidence, seed)]
    over, under = (np.concatenate(each) for each in zip(*found, strict=True))
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)


def _halves(groups: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Weights of halves and of the other halves: (rows, groups) each. Of an odd number, one group is in neither."""
    rows, size = max(1, _MOST // groups), groups // 2
    for start in range(0, RESAMPLES // 2, rows):
        count = min(rows, RESAMPLES // 2 - start)
        places = rng.permuted(np.tile(np.arange(groups), (count, 1)), axis=1)
        yield np.concatenate([places < size, (places >= size) & (places < 2 * size)]).astype(float)


def map50_95(of: Resampled) -> Estimate | None:
    """MAP50-95 of a file; None without boxes to find (in every half), and for a single group of images."""
    return _estimate(mean(of.values), of.groups, _LOGIT)


def share(ours: Resampled, theirs: Resampled) -> Estimate | None:
    """The share of another file's mAP50-95 that a file keeps.

    Returns:
        None where the other one's is not `comparable` on all images and on USABLE of the halves; or see `map50_95`.

    Raises:
        PinchError: they were evaluated on other images.
    """
    require_same_images(ours, theirs)
    return _estimate(_ratio(mean(ours.values), mean(theirs.values)), ours.groups, _ROOT)


def ratio(ours: Estimate, theirs: Estimate, are_shares: bool = False) -> Estimate | None:
    """An accuracy relative to another one, from two intervals, where both cannot be compared image by image.

    Args:
        ours: an mAP50-95.
        theirs: another one, on images that are independent of those of ours.
        are_shares: whether both are shares of an mAP50-95 instead.

    Returns:
        The ratio of the measured figures. Its interval is built around that of the figures without their bias, which
        differs with the number of images. None where the other one is not `comparable`.
    """
    if theirs.value < LEAST or ours.value <= 0:
        return None
    scale = _ROOT if are_shares else _LOGIT
    _, low, high = interval.ratio(_unbiased(ours, scale), _unbiased(theirs, scale))
    return Estimate(value=ours.value / theirs.value, low=low, high=high)


def _unbiased(of: Estimate, scale: Scale) -> interval.Known:
    """The figure that an interval was built around, and its ends."""
    to, back = scale
    ends = to(np.array([of.low, of.high]))
    return float(back(ends.mean())), of.low, of.high


def is_loss(share: Estimate) -> bool:
    """Whether what a file keeps of another is less than all of it by more than chance."""
    return share.high < 1


def is_gain(share: Estimate) -> bool:
    """Whether what a file keeps of another is more than all of it by more than chance."""
    return share.low > 1


def worst_class(ours: Resampled, theirs: Resampled) -> ClassEstimate | None:
    """The share of another file's mAP50-95 that is kept of the class of which least is kept.

    A class counts if its mAP50-95 in the other file is `comparable` on all images and on USABLE of the halves. For
    that, the other file must find about six boxes of it: else chance decides. The smallest of many noisy figures is too
    low in the mean. The interval is so wide that those of all classes that count hold together (Bonferroni), since the
    worst one was chosen by the same images.

    Returns:
        None where no class counts, or see `map50_95`.

    Raises:
        PinchError: they were evaluated on other images.
    """
    require_same_images(ours, theirs)
    shares = _ratio(ours.values, theirs.values)
    counts = _usable(shares)
    if not counts.any():
        return None
    worst = int(np.where(counts, shares[0], np.inf).argmin())
    found = _estimate(shares[:, worst], ours.groups, _ROOT, level=1 - (1 - LEVEL) / int(counts.sum()))
    return ClassEstimate(name=ours.names[worst], **vars(found)) if found else None


def share_of_class(ours: Resampled, theirs: Resampled, name: str) -> Estimate | None:
    """The share of another file's mAP50-95 that is kept of a class that was named beforehand.

    Returns:
        None where the class does not count, see `worst_class`.

    Raises:
        PinchError: they were evaluated on other images.
    """
    require_same_images(ours, theirs)
    number = ours.names.index(name)
    return _estimate(_ratio(ours.values[:, number], theirs.values[:, number]), ours.groups, _ROOT)


def difference(values: np.ndarray, groups: int, one: float = 0.0) -> Estimate | None:
    """A difference of figures, or a share of counted things, and its interval.

    Args:
        values: (1 + RESAMPLES,), on all images and on each half; NaN where it is not known.
        groups: of images.
        one: what one thing more or less changes; 0 for a mean of many. It is part of the error, so that an interval
            is never narrower than what was counted can tell: two files that differ in none of 20 boxes may differ in
            the next one. Half a thing more in each of four counts, as in Agresti and Min, Simple improved confidence
            intervals for comparing matched proportions, Statistics in Medicine 24, 2005, widens by about as much.

    Returns:
        None where it is not known on all images and on USABLE of the halves, and for a single group.
    """
    return _estimate(values, groups, _PLAIN, one)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over classes, as Ultralytics takes it: without those that have no boxes; NaN where none has."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1)


def _ratio(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """One divided by the other; NaN where the other is too small to be `comparable`."""
    return np.divide(ours, theirs, out=np.full_like(theirs, np.nan), where=theirs >= LEAST)


def _usable(values: np.ndarray) -> np.ndarray:
    """Whether figures in the order of the rows of `Resampled.values` are known on all images and on enough halves."""
    known = np.isfinite(values)
    return known[0] & (known[1:].mean(axis=0) >= USABLE)


def _estimate(
    values: np.ndarray, groups: int, scale: Scale, least: float = 0.0, level: float = LEVEL
) -> Estimate | None:
    """A figure and its interval, see above, from figures in the order of the rows of `Resampled.values`.

    `least` is an error, on the scale, that is there besides that of the halves.
    """
    if groups < 2 or not _usable(values):
        return None
    if values[0] == 0 and scale is not _PLAIN:  # what is found in no image is found in no half
        return Estimate(value=0.0, low=0.0, high=0.0)
    to, back = scale
    centre, halves, size = to(values[0]), to(values[1:][np.isfinite(values[1:])]), groups // 2
    error = np.subtract(*np.quantile(halves, ndtr([1, -1]))) / 2 * np.sqrt(size / (groups - size))
    bias = (halves.mean() - centre) / ((groups / size) ** RATE - 1)
    reach = stdtrit(groups - 1, (1 + level) / 2) * np.hypot(error, least)
    low, high = (float(back(centre - bias + side * reach)) for side in (-1, 1))
    return Estimate(value=float(values[0]), low=low, high=high)


def require_same_images(ours: Resampled, theirs: Resampled) -> None:
    """Refuse files that cannot be compared image by image.

    Raises:
        PinchError: they were evaluated on other images or classes.
    """
    if ours.digest != theirs.digest:
        raise PinchError(
            "two models were evaluated on other images or classes, and cannot be compared image by image: evaluate both"
            " on the same data set with the same limit and seed"
        )
