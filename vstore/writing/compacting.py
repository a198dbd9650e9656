"""How many rows the chunks of a column should have, once its samples are known to be otherwise.

A column's rows per chunk follow from its first samples. Later ones may be a thousand times
larger: then a chunk would take gigabytes.
"""

import numpy as np
from numpy.typing import NDArray

from vstore.reading.array import read
from vstore.writing.new_column import OBJECT_NBYTES, rows_per_chunk
from vstore.writing.staged_array import StagedArray

HEAVY_NBYTES = 8 * 2**20
"""What a chunk takes at most, where that does not make the others too small."""

LIGHT = 8
"""How many times smaller than a chunk is meant to be the mean one may become."""

_WAVE_ROWS = 4096


def fitting_rows(array: StagedArray) -> int:
    """Return how many rows the chunks of an array of variable-length elements should have.

    Never more than they have: that may have been somebody's choice.
    """
    rows = array.metadata.chunk_shape[0]
    sizes = _sizes(array)
    if not len(sizes):
        return rows
    mean = rows_per_chunk(OBJECT_NBYTES + float(sizes.mean()))
    while rows > max(1, mean // LIGHT) and _heaviest(sizes, rows) > HEAVY_NBYTES:
        rows //= 2
    return rows


def _heaviest(sizes: NDArray[np.int64], rows: int) -> int:
    return int(np.add.reduceat(sizes, np.arange(0, len(sizes), rows)).max())


def _sizes(array: StagedArray) -> NDArray[np.int64]:
    count = array.metadata.shape[0]
    found = np.zeros(count, np.int64)
    for start in range(0, count, _WAVE_ROWS):
        elements = read(array, (slice(start, min(start + _WAVE_ROWS, count)),))
        found[start : start + len(elements)] = list(map(len, elements.tolist()))
    return found
