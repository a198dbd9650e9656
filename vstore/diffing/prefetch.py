"""Reading what a diff of a table will compare with one round of requests, where that is little."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from vstore.diffing.columns import ColumnPair
from vstore.format.index import changed
from vstore.format.numbers import ChunkNumbers
from vstore.format.table.names import DELETED, KEYS
from vstore.format.zarr.selection import chunk_strides
from vstore.reading.array import StoredArray
from vstore.reading.stored_table import StoredTable

if TYPE_CHECKING:
    from vstore.format.page import ChunkRef

MOST_CHUNKS = 256
"""A diff that compares more than this reads it as it comes to it."""

Sides = tuple[StoredArray, StoredArray]
"""One array in both states."""


def prefetch(old: StoredTable, new: StoredTable, pairs: Sequence[ColumnPair]) -> None:
    """Keep the chunks that a diff of some columns will read, unless they are many."""
    arrays = list(_arrays(old, new, pairs))
    if not arrays:
        return
    prefetch_roots([side for sides in arrays for side in sides])
    wanted: list[ChunkRef] = []
    for sides in arrays:
        numbers = _compared(sides, min(old.rows.stored, new.rows.stored))
        if len(wanted) + len(numbers) > MOST_CHUNKS:
            return
        for side in sides:
            for place in side.locate(numbers.tolist()):
                wanted += () if place is None else place.parts
    arrays[0][1].fetcher.prefetch(wanted)


def prefetch_roots(arrays: Sequence[StoredArray]) -> None:
    """Keep the first pages of the indexes of some arrays that their nodes do not have."""
    indexes = [array.node.chunks for array in arrays]
    roots = [(index.root_ref, index.height) for index in indexes if index and index.ref]
    if len(roots) > 1:
        arrays[0].fetcher.pages(roots)


def _arrays(old: StoredTable, new: StoredTable, pairs: Sequence[ColumnPair]) -> Iterator[Sides]:
    """Yield the arrays that differ and are chunked alike."""
    names = [(KEYS, KEYS), (DELETED, DELETED)]
    for pair in pairs:
        if pair.old is not None and pair.new is not None:
            suffixes = new.infos[pair.new].suffixes
            names += [(pair.old + suffix, pair.new + suffix) for suffix in suffixes]
    for old_name, new_name in names:
        a, b = old.find_source(old_name), new.find_source(new_name)
        if (
            isinstance(a, StoredArray)
            and isinstance(b, StoredArray)
            and a.node.chunks != b.node.chunks
            and a.metadata.chunk_shape == b.metadata.chunk_shape
        ):
            yield a, b


def _compared(sides: Sides, rows: int) -> ChunkNumbers:
    """Return the chunks that differ, those with the first `rows` rows, and one too many of many."""
    old, new = sides
    found = changed(old.node.chunks, new.node.chunks, new.fetcher.pages)
    numbers = np.array(list(islice(found, MOST_CHUNKS + 1)), np.int64)
    strides = chunk_strides(new.metadata.shape, new.metadata.chunk_shape)
    return numbers[numbers // strides[0] * new.metadata.chunk_shape[0] < rows]
