"""Columns of a table as columns of Arrow: their types, and batches of them."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.arrow import conventions
from vstore.arrow.elements import bitmap, element_type, elements
from vstore.arrow.packed import unpacked
from vstore.errors import FormatError
from vstore.faces import internals
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import KEYS, SHAPE_SUFFIX, VALID_SUFFIX
from vstore.format.table.ragged import set_shapes
from vstore.format.zarr.dtypes import STRING, data_type_of
from vstore.optional import needed
from vstore.reading.array import ChunkSource, StoredArray
from vstore.reading.column import Column
from vstore.reading.stored_column import StoredColumn
from vstore.reading.stored_table import StoredTable
from vstore.scanning.blocks import Blocks, packed_row_nbytes
from vstore.scanning.opening import Opening

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

Tensors = Literal["tensor", "list"]
Images = Literal["encoded", "tensor"]
Parts = Mapping[str, Any]
"""The rows of a column's arrays, by suffix."""

Open = Callable[[int], Blocks]
"""Open an array in blocks of about this many rows."""


class ArrowColumn(ABC):
    """A column of Arrow: its field, what is read for it, and what becomes of that."""

    field: "pa.Field"

    @abstractmethod
    def open(self, opening: Opening) -> dict[str, Open]:
        """Return what opens the arrays that it is made of, by suffix."""

    @abstractmethod
    def array(self, parts: Parts) -> "pa.Array":
        """Return some rows of it."""

    @property
    @abstractmethod
    def arrays(self) -> Sequence[ChunkSource]:
        """The arrays that it is made of."""

    @property
    def row_nbytes(self) -> float:
        """How much memory a row takes, about."""
        return sum(map(_row_nbytes, self.arrays))

    @property
    def stored_row_nbytes(self) -> float:
        """How many bytes are stored for a row, about."""
        return sum(map(_stored_row_nbytes, self.arrays))

    @property
    def rows_per_chunk(self) -> int:
        """How many rows the longest chunk has."""
        return max((each.metadata.chunk_shape[0] for each in self.arrays), default=1)


def _row_nbytes(source: ChunkSource) -> float:
    metadata = source.metadata
    if metadata.dtype.hasobject and isinstance(source, StoredArray):
        return packed_row_nbytes(source)
    return float(np.prod(metadata.shape[1:], dtype=object) * metadata.dtype.itemsize)


def _stored_row_nbytes(source: ChunkSource) -> float:
    if not isinstance(source, StoredArray):
        return _row_nbytes(source)
    index = source.node.chunks
    return index.stored / max(1, source.metadata.shape[0]) if index is not None else 0.0


def is_text(source: ChunkSource) -> bool:
    """Return whether elements of variable length are text."""
    return source.metadata.data_type == STRING


def _opened(opening: Opening, source: ChunkSource, name: str) -> Open:
    is_packed = source.metadata.is_variable_length and source.metadata.ndim == 1
    if is_packed and isinstance(source, StoredArray):
        return opening.packed(source, name, partial(unpacked, is_text=is_text(source)))
    return opening.dense(source, name)


# Keys -----------------------------------------------------------------------------------


class KeyColumn(ArrowColumn):
    """The keys of samples: integers, text, or tuples as JSON."""

    def __init__(self, table: StoredTable) -> None:
        source = table.key_source
        self._sources = [] if source is None else [source]
        is_json = table.key_kind == "tuple"
        kind = pa.int64() if table.key_kind == "int" else pa.string()
        metadata = {"vstore.kind": "key"} | ({"vstore.key": "tuple"} if is_json else {})
        self._json = pa.json_(pa.string()) if is_json and hasattr(pa, "json_") else None
        self.field = pa.field(KEYS, self._json or kind, nullable=False, metadata=metadata)

    @property
    def arrays(self) -> Sequence[ChunkSource]:
        """The array of keys, if there is one."""
        return self._sources

    def open(self, opening: Opening) -> dict[str, Open]:
        """Return what opens the keys."""
        if not self._sources:
            return {}
        return {"": _opened(opening, self._sources[0], KEYS)}

    def array(self, parts: Parts) -> "pa.Array":
        """Return some keys."""
        found = parts[""]
        if isinstance(found, np.ndarray):
            found = pa.array(found, pa.string()) if found.dtype.hasobject else elements(found)
        return found if self._json is None else pa.ExtensionArray.from_storage(self._json, found)


