"""What an exporter gets: some samples of some columns, batch by batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.classes import class_names
from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.format.numbers import Positions
from vstore.format.table.kinds import ColumnInfo, ColumnKind, kind_of_array
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.dtypes import BYTES
from vstore.reading.array import Array, read
from vstore.reading.column import Column, column_not_found
from vstore.reading.table import Table

_CHUNKS = 8


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column that is exported: what its samples are."""

    name: str
    info: ColumnInfo
    dtype: np.dtype[Any]
    """The data type of samples; object for text and bytes."""

    shape: tuple[int | None, ...]
    """The shape of one sample, None for an axis that differs; () for text, bytes and images."""

    attributes: Mapping[str, Any]

    @property
    def kind(self) -> ColumnKind:
        """What the column holds."""
        return self.info.kind

    @property
    def has_files(self) -> bool:
        """Whether samples are the bytes of files: images, sounds or any bytes."""
        return self.kind.describe is not None or (
            self.kind.data_type == BYTES and self.kind.decode is None
        )

    @property
    def classes(self) -> Sequence[str] | None:
        """The names of classes that integers in the column number; None if there are none."""
        shape = self.shape if self.kind.is_plain else (None,)
        return class_names(self.attributes, self.dtype, shape)


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class ExportBatch:
    """Some samples in a row: `values` and `valid` by column, both as long as `keys`.

    Columns of one shape have arrays, all others object arrays of samples; those of images and
    sounds are their files. What is not `valid` is missing, and stands for nothing.
    """

    start: int
    keys: Sequence[Any]
    """The samples' keys; their positions in the table where they have none."""

    values: Mapping[str, NDArray[Any]]
    valid: Mapping[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.keys)

    def samples(self, name: str) -> list[Any]:
        """Return the samples of a column, None where one is missing."""
        values, valid = self.values[name], self.valid[name]
        return [value if there else None for value, there in zip(values, valid, strict=True)]


@exported_from("vstore.plugins")
@dataclass(frozen=True)
class ExportRows:
    """Some samples of some columns; made by `select`."""

    path: str
    columns: Mapping[str, ExportColumn]
    key_kind: str | None
    attributes: Mapping[str, Any]
    positions: Positions = field(repr=False)
    sources: Mapping[str, Column | Array] = field(repr=False)
    table: Table | None = field(repr=False)
    on_batch: Callable[[int], object] | None = field(default=None, repr=False)
    """Is told how many samples a batch had, when the next one is asked for."""

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def _step(self) -> int:
        """How many samples a batch has: those of some chunks."""
        lengths = [_metadata(each).chunk_shape[0] for each in self.sources.values()]
        return max(1, min(lengths, default=2**16)) * max(1, _CHUNKS // max(1, len(lengths)))

    def batches(self, rows: int | None = None) -> Iterator[ExportBatch]:
        """Yield the samples in order, about 8 MiB at a time, or as many as `rows` says."""
        step = rows or self._step
        for start in range(0, len(self), step):
            batch = self._batch(start, self.positions[start : start + step])
            yield batch
            if self.on_batch is not None:
                self.on_batch(len(batch))

    def _batch(self, start: int, positions: Positions) -> ExportBatch:
        first, last = int(positions[0]), int(positions[-1])
        where: Any = positions
        if np.array_equal(positions, np.arange(first, last + 1)):
            where = slice(first, last + 1)
        values: dict[str, NDArray[Any]] = {}
        valid: dict[str, NDArray[np.bool_]] = {}
        for name, source in self.sources.items():
            values[name], valid[name] = _read(source, where, len(positions))
        return ExportBatch(start, self._keys(where, positions), values, valid)

    def _keys(self, where: Any, positions: Positions) -> Sequence[Any]:
        if self.table is None or self.key_kind is None:
            return list(positions.tolist())
        stored = internals(self.table)
        found: list[Any] = stored.keys_of(
            stored.rows.locate(np.arange(len(stored))[where])
        ).tolist()
        return found


@exported_from("vstore.exporters")
def select(
    source: Table | Column | Array,
    *,
    columns: Sequence[str] | None = None,
    samples: Any = None,
    keys: Sequence[Any] | None = None,
) -> ExportRows:
    """Return what is to be exported of a table, a column or an array.

    Args:
        source: it, of a commit.
        columns: some of a table's columns, in this order; all when None.
        samples: which samples, as an index: a slice, positions or a mask; all when None.
        keys: which samples, by their keys, in this order.

    Raises:
        NotFoundError: there is no such column or key.
        InvalidInputError: samples and keys were given, or an array has no axis of samples.
    """
    if isinstance(source, Array):
        return _of_array(source, samples, keys)
    if isinstance(source, Column):
        table = internals(source).table
        found = {source.name: source}
        length, path = len(source), f"{table.path}/{source.name}" if table else source.name
        return ExportRows(
            path, _described(found), None, {}, _chosen(length, samples, keys, None), found, None
        )
    for name in columns or ():
        if name not in source:
            raise column_not_found(source.path, name, source.columns)
    found = {name: source[name] for name in (source.columns if columns is None else columns)}
    positions = _chosen(len(source), samples, keys, source)
    return ExportRows(
        source.path, _described(found), source.key_kind, source.attributes, positions, found, source
    )


def _of_array(array: Array, samples: Any, keys: Any) -> ExportRows:
    metadata = array.metadata
    if not metadata.shape:
        raise InvalidInputError("an array without axes has no samples to export")
    info = ColumnInfo(kind_of_array(str(metadata.data_type), metadata.ndim).name)
    name = array.path.rpartition("/")[2]
    column = ExportColumn(name, info, metadata.dtype, metadata.shape[1:], dict(metadata.attributes))
    positions = _chosen(metadata.shape[0], samples, keys, None)
    return ExportRows(array.path, {name: column}, None, {}, positions, {name: array}, None)


def _described(found: Mapping[str, Column]) -> dict[str, ExportColumn]:
    return {
        name: ExportColumn(
            name,
            internals(column).info,
            column.dtype,
            tuple(column.shape[1:]),
            column.attributes,
        )
        for name, column in found.items()
    }


def _chosen(length: int, samples: Any, keys: Any, table: Table | None) -> Positions:
    if samples is not None and keys is not None:
        raise InvalidInputError("samples were chosen by position and by key: give one of the two")
    if keys is not None:
        if table is None or table.key_kind is None:
            raise InvalidInputError("the samples have no keys: choose them by position")
        return table.positions(list(keys))
    every = np.arange(length, dtype=np.int64)
    if samples is None:
        return every
    try:
        chosen: Positions = np.atleast_1d(every[samples])
    except (IndexError, TypeError, ValueError) as exc:
        raise InvalidInputError(f"{samples!r:.60} picks none of {length:,} samples: {exc}") from exc
    return chosen


def _metadata(source: Column | Array) -> Any:
    return source.metadata


def _read(source: Column | Array, where: Any, count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return samples, and which of them are there."""
    every = np.ones(count, bool)
    if isinstance(source, Array):
        return np.asarray(source[where]), every
    stored = internals(source)
    there = every
    if VALID_SUFFIX in stored.beside:
        there = read(stored.beside[VALID_SUFFIX], (stored.rows.locate(where),))
    if stored.info.kind.describe is not None:
        return source.encoded(where), there
    found = source[where]
    return (found.data if isinstance(found, np.ma.MaskedArray) else found), there
