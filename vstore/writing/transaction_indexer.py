"""The samples of a table in a transaction by their keys, to read and to change."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.format.numbers import StoredRows
from vstore.format.table.rows import Rows
from vstore.format.table.sample_keys import INT, SampleKey
from vstore.reading.column import column_not_found
from vstore.reading.key_indexer import KeyIndexer, rows_of
from vstore.writing.batches import Batch
from vstore.writing.staged_table import StagedTable
from vstore.writing.table_arrays import TableArrays

Sample = dict[str, Any]


class _ChangedTable(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, object]: ...
    def __iter__(self) -> Iterator[Sample]: ...
    @property
    def _internals(self) -> StagedTable: ...
    def assign(self, index: Any, values: Batch) -> None: ...


class StagedSamples:
    """Finds and reads the samples of a table in a transaction, as `KeyIndexer` wants it.

    `arrays` returns the table's arrays as they are, or refuses.
    """

    def __init__(self, table: _ChangedTable, arrays: Callable[[], TableArrays]) -> None:
        self._table = table
        self._arrays = arrays

    @property
    def path(self) -> str:
        """Where the table is in the repository."""
        return self._table.path

    @property
    def key_kind(self) -> str | None:
        """How samples are named."""
        kind = self._arrays().keys.kind
        return None if kind is None else kind.name

    @property
    def rows(self) -> Rows:
        """The stored rows, and which of them are deleted."""
        return self._arrays().rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._table)

    def keys_of(self, rows: StoredRows) -> NDArray[Any]:
        """Return the keys of stored rows; their positions where the samples have no keys."""
        arrays = self._arrays()
        kind = arrays.keys.kind
        if kind is None:
            return arrays.rows.position(rows)
        return kind.from_stored(arrays.stored_keys(rows))

    def find_rows(self, keys: list[Any]) -> StoredRows:
        """Return in which stored rows samples with some keys are, -1 for keys of none."""
        arrays = self._arrays()
        if arrays.keys.kind is not None:
            return arrays.keys.find(keys, path=self.path)
        for key in keys:
            INT.check(key, self.path)
        return arrays.rows.find(keys)

    def rows_of(self, keys: Any) -> StoredRows:
        """Return in which stored rows samples with some keys are, or raise `NotFoundError`."""
        return rows_of(self, keys)

    def rows_below(self, prefix: object) -> StoredRows:
        """Return in which stored rows samples are whose tuple keys begin with `prefix`."""
        return self._arrays().keys.rows_below(prefix, path=self.path)

    def at_rows(self, stored: int | StoredRows) -> Sample:
        """Return the samples in stored rows."""
        columns = {name: internals(self._table).open_column(name) for name in self._table.columns}
        return {name: internals(column).at_rows(stored) for name, column in columns.items()}

    def reopening(self) -> tuple[Any, ...]:
        """Refuse to say how to open the table again."""
        raise TypeError("a table of an open transaction does not pickle: commit first")

    def __repr__(self) -> str:
        return repr(self._table)


@exported_from("vstore")
class TransactionIndexer(KeyIndexer):
    """The samples of a table in a transaction by key: `KeyIndexer`, and `[key] = sample`."""

    def __init__(self, table: _ChangedTable, arrays: Callable[[], TableArrays]) -> None:
        super().__init__(StagedSamples(table, arrays))
        self._changed = table

    def __setitem__(self, key: SampleKey, sample: Batch) -> None:
        """Change some or all columns of one sample; none where a value does not fit."""
        if not isinstance(sample, Mapping):
            raise InvalidInputError(
                "a sample is a mapping of column names to values; got " + type(sample).__name__
            )
        row = rows_of(self._table, [key])
        for name in sample:
            if name not in self._changed.columns:
                raise column_not_found(self._changed.path, name, self._changed.columns)
        self._changed.assign(int(self._table.rows.position(row)[0]), sample)
