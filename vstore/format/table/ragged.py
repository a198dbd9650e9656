"""Arrays that differ in shape to bytes and back."""

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


def decode_ragged(
    element: bytes, dtype: np.dtype[Any], expected: Shape, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Return the array of a shape whose elements are given as bytes.

    Raises:
        FormatError: the bytes are not an array of that shape, or the column holds none such.
    """
    count = int(np.prod(shape, dtype=object))
    fits = all(want in (None, got) for want, got in zip(expected, shape, strict=True))
    if not fits or min(shape, default=0) < 0 or count * dtype.itemsize != len(element):
        raise FormatError(f"a sample of {len(element)} bytes cannot have the shape {shape}")
    stored = np.frombuffer(element, dtype.newbyteorder("<")).reshape(shape)
    return stored.astype(dtype)
