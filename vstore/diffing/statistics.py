"""How far values moved: differences, moments and histograms, in one pass and bounded memory."""

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.faces import exported_from
from vstore.format.zarr.differing import differing_elements

BINS = 64
"""How many bins a histogram has at most."""

_KINDS = "biuf"
_FINEST = -1000


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Moments:
    """What one side of the compared elements is like; NaN and infinities are left out."""

    count: int
    minimum: float
    maximum: float
    mean: float
    std: float


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ValueStatistics:
    """How the values of the samples (or chunks) that differ have changed.

    `samples` were compared, `elements` in them and `differing` among these; `unmatched`
    samples had another shape on the other side, or were missing there. `shift` is the share
    of elements that would have to move to another bin to make one histogram of the other,
    from 0 to 1. Histograms have bins of one width, a power of two, between `edges`.
    """

    samples: int
    unmatched: int
    elements: int
    differing: int
    max_abs: float
    mean_abs: float
    old: Moments
    new: Moments
    edges: tuple[float, ...]
    old_histogram: tuple[int, ...]
    new_histogram: tuple[int, ...]
    shift: float

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as plain values."""
        names = ("samples", "unmatched", "elements", "differing", "max_abs", "mean_abs", "shift")
        sides = {
            side: {name: getattr(moments, name) for name in Moments.__slots__}
            for side, moments in (("old", self.old), ("new", self.new))
        }
        histogram = {
            "edges": list(self.edges),
            "old": list(self.old_histogram),
            "new": list(self.new_histogram),
        }
        return {name: getattr(self, name) for name in names} | sides | {"histogram": histogram}


def is_measurable(dtype: np.dtype[Any]) -> bool:
    """Return whether values of a type have differences that are numbers."""
    return dtype.kind in _KINDS


@dataclass(slots=True, eq=False)
class Comparison:
    """Takes pairs of arrays, batch by batch, and adds up how they differ."""

    samples: int = 0
    unmatched: int = 0
    elements: int = 0
    differing: int = 0
    max_abs: float = 0.0
    _sum_abs: float = 0.0
    _finite: int = 0
    _sides: tuple["_Sums", "_Sums"] = field(default_factory=lambda: (_Sums(), _Sums()))
    _histogram: "_Histogram" = field(default_factory=lambda: _Histogram())

    def add(self, old: NDArray[Any], new: NDArray[Any]) -> None:
        """Take elements before and after, two arrays of one shape."""
        a, b = (np.asarray(side).ravel() for side in (old, new))
        if a.dtype.kind in "biu" and b.dtype.kind in "biu":
            self._histogram.be_at_least(0)
        self.elements += a.size
        if not a.size:
            return
        self.differing += int(np.count_nonzero(differing_elements(a, b)))
        a, b = (_as_float(side) for side in (a, b))
        for values, sums in zip((a, b), self._sides, strict=True):
            sums.add(values[np.isfinite(values)])
        self._histogram.add(a, b)
        both = np.isfinite(a) & np.isfinite(b)
        with np.errstate(over="ignore"):
            gaps = np.abs(b[both] - a[both])
        self._finite += gaps.size
        self._sum_abs += float(gaps.sum())
        self.max_abs = max(self.max_abs, float(gaps.max(initial=0.0)))

    def result(self) -> ValueStatistics:
        """Return what was found so far."""
        old, new = (sums.moments() for sums in self._sides)
        edges, before, after = self._histogram.result()
        return ValueStatistics(
            self.samples,
            self.unmatched,
            self.elements,
            self.differing,
            self.max_abs,
            self._sum_abs / self._finite if self._finite else 0.0,
            old,
            new,
            edges,
            before,
            after,
            _shift(before, after),
        )


def _as_float(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64)


def _shift(old: tuple[int, ...], new: tuple[int, ...]) -> float:
    """Return the total variation distance of two histograms."""
    a, b = np.array(old, np.float64), np.array(new, np.float64)
    if not a.sum() or not b.sum():
        return 0.0 if a.sum() == b.sum() else 1.0
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


@dataclass(slots=True, eq=False)
class _Sums:
    """Moments as they add up: mean and squared deviations by the method of Chan."""

    count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        if not values.size:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # beyond 1e154 squares are infinite
            mean = float(values.mean())
            squares = float(((values - mean) ** 2).sum())
        gap, total = mean - self.mean, self.count + values.size
        self.squares += squares + gap * gap * self.count * values.size / total
        self.mean += gap * values.size / total
        self.count = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    def moments(self) -> Moments:
        if not self.count:
            return Moments(0, 0.0, 0.0, 0.0, 0.0)
        std = math.sqrt(self.squares / self.count)
        return Moments(self.count, self.minimum, self.maximum, self.mean, std)


@dataclass(slots=True, eq=False)
class _Histogram:
    """Counts in bins of one width that doubles when a value falls outside.

    The edges are multiples of the width, so that what comes out does not depend on the
    order of batches.
    """

    exponent: int = _FINEST
    first: int = 0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 0), np.int64))

    def be_at_least(self, exponent: int) -> None:
        """Make no bin finer than this; to be called before values are added."""
        if not self.counts.size:
            self.exponent = max(self.exponent, exponent)

    def add(self, old: NDArray[np.float64], new: NDArray[np.float64]) -> None:
        sides = [values[np.isfinite(values)] for values in (old, new)]
        values = np.concatenate(sides)
        if not values.size:
            return
        self._make_room(float(values.min()), float(values.max()))
        for row, side in enumerate(sides):
            bins = _bins(side, self.exponent) - self.first
            self.counts[row] += np.bincount(bins, minlength=self.counts.shape[1])

    def _make_room(self, low: float, high: float) -> None:
        """Widen bins and add some until both values fall into one of at most `BINS`."""
        if self.counts.size:
            width = math.ldexp(1.0, self.exponent)
            low = min(low, self.first * width)
            high = max(high, (self.first + self.counts.shape[1] - 1) * width)
        exponent = max(self.exponent, _coarse_enough(low, high))
        first, last = _bins(np.array([low, high]), exponent).tolist()
        counts = np.zeros((2, last - first + 1), np.int64)
        places = (np.arange(self.counts.shape[1]) + self.first) >> (exponent - self.exponent)
        for row in range(2):
            np.add.at(counts[row], places - first, self.counts[row])
        self.exponent, self.first, self.counts = exponent, first, counts

    def result(self) -> tuple[tuple[float, ...], tuple[int, ...], tuple[int, ...]]:
        """Return the edges, and the counts before and after."""
        if not self.counts.size:
            return (), (), ()
        numbers = range(self.first, self.first + self.counts.shape[1] + 1)
        edges = tuple(math.ldexp(number, self.exponent) for number in numbers)
        return edges, tuple(self.counts[0].tolist()), tuple(self.counts[1].tolist())


def _coarse_enough(low: float, high: float) -> int:
    """Return the least exponent with which `BINS` bins reach from one value to the other."""
    span = max(high - low, abs(high) * 2.0**-40, abs(low) * 2.0**-40, 2.0**-900)
    exponent = math.frexp(min(span, sys.float_info.max))[1] - BINS.bit_length() - 2
    ends = np.array([low, high])
    while np.diff(_bins(ends, exponent))[0] >= BINS:
        exponent += 1
    return exponent


def _bins(values: NDArray[np.float64], exponent: int) -> NDArray[np.int64]:
    """Return in which multiple of 2**exponent values are, also where the quotient underflows."""
    scaled = np.floor(np.ldexp(values, -exponent))
    found: NDArray[np.int64] = scaled.astype(np.int64)
    found -= (scaled == 0) & (values < 0)
    return found
