"""Arrow's formats: Parquet and Feather. pyarrow is needed for these alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.exporters.exporter import Exporter
from vstore.exporters.refusals import not_held
from vstore.exporters.rows import ExportBatch, ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.format.table.names import KEYS
from vstore.format.zarr.dtypes import STRING

FIELD = b"vstore"
"""What a column is, as JSON, in the metadata of its field."""

_TIMES = ("s", "ms", "us", "ns")


class Parquet(Exporter):
    """Columns as Parquet; images and sounds as their files, keys as the column `sample`."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    options: ClassVar = {
        "compression": (str, "zstd", "how columns are compressed: zstd, snappy, gzip, none")
    }

    def write(
        self, rows: ExportRows, target: Target, *, compression: str = "zstd", **_: Any
    ) -> None:
        """Write row groups, a batch each."""
        schema = schema_of(rows)
        with (
            _refused("Parquet"),
            target.open() as file,
            pq.ParquetWriter(file, schema, compression=compression) as made,
        ):
            for table in tables(rows, schema):
                made.write_table(table)


class Feather(Exporter):
    """Columns as an Arrow IPC file, which Feather 2 is."""

    suffixes: ClassVar[tuple[str, ...]] = (".feather", ".arrow")

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write record batches."""
        schema = schema_of(rows)
        with _refused("Arrow"), target.open() as file, pa.ipc.new_file(file, schema) as made:
            for table in tables(rows, schema):
                made.write_table(table)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Raise `InvalidInputError` for what pyarrow refuses, such as times out of its range."""
    try:
        yield
    except (pa.ArrowException, OverflowError) as exc:
        raise InvalidInputError(
            f"{what} cannot hold the samples: {exc}",
            code="column-not-exported",
            hint="choose other columns, or another format",
        ) from exc


def schema_of(rows: ExportRows) -> Any:
    """Return the Arrow schema of some columns.

    Raises:
        InvalidInputError: Arrow does not hold such a column.
    """
    fields = [_field(column) for column in rows.columns.values()]
    if rows.key_kind is not None:
        kind = pa.int64() if rows.key_kind == "int" else pa.string()
        told = {FIELD: json.dumps({"keys": rows.key_kind})}
        fields.insert(0, pa.field(KEYS, kind, nullable=False, metadata=told))
    return pa.schema(fields)


def _field(column: ExportColumn) -> Any:
    if column.kind.data_type == STRING:
        kind = pa.string()
    elif column.kind.is_collection:
        kind = pa.list_(pa.string())
    elif column.has_files:
        kind = pa.binary()
    else:
        kind = _leaf(column)
        for length in reversed(column.shape):
            if length == 0:
                raise not_held("Arrow", column)
            kind = pa.list_(kind) if length is None else pa.list_(kind, length)
    told = msgspec.to_builtins(column.info)
    told.pop("id", None)
    dtype = None if column.dtype.hasobject else np.lib.format.dtype_to_descr(column.dtype)
    said = json.dumps(
        {"column": told, "dtype": dtype, "attributes": dict(column.attributes)}, default=str
    )
    may_be_null = column.info.optional or column.dtype.kind in "mM"  # NaT is null in Arrow
    return pa.field(column.name, kind, nullable=may_be_null, metadata={FIELD: said})


def _leaf(column: ExportColumn) -> Any:
    """Return the Arrow type of the elements of arrays."""
    dtype = column.dtype
    if dtype.kind == "T":
        return pa.string()
    if dtype.names is None and dtype.kind in "biuf" and dtype.itemsize <= 8:
        return pa.from_numpy_dtype(dtype)
    if dtype.kind in "mM" and np.datetime_data(dtype) in {(unit, 1) for unit in _TIMES}:
        return pa.from_numpy_dtype(dtype)
    raise not_held("Arrow", column)


def tables(rows: ExportRows, schema: Any) -> Iterator[Any]:
    """Yield Arrow tables of a schema, one for each batch."""
    for batch in rows.batches():
        arrays = [_array(column, schema.field(column.name).type, batch)
                  for column in rows.columns.values()]  # fmt: skip
        if rows.key_kind is not None:
            keys = [json.dumps(k) if isinstance(k, tuple) else k for k in batch.keys]
            arrays.insert(0, pa.array(keys, schema.field(KEYS).type))
        yield pa.Table.from_arrays(arrays, schema=schema)


def _array(column: ExportColumn, kind: Any, batch: ExportBatch) -> Any:
    if not column.kind.is_plain and not (column.kind.is_ragged and not column.has_files):
        return pa.array(batch.samples(column.name), kind)
    values, valid = batch.values[column.name], batch.valid[column.name]
    if column.kind.is_plain:
        shapes = np.tile(np.array(column.shape, np.int64), (len(batch), 1))
        return _nested(values.reshape(-1), shapes, column, ~valid)
    unset = np.array([length or 0 for length in column.shape], np.int64)
    rank = len(column.shape)
    samples = [np.zeros(unset, column.dtype) if s is None else s
               for s in batch.samples(column.name)]  # fmt: skip
    shapes = np.array([each.shape for each in samples], np.int64).reshape(-1, rank)
    flat = np.concatenate([np.zeros(0, column.dtype), *(each.ravel() for each in samples)])
    return _nested(flat.astype(column.dtype), shapes, column, ~valid)


def _nested(
    flat: NDArray[Any], shapes: NDArray[np.int64], column: ExportColumn, absent: NDArray[np.bool_]
) -> Any:
    """Return elements as lists of lists, as deep as samples have axes."""
    mask = pa.array(absent) if absent.any() else None
    leaf = _leaf(column)
    if flat.dtype.kind == "T":
        flat = flat.astype(object)
    if not column.shape:
        return pa.array(flat, leaf, mask=absent if absent.any() else None, from_pandas=False)
    array = pa.array(flat, leaf, from_pandas=False)
    for axis in reversed(range(len(column.shape))):
        own = mask if axis == 0 else None
        length = column.shape[axis]
        if length is not None:
            array = pa.FixedSizeListArray.from_arrays(array, length, mask=own)
            continue
        counts = np.repeat(shapes[:, axis], shapes[:, :axis].prod(axis=1))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        array = pa.ListArray.from_arrays(pa.array(offsets), array, mask=own)
    return array
