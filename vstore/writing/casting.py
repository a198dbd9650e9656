"""Giving a column of a transaction another data type."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vstore.errors import InvalidInputError
from vstore.format.table.specs import ColumnSpec, as_storable
from vstore.format.zarr.conversion import as_dtype
from vstore.format.zarr.dtypes import data_type_of
from vstore.format.zarr.fill_value import coerce_fill_value
from vstore.reading.array import read
from vstore.writing.packs import PackWriter
from vstore.writing.table_arrays import TableArrays

_WAVE_ROWS = 4096


def cast_column(stored: TableArrays, name: str, dtype: DTypeLike, *, writer: PackWriter) -> None:
    """Give a column of fixed shape a wider data type, or raise `InvalidInputError`."""
    stored.settle()
    info, source, new = stored.infos[name], stored[name], as_storable(dtype)
    old = source.metadata
    if not info.kind.is_plain or not np.can_cast(old.dtype, new, "safe"):
        raise InvalidInputError(
            f"the column {name!r} holds {info.kind.name} {old.dtype}, which {new} cannot hold "
            "without loss"
        )

    def waves() -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        for start in range(0, stored.count, _WAVE_ROWS):
            rows = np.arange(start, min(start + _WAVE_ROWS, stored.count))
            yield rows, as_dtype(read(source, (rows,)), new, name=name)

    # NumPy calls some conversions safe that are not, so every value is looked at first.
    first = [values for _, values in waves()][:1]
    fill = coerce_fill_value(data_type_of(new), old.fill_value)
    spec = ColumnSpec(info, new, old.shape[1:], fill, attributes=dict(old.attributes))
    with writer.uninterrupted():
        stored.replace_column(name, spec, first[0] if first else np.zeros(0, new))
        for rows, values in waves():
            stored.write_rows(name, rows, values)
