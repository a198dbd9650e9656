"""From what a column is to hold, and its first samples, to the metadata of its arrays."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vstore.errors import InvalidInputError
from vstore.format.index import MAX_HEIGHT, span
from vstore.format.object_keys import check_node_name
from vstore.format.table.kinds import NDARRAY, TEXT, ColumnInfo, reserved_suffixes
from vstore.format.table.names import KEYS
from vstore.format.table.specs import ColumnSpec, as_storable
from vstore.format.zarr.attributes import plain_attributes
from vstore.format.zarr.codec_choice import Sampled, choose, preset
from vstore.format.zarr.dtypes import data_type_of
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_strides

CHUNK_NBYTES = 2**20
"""How much one chunk of a column holds, before encoding, about."""

SMALL_CHUNK_NBYTES = 2 * CHUNK_NBYTES
"""The same with the preset `small`: the codec finds more in more data."""

MAX_ROWS = 2**20

MAX_KEYS = 2**13
"""How many keys a chunk holds at most."""

OBJECT_NBYTES = 64
"""What a variable-length sample counts for besides its own bytes: it is a Python object."""


def rows_per_chunk(row_nbytes: float, chunk_nbytes: int = CHUNK_NBYTES) -> int:
    """Return the power of two that comes nearest to `chunk_nbytes` without passing 1.5 of it.

    >>> rows_per_chunk(784), rows_per_chunk(8), rows_per_chunk(0)
    (1024, 131072, 1048576)
    """
    if row_nbytes <= 0:
        return MAX_ROWS
    rows = max(1, int(1.5 * chunk_nbytes / row_nbytes))
    return int(min(MAX_ROWS, 1 << (rows.bit_length() - 1)))


def column_metadata(spec: ColumnSpec, first: NDArray[Any], *, name: str) -> ArrayMetadata:
    """Return the metadata of a new column's array, from its first values as they are stored.

    Raises:
        InvalidInputError: an option of the column is impossible.
    """
    kind = spec.info.kind
    if not kind.is_plain:
        data_type: Any = kind.data_type
        sizes = [len(element) for element in first[:1024]]
        row_nbytes = OBJECT_NBYTES + (float(np.mean(sizes)) if sizes else 0.0)
        shape: tuple[int, ...] = ()
    else:
        data_type = data_type_of(spec.dtype)
        shape = tuple(length or 0 for length in spec.shape)
        row_nbytes = math.prod(max(1, length) for length in shape) * spec.dtype.itemsize
    rows = spec.rows_per_chunk
    if rows is None:
        is_small = spec.codecs == "small" and kind.is_plain
        rows = rows_per_chunk(row_nbytes, SMALL_CHUNK_NBYTES if is_small else CHUNK_NBYTES)
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


def check_spec(spec: ColumnSpec, name: str) -> None:
    """Raise `InvalidInputError` unless a column can be made as described."""
    if spec.attributes is not None:
        plain_attributes(spec.attributes, what=f"attributes of the column {name!r}")
    try:
        column_metadata(spec, np.zeros(0, spec.dtype), name=name)
    except InvalidInputError as exc:
        raise InvalidInputError(
            f"the column {name!r}: {exc}", code=exc.code, hint=exc.hint, **exc.fields
        ) from exc


def check_column_name(name: str) -> None:
    """Raise `InvalidInputError` unless a column may be called `name`."""
    check_node_name(name, what="column")
    if name == KEYS or name.endswith(reserved_suffixes()):
        raise InvalidInputError(
            f"the column name {name!r} is reserved by vstore", hint="choose another name"
        )


def check_specs(columns: Mapping[str, ColumnSpec]) -> None:
    """Raise `InvalidInputError` unless a table may be made of these columns."""
    if not isinstance(columns, Mapping):
        raise InvalidInputError(f"columns are a mapping of names to columns; got {columns!r}")
    if not columns:
        raise InvalidInputError("a table needs at least one column")
    for name, spec in columns.items():
        check_column_name(name)
        if not isinstance(spec, ColumnSpec):
            raise InvalidInputError(
                f"the column {name!r} is described by vstore.ndarray, text or another; got {spec!r}"
            )
        check_spec(spec, name)


def array_metadata(
    shape: Sequence[int], dtype: DTypeLike, *, chunk_shape: Sequence[int] | None, **options: Any
) -> ArrayMetadata:
    """Return the metadata of a new plain array; see `ArrayMetadata.create` for the options.

    Raises:
        InvalidInputError: an option is impossible.
    """
    resolved = as_storable(dtype)
    lengths = _lengths(shape, "shape")
    if chunk_shape is None:
        chunk_shape = default_chunk_shape(lengths, resolved.itemsize)
    metadata = ArrayMetadata.create(
        shape=lengths, dtype=resolved, chunk_shape=_lengths(chunk_shape, "chunk_shape"), **options
    )
    grid = metadata.grid_shape
    if grid and grid[0] * chunk_strides(lengths, metadata.chunk_shape)[0] > span(MAX_HEIGHT):
        raise InvalidInputError(
            f"an array of {grid} chunks is too large", hint="choose larger chunks"
        )
    return metadata


def _lengths(lengths: Any, what: str) -> tuple[int, ...]:
    try:
        return tuple(operator.index(length) for length in lengths)
    except TypeError as exc:
        raise InvalidInputError(f"{what} is a tuple of integers, not {lengths!r}") from exc


def keys_metadata(first: NDArray[Any]) -> ArrayMetadata:
    """Return the metadata of the array of a table's keys, from the first of them.

    Its chunks are small, for looking up a key reads one.
    """
    spec = ColumnSpec(ColumnInfo((NDARRAY if first.dtype == np.int64 else TEXT).name), first.dtype)
    metadata = column_metadata(spec, first, name=KEYS)
    if metadata.chunk_shape[0] <= MAX_KEYS:
        return metadata
    return column_metadata(replace(spec, rows_per_chunk=MAX_KEYS), first, name=KEYS)


def companion_metadata(name: str, shape: Sequence[int], dtype: Any, rows: int) -> ArrayMetadata:
    """Return the metadata of an array that a table keeps next to its columns."""
    names = ("sample", *(f"{name}_{i}" for i in range(len(shape))))
    return ArrayMetadata.create(
        shape=(0, *shape),
        dtype=dtype,
        chunk_shape=(rows, *(max(1, length) for length in shape)),
        codecs=preset("balanced", dtype),
        dimension_names=names,
    )


def _check_rows(rows: Any, name: str) -> None:
    if type(rows) is not int or rows < 1 or rows & (rows - 1):
        raise InvalidInputError(
            f"rows_per_chunk of the column {name!r} must be a power of two, not {rows!r}"
        )


def _codecs(
    spec: ColumnSpec, first: NDArray[Any], rows: int, data_type: Any
) -> Sequence[dict[str, Any]]:
    if not isinstance(spec.codecs, str):
        if not isinstance(spec.codecs, Sequence):
            raise InvalidInputError(
                f"codecs are the name of a preset or a list of codec documents, not {spec.codecs!r}"
            )
        return tuple(spec.codecs)
    if spec.codecs not in get_args(Sampled):
        return preset(spec.codecs, data_type)  # type: ignore[arg-type]
    if not first.size:
        return preset("balanced", data_type)
    chosen = choose(first[:rows], spec.codecs, fill_value=spec.fill_value)  # type: ignore[arg-type]
    # A chunk is stored whole: what it does not hold yet takes space unless it is compressed.
    is_raw = len(chosen) == 1 and len(first) < rows
    return preset("fast", data_type) if is_raw else chosen


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
