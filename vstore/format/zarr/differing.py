"""Which rows or elements of two arrays differ, bit for bit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.numbers import Ints

Mask = NDArray[np.bool_]


def differing_rows(old: NDArray[Any], new: NDArray[Any]) -> Ints:
    """Return the indices along the first axis at which two arrays of one shape differ.

    NaN equals itself, and zero differs from negative zero.

    >>> differing_rows(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]]))
    array([1])
    """
    differing = differing_elements(old, new)
    return np.flatnonzero(differing.any(axis=tuple(range(1, differing.ndim))))


def differing_elements(old: NDArray[Any], new: NDArray[Any]) -> Mask:
    """Return which elements of two arrays of one shape and data type differ, bit for bit."""
    if old.dtype.hasobject:
        pairs = zip(old.ravel(), new.ravel(), strict=True)
        flags = np.fromiter((a != b for a, b in pairs), bool, old.size)
        return flags.reshape(old.shape)
    if old.dtype.itemsize in (1, 2, 4, 8):
        bits = f"u{old.dtype.itemsize}"
        mask: Mask = _as_bits(old, bits) != _as_bits(new, bits)
        return mask
    width = old.dtype.itemsize
    if width == 0:
        return np.zeros(old.shape, bool)
    a, b = (_as_bits(side, "u1").reshape(*side.shape, width) for side in (old, new))
    return np.asarray((a != b).any(axis=-1))


def _as_bits(array: NDArray[Any], bits: str) -> NDArray[Any]:
    contiguous = np.ascontiguousarray(array).reshape(array.shape)
    if bits == "u1" and array.dtype.itemsize != 1:
        return np.frombuffer(contiguous.tobytes(), np.uint8)
    return contiguous.view(bits)
