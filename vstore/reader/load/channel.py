"""A column as a pass over the data sees it: where its samples are, and how they are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Positions, StoredRows
from vstore.reader.load.chunks import SampleChunks
from vstore.reader.load.feeds import Feed, Part
from vstore.reader.load.windows import KnownFeed


class Grouping(Protocol):
    """How several rows of a column make one sample."""

    def part(self, part: Part, positions: Positions) -> Part:
        """Return the samples at some positions, given the rows that they are made of."""

    def shape(self, row_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Return the shape of a sample, given that of a row; None for Python objects."""

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the data type of samples, given that of rows."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A column: where its samples are, and two ways to read them.

    What `feed` has no room for comes through `spare`. Where samples of one shape may be
    missing, their elements are `fill`, whatever is stored in their place. With a `grouping`,
    several rows make one sample. Where they are `flat`, those that differ in shape are
    taken one behind the other.
    """

    feed: Feed
    spare: Feed
    rows: Callable[[Positions], StoredRows]
    row_nbytes: float
    stored: tuple[SampleChunks, ...]
    fill: Any = None
    grouping: Grouping | None = None
    flat: bool = False

    def chunks_of(self, positions: Positions) -> Iterator[tuple[SampleChunks, list[int]]]:
        """Yield the stored arrays with the numbers of the chunks that some samples are in."""
        rows = self.rows(positions)
        for chunks in self.stored:
            yield chunks, np.unique(rows // chunks.rows_per_chunk).tolist()

    def open(self, positions: Positions, *, is_last_resort: bool) -> Part | None:
        """Return the samples at some positions, or None where there is no room at present."""
        spare = self.spare if is_last_resort else None
        part = self.feed.open(self.rows(positions), spare=spare)
        if part is None or self.grouping is None:
            return part
        return self.grouping.part(part, positions)

    def grouped(self, grouping: Grouping, rows: float) -> "Channel":
        """Return the column with several rows for each sample, this many on average."""
        return replace(self, grouping=grouping, row_nbytes=self.row_nbytes * rows)

    @property
    def sample_shape(self) -> tuple[int, ...] | None:
        """The shape of every sample; None where samples are Python objects."""
        shape = self.feed.row_shape
        return shape if self.grouping is None else self.grouping.shape(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples."""
        dtype = self.feed.dtype
        return dtype if self.grouping is None else self.grouping.dtype(dtype)


def in_memory(values: NDArray[Any]) -> Channel:
    """Return a column that is known already: an array with one row for each sample."""
    return worked_out(KnownFeed(values), nbytes=values.nbytes / max(1, len(values)))


def worked_out(feed: Feed, *, nbytes: float) -> Channel:
    """Return a column of which nothing is stored; a sample takes this much memory."""
    return Channel(feed, feed, lambda positions: positions, nbytes, ())
