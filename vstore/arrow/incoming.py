"""Arrow in: batches of columns as tables take them, and columns that a schema describes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vstore.arrow import conventions
from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKindName
from vstore.format.table.specs import ColumnSpec, bytes_, image, ndarray, text, texts
from vstore.format.zarr.dtypes import STRING, dtype_from
from vstore.optional import needed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa
    from pyarrow import types as kinds


def reader_of(samples: Any) -> "pa.RecordBatchReader":
    """Return what gives record batches as a reader of them.

    Raises:
        InvalidInputError: it gives none.
    """
    if isinstance(samples, pa.RecordBatchReader):
        return samples
    if isinstance(samples, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(samples.schema, [samples])
    if hasattr(samples, "to_batches") and hasattr(samples, "scanner"):
        return samples.scanner().to_reader()
    if hasattr(samples, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(samples)
    if not hasattr(samples, "__arrow_c_array__"):
        raise InvalidInputError(
            f"data with an Arrow stream was expected, not {type(samples).__name__}"
        )
    batch = pa.record_batch(samples)
    return pa.RecordBatchReader.from_batches(batch.schema, [batch])


def batches_of(samples: Any) -> Iterator[dict[str, Any]]:
    """Yield what gives record batches as mappings of column names to values."""
    reader = reader_of(samples)
    _require_names(reader.schema)
    for batch in reader:
        yield {field.name: _values(batch.column(i), field) for i, field in enumerate(batch.schema)}


class Incoming:
    """Samples that are to become a table, read once; `keys` is the column of their keys."""

    def __init__(self, samples: Any, *, keys: str | None) -> None:
        self._reader = reader_of(samples)
        names = self._reader.schema.names
        _require_names(self._reader.schema)
        if keys is not None and (keys not in names or (keys != KEYS and KEYS in names)):
            raise InvalidInputError(
                f"the keys are to be the column {keys!r}; the columns are {names}"
            )
        self._keys = keys or KEYS

    @property
    def key_kind(self) -> KeyKindName | None:
        """How the samples are named; None where they have no keys."""
        schema = self._reader.schema
        return key_kind_of(schema.field(self._keys)) if self._keys in schema.names else None

    def specs(self, overrides: Mapping[str, ColumnSpec]) -> dict[str, ColumnSpec]:
        """Return what the columns hold, without the keys."""
        schema = self._reader.schema
        rest = pa.schema([field for field in schema if field.name != self._keys])
        return column_specs(rest, **overrides)

    def batches(self) -> Iterator[dict[str, Any]]:
        """Yield the samples, each batch with its keys as `sample`."""
        for batch in batches_of(self._reader):
            if self._keys in batch:
                batch[KEYS] = batch.pop(self._keys)
            yield batch


def _require_names(schema: "pa.Schema") -> None:
    twice = {name for name in schema.names if schema.names.count(name) > 1}
    if twice:
        raise InvalidInputError(f"several columns are called {', '.join(map(repr, twice))}")


def _values(array: "pa.Array", field: "pa.Field") -> Any:
    """Return a column as a table takes it; one that came from a table as it was there."""
    metadata = field.metadata or {}
    if field.name == KEYS and _is_json(field):
        held = array.storage if isinstance(array, pa.ExtensionArray) else array
        return [tuple(json.loads(each)) for each in held.to_pylist()]
    is_meant = conventions.is_by_convention(field.type) and not kinds.is_timestamp(field.type)
    is_ours = b"vstore.dtype" in metadata and metadata.get(b"vstore.kind") in _OF_VSTORE
    if is_meant or not is_ours:
        return array
    dtype = dtype_from(json.loads(metadata[b"vstore.dtype"]))
    if dtype.kind in "cVSU":
        return _of_dtype(array, json.loads(metadata[b"vstore.shape"]), dtype)
    if dtype.kind not in "mM" or metadata.get(b"vstore.optional") != b"false":
        return array
    return _times(array, dtype)


_OF_VSTORE = (b"ndarray", b"ragged")


def _times(array: "pa.Array", dtype: np.dtype[Any]) -> Any:
    """Return times that are never missing: what is null is not a time."""
    if array.type == pa.int64():
        return array.fill_null(np.iinfo(np.int64).min).to_numpy().view(dtype)
    return array.to_numpy(zero_copy_only=False) if kinds.is_temporal(array.type) else array


def _of_dtype(array: "pa.Array", shape: Sequence[int | None], dtype: np.dtype[Any]) -> Any:
    """Return samples whose elements Arrow has no type of their own for."""
    if None in shape:
        return [
            _sample(each.values, shape, dtype) if each.is_valid else None
            for each in (array[i] for i in range(len(array)))
        ]
    count, missing = len(array), array.is_null().to_pylist() if array.null_count else None
    for length in shape:
        array = array.values.slice(array.offset * (length or 0), len(array) * (length or 0))
    samples = _flat(array, dtype).reshape(count, *(length or 0 for length in shape))
    if missing is None:
        return samples
    return [None if gone else sample for sample, gone in zip(samples, missing, strict=True)]


def _sample(array: "pa.Array", shape: Sequence[int | None], dtype: np.dtype[Any]) -> Any:
    """Return one sample, whose shape differs from that of others."""
    if len(shape) == 1:
        return _flat(array, dtype)
    parts = [_sample(array[i].values, shape[1:], dtype) for i in range(len(array))]
    empty = np.zeros((0, *(length or 0 for length in shape[1:])), dtype)
    return np.stack(parts) if parts else empty


def _flat(array: "pa.Array", dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return elements, shape (n,), in a data type; those that are null are anything."""
    if dtype.names is not None:
        found = np.zeros(len(array), dtype)
        for name, field in zip(dtype.names, array.flatten(), strict=True):
            found[name] = _flat(field, dtype[name])
        return found
    if dtype.kind == "c":
        parts = array.values.slice(2 * array.offset, 2 * len(array))
        return np.ascontiguousarray(parts.to_numpy(zero_copy_only=False)).view(dtype)
    if dtype.kind in "mM":
        return np.asarray(_times(array, dtype)).astype(dtype, copy=False)
    if dtype.kind in "VSU":
        nothing = "" if dtype.kind == "U" else bytes(dtype.itemsize)
        return np.array([nothing if x is None else x for x in array.to_pylist()], dtype)
    # With nulls NumPy would get floats, in which large integers are rounded.
    if array.null_count:
        array = array.fill_null(pa.scalar(False if dtype.kind == "b" else 0, array.type))
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(dtype, copy=False)


