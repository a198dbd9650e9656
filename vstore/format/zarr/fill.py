"""Whether a chunk is nothing but its fill value, bit for bit."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_WORDS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def is_fill(chunk: NDArray[Any], fill_value: Any) -> bool:
    """Return whether every element has the bits of the fill value.

    Zero is not minus zero, and NaNs are equal only to themselves; so leaving such a chunk out
    changes no bit. The chunk's dtype is the array's, in native byte order.
    """
    if chunk.size == 0:
        return True
    if chunk.dtype.hasobject:
        return all(value == fill_value for value in chunk.flat)
    fill = np.array(fill_value, chunk.dtype).reshape(1)
    if not _is_equal(chunk[(0,) * chunk.ndim], fill) or not _is_equal(
        chunk[(-1,) * chunk.ndim], fill
    ):
        return False
    word = _WORDS.get(chunk.dtype.itemsize)
    if word is not None and chunk.dtype.names is None:
        bits = fill.view(word)[0]
        return bool((chunk.view(word) == bits).all()) if bits else not chunk.view(word).any()
    rows = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).reshape(chunk.size, -1)
    pattern = fill.view(np.uint8)
    return bool((rows == pattern).all()) if pattern.any() else not rows.any()


def _is_equal(element: Any, fill: NDArray[Any]) -> bool:
    return bool(np.array(element, fill.dtype).tobytes() == fill.tobytes())
