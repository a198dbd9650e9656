"""Reading several rows of chunks at once: fewer rounds of requests, within a bound of memory."""

from collections.abc import Iterable, Iterator

import numpy as np

from vstore.format.numbers import StoredRows
from vstore.reading.array import StoredArray

MOST_RANGES = 16
MOST_NBYTES = 32 * 2**20
"""What the values of a wave take, counted as they are stored where elements differ in size."""


def in_waves(array: StoredArray, ranges: Iterable[StoredRows]) -> Iterator[list[StoredRows]]:
    """Yield rows of an array, given by rows of chunks, as many together as are read at once.

    The first wave has one, and each next one twice as many, so that whoever stops early has
    read little.
    """
    wave: list[StoredRows] = []
    nbytes, most = 0, 1
    for rows in ranges:
        size = _nbytes(array, rows)
        if wave and (len(wave) == most or nbytes + size > MOST_NBYTES):
            yield wave
            wave, nbytes, most = [], 0, min(2 * most, MOST_RANGES)
        wave.append(rows)
        nbytes += size
    if wave:
        yield wave


def _nbytes(array: StoredArray, rows: StoredRows) -> int:
    """Return how much memory the values of some rows take, which are those of one chunk."""
    metadata = array.metadata
    if not metadata.dtype.hasobject:
        sample = int(np.prod(metadata.shape[1:], dtype=object)) * metadata.dtype.itemsize
        return sample * len(rows)
    (place,) = array.locate([int(rows[0]) // metadata.chunk_shape[0]])
    return 0 if place is None else sum(part.nbytes for part in place.parts)
