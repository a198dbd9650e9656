"""Which rows of a table are alive, and where they lie."""

from dataclasses import dataclass, field
from reprlib import repr as shortened
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, OutOfBoundsError
from vstore.format.selection import is_integer, positions, slice_indices

Ints = NDArray[np.int64]


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table: how many are stored, and which of them are deleted.

    `deleted` is ascending. Positions count live rows only; storage counts all.
    """

    stored: int
    deleted: Ints = field(default_factory=_none)

    def __len__(self) -> int:
        return self.stored - len(self.deleted)

    def locate(self, index: Any) -> Any:
        """Return where in storage the rows lie that an index over live rows picks.

        An integer gives an int, anything else a slice or an array.

        Raises:
            OutOfBoundsError: a position outside the table.
        """
        if isinstance(index, slice):
            start, stop, step = slice_indices(index, len(self))
            if not len(self.deleted):
                return index
            return self._stored(np.arange(start, stop, step, dtype=np.int64))
        if type(index) is int and 0 <= index < len(self) and not len(self.deleted):
            return index
        if is_integer(index):
            return int(self._stored(self._checked([index]))[0])
        return self._stored(self._checked(index))

    def _checked(self, index: Any) -> Ints:
        try:
            return positions(index, len(self))
        except OutOfBoundsError as exc:
            msg = str(exc).replace("axis 0 with size", "a table of").replace("axis 0 has", "for")
            raise OutOfBoundsError(f"{msg} samples") from None
        except InvalidInputError:
            raise
        except (TypeError, ValueError) as exc:
            raise InvalidInputError(f"{shortened(index)} does not index samples") from exc

    def _stored(self, live: Ints) -> Ints:
        if not len(self.deleted):
            return live
        gaps = self.deleted - np.arange(len(self.deleted))
        return live + np.searchsorted(gaps, live, side="right")

    def live(self) -> Ints:
        """Return where every live row lies in storage, in order."""
        return self._stored(np.arange(len(self), dtype=np.int64))

    def are_live(self, stored: Ints) -> NDArray[np.bool_]:
        """Tell which of the stored rows are not deleted."""
        return np.isin(stored, self.deleted, invert=True)

    def position(self, stored: Ints) -> Ints:
        """Return the positions of live rows that lie at `stored`."""
        return stored - np.searchsorted(self.deleted, stored)