# Columns --------------------------------------------------------------------------------


class _Stored(ArrowColumn):
    """A column of a table."""

    def __init__(self, stored: StoredColumn, kind: "pa.DataType", **metadata: str) -> None:
        self.stored = stored
        # Not-a-time is a null, whether or not samples may be missing.
        is_nullable = stored.info.optional or stored.source.metadata.dtype.kind in "mM"
        self.field = pa.field(
            stored.name,
            kind,
            nullable=is_nullable,
            metadata={
                "vstore.kind": stored.info.kind_name,
                "vstore.optional": json.dumps(stored.info.optional),
                **metadata,
            },
        )

    @property
    def arrays(self) -> Sequence[ChunkSource]:
        """The column's own array, and those of its companions."""
        return self.stored.arrays

    def open(self, opening: Opening) -> dict[str, Open]:
        """Return what opens the arrays."""
        arrays = {"": self.stored.source, **self.stored.beside}
        return {
            suffix: _opened(opening, source, self.stored.name) for suffix, source in arrays.items()
        }


def _valid(parts: Parts) -> NDArray[np.bool_] | None:
    valid: NDArray[np.bool_] | None = parts.get(VALID_SUFFIX)
    return None if valid is None or valid.all() else valid


class _Fixed(_Stored):
    """Samples of one data type and shape."""

    def __init__(self, stored: StoredColumn, tensors: Tensors) -> None:
        metadata = stored.source.metadata
        self._is_packed = metadata.dtype.hasobject
        own = metadata.dtype
        if self._is_packed:
            element = pa.string() if is_text(stored.source) else pa.binary()
        else:
            element = element_type(own)
        self._shape = metadata.shape[1:]
        is_tensor = tensors == "tensor" and pa.types.is_primitive(element) and all(self._shape)
        if not self._shape:
            kind = element
        elif is_tensor:
            kind = pa.fixed_shape_tensor(element, self._shape)
        else:
            kind = element
            for length in reversed(self._shape):
                kind = pa.list_(kind, length)
        self._element = element
        said = STRING if self._is_packed else data_type_of(own)
        described = {"vstore.dtype": json.dumps(said), "vstore.shape": json.dumps(self._shape)}
        self._meant = None if self._shape else conventions.find_type(metadata.attributes, own)
        super().__init__(stored, self._meant or kind, **described)

    def array(self, parts: Parts) -> "pa.Array":
        """Return some samples, in the memory that they were decoded to."""
        values, valid = parts[""], _valid(parts)
        if not self._shape:
            if self._is_packed:
                return with_nulls(values, valid)
            found = elements(values, valid)
            return found if self._meant is None else conventions.shown(found, self._meant)
        flat = values.reshape(-1)
        child = pa.array(flat, self._element) if self._is_packed else elements(flat)
        return self._wrapped(child, len(values), valid)

    def _wrapped(
        self, child: "pa.Array", count: int, valid: NDArray[np.bool_] | None
    ) -> "pa.Array":
        if isinstance(self.field.type, pa.BaseExtensionType):
            kind = self.field.type
            storage = pa.Array.from_buffers(
                kind.storage_type, count, [bitmap(valid)], children=[child]
            )
            return pa.ExtensionArray.from_storage(kind, storage)
        kinds = [self.field.type]
        for _ in self._shape[1:]:
            kinds.append(kinds[-1].value_type)
        for i in reversed(range(len(kinds))):
            own = [bitmap(valid)] if i == 0 else [None]
            length = count * math.prod(self._shape[:i])
            child = pa.Array.from_buffers(kinds[i], length, own, children=[child])
        return child