def _is_json(field: "pa.Field") -> bool:
    is_tuple = (field.metadata or {}).get(b"vstore.key") == b"tuple"
    return is_tuple or getattr(field.type, "extension_name", "") == "arrow.json"


# Schemas ----------------------------------------------------------------------------------


@exported_from("vstore.arrow")
def column_specs(schema: Any, **overrides: ColumnSpec) -> dict[str, ColumnSpec]:
    """Return descriptions of the columns that a schema has, in its order.

    Columns that may be null are optional; lists of one length and tensors have a shape, lists
    that differ are ragged, and lists of text are `texts`. Decimals and times of day are integers,
    and moments with a zone moments in UTC, with an attribute that says so. A column `sample` is
    left out: it holds the keys of samples.

    Args:
        schema: a schema of Arrow, or whatever has one: a table, a dataset, a frame of Polars.
        **overrides: descriptions to take in the place of those that would follow.

    Raises:
        InvalidInputError: a column has a type that a table does not hold.

    >>> import pyarrow as pa
    >>> specs = column_specs(pa.schema({"x": pa.list_(pa.float32(), 3), "t": pa.string()}))
    >>> specs["x"].shape, specs["t"].info.optional
    ((3,), True)
    """
    found = schema_of(schema)
    _require_names(found)
    unknown = overrides.keys() - set(found.names)
    if unknown:
        raise InvalidInputError(f"there is no such column: {sorted(unknown)}")
    specs = {}
    for field in found:
        if field.name != KEYS:
            specs[field.name] = overrides.get(field.name) or _spec(field)
    return specs


