"""Which rows of a table are alive, and where they are."""

from collections.abc import Sequence
from reprlib import repr as shortened
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, OutOfBoundsError
from vstore.faces import pickled
from vstore.format.deleted_rows import BLOCK_ROWS, DeletedRows
from vstore.format.numbers import ChunkNumbers, Positions, StoredRows
from vstore.format.zarr.selection import is_integer, positions, slice_indices


@pickled
class Rows:
    """The rows of a table: how many are stored, and which of them are deleted.

    Positions count live rows only; storage counts all. Deleted rows are read a block at a
    time, where an answer depends on them.
    """

    __slots__ = ("_deleted", "stored")

    def __init__(self, stored: int, deleted: StoredRows | DeletedRows | None = None) -> None:
        self.stored = stored
        if isinstance(deleted, DeletedRows):
            self._deleted = deleted
        else:
            self._deleted = DeletedRows.of(np.zeros(0, np.int64) if deleted is None else deleted)

    def __reduce__(self) -> tuple[Any, ...]:
        return Rows, (self.stored, self.deleted)

    def __len__(self) -> int:
        return self.stored - len(self._deleted)

    @property
    def deleted(self) -> StoredRows:
        """Every deleted row, ascending."""
        return self._deleted.all()

    @property
    def has_deleted(self) -> bool:
        """Return whether any row is deleted."""
        return len(self._deleted) > 0

    def deleted_in(self, blocks: ChunkNumbers) -> StoredRows:
        """Return the deleted rows in some blocks of `BLOCK_ROWS`, given in ascending order."""
        return self._deleted.within(blocks)

    def locate(self, index: Any) -> Any:
        """Return where in storage the rows are that an index over live rows picks.

        An integer gives an int, anything else a slice or an array.

        Raises:
            OutOfBoundsError: a position outside the table.
        """
        if isinstance(index, slice):
            start, stop, step = slice_indices(index, len(self))
            if not self.has_deleted:
                return index
            return self._stored(np.arange(start, stop, step, dtype=np.int64))
        if type(index) is int and 0 <= index < len(self) and not self.has_deleted:
            return index
        if is_integer(index):
            return int(self._stored(self.checked([index]))[0])
        return self._stored(self.checked(index))

    def find(self, positions: Sequence[int]) -> StoredRows:
        """Return where in storage the rows at some positions are, -1 for those outside."""
        found = np.array(positions, np.int64)
        is_there = (found >= 0) & (found < len(self))
        found[~is_there] = -1
        found[is_there] = self._stored(found[is_there])
        return found

    def checked(self, index: Any) -> Positions:
        """Return the positions that an array, a list or a mask of live rows picks.

        Raises:
            OutOfBoundsError: a position outside the table.
        """
        try:
            return positions(index, len(self))
        except OutOfBoundsError as exc:
            raise _outside(exc, len(self)) from None
        except InvalidInputError:
            raise
        except (TypeError, ValueError) as exc:
            raise InvalidInputError(f"{shortened(index)} does not index samples") from exc

    def _stored(self, live: Positions) -> StoredRows:
        if not self.has_deleted:
            return live
        first = self._deleted.first_live()
        blocks = np.searchsorted(first, live, side="right") - 1
        found = live + self._deleted.before[blocks]
        for block in np.unique(blocks).tolist():
            here = np.array([block])
            rows = self._deleted.within(here)
            if len(rows):
                gaps = rows - self._deleted.before[block] - np.arange(len(rows))
                among = blocks == block
                found[among] += np.searchsorted(gaps, live[among], side="right")
        return found

    def live(self) -> StoredRows:
        """Return where every live row is in storage, in order."""
        return self._stored(np.arange(len(self), dtype=np.int64))

    def are_live(self, stored: StoredRows) -> NDArray[np.bool_]:
        """Tell which of the stored rows are not deleted."""
        return ~self._deleted.among(stored)

    def position(self, stored: StoredRows) -> Positions:
        """Return the positions of live rows that are at `stored`."""
        if not self.has_deleted:
            return stored
        blocks = np.minimum(stored // BLOCK_ROWS, len(self._deleted.counts))
        found: Positions = stored - self._deleted.before[blocks]
        for block in np.unique(blocks).tolist():
            rows = self._deleted.within(np.array([block]))
            if len(rows):
                among = blocks == block
                found[among] -= np.searchsorted(rows, stored[among])
        return found


def _outside(error: OutOfBoundsError, count: int) -> OutOfBoundsError:
    """Return an error about an axis as one about the samples of a table."""
    if error.code == "mask-length":
        message = f"the mask has {error.fields['length']} elements, the table {count} samples"
    else:
        position = error.fields["position"]
        message = f"index {position} is out of bounds for a table of {count} samples"
    return OutOfBoundsError(message, code=error.code, **error.fields)
