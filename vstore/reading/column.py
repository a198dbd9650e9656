"""One column of a table, opened for reading."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import Positions, StoredRows
from vstore.format.table.kinds import ColumnInfo, from_rows
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.table.rows import Rows
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import SelectMany, SelectOne, split
from vstore.reading.array import ChunkSource, read

_WAVE_NBYTES = 32 * 2**20


class ColumnTable(Protocol):
    """What a column knows of the table it belongs to."""

    @property
    def columns(self) -> Mapping[str, "Column"]:
        """The table's columns by name."""

    def positions(self, keys: Any) -> Positions:
        """Return where the samples with some keys stand, or raise `NotFoundError`."""


@exported_from("vstore")
class Column:
    """The values of all samples of a table under one name.

    Index it as a NumPy array whose first axis counts samples. A column of fixed shape
    gives arrays; `text` and `bytes` give object arrays of `str` and `bytes`; samples of
    differing shapes and images give an object array of arrays. One integer gives one
    sample. Where samples are missing, a column of fixed shape gives a masked array, any
    other None in their places; one missing sample is None.
    """

    def __init__(
        self,
        name: str,
        source: ChunkSource,
        info: ColumnInfo,
        rows: Rows,
        *,
        beside: Mapping[str, ChunkSource] | None = None,
        table: ColumnTable | None = None,
    ) -> None:
        self._name = name
        self._source = source
        self._info = info
        self._rows = rows
        self._beside = beside or {}
        self._valid = self._beside.get(VALID_SUFFIX)
        self._table = table

    def __reduce__(self) -> tuple[Any, ...]:
        if self._table is None:
            raise TypeError("a column of an open transaction does not pickle: commit first")
        return _column_of, (self._table, self._name)

    @property
    def table(self) -> ColumnTable | None:
        """The table that the column belongs to; None inside a transaction."""
        return self._table

    @property
    def source(self) -> ChunkSource:
        """The chunks of the stored array."""
        return self._source

    @property
    def beside(self) -> Mapping[str, ChunkSource]:
        """The chunks of the column's companions, by suffix."""
        return self._beside

    @property
    def valid(self) -> ChunkSource | None:
        """The chunks that say which samples are there, where some may be missing."""
        return self._valid

    @property
    def rows(self) -> Rows:
        """Where the table's live samples lie in storage."""
        return self._rows

    @property
    def name(self) -> str:
        """The column's name within its table."""
        return self._name

    @property
    def kind(self) -> str:
        """One of `ndarray`, `ragged`, `text`, `bytes` and `image`."""
        return self._info.kind_name

    @property
    def info(self) -> ColumnInfo:
        """The column's description as it is stored."""
        return self._info

    @property
    def metadata(self) -> ArrayMetadata:
        """The Zarr v3 metadata of the stored array, which counts deleted samples too."""
        return self._source.metadata

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(samples, *shape of one sample); None for an axis that differs between samples."""
        shape = None if self._info.kind.is_plain else self._info.shape
        return (len(self), *(self.metadata.shape[1:] if shape is None else shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples; object for text and bytes."""
        dtype = self._info.kind.dtype(self._info)
        return self.metadata.dtype if dtype is None else dtype

    @property
    def attributes(self) -> dict[str, Any]:
        """The column's attributes, as a copy."""
        return dict(self.metadata.attributes)

    def __len__(self) -> int:
        return len(self._rows)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"the column {self._name!r} is read from a commit, which never changes: assign to the "
            'table of a transaction, `with repo.transaction("main", message="…") as tx: '
            'tx["table"]["column"][0] = …`'
        )

    @overload
    def __getitem__(self, index: tuple[Any, ...]) -> Any: ...
    @overload
    def __getitem__(self, index: SelectMany) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        """Return the samples an index picks, decoding each chunk once.

        Raises:
            OutOfBoundsError: a position outside the table.
            InvalidInputError: anything else that is no index of the column.
            CorruptionError: stored bytes are damaged.
        """
        first, rest = split(index, self.metadata.ndim)
        return self._at(self._rows.locate(first), rest)

    def at_rows(self, stored: int | StoredRows) -> Any:
        """Return the samples in stored rows; see `Rows`. Deleted ones are not told from others."""
        return self._at(stored, ())

    def _at(self, stored: Any, rest: tuple[Any, ...]) -> Any:
        if self._info.kind.is_plain:
            return self._fixed(stored, rest)
        if rest:
            raise InvalidInputError(
                f"samples of the {self.kind} column {self._name!r} differ in size: "
                "index the samples first, then each one"
            )
        if isinstance(stored, int):
            return self._samples(slice(stored, stored + 1))[0]
        return self._samples(stored)

    def _samples(self, stored: Any) -> NDArray[Any]:
        elements = read(self._source, (stored,))
        beside = {suffix: read(source, (stored,)) for suffix, source in self._beside.items()}
        return from_rows(self._info, elements, beside)

    def _fixed(self, stored: Any, rest: tuple[Any, ...]) -> Any:
        values = read(self._source, (stored, *rest))
        if self._valid is None:
            return values
        valid = read(self._valid, (stored,))
        if isinstance(stored, int):
            return values if valid else None
        mask = np.broadcast_to(~valid.reshape(-1, *[1] * (values.ndim - 1)), values.shape)
        return np.ma.MaskedArray(values, mask)

    @overload
    def encoded(self, index: SelectMany) -> NDArray[Any]: ...
    @overload
    def encoded(self, index: SelectOne) -> Any: ...
    def encoded(self, index: Any) -> Any:
        """Return samples as they are stored: for images the encoded bytes, undecoded."""
        stored = self._rows.locate(index)
        return read(self._source, (stored,))

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the samples, reading whole chunks at a time."""
        step = self._rows_per_wave()
        for start in range(0, len(self), step):
            wave = slice(start, start + step)
            samples = self[wave]
            if self._valid is None or not self._info.kind.is_plain:
                yield from samples
            else:
                valid = read(self._valid, (self._rows.locate(wave),))
                yield from (
                    sample if there else None
                    for sample, there in zip(samples.data, valid, strict=True)
                )

    def _rows_per_wave(self) -> int:
        chunk = self.metadata.chunk_shape[0]
        if not self._info.kind.is_plain:
            return chunk
        return max(1, _WAVE_NBYTES // max(1, self.metadata.chunk_nbytes)) * chunk

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("reading a stored column always copies")
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"<vstore.Column {self._name!r} {self.kind} {self.shape} {self.dtype}>"


def _column_of(table: ColumnTable, name: str) -> Column:
    return table.columns[name]
