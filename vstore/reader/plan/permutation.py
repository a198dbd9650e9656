"""Random orders that are the same on every machine and with every NumPy.

Only the raw 64-bit stream of a bit generator is used, which NumPy promises to keep, and
sorting unique numbers, which can give only one result.
"""

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Ints

_MASK_64 = 2**64 - 1


def shuffled(rows: int, length: int, key: tuple[int, ...]) -> Ints:
    """Return `rows` independent random orders of `range(length)`, one per row.

    The same key gives the same orders.

    >>> shuffled(1, 5, (0,)).tolist()
    [[3, 2, 1, 0, 4]]
    """
    index_bits = np.uint64(max(length - 1, 1).bit_length())
    keys = _raw(rows * length, key).reshape(rows, length)
    # The position in the low bits makes every number unique, so that ties cannot matter.
    keys >>= index_bits
    keys <<= index_bits
    keys |= np.arange(length, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= (np.uint64(1) << index_bits) - np.uint64(1)
    return keys.view(np.int64)


def fractions(count: int, key: tuple[int, ...]) -> NDArray[np.float64]:
    """Return random numbers of at least 0 and less than 1, the same for the same key.

    >>> fractions(3, (0,)).round(3).tolist()
    [0.637, 0.27, 0.041]
    """
    return (_raw(count, key) >> np.uint64(11)) * np.float64(2.0**-53)


def _raw(count: int, key: tuple[int, ...]) -> NDArray[np.uint64]:
    entropy = [part & _MASK_64 for part in key]
    raw = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(count)
    return np.asarray(raw, np.uint64)