class _Bytes(_Stored):
    """Text, bytes and encoded images."""

    def __init__(self, stored: StoredColumn) -> None:
        info = stored.info
        form = {"mode": info.mode or "auto", "orient": info.orient}
        described = {"vstore.image": json.dumps(form)} if info.kind.is_picture else {}
        super().__init__(
            stored, pa.string() if is_text(stored.source) else pa.binary(), **described
        )

    def array(self, parts: Parts) -> "pa.Array":
        """Return some samples."""
        return with_nulls(_packed_rows(parts[""], self.field.type), _valid(parts))


class _Decoded(_Stored):
    """Samples that are decoded one by one: lists of texts."""

    def __init__(self, stored: StoredColumn) -> None:
        super().__init__(stored, pa.list_(pa.string()))

    def array(self, parts: Parts) -> "pa.Array":
        """Return some samples."""
        rows = _packed_rows(parts[""], pa.binary()).to_pylist()
        return pa.array(self._samples(rows, parts), self.field.type)

    def _samples(self, rows: Sequence[bytes], parts: Parts) -> list[Any]:
        decode, valid = self.stored.info.kind.decode, parts.get(VALID_SUFFIX)
        if decode is None:
            raise AssertionError
        return [
            decode(self.stored.info, row) if valid is None or valid[i] else None
            for i, row in enumerate(rows)
        ]


class _Images(_Decoded):
    """Images as tensors of (height, width, channels), which differ in shape.

    The type is the storage of Arrow's `arrow.variable_shape_tensor`.
    """

    def __init__(self, stored: StoredColumn) -> None:
        element = element_type(_dtype_of(stored.info))
        fields = {"data": pa.list_(element), "shape": pa.list_(pa.int32(), 3)}
        extension = {
            "ARROW:extension:name": "arrow.variable_shape_tensor",
            "ARROW:extension:metadata": json.dumps({"dim_names": ["H", "W", "C"]}),
        }
        _Stored.__init__(self, stored, pa.struct(fields.items()), **extension)

    def array(self, parts: Parts) -> "pa.Array":
        """Return some images."""
        rows = _packed_rows(parts[""], pa.binary()).to_pylist()
        images = self._samples(rows, parts)
        valid = np.array([image is not None for image in images], bool)
        empty = np.zeros((0, 0, 0), _dtype_of(self.stored.info))
        there = [empty if image is None else np.atleast_3d(image) for image in images]
        sizes = [image.size for image in there]
        flat = np.concatenate([empty.reshape(-1), *(image.reshape(-1) for image in there)])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        kind = self.field.type
        data = pa.Array.from_buffers(
            kind.field("data").type,
            len(there),
            [None, pa.py_buffer(offsets)],
            children=[elements(flat)],
        )
        shapes = np.array([image.shape for image in there], np.int32).reshape(-1)
        shape = pa.Array.from_buffers(
            kind.field("shape").type, len(there), [None], children=[elements(shapes)]
        )
        own = None if valid.all() else valid
        return pa.Array.from_buffers(kind, len(there), [bitmap(own)], children=[data, shape])


