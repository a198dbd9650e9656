"""Which rows of a table are scanned, in pieces that are in one block of each array."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.format.table.rows import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Stored rows from `start` to `stop`, or those of them that `keep` says.

    `keep` counts from `start`, in ascending order; None for all.
    """

    start: int
    stop: int
    keep: Ints | None = None

    def __len__(self) -> int:
        return self.stop - self.start if self.keep is None else len(self.keep)

    def picking(self, hits: Ints) -> "Span":
        """Return the span with some of its rows alone, given by places among them, ascending."""
        if len(hits) == len(self):
            return self
        return Span(self.start, self.stop, hits if self.keep is None else self.keep[hits])

    def cut(self, sizes: Collection[int]) -> "Iterator[Span]":
        """Yield the span in pieces between the bounds of blocks, those without a row left out."""
        for start, stop in bounds(self.start, self.stop, sizes):
            if self.keep is None:
                yield Span(start, stop)
                continue
            first, last = np.searchsorted(self.keep, [start - self.start, stop - self.start])
            if first < last:
                yield Span(start, stop, self.keep[first:last] - (start - self.start))


def bounds(start: int, stop: int, sizes: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows that end where a block of one of some sizes does.

    >>> list(bounds(1, 10, [4, 6]))
    [(1, 4), (4, 6), (6, 8), (8, 10)]
    """
    while start < stop:
        end = min([stop, *((start // size + 1) * size for size in sizes)])
        yield start, end
        start = end


def spans_of(rows: Rows, chosen: range | Positions, sizes: Collection[int]) -> Iterator[Span]:
    """Yield the stored rows of samples in pieces, without those that are deleted.

    Args:
        rows: those of the table.
        chosen: positions of samples: a range whose step is 1, or ascending ones.
        sizes: how many rows the blocks of each array have.
    """
    if not len(chosen):
        return
    if isinstance(chosen, range):
        first, last = int(rows.locate(chosen[0])), int(rows.locate(chosen[-1]))
        for start, stop in bounds(first, last + 1, sizes):
            span = _live(rows, start, stop)
            if len(span):
                yield span
    else:
        yield from _scattered(rows.locate(chosen), sizes)


def _live(rows: Rows, start: int, stop: int) -> Span:
    if not rows.has_deleted:
        return Span(start, stop)
    blocks = np.arange(start // BLOCK_ROWS, (stop - 1) // BLOCK_ROWS + 1)
    deleted = rows.deleted_in(blocks)
    first, last = np.searchsorted(deleted, [start, stop])
    if first == last:
        return Span(start, stop)
    is_live = np.ones(stop - start, bool)
    is_live[deleted[first:last] - start] = False
    return Span(start, stop, np.flatnonzero(is_live))


def _scattered(stored: StoredRows, sizes: Collection[int]) -> Iterator[Span]:
    at = 0
    while at < len(stored):
        start = int(stored[at])
        _, stop = next(bounds(start, int(stored[-1]) + 1, sizes))
        end = int(np.searchsorted(stored, stop))
        here = stored[at:end] - start
        span = Span(start, start + int(here[-1]) + 1)
        yield span.picking(here) if len(here) < len(span) else span
        at = end
