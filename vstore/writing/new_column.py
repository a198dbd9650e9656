"""From what a column is to hold, and its first samples, to the metadata of its arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.codecs import choose, preset
from vstore.format.dtypes import data_type_of
from vstore.format.metadata import ArrayMetadata
from vstore.format.samples import ColumnSpec, is_variable

CHUNK_NBYTES = 2**20
"""How much one chunk of a column holds, before encoding, about."""

MAX_ROWS = 2**20

OBJECT_NBYTES = 64
"""What a variable-length sample counts for beside its own bytes: it is a Python object."""


def rows_per_chunk(row_nbytes: float) -> int:
    """Return the power of two that comes nearest to `CHUNK_NBYTES` without passing 1.5 of it.

    >>> rows_per_chunk(784), rows_per_chunk(8), rows_per_chunk(0)
    (1024, 131072, 1048576)
    """
    if row_nbytes <= 0:
        return MAX_ROWS
    rows = max(1, int(1.5 * CHUNK_NBYTES / row_nbytes))
    return int(min(MAX_ROWS, 1 << (rows.bit_length() - 1)))


def column_metadata(spec: ColumnSpec, first: NDArray[Any], *, name: str) -> ArrayMetadata:
    """Return the metadata of a new column's array, from its first values as they are stored.

    Raises:
        InvalidInputError: an option of the column is impossible.
    """
    if is_variable(spec.info):
        data_type: Any = "string" if spec.info.kind == "text" else "variable_length_bytes"
        sizes = [len(element) for element in first[:1024]]
        row_nbytes = OBJECT_NBYTES + (float(np.mean(sizes)) if sizes else 0.0)
        shape: tuple[int, ...] = ()
    else:
        data_type = data_type_of(spec.dtype)
        shape = tuple(length or 0 for length in spec.shape)
        row_nbytes = int(np.prod(shape, dtype=object)) * spec.dtype.itemsize
    rows = spec.rows_per_chunk or rows_per_chunk(row_nbytes)
    _check_rows(rows, name)
    return ArrayMetadata.create(
        shape=(0, *shape),
        dtype=data_type,
        chunk_shape=(rows, *(max(1, length) for length in shape)),
        codecs=_codecs(spec, first, rows, data_type),
        fill_value=spec.fill_value,
        dimension_names=("sample", *(f"{name}_{i}" for i in range(len(shape)))),
        attributes=spec.attributes or {},
    )


def companion_metadata(name: str, shape: Sequence[int], dtype: Any, rows: int) -> ArrayMetadata:
    """Return the metadata of an array that a table keeps beside its columns."""
    names = ("sample", *(f"{name}_{i}" for i in range(len(shape))))
    return ArrayMetadata.create(
        shape=(0, *shape),
        dtype=dtype,
        chunk_shape=(rows, *(max(1, length) for length in shape)),
        codecs=preset("balanced", dtype),
        dimension_names=names,
    )


def _check_rows(rows: Any, name: str) -> None:
    if not isinstance(rows, int) or rows < 1 or rows & (rows - 1):
        raise InvalidInputError(
            f"rows_per_chunk of the column {name!r} must be a power of two, not {rows!r}"
        )


def _codecs(
    spec: ColumnSpec, first: NDArray[Any], rows: int, data_type: Any
) -> Sequence[dict[str, Any]]:
    if not isinstance(spec.codecs, str):
        return tuple(spec.codecs)
    if spec.codecs != "auto":
        return preset(spec.codecs, data_type)  # type: ignore[arg-type]
    return choose(first[:rows]) if first.size else preset("balanced", data_type)


def default_chunk_shape(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return a chunk shape of about `CHUNK_NBYTES`, halving the longest axis until it fits.

    >>> default_chunk_shape((1000, 1000), 8)
    (250, 500)
    """
    chunk = [max(1, int(length)) for length in shape]
    while int(np.prod(chunk, dtype=object)) * itemsize > CHUNK_NBYTES and max(chunk) > 1:
        axis = int(np.argmax(chunk))
        chunk[axis] = -(-chunk[axis] // 2)
    return tuple(chunk)
