"""How sure figures of measured files are: as logarithms with a standard error, so that differences are percentages.

Whatever is compared is a sum of such logarithms. The error of a difference between two files is that of two independent
figures, with the degrees of freedom of Welch and Satterthwaite; only accuracies are compared image by image, because
all files saw the same images (see `pinch.measuring.statistics`).
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pinch.core.record_types.intervals import Estimate
from pinch.measuring import interval, statistics
from pinch.measuring.statistics import Resampled
from pinch.run.formats import FORMATS, PRECISIONS

CROWDED = 2.0
"""Factor by which times may move besides their noise, if others kept the machine busy: see `load.is_crowded`."""
EXACT = ("bytes", "bytes_zipped", "macs")
"""Columns that would be the same if all were measured again."""
# Columns whose intervals are in other columns: its ends, and the number of rounds, windows or groups of images.
_TIME = ("p50_low_ms", "p50_high_ms", "rounds")
_OWN = {
    "relative_time": ("relative_time_low", "relative_time_high", "rounds"),
    "p50_ms": _TIME,
    "energy_net_mj": ("energy_net_low_mj", "energy_net_high_mj", "energy_windows"),
    "kept": ("val_kept_low", "val_kept_high", "val_groups"),
    "val_map50_95": ("val_map50_95_low", "val_map50_95_high", "val_groups"),
    "val_worst_class_kept": ("val_worst_class_kept_low", "val_worst_class_kept_high", "val_groups"),
}
# Columns that vary by as much, relative to their value, as another one whose interval is known.
_AS = dict.fromkeys(("p90_ms", "total_ms", "total_p90_ms", "fps"), _TIME)
# Compared image by image where that is possible.
_PAIRED = ("val_map50_95", "kept")
LEAST = 1e-9
"""What 0 counts as, whose logarithm is not finite; no other figure is smaller."""
_SIMPLICITY = ["bytes_zipped", "method", "ratio", "tuned", "precision", "format", "file"]
# Of figures of the resamples, rounded to float32, to those of the tables: a larger difference is another state.
_SAME = 1e-4


@dataclass(frozen=True)
class Noisy:
    """Logarithms of a figure of `n` files.

    Attributes:
        value: (n,), NaN where the figure is not known.
        error: (n,) standard error; 0 where nothing tells it.
        freedom: (n,) degrees of freedom of the error.
        beyond: (n,) how much further the true value may lie than the error tells; infinite where nothing tells it.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    beyond: np.ndarray

    def reach(self, alpha: float) -> np.ndarray:
        """(n,) how far the true values lie at most above `value`, but for a share `alpha` of cases; below likewise."""
        return stdtrit(self.freedom, 1 - alpha) * self.error

    def utmost(self, alpha: float) -> np.ndarray:
        """(n,) the same with what the error does not tell."""
        return self.reach(alpha) + self.beyond

    def at(self, index: int) -> "Noisy":
        """The figure of one file, for all."""
        return Noisy(*(np.full_like(each, each[index]) for each in vars(self).values()))


