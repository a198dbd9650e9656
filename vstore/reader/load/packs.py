"""Samples that are blocks of one length, put together of pieces of stored sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Positions, StoredRows
from vstore.reader.load.feeds import ABSENT, Feed, Part
from vstore.reader.load.loading import Loading, Request
from vstore.reader.load.object_feed import ObjectPart
from vstore.reader.plan.packs import Packed, between, places, segments


@dataclass(frozen=True, slots=True)
class PackGrouping:
    """Makes blocks of a column's sequences, whose rows have the shape `rest` and the data type."""

    packs: Packed
    rest: tuple[int, ...]
    element: np.dtype[Any]

    def part(self, part: Part, positions: Positions) -> Part:
        """Return blocks, given the sequences that their pieces are of."""
        if not isinstance(part, ObjectPart):
            raise TypeError("samples of one shape are no sequences")
        return PackedPart(part, self.packs.pick(positions))

    def shape(self, row_shape: tuple[int, ...] | None) -> tuple[int, ...]:
        """Return the shape of a block."""
        del row_shape
        return (self.packs.length, *self.rest)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the data type of a block."""
        del dtype
        return self.element


@dataclass(frozen=True, slots=True, eq=False)
class PackedPart:
    """Blocks of a unit, of a part that has a sequence for each of their pieces."""

    part: ObjectPart
    packs: Packed

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        return self.part.requests

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        return self.part.begin(loading)

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put blocks into an array, zeros where they have padding."""
        packs = between(self.packs, start, stop)
        first, last = int(self.packs.cuts[start]), int(self.packs.cuts[stop])
        flat = self.part.flat(first, last, parts=(packs.starts, packs.stops))
        padding = packs.padding
        if not padding.any():
            np.copyto(out, flat.values.reshape(out.shape))
            return
        is_there = np.arange(packs.length) < (packs.length - padding)[:, None]
        out[is_there] = flat.values.reshape(-1, *out.shape[2:])
        out[~is_there] = np.zeros((), out.dtype)

    def close(self) -> None:
        """Let go of the memory."""
        self.part.close()


@dataclass(frozen=True, slots=True, eq=False)
class SegmentFeed:
    """A column that says of every element of a block which piece it is in, or where in that."""

    packs: Packed
    what: Literal["segment", "position"]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of every block."""
        return (self.packs.length,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the numbers."""
        return np.dtype(np.int32)

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> "SegmentPart":
        """Return what is said of some blocks."""
        del spare
        return SegmentPart(self.packs.pick(rows), self.what)

    def find(self, row: int) -> Any:
        """Return `ABSENT`: it is worked out for several at a time."""
        del row
        return ABSENT

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        return 0, 0


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPart:
    """What is said of the blocks of a unit."""

    packs: Packed
    what: Literal["segment", "position"]

    @property
    def requests(self) -> Sequence[Request]:
        """Nothing must be loaded."""
        return []

    def begin(self, loading: Loading) -> set[Loading]:
        """Return nothing to wait for."""
        del loading
        return set()

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put it into an array."""
        packs = between(self.packs, start, stop)
        out[...] = segments(packs) if self.what == "segment" else places(packs)

    def close(self) -> None:
        """Do nothing: there is no memory."""
