"""Which source each sample of a mixture comes from, as a pure function. No I/O.

Think of each source as a clock that strikes in proportion to its weight. The strikes of all
clocks, in order of time, are the mixture: every stretch of it holds the sources as exactly in
proportion as whole samples allow, and what came before any place can be counted at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.numbers import Ints, Positions
from vstore.reader.plan.planner import Layout, order_of

_PHASE = 0.5


@dataclass(frozen=True, slots=True)
class Proportions:
    """The weights of the sources, which sum to 1."""

    weights: tuple[float, ...]

    @classmethod
    def of(cls, weights: Sequence[float]) -> "Proportions":
        """Return weights in proportion.

        Raises:
            InvalidInputError: there are none, one is no number of 0 or more, or all are 0.
        """
        try:
            values = np.array(list(weights), np.float64)
        except (TypeError, ValueError):
            values = np.full(1, np.nan)
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise InvalidInputError(
                f"weights are numbers of 0 or more, at least one of them more, not {weights!r}"
            )
        return cls(tuple((values / values.sum()).tolist()))

    def counts(self, places: Sequence[int] | Ints) -> Ints:
        """Return how many samples of each source come before some places in the mixture.

        >>> Proportions.of([3, 1]).counts([0, 1, 2, 3, 4, 8]).tolist()
        [[0, 0], [1, 0], [2, 0], [2, 1], [3, 1], [6, 2]]
        """
        weights = np.array(self.weights)
        sources = len(weights)
        place = np.asarray(places, np.int64)
        time = np.maximum(place - sources, 0).astype(np.float64)
        counts = np.floor(time[:, None] * weights + _PHASE).astype(np.int64)
        missing = place - counts.sum(axis=1)
        ahead = np.arange(1, 2 * sources + 1)
        strikes = np.full((len(place), sources, len(ahead)), np.inf)
        some = weights > 0
        strikes[:, some] = (counts[:, some, None] + ahead - _PHASE) / weights[some, None]
        order = np.argsort(strikes.reshape(len(place), -1), axis=1, kind="stable")
        is_next = np.arange(order.shape[1]) < missing[:, None]
        chosen = np.where(is_next, order // len(ahead), -1)
        for source in range(sources):
            counts[:, source] += (chosen == source).sum(axis=1)
        result: Ints = counts
        return result

    def most_within(self, sizes: Sequence[int]) -> int:
        """Return how many samples there are until a source would give more than it has.

        >>> Proportions.of([3, 1]).most_within([9, 9])
        12
        """
        ends = [(s + 1) / w for s, w in zip(sizes, self.weights, strict=True) if w]
        most = min(ends) + len(sizes) + 1
        places = range(1, int(most) + 1)
        return bisect_left(places, 1, key=lambda n: int((self.counts([n])[0] > sizes).any()))

    def least_over(self, sizes: Sequence[int]) -> int:
        """Return how many samples there are until every source has given all it has.

        >>> Proportions.of([3, 1]).least_over([9, 9])
        35
        """
        wanted = np.where(np.array(self.weights) > 0, sizes, 0)
        most = max(s / w for s, w in zip(sizes, self.weights, strict=True) if w) + len(sizes) + 1
        places = range(int(most) + 1)
        return bisect_left(places, 1, key=lambda n: int((self.counts([n])[0] >= wanted).all()))


class RepeatedOrder:
    """The part from `start` to `stop` of all epochs of one source, one behind the other.

    Places count from `start`; the first unit may begin before it, and the last end after `stop`.
    """

    def __init__(self, layout: Layout, start: int, stop: int) -> None:
        self._layout = layout
        size = max(1, layout.samples)
        self._first = start // size
        edges = [np.array([self._first * size], np.int64)]
        self._begins = [0]
        for epoch in range(self._first, -(-stop // size)):
            edges.append(order_of(layout, epoch).edges[1:] + epoch * size)
            self._begins.append(self._begins[-1] + len(edges[-1]))
        self._edges = np.concatenate(edges) - start
        self._latest = order_of(layout, self._first)

    @property
    def edges(self) -> Ints:
        """Where each unit begins in the order; last, where the order ends."""
        return self._edges

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""
        at = bisect_right(self._begins, unit) - 1
        if self._latest.epoch != self._first + at:
            self._latest = order_of(self._layout, self._first + at)
        return self._latest.positions(unit - self._begins[at])