class _Ragged(_Stored):
    """Samples that differ in shape: lists in lists, fixed where the shape says so at the end."""

    def __init__(self, stored: StoredColumn) -> None:
        info = stored.info
        self._dtype = _dtype_of(info)
        self._shape = info.shape or ()
        kind = element_type(self._dtype)
        self._kinds: list[pa.DataType] = []
        is_fixed = True
        for length in reversed(self._shape):
            is_fixed = is_fixed and length is not None
            kind = pa.list_(kind, length) if is_fixed else pa.large_list(kind)
            self._kinds.insert(0, kind)
        super().__init__(
            stored,
            kind,
            **{
                "vstore.dtype": json.dumps(data_type_of(self._dtype)),
                "vstore.shape": json.dumps(self._shape),
            },
        )

    def array(self, parts: Parts) -> "pa.Array":
        """Return some samples; no object is made of any."""
        rows, valid = _packed_rows(parts[""], pa.binary()), _valid(parts)
        shapes = set_shapes(self._shape, parts[SHAPE_SUFFIX])
        if valid is not None:
            shapes = np.where(valid[:, None], shapes, 0)
        child = elements(self._values(rows, shapes))
        for axis in reversed(range(len(self._kinds))):
            child = self._list(axis, shapes, child, valid if axis == 0 else None)
        return child

    def _values(self, rows: "pa.Array", shapes: NDArray[np.int64]) -> NDArray[Any]:
        """Return the elements of all samples, whose bytes must be those of their shapes."""
        _, offsets, data = rows.buffers()
        bounds = np.frombuffer(offsets, np.int32)[rows.offset : rows.offset + len(rows) + 1]
        nbytes = np.diff(bounds).astype(np.int64)
        counts = shapes.astype(np.float64).prod(axis=1)  # exact, or more than there can be
        fits = (counts * self._dtype.itemsize == nbytes) & (shapes >= 0).all(axis=1)
        for axis, length in enumerate(self._shape):
            if length is not None:
                fits &= (shapes[:, axis] == length) | (nbytes == 0)
        if not fits.all():
            raise FormatError(
                f"column {self.stored.name!r}: a sample's bytes do not have the shape that is "
                "stored for it",
                column=self.stored.name,
            )
        own = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
        stored: NDArray[Any] = np.frombuffer(own, self._dtype.newbyteorder("<"))
        return stored.astype(self._dtype, copy=False)

    def _list(
        self,
        axis: int,
        shapes: NDArray[np.int64],
        child: "pa.Array",
        valid: NDArray[np.bool_] | None,
    ) -> "pa.Array":
        outer = shapes[:, :axis].prod(axis=1) if axis else np.ones(len(shapes), np.int64)
        lengths = np.repeat(shapes[:, axis], outer)
        kind = self._kinds[axis]
        if pa.types.is_fixed_size_list(kind):
            return pa.Array.from_buffers(kind, len(lengths), [bitmap(valid)], children=[child])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return pa.Array.from_buffers(
            kind, len(lengths), [bitmap(valid), pa.py_buffer(offsets)], children=[child]
        )


def _dtype_of(info: ColumnInfo) -> np.dtype[Any]:
    dtype = info.kind.dtype(info)
    if dtype is None:
        raise AssertionError
    return dtype


def _packed_rows(rows: Any, kind: "pa.DataType") -> "pa.Array":
    """Return elements that came as objects or as an array of Arrow as the latter."""
    return pa.array(rows.tolist(), kind) if isinstance(rows, np.ndarray) else rows


def with_nulls(array: "pa.Array", valid: NDArray[np.bool_] | None) -> "pa.Array":
    """Return an array of text or bytes without nulls with some."""
    if valid is None:
        return array
    _, offsets, data = array.buffers()
    own = offsets.slice(array.offset * 4, (len(array) + 1) * 4)
    return pa.Array.from_buffers(array.type, len(array), [bitmap(valid), own, data])


def arrow_column(column: Column, *, tensors: Tensors, images: Images) -> ArrowColumn:
    """Return a column of a table as one of Arrow."""
    stored = internals(column)
    kind = stored.info.kind
    if kind.is_plain:
        return _Fixed(stored, tensors)
    if kind.flatten is not None:
        return _Ragged(stored)
    if kind.is_ragged and stored.info.shape is None and images == "tensor":
        return _Images(stored)
    return _Decoded(stored) if kind.is_collection else _Bytes(stored)
