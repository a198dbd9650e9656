"""Attributes of other formats as vstore holds them: what JSON has, NaN and the infinities."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from vstore.errors import VstoreError
from vstore.format.zarr.attributes import plain_attributes

FILL_VALUE = "_FillValue"


def held_attributes(
    found: Mapping[str, Any], dtype: Any = None, *, unwraps: bool = False
) -> dict[str, Any]:
    """Return attributes as they can be stored; those that cannot, such as references, are left out.

    `_FillValue`, which says what stands for missing values, is written as xarray writes it
    into Zarr, so that xarray finds the same values missing.

    Args:
        found: the attributes, as NumPy has them.
        dtype: the data type of the array that they are of; None for a group.
        unwraps: whether arrays of one number stand for the number, as in NetCDF.

    >>> held_attributes({"unit": b"K", "range": np.array([0, 1], "f4"), "n": np.array([3])})
    {'unit': 'K', 'range': [0.0, 1.0], 'n': [3]}
    >>> held_attributes({"_FillValue": np.float32(-1)}, np.dtype("f4"))
    {'_FillValue': 'AAAAAAAA8L8='}
    """
    made: dict[str, Any] = {}
    for name, value in found.items():
        plain = _plain(value, unwraps=unwraps or name == FILL_VALUE)
        if name == FILL_VALUE and dtype is not None:
            plain = _fill_value(plain, np.dtype(dtype))
            if plain is None:
                continue
        try:
            made.update(plain_attributes({str(name): plain}))
        except VstoreError:
            continue
    return made


def _plain(value: Any, *, unwraps: bool) -> Any:
    if isinstance(value, np.ndarray) and unwraps and value.size == 1:
        value = value.reshape(())[()]
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return _decoded(plain)


def _decoded(plain: Any) -> Any:
    if isinstance(plain, bytes):
        return plain.rstrip(b"\0").decode("utf-8", "replace")
    return list(map(_decoded, plain)) if isinstance(plain, list) else plain


def _fill_value(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fill value as xarray writes it into Zarr; None where it writes none."""
    if isinstance(value, bool | str) or not isinstance(value, int | float | complex):
        return value if dtype.kind in "TU" and isinstance(value, str) else None
    if dtype.kind == "f":
        return _packed(float(value)) if not isinstance(value, complex) else None
    if dtype.kind in "iu" and not isinstance(value, complex) and value == value:
        return int(value)
    return None


def _packed(value: float) -> str:
    return base64.standard_b64encode(struct.pack("<d", value)).decode()
