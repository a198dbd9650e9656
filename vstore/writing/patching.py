"""Whether a changed chunk is stored whole again, or only the rows that changed, as a patch.

Patches make what a commit stores follow what it changes. So that a chunk never has many, a
new patch takes in those before it that are not much larger, and a chunk is stored whole
again once its patches add up to a share of it: a row is stored a number of times that grows
with the logarithm of a chunk's rows. See docs/design/085-patches.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Ints
from vstore.format.page import MOST_PATCHES, Patch, Patched, Runs, StoredChunk
from vstore.format.zarr.differing import differing_rows

SMALL_NBYTES = 16 * 2**10
"""A chunk that takes no more is stored whole: a patch would save next to nothing."""

SHARE = 4
"""How many times larger a chunk is than its patches together."""

LARGE_NBYTES = 4 * 2**20
"""A chunk that takes more is stored whole again only where it would have too many patches."""

MERGED_NBYTES = 2**20
"""A patch that takes more is left alone by those that come after it."""

MOST_KEPT = 8
"""How many patches a chunk keeps, besides large ones and the new one."""

MOST_RUNS = 256
"""A patch of rows in more runs than this would be told at length in the index."""


@dataclass(slots=True)
class TouchedRows:
    """The rows of a chunk that were written, and what they held before the first time."""

    _rows: list[Ints] = field(default_factory=list)
    _before: list[NDArray[Any]] = field(default_factory=list)

    def note(self, rows: Ints, chunk: NDArray[Any]) -> None:
        """Note rows of a chunk that are about to be written."""
        if len(rows):
            self._rows.append(rows)
            self._before.append(chunk[rows])

    def differing(self, chunk: NDArray[Any]) -> Ints:
        """Return those rows, ascending, that differ from what they held at first."""
        if not self._rows:
            return np.zeros(0, np.int64)
        rows, first = np.unique(np.concatenate(self._rows), return_index=True)
        return rows[differing_rows(np.concatenate(self._before)[first], chunk[rows])]


@dataclass(frozen=True, slots=True)
class Patching:
    """The patches that a chunk keeps, and the rows that its new one has, ascending."""

    kept: tuple[Patch, ...]
    rows: Ints


def plan(place: StoredChunk, touched: Ints, chunk: NDArray[Any]) -> Patching | None:
    """Return how to store a chunk with a patch, or None to store it whole.

    Args:
        place: what is stored of the chunk now.
        touched: which of its rows differ from that, ascending.
        chunk: the chunk as it is to be.
    """
    whole, kept = place.parts[0].nbytes, list(place.patches if isinstance(place, Patched) else ())
    if place.nbytes <= SMALL_NBYTES:
        return None
    rows, nbytes = touched, _nbytes(chunk, touched)
    while kept and _takes_in(nbytes, kept):
        rows = np.union1d(rows, rows_of(kept.pop().rows))
        nbytes = _nbytes(chunk, rows)
    patched = nbytes + sum(patch.ref.nbytes for patch in kept)
    is_too_much = place.nbytes <= LARGE_NBYTES and patched * SHARE > whole
    if is_too_much or len(kept) == MOST_PATCHES or len(runs_of(rows)) > MOST_RUNS:
        return None
    return Patching(tuple(kept), rows)


def _takes_in(nbytes: int, kept: Sequence[Patch]) -> bool:
    """Return whether a new patch of this size takes in the last of those before it."""
    last = kept[-1].ref.nbytes
    if last > MERGED_NBYTES:
        return False
    small = sum(patch.ref.nbytes <= MERGED_NBYTES for patch in kept)
    return last <= 2 * nbytes or small > MOST_KEPT


def _nbytes(chunk: NDArray[Any], rows: Ints) -> int:
    """Return about how many bytes rows of a chunk take before they are compressed."""
    if not chunk.dtype.hasobject:
        return len(rows) * (chunk.nbytes // max(1, len(chunk)))
    return sum(4 + len(element) for element in chunk[rows].ravel().tolist())


def runs_of(rows: Ints) -> Runs:
    """Return ascending rows as runs.

    >>> runs_of(np.array([0, 2, 3]))
    ((0, 1), (2, 2))
    """
    first = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
    counts = np.diff(first, append=len(rows))
    return tuple(zip(rows[first].tolist(), counts.tolist(), strict=True))


def rows_of(runs: Runs) -> Ints:
    """Return the rows that runs stand for.

    >>> rows_of(((0, 1), (2, 2)))
    array([0, 2, 3])
    """
    return np.concatenate([np.arange(first, first + count) for first, count in runs])
