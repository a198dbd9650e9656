"""A Zarr v3 group in a folder, an array for each column. zarr is needed for this alone."""

import math
from typing import Any, ClassVar

import numpy as np
import zarr

from vstore.exporters.exporter import Exporter
from vstore.exporters.refusals import not_held, require_all
from vstore.exporters.rows import ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.format.table.names import KEYS
from vstore.format.zarr.dtypes import STRING

_CHUNK_NBYTES = 2**20


class ZarrFolder(Exporter):
    """Columns as the arrays of a Zarr v3 group; keys, where there are any, as `sample`."""

    suffixes: ClassVar[tuple[str, ...]] = (".zarr",)

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write the arrays side by side, a batch at a time."""
        for column in rows.columns.values():
            _check(column)
        group = zarr.create_group(store=str(target.folder), attributes=dict(rows.attributes))
        arrays = {name: _create(group, column, len(rows)) for name, column in rows.columns.items()}
        keys = None
        if rows.key_kind is not None:
            dtype = "int64" if rows.key_kind == "int" else "string"
            keys = group.create_array(
                KEYS, shape=(len(rows),), chunks=(8192,), dtype=dtype, dimension_names=[KEYS]
            )
        step = max((each.chunks[0] for each in arrays.values()), default=8192)
        for batch in rows.batches(step):
            where = slice(batch.start, batch.start + len(batch))
            for name, array in arrays.items():
                array[where] = batch.values[name]
            if keys is not None:
                keys[where] = np.array([k if isinstance(k, int) else str(k) for k in batch.keys])
        target.count()


def _check(column: ExportColumn) -> None:
    is_text = column.kind.data_type == STRING
    if not is_text and (not column.kind.is_plain or column.dtype.hasobject):
        raise not_held("a Zarr group", column)
    require_all("a Zarr group", column)


def _create(group: Any, column: ExportColumn, count: int) -> Any:
    is_text = column.kind.data_type == STRING or column.dtype.kind == "T"
    sample = max(1, math.prod(length or 0 for length in column.shape) * column.dtype.itemsize)
    rows = 1024 if is_text else max(1, min(2**20, _CHUNK_NBYTES // sample))
    rest = [max(1, length or 1) for length in column.shape]
    names = [KEYS, *(f"{column.name}.{axis}" for axis in range(len(column.shape)))]
    return group.create_array(
        column.name,
        shape=(count, *column.shape),
        chunks=(rows, *rest),
        dtype="string" if is_text else column.dtype,
        attributes=dict(column.attributes),
        dimension_names=names,
    )
