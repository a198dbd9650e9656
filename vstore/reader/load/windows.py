"""Samples of several rows each, and columns that are in memory from the start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Positions, StoredRows
from vstore.reader.load.feeds import Feed, Part
from vstore.reader.load.loading import Loading, Request


@dataclass(frozen=True, slots=True)
class WindowGrouping:
    """Makes one sample of every `width` rows."""

    width: int

    def part(self, part: Part, positions: Positions) -> Part:
        """Return samples, given their rows."""
        del positions
        return WindowPart(part, self.width)

    def shape(self, row_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Return the shape of a sample; None where rows are Python objects."""
        return None if row_shape is None else (self.width, *row_shape)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the data type of samples."""
        return dtype


@dataclass(frozen=True, slots=True, eq=False)
class WindowPart:
    """Samples of `width` rows each, of a part that has their rows, one sample behind the other."""

    part: Part
    width: int

    @property
    def requests(self) -> Sequence[Request]:
        """What must be loaded first."""
        return self.part.requests

    def begin(self, loading: Loading) -> set[Loading]:
        """Learn what loads the requests; return everything that must be waited for."""
        return self.part.begin(loading)

    def take(self, start: int, stop: int, out: Any) -> None:
        """Put samples into an array, or lists of their rows at the end of a list."""
        width = self.width
        if isinstance(out, list):
            rows: list[Any] = []
            self.part.take(start * width, stop * width, rows)
            out.extend(rows[first : first + width] for first in range(0, len(rows), width))
        else:
            rows_of = out.reshape((stop - start) * width, *out.shape[2:])
            self.part.take(start * width, stop * width, rows_of)

    def close(self) -> None:
        """Let go of the memory."""
        self.part.close()


@dataclass(frozen=True, slots=True, eq=False)
class KnownFeed:
    """A column that is in memory from the start."""

    values: NDArray[Any]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of every sample."""
        return self.values.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples."""
        return self.values.dtype

    def open(self, rows: StoredRows, *, spare: Feed | None = None) -> "KnownPart":
        """Return the samples at `rows`."""
        del spare
        return KnownPart(self.values, rows)

    def find(self, row: int) -> Any:
        """Return a copy of the sample at `row`."""
        return self.values[row].copy()

    def statistics(self) -> tuple[int, int]:
        """Return how many chunks were found in memory, and how many were not."""
        return 0, 0


@dataclass(frozen=True, slots=True, eq=False)
class KnownPart:
    """Samples of a column that is in memory."""

    values: NDArray[Any]
    rows: Positions

    @property
    def requests(self) -> Sequence[Request]:
        """Nothing must be loaded."""
        return []

    def begin(self, loading: Loading) -> set[Loading]:
        """Return nothing to wait for."""
        del loading
        return set()

    def take(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Put samples into an array."""
        self.values.take(self.rows[start:stop], 0, out, "clip")

    def close(self) -> None:
        """Do nothing: the memory stays."""