def total(terms: Sequence[tuple[Noisy, float]]) -> Noisy:
    """The weighted sum of independent logarithms."""
    variances = [(weight * term.error) ** 2 for term, weight in terms]
    variance = np.sum(variances, axis=0)
    shares = np.sum([each**2 / term.freedom for each, (term, _) in zip(variances, terms, strict=True)], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(variance > 0, variance**2 / shares, np.inf)
    value = np.sum([weight * term.value for term, weight in terms], axis=0)
    return Noisy(
        value, np.sqrt(variance), freedom, np.sum([abs(weight) * term.beyond for term, weight in terms], axis=0)
    )


def fitting(resamples: Mapping[str, Resampled], rows: pd.DataFrame) -> dict[str, Resampled]:
    """The resamples that are of the accuracies `val_map50_95` in a table, and not of an earlier state of the files."""
    known = zip(rows["file"], rows["val_map50_95"], strict=True)
    found = {file: (resamples[file], map50_95) for file, map50_95 in known if file in resamples}
    return {file: each for file, (each, value) in found.items() if abs(np.nanmean(each.values[0]) - value) <= _SAME}


class Figures:
    """The figures of measured files at one place, by column."""

    def __init__(self, rows: pd.DataFrame, resamples: Mapping[str, Resampled] | None = None):
        """Take the files.

        Args:
            rows: of `pinch.tables.selection.measured`, of one place.
            resamples: what the accuracy on val would be on other sets of images, by file.
        """
        groups = rows["val_persons"].fillna(rows["val_images"])
        self.rows = rows.reset_index(drop=True).assign(val_groups=groups.astype(float).to_numpy())
        known = fitting(resamples or {}, self.rows)
        self._resamples = [known.get(file) for file in self.rows["file"]]
        self._columns: dict[str, Noisy] = {}
        self._over: dict[int, Noisy] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @functools.cached_property
    def order(self) -> np.ndarray:
        """(n,) ranks of the files, the smallest download first.

        Of equal ones the simplest: the base before pruned models, less pruned before more, float before int8.
        """
        precisions, formats = list(PRECISIONS), list(FORMATS)
        keys = [
            (zipped, method != "none", ratio, bool(tuned), _place(precision, precisions), _place(format, formats), file)
            for zipped, method, ratio, tuned, precision, format, file in self.rows[_SIMPLICITY].itertuples(index=False)
        ]
        ranks = np.empty(len(keys), int)
        ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        return ranks

    def row(self, index: int) -> dict[str, Any]:
        """All that is known of a file."""
        return {str(column): value for column, value in self.rows.iloc[index].items()}

    def points(self, column: str) -> np.ndarray:
        """(n,) the figures as measured, NaN where they were not."""
        return self.rows[column].to_numpy(dtype=float, na_value=np.nan)

    def of(self, column: str) -> Noisy:
        """A column."""
        if column not in self._columns:
            self._columns[column] = self._read(column)
        return self._columns[column]

    def over(self, column: str, index: int) -> Noisy:
        """A column of all files, less that of one file."""
        if column not in _PAIRED:
            return self._apart(column, index)
        if index not in self._over:
            self._over[index] = self._image_by_image(index)
        return self._over[index]

    def _apart(self, column: str, index: int) -> Noisy:
        """The difference of independent figures; none of a file to itself."""
        own = self.of(column)
        found = total([(own, 1.0), (own.at(index), -1.0)])
        itself = np.arange(len(self)) == index
        value, error = (np.where(itself, 0.0, each) for each in (found.value, found.error))
        return Noisy(value, error, found.freedom, np.where(itself, 0.0, found.beyond))

    def _image_by_image(self, index: int) -> Noisy:
        # What files keep of the same model varies less than their accuracies.
        apart = self._apart("kept", index)
        found, theirs = [each.copy() for each in vars(apart).values()], self._resamples[index]
        for number, ours in enumerate(self._resamples):
            if number == index or ours is None or theirs is None or ours.digest != theirs.digest:
                continue
            if share := statistics.share(ours, theirs):
                for column, value in zip(found, _of_ends(share.low, share.high, ours.groups), strict=True):
                    column[number] = value
        return Noisy(*found)

    def _read(self, column: str) -> Noisy:
        points, count = self.points(column), len(self)
        value = np.log(np.maximum(points, LEAST))
        beyond = np.full(count, 0.0 if column in EXACT else np.inf)
        unknown = Noisy(value, np.zeros(count), np.full(count, np.inf), beyond)
        if column == "val_recall":
            return self._recall(value, points)
        if column == "val_lowest_class_map50_95":
            return self._lowest_class(unknown)
        if not (ends := _OWN.get(column) or _AS.get(column)):
            return unknown
        columns = zip(*(self.points(name) for name in ends), strict=True)
        middle, error, freedom, beyond = np.array([_of_ends(*each) for each in columns], float).T
        # Intervals of accuracies are not around the figure, which is biased.
        value = np.where(np.isfinite(middle) & (column in _OWN), middle, value)
        if column == "relative_time" or ends == _TIME:
            beyond = beyond + np.where(self.rows["crowded"].fillna(False).to_numpy(bool), np.log(CROWDED), 0.0)
        return Noisy(value, error, freedom, beyond)

    def _recall(self, value: np.ndarray, recall: np.ndarray) -> Noisy:
        """The variance of a share is at most share * (1 - share) (Bhatia and Davis 2000), here of a group of images."""
        groups = np.nan_to_num(self.points("val_groups"), nan=1.0)
        # Also of no misses at all (Agresti and Coull 1998).
        moved = (recall * groups + 2) / (groups + 4)
        error = np.sqrt(moved * (1 - moved) / groups) / np.maximum(recall, LEAST)
        known = np.isfinite(error) & (groups > 1)
        return Noisy(value, np.where(known, error, 0.0), np.maximum(groups - 1, 1.0), np.where(known, 0.0, np.inf))

    def _lowest_class(self, unknown: Noisy) -> Noisy:
        found = [each.copy() for each in vars(unknown).values()]
        for number, (own, name) in enumerate(zip(self._resamples, self.rows["val_lowest_class"], strict=True)):
            estimate = _of_class(own, name) if own else None
            if own and estimate:
                for column, value in zip(found[1:], _of_ends(estimate.low, estimate.high, own.groups)[1:], strict=True):
                    column[number] = value
        return Noisy(*found)


def _place(name: str, names: list[str]) -> int:
    """Where a name stands; one from outside stands last."""
    return names.index(name) if name in names else len(names)


def _of_ends(low: float, high: float, count: float) -> tuple[float, float, float, float]:
    """The parts of a `Noisy` from the ends of a 95% interval; without them, nothing tells the noise."""
    if not (low > 0 and high >= low and count >= 2):
        return np.nan, 0.0, np.inf, np.inf
    return (np.log(high) + np.log(low)) / 2, interval.standard_error(low, high, count), count - 1, 0.0


def _of_class(found: Resampled, name: str) -> Estimate | None:
    if name not in found.names:
        return None
    number = found.names.index(name)
    return statistics.map50_95(replace(found, names=[name], values=found.values[:, [number]]))