def schema_of(given: Any) -> "pa.Schema":
    """Return the schema of whatever has one."""
    if isinstance(given, pa.Schema):
        return given
    own = getattr(given, "schema", None)
    if isinstance(own, pa.Schema):
        return own
    if hasattr(given, "__arrow_c_schema__"):
        return pa.schema(given)
    if hasattr(given, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(given).schema
    raise InvalidInputError(f"a schema of Arrow was expected, not {type(given).__name__}")


def key_kind_of(field: "pa.Field") -> KeyKindName:
    """Return how samples are named whose keys are a column of Arrow.

    Raises:
        InvalidInputError: its elements name no samples.
    """
    if _is_json(field):
        return "tuple"
    if kinds.is_integer(field.type):
        return "int"
    if _is_text(field.type):
        return "str"
    raise InvalidInputError(
        f"the keys of samples are integers or text; the column {field.name!r} is {field.type}"
    )


def _spec(field: "pa.Field") -> ColumnSpec:
    spec = conventions.spec_of(field.type) or _of_vstore(field) or _of_type(field.type)
    if spec is None:
        raise InvalidInputError(
            f"the column {field.name!r} has the type {field.type}, which a table does not hold",
            code="unsupported-dtype",
            hint="cast it first, or leave it out with `select`",
            dtype=str(field.type),
        )
    return spec.as_optional() if field.nullable and not _is_plain_time(field) else spec


def _is_plain_time(field: "pa.Field") -> bool:
    """Return whether a column is one of times of vstore's, whose nulls are not-a-time."""
    metadata = field.metadata or {}
    return metadata.get(b"vstore.optional") == b"false"


def _of_vstore(field: "pa.Field") -> ColumnSpec | None:
    """Return what a column was that came from a table; None for any other."""
    metadata = field.metadata or {}
    kind = metadata.get(b"vstore.kind", b"").decode()
    if kind in ("ndarray", "ragged") and b"vstore.dtype" in metadata:
        shape = json.loads(metadata[b"vstore.shape"])
        said = json.loads(metadata[b"vstore.dtype"])
        return ndarray(tuple(shape), said if said == STRING else dtype_from(said))
    if b"vstore.image" in metadata and _is_bytes(field.type):
        return image(**json.loads(metadata[b"vstore.image"]))
    return None


def _of_type(kind: "pa.DataType") -> ColumnSpec | None:
    if isinstance(kind, pa.BaseExtensionType):
        shape = getattr(kind, "shape", None)
        element = _dtype(kind.value_type) if shape is not None else None
        return ndarray(list(shape or ()), element) if element else _of_type(kind.storage_type)
    if kinds.is_dictionary(kind):
        return _of_type(kind.value_type)
    if _is_text(kind):
        return text()
    if _is_bytes(kind):
        return bytes_()
    return _of_lists(kind)


def _of_lists(kind: "pa.DataType") -> ColumnSpec | None:
    shape: list[int | None] = []
    while (length := _length(kind)) != 0 or kinds.is_fixed_size_list(kind):
        shape.append(length if kinds.is_fixed_size_list(kind) else None)
        kind = kind.value_type
    if shape == [None] and _is_text(kind):
        return texts()
    element = _dtype(kind)
    return None if element is None else ndarray(cast("Sequence[int | None]", shape), element)


def _length(kind: "pa.DataType") -> int | None:
    """Return the length of lists, None where they differ, 0 for what is no list."""
    if kinds.is_fixed_size_list(kind):
        return int(kind.list_size)
    return None if kinds.is_list(kind) or kinds.is_large_list(kind) else 0


def _dtype(kind: "pa.DataType") -> np.dtype[Any] | None:
    """Return the data type of elements of one size; None where NumPy has none."""
    if kinds.is_timestamp(kind) or kinds.is_duration(kind):
        return np.dtype(f"{'M' if kinds.is_timestamp(kind) else 'm'}8[{kind.unit}]")
    if kinds.is_date(kind):
        return np.dtype("datetime64[D]" if kinds.is_date32(kind) else "datetime64[ms]")
    is_number = kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)
    return np.dtype(kind.to_pandas_dtype()) if is_number else None


def _is_text(kind: "pa.DataType") -> bool:
    return str(kind) in _TEXTS


def _is_bytes(kind: "pa.DataType") -> bool:
    return str(kind) in _BYTES or kinds.is_fixed_size_binary(kind)


_TEXTS = ("string", "large_string", "string_view")
_BYTES = ("binary", "large_binary", "binary_view")
