"""What an array of whole numbers counts: places of samples, of rows, of chunks.

All of them are arrays of int64 with one axis. The names say which number a function takes and
which it returns, since a type checker does not tell them apart.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = NDArray[np.int64]
"""Places among what users see: samples of a table that are not deleted, from 0 on without gaps.

`Rows` turns them into stored rows and back. Of a plain array, places along one axis.
"""

StoredRows: TypeAlias = NDArray[np.int64]
"""Rows of the arrays that a table is stored in, deleted samples counted."""

ChunkNumbers: TypeAlias = NDArray[np.int64]
"""Numbers of the chunks of one array, as its index counts them; of a column, by rows alone."""

Ints: TypeAlias = NDArray[np.int64]
"""Whole numbers that are none of these: counts, sizes, places in another array."""


def ascending(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers ascending, each once: as they are where that is so, which costs little.

    >>> ascending(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    is_ascending = (numbers[1:] > numbers[:-1]).all()
    return numbers if is_ascending else np.unique(numbers)
