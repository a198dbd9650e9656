"""The order of an epoch's samples, as a pure function of a few numbers. No I/O.

An order is laid out in *units*: runs of whole global batches whose samples come from few
chunks, so that a reader needs only one unit, and the next, in memory. Every sample of a
table is exactly once in an epoch's order. The order depends on the number of ranks in
no way; ranks take equal parts of each global batch.

With `window` shuffling the blocks (the samples of one chunk) are dealt to units at random, to
each from all over the data: a unit that gets n blocks gets one from about every n-th part of
them (stratified sampling), so that data which are sorted, by class or by time, are mixed in
every unit. A unit is divided into lanes, each from its own blocks and in a random order, and
every global batch takes equally many samples from every lane. So a batch mixes as many blocks
as the unit has, and a rank, which takes whole lanes, reads only its part of the blocks.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.reader.plan.drawing import Weights
from vstore.reader.plan.permutation import fractions, shuffled

Shuffle = Literal["none", "window", "full"]

_BLOCKS, _SAMPLES, _TAIL, _PLACES, _DRAW, _SIMILAR, _AMONG = range(7)
_BATCHES_AT_ONCE = 1024


@pickled
@dataclass(frozen=True, slots=True)
class Layout:
    """What the order of every epoch follows from.

    `starts` are the positions at which blocks begin, ascending from 0; `window` is about
    how many samples a unit holds, though never less than one global batch. With `weights`
    each epoch has `samples` that are drawn again, and with `lengths`, shape (samples,), those
    of a batch are of similar length: see `order_of`.
    """

    samples: int
    starts: Positions
    shuffle: Shuffle
    window: int
    seed: int
    global_batch: int
    weights: Weights | None = None
    lengths: Ints | None = None

    def __post_init__(self) -> None:
        if self.shuffle not in get_args(Shuffle):
            known = ", ".join(map(repr, get_args(Shuffle)))
            raise InvalidInputError(
                f"shuffle is True, False or one of {known}, not {self.shuffle!r}"
            )
        for name in ("window", "global_batch"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be at least 1, not {getattr(self, name)}")


class Order(Protocol):
    """Positions in an order, unit by unit."""

    @property
    def edges(self) -> Ints:
        """Where each unit begins in the order; last, where the order ends."""

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""


Spans = Callable[[range], tuple[list[int], list[int]]]
"""Return from where to where in an order some batches are."""


class EpochOrder:
    """The order of one epoch: a sequence of units, each a sequence of positions."""

    def __init__(self, layout: Layout, epoch: int) -> None:
        self.layout = layout
        self.epoch = epoch

    @cached_property
    def edges(self) -> Ints:
        """Where each unit begins in the order; last, the number of samples."""
        layout = self.layout
        batches = layout.samples // layout.global_batch
        per_unit = max(1, layout.window // layout.global_batch)
        units = max(1, -(-batches // per_unit))
        edges = np.arange(units + 1, dtype=np.int64) * batches // units
        step = self._batches_per_boundary
        if step * 2 <= batches // units:
            edges = (edges + step // 2) // step * step
        edges *= layout.global_batch
        edges[-1] = layout.samples
        return edges

    @property
    def _batches_per_boundary(self) -> int:
        """Return after how many batches a block ends where a batch does."""
        starts, batch = self.layout.starts, self.layout.global_batch
        block = int(starts[1]) if len(starts) > 1 else 1
        return math.lcm(block, batch) // batch

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.edges) - 1

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""
        start, stop = int(self.edges[unit]), int(self.edges[unit + 1])
        if self.layout.shuffle == "none":
            return np.arange(start, stop, dtype=np.int64)
        if self.layout.shuffle == "full":
            part: Positions = self._permutation[start:stop]
            return part
        return self._mixed(self._in_block_order(start, stop), unit)

    @cached_property
    def _permutation(self) -> Positions:
        permutation: Positions = shuffled(1, self.layout.samples, self._key(_SAMPLES, 0))[0]
        return permutation

    def _key(self, purpose: int, unit: int) -> tuple[int, ...]:
        return (self.layout.seed, self.epoch, purpose, unit)

    @cached_property
    def _blocks(self) -> tuple[Positions, Ints]:
        """Return where the blocks begin, unit by unit, and where each ends in that order."""
        starts = self.layout.starts
        sizes = np.diff(starts, append=self.layout.samples)
        order = self._dealt(len(starts))
        return starts[order], np.cumsum(sizes[order])

    def _dealt(self, blocks: int) -> Ints:
        """Return the blocks of all units, one unit behind the other, each unit's at random."""
        samples = max(1, self.layout.samples)
        cuts = (2 * blocks * self.edges + samples) // (2 * samples)
        counts = np.diff(cuts)
        unit = np.repeat(np.arange(self.units), counts)
        stratum = np.arange(blocks) - np.repeat(cuts[:-1], counts)
        place = (stratum + fractions(blocks, self._key(_PLACES, 0))) / counts[unit]
        order = np.empty(blocks, np.int64)
        order[np.argsort(place, kind="stable")] = np.arange(blocks)
        mixed = np.lexsort((shuffled(1, blocks, self._key(_BLOCKS, 0))[0], unit))
        return order[mixed]

    def _in_block_order(self, start: int, stop: int) -> Positions:
        starts, ends = self._blocks
        first = int(np.searchsorted(ends, start, "right"))
        last = int(np.searchsorted(ends, stop, "left"))
        begins = np.concatenate([ends[first - 1 : first] if first else [0], ends[first:last]])
        low = np.maximum(begins, start)
        sizes = np.minimum(ends[first : last + 1], stop) - low
        offsets = starts[first : last + 1] + (low - begins) - (np.cumsum(sizes) - sizes)
        positions: Positions = np.repeat(offsets, sizes) + np.arange(stop - start, dtype=np.int64)
        return positions

    def _mixed(self, positions: Positions, unit: int) -> Positions:
        batch = self.layout.global_batch
        batches = len(positions) // batch
        whole = batches * batch
        mean_block = max(1.0, self.layout.samples / max(1, len(self.layout.starts)))
        lanes = largest_divisor(batch, at_most=max(1, round(whole / mean_block)))
        parts = [] if len(positions) else [positions]
        if whole:
            length = whole // lanes
            picks = shuffled(lanes, length, self._key(_SAMPLES, unit))
            picks += np.arange(0, whole, length)[:, np.newaxis]
            mixed = positions.take(picks)
            dealt = mixed.reshape(lanes, batches, batch // lanes).swapaxes(0, 1)
            parts.append(dealt.reshape(-1))
        if whole < len(positions):
            tail = positions[whole:]
            parts.append(tail[shuffled(1, len(tail), self._key(_TAIL, unit))[0]])
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


class DrawnOrder:
    """The order of one epoch of samples that are drawn by their weights."""

    def __init__(self, layout: Layout, weights: Weights, epoch: int) -> None:
        self.epoch = epoch
        self._drawn = weights.draw(layout.samples, (layout.seed, epoch, _DRAW, 0))
        block = np.searchsorted(layout.starts, self._drawn, "right")
        starts = np.flatnonzero(np.diff(block, prepend=-1))
        self._order = EpochOrder(replace(layout, starts=starts, weights=None), epoch)

    @property
    def edges(self) -> Ints:
        """Where each unit begins in the order; last, the number of samples."""
        return self._order.edges

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""
        drawn: Positions = self._drawn[self._order.positions(unit)]
        return drawn


class SimilarOrder:
    """An order of which every unit is sorted by length, cut to batches, and these mixed.

    What is left over of the last unit is not sorted: it is any of the samples.
    """

    def __init__(self, order: EpochOrder | DrawnOrder, layout: Layout, lengths: Ints) -> None:
        self.epoch = order.epoch
        self.edges = order.edges
        self._order = order
        self._layout = layout
        self._lengths = lengths

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""
        positions = self._order.positions(unit)
        batch = self._layout.global_batch
        batches = len(positions) // batch
        whole, rest = positions[: batches * batch], positions[batches * batch :]
        # Samples of one length stay in the random order that they are in.
        similar = whole[np.argsort(self._lengths[whole], kind="stable")].reshape(batches, batch)
        similar = similar[shuffled(1, batches, self._key(_SIMILAR, unit))[0]]
        mixed = np.take_along_axis(similar, shuffled(batches, batch, self._key(_AMONG, unit)), 1)
        return np.concatenate([mixed.reshape(-1), rest])

    def _key(self, purpose: int, unit: int) -> tuple[int, ...]:
        return (self._layout.seed, self.epoch, purpose, unit)


def order_of(layout: Layout, epoch: int) -> EpochOrder | DrawnOrder | SimilarOrder:
    """Return the order of an epoch: of every sample once, or of those drawn by weights."""
    order: EpochOrder | DrawnOrder = EpochOrder(layout, epoch)
    if layout.weights is not None:
        order = DrawnOrder(layout, layout.weights, epoch)
    return order if layout.lengths is None else SimilarOrder(order, layout, layout.lengths)


def largest_divisor(number: int, *, at_most: int) -> int:
    """Return the largest divisor of a number that does not pass a bound.

    >>> largest_divisor(256, at_most=58), largest_divisor(100, at_most=30)
    (32, 25)
    """
    best = 1
    for divisor in range(1, math.isqrt(number) + 1):
        if number % divisor == 0:
            for candidate in (divisor, number // divisor):
                if best < candidate <= at_most:
                    best = candidate
    return best


def blocks_of(rows: StoredRows | None, stored: int, rows_per_block: int) -> Positions:
    """Return the positions at which blocks begin.

    `rows` are where the samples are in storage, in the order of their positions; None
    means all `stored` rows. A block is a run of samples from the same `rows_per_block` rows.
    """
    if rows is None:
        return np.arange(0, stored, rows_per_block, dtype=np.int64)
    block = rows // rows_per_block
    return np.concatenate(
        [np.zeros(min(len(rows), 1), np.int64), np.flatnonzero(np.diff(block)) + 1]
    )


class Piece(NamedTuple):
    """A batch, or what of it is in one unit: every `step`-th sample from `start` to `stop`.

    These count from the unit's start.
    """

    batch: int
    start: int
    stop: int
    is_first: bool
    is_last: bool
    step: int = 1

    @property
    def size(self) -> int:
        """How many samples it has."""
        if self.step == 1:
            return self.stop - self.start
        return len(range(self.start, self.stop, self.step))

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole batch."""
        return self.is_first and self.is_last


@dataclass(frozen=True, slots=True)
class Group:
    """Batches that are gathered together, or a part of a single one.

    `start` counts from the first sample of the work.
    """

    start: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many samples there are together."""
        return sum(piece.size for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Work:
    """What one reader takes from one unit, which begins at the place `begin` of the order."""

    unit: int
    begin: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many samples that is."""
        return sum(piece.size for piece in self.pieces)

    def pick(self, positions: Positions) -> Positions:
        """Return those of a unit's positions that are taken, one piece behind the other."""
        spans: list[slice] = []
        following = 0
        for piece in self.pieces:
            start, stop, step = piece.start, piece.stop, piece.step
            if spans and step == spans[-1].step and start == following:
                spans[-1] = slice(spans[-1].start, stop, step)
            else:
                spans.append(slice(start, stop, step))
            following = start + piece.size * step
        if len(spans) == 1:
            return positions[spans[0]]
        return np.concatenate([positions[span] for span in spans])

    def groups(self, rows: int, batches: int) -> Iterator[Group]:
        """Yield the batches in groups, parts of batches alone.

        A group has at most this many samples, or one batch, and at most this many batches.
        """
        place = start = 0
        group: list[Piece] = []
        for piece in self.pieces:
            is_full = place + piece.size - start > rows or len(group) == batches
            if group and (is_full or not piece.is_whole or not group[-1].is_whole):
                yield Group(start, tuple(group))
                group, start = [], place
            group.append(piece)
            place += piece.size
        if group:
            yield Group(start, tuple(group))


def works(edges: Positions, spans: Spans, batches: range, *, step: int = 1) -> Iterator[Work]:
    """Yield, unit by unit, what makes up the given batches; those without samples are left out.

    A batch has every `step`-th sample of its span.
    """
    bounds = edges.tolist()
    unit, pieces = 0, list[Piece]()
    for first in range(0, len(batches), _BATCHES_AT_ONCE):
        part = batches[first : first + _BATCHES_AT_ONCE]
        for batch, begin, stop in zip(part, *spans(part), strict=True):
            start = begin
            while start < stop:
                if not bounds[unit] <= start < bounds[unit + 1]:
                    if pieces:
                        yield Work(unit, bounds[unit], tuple(pieces))
                    unit, pieces = bisect_right(bounds, start) - 1, []
                upto = min(stop, bounds[unit + 1])
                low, high = start - bounds[unit], upto - bounds[unit]
                following = start + len(range(start, upto, step)) * step
                is_last = following >= stop
                pieces.append(Piece(batch, low, high, start == begin, is_last, step))
                start = following
    if pieces:
        yield Work(unit, bounds[unit], tuple(pieces))
