"""Random orders that are the same on every machine and with every NumPy.

Only the raw 64-bit stream of a bit generator is used, which NumPy promises to keep, and
sorting unique numbers, which can give only one result.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_MASK_64 = 2**64 - 1


def shuffled(rows: int, length: int, key: tuple[int, ...]) -> Ints:
    """Return `rows` independent random orders of `range(length)`, one per row.

    The same key gives the same orders.

    >>> shuffled(1, 5, (0,)).tolist()
    [[3, 2, 1, 0, 4]]
    """
    index_bits = np.uint64(max(length - 1, 1).bit_length())
    entropy = [part & _MASK_64 for part in key]
    raw = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(rows * length)
    keys = np.asarray(raw, np.uint64).reshape(rows, length)
    # The position in the low bits makes every number unique, so that ties cannot matter.
    keys >>= index_bits
    keys <<= index_bits
    keys |= np.arange(length, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= (np.uint64(1) << index_bits) - np.uint64(1)
    return keys.view(np.int64)
