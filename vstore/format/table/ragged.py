"""Arrays that differ in shape to bytes and back."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.conversion import as_dtype

Shape = tuple[int | None, ...]
"""The shape of a sample; None for an axis of any length."""


def encode_ragged(sample: Any, dtype: np.dtype[Any], expected: Shape, *, name: str) -> bytes:
    """Return the elements of an array, little endian and in C order.

    Raises:
        InvalidInputError: the array has another data type or shape.
    """
    array = as_dtype(sample, dtype, name=name)
    fits = array.ndim == len(expected) and all(
        want is None or want == got for want, got in zip(expected, array.shape, strict=True)
    )
    if not fits:
        msg = f"the column {name!r} holds samples of shape {expected}; got one of {array.shape}"
        raise InvalidInputError(msg)
    return array.astype(dtype.newbyteorder("<"), order="C").tobytes()


def set_shapes(expected: Shape, shapes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the shapes of samples where those that nobody set are given as zeros.

    A sample that nobody set has no elements: axes of any length are 0 long, and the others as
    long as the column says.

    >>> set_shapes((None, 4), np.array([[0, 0], [2, 4]])).tolist()
    [[0, 4], [2, 4]]
    """
    unset = np.array([length or 0 for length in expected], np.int64)
    is_set = shapes.any(axis=-1, keepdims=True)
    return np.where(is_set, shapes, unset)


def decode_ragged(
    element: bytes, dtype: np.dtype[Any], expected: Shape, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Return the array of a shape whose elements are given as bytes.

    Raises:
        FormatError: the bytes are not an array of that shape, or the column holds none such.
    """
    if not element and not any(shape):
        shape = tuple(length or 0 for length in expected)
    fits = all(want in (None, got) for want, got in zip(expected, shape, strict=True))
    nbytes = math.prod(shape) * dtype.itemsize
    if not fits or min(shape, default=0) < 0 or nbytes != len(element):
        raise FormatError(f"a sample of {len(element)} bytes cannot have the shape {shape}")
    stored: NDArray[Any] = np.ndarray(shape, dtype.newbyteorder("<"), element)
    return stored.astype(dtype)
