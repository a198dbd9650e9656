"""A table inside a transaction: samples are added, changed and deleted."""

from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vstore.errors import AlreadyExistsError, ClosedError, InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format import document
from vstore.format.commit import Changes
from vstore.format.numbers import StoredRows
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import SampleKey
from vstore.format.table.specs import ColumnSpec
from vstore.format.tree import ArrayNode, GroupNode
from vstore.format.zarr.selection import SelectMany, SelectOne, split
from vstore.reading.column import Column
from vstore.reading.key_indexer import rows_of
from vstore.reading.named_columns import NamedColumns
from vstore.writing.assignments import Assignment, Target, assignments
from vstore.writing.batches import (
    Batch,
    SampleForm,
    as_rows,
    batch_of_one,
    batches,
    check_columns,
    common_length,
)
from vstore.writing.casting import cast_column
from vstore.writing.new_column import check_column_name, check_specs
from vstore.writing.staged_array import StagedArray
from vstore.writing.table_arrays import Staging, TableArrays
from vstore.writing.transaction_column import TransactionColumn
from vstore.writing.transaction_indexer import StagedSamples, TransactionIndexer

_WAVE_ROWS = 4096


@exported_from("vstore")
class TransactionTable(NamedColumns[TransactionColumn]):
    """A table of a transaction. Reading sees what was written; nobody else does yet."""

    def __init__(
        self,
        staging: Staging,
        path: str,
        node: GroupNode,
        children: Mapping[str, ArrayNode],
        *,
        specs: Mapping[str, ColumnSpec] | None = None,
    ) -> None:
        self._staging = staging
        self._path = path
        self._pending: dict[str, ColumnSpec] = dict(specs or {})
        self._stored = TableArrays(staging, path, node, children)
        self._is_deleted = False

    def _require_usable(self) -> None:
        self._staging.require_open()
        if self._is_deleted:
            raise ClosedError(f"{self._path!r} was deleted or replaced in this transaction")

    def forget(self) -> None:
        """Refuse use from now on: the table was deleted, or others took its place."""
        self._is_deleted = True

    @property
    def path(self) -> str:
        """Where the table stands in the repository."""
        return self._path

    @property
    def stored(self) -> TableArrays:
        """The table's arrays, row by row as they are stored."""
        for name in list(self._pending):
            self._make(name, None)
        return self._stored

    @property
    def columns(self) -> Mapping[str, TransactionColumn]:
        """The columns by name, in the order of their names."""
        names = sorted(self._stored.infos.keys() | self._pending.keys())
        return {name: TransactionColumn(self, name) for name in names}

    @property
    def key_kind(self) -> str | None:
        """How samples are named: `int`, `str`, `tuple`, or None for position only."""
        kind = self._stored.keys.kind
        return None if kind is None else kind.name

    def __len__(self) -> int:
        return len(self._stored.rows)

    def extend(
        self, samples: Batch | Iterable[Batch], *, keys: Sequence[SampleKey] | None = None
    ) -> None:
        """Add samples: one mapping of whole columns, or an iterable of such batches.

        Every batch gives every column, all of one length, and may leave out or set to None
        what is optional; an iterable may be larger than memory. Where the table has keys
        they come in `keys`, or in each batch as `sample`. A batch is checked whole before
        any of it is taken.

        Raises:
            InvalidInputError: a column missing, unknown, of another length, data type or
                shape; a key missing, doubled or of the wrong kind.

        >>> import vstore
        >>> repo = vstore.create("memory://extend-doc")
        >>> with repo.transaction("main", message="Add") as tx:
        ...     table = tx.create_table("train", {"x": vstore.ndarray((2,), "float32")})
        ...     table.extend({"x": [[1, 2], [3, 4]]})
        ...     len(table)
        2
        """
        self._require_usable()
        if isinstance(samples, Mapping):
            self._extend(samples, keys)
            return
        if keys is not None:
            raise InvalidInputError(
                "with an iterable of batches, give the keys in each as 'sample'"
            )
        for batch in batches(samples):
            self._extend(batch, None)

    def append(self, sample: Batch, *, key: SampleKey | None = None) -> None:
        """Add one sample: a mapping of column names to values."""
        infos = {name: self._spec_info(name) for name in self.columns}
        single = batch_of_one(sample, infos)
        self.extend(single, keys=None if key is None else [key])

    def _extend(self, batch: Batch, keys: Sequence[SampleKey] | None) -> None:
        values = dict(batch)
        if keys is None and self.key_kind is not None:
            keys = values.pop(KEYS, None)
        infos = {name: self._spec_info(name) for name in self.columns}
        check_columns(values, infos, path=self._path)
        count = common_length(values, path=self._path)
        checked_keys = self._stored.keys.check(keys, count, path=self._path)
        ready = {name: self._ready(name, value) for name, value in values.items()}
        if count == 0:
            return
        with self._staging.writer.uninterrupted():
            elements: dict[str, NDArray[Any]] = {}
            for name, arrays in ready.items():
                self._make(name, arrays[""])
                elements |= {name + suffix: rows for suffix, rows in arrays.items()}
            if checked_keys is not None:
                elements[KEYS] = checked_keys
            self._stored.append_rows(elements, count)

    def _make(self, name: str, first: NDArray[Any] | None) -> None:
        """Make the arrays of a column that has had no samples yet."""
        spec = self._pending.pop(name, None)
        if spec is not None:
            self._stored.make_column(
                name, spec, np.zeros(0, spec.dtype) if first is None else first
            )

    def _spec_info(self, name: str) -> Any:
        return self._pending[name].info if name in self._pending else self._stored.infos[name]

    def _ready(self, name: str, values: Any) -> dict[str, NDArray[Any]]:
        return as_rows(name, self._spec_info(name), self._sample_form(name), values)

    def _sample_form(self, name: str) -> SampleForm:
        if name in self._pending:
            spec = self._pending[name]
            return _form(spec)
        metadata = self._stored[name].metadata
        return SampleForm(metadata.dtype, metadata.shape[1:], metadata.fill_value)

    def delete(self, index: Any = None, *, keys: Sequence[SampleKey] | None = None) -> int:
        """Delete samples by position (integer, slice, array, mask) or by key; return how many.

        They are marked, not rewritten; positions behind them move up at once.

        Raises:
            OutOfBoundsError: a position outside the table.
            NotFoundError: no sample has the key.
        """
        self._require_usable()
        if (index is None) == (keys is None):
            raise InvalidInputError("delete takes either positions or keys=")
        rows = self._stored.rows
        if keys is not None:
            stored = np.unique(self._stored.keys.rows(keys, path=self._path))
        else:
            stored = np.unique(_row_numbers(rows.locate(index), rows.stored))
        self._stored.delete_rows(stored)
        return len(stored)

    @property
    def loc(self) -> TransactionIndexer:
        """Read or change samples by key: `table.loc["a"] = {"label": 3}`."""
        return TransactionIndexer(self, self._usable_arrays)

    def _usable_arrays(self) -> TableArrays:
        self._require_usable()
        return self._stored

    def position(self, key: SampleKey) -> int:
        """Return where the sample with this key stands, or raise `NotFoundError`."""
        row = rows_of(StagedSamples(self, self._usable_arrays), [key])
        return int(self._stored.rows.position(row)[0])

    def sample_keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        self._require_usable()
        kind = self._stored.keys.kind
        if kind is None:
            return np.arange(len(self), dtype=np.int64)
        live = self._stored.rows.locate(slice(None))
        return kind.from_stored(self._stored.stored_keys(live))

    @overload
    def __getitem__(self, index: str) -> TransactionColumn: ...
    @overload
    def __getitem__(self, index: SelectMany) -> dict[str, NDArray[Any]]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> dict[str, Any]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return a column by name, to read or to assign to, else samples as `Table` does."""
        self._require_usable()
        if not isinstance(index, str):
            return {name: self.open_column(name)[index] for name in self.columns}
        self._require_column(index)
        self._make(index, None)
        return TransactionColumn(self, index)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the samples as they stand, each a dict."""
        self._require_usable()
        columns = {name: iter(self.open_column(name)) for name in self.columns}
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def _require_column(self, name: str) -> None:
        self._require_usable()
        if name not in self.columns:
            raise NotFoundError(
                f"the table {self._path!r} has no column {name!r}; its columns: "
                f"{', '.join(map(repr, self.columns)) or 'none'}"
            )

    def open_column(self, name: str) -> Column:
        """Return a column as it stands now, for reading."""
        self._require_column(name)
        self._make(name, None)
        return self._stored.column(name)

    def assign(self, index: Any, values: Batch) -> None:
        """Change samples of some columns in place, or none of them if any value does not fit.

        See `TransactionColumn.__setitem__`.
        """
        self._require_usable()
        fitting: list[Assignment] = []
        changed: list[StoredRows] = []
        for name, value in values.items():
            self._require_column(name)
            self._make(name, None)
            target = self._target(name)
            first, rest = split(index, target.arrays[""].metadata.ndim)
            stored = self._stored.rows.locate(first)
            fitting += assignments(target, stored, rest, value)
            changed.append(_row_numbers(stored, self._stored.count))
        with self._staging.writer.uninterrupted():
            for assignment in fitting:
                assignment.store()
        for rows in changed:
            self._stored.note_changed(rows)

    def _target(self, name: str) -> Target:
        info = self._stored.infos[name]
        arrays = {suffix: self._stored[name + suffix] for suffix in info.suffixes}
        return Target(name, info, self._sample_form(name), arrays)

    def write_sample(self, name: str, row: int, sample: Any) -> None:
        """Change one stored row of a column, given as a sample; None for a missing one."""
        where = np.array([row], np.int64)
        for suffix, rows in self._ready(name, _repeated(sample, 1)).items():
            self._stored.write_rows(name + suffix, where, rows)

    # Schema -------------------------------------------------------------------------

    def add_column(self, name: str, spec: ColumnSpec, values: Any = None) -> None:
        """Add a column. Samples that the table holds get `values`, or the fill value.

        With the fill value, or as missing where the column is optional, no chunk is stored.

        Raises:
            AlreadyExistsError: there is a column of that name.
            InvalidInputError: values of another number, data type or shape.
        """
        self._require_usable()
        check_column_name(name)
        if name in self.columns:
            raise AlreadyExistsError(f"the table {self._path!r} has a column {name!r} already")
        check_specs({name: spec})
        spec = spec.with_id(self._staging.new_id(f"{self._path}/{name}"))
        ready = {} if values is None else as_rows(name, spec.info, _form(spec), values)
        if ready and len(ready[""]) != len(self):
            raise InvalidInputError(f"{len(ready[''])} values for {len(self)} samples")
        self._pending[name] = spec
        self._make(name, ready.get(""))
        live = self._stored.rows.live()
        for suffix, rows in ready.items():
            self._stored.write_rows(name + suffix, live, rows)

    def drop_column(self, name: str) -> None:
        """Remove a column; no chunk is touched."""
        self._require_column(name)
        self._make(name, None)
        self._stored.drop_column(name)

    def rename_column(self, name: str, new_name: str) -> None:
        """Give a column another name; no chunk is touched."""
        self._require_column(name)
        check_column_name(new_name)
        self._make(name, None)
        self._stored.rename_column(name, new_name)

    def cast(self, name: str, dtype: DTypeLike) -> None:
        """Give a column of fixed shape a wider data type, which every value fits.

        Raises:
            InvalidInputError: the data type cannot hold every value of the present one.
        """
        self._require_column(name)
        self._make(name, None)
        cast_column(self._stored, name, dtype, writer=self._staging.writer)

    def compact(self) -> int:
        """Rewrite the table without its deleted samples; return how many rows that frees.

        Positions stay, since deleted samples have none; chunks are written anew.
        """
        self._require_usable()
        with self._staging.writer.uninterrupted():
            return self.stored.compact()

    def reindex(self) -> None:
        """Make the index of keys anew, where a verification found it to be wrong.

        Reads all keys. Tables with few samples, or without keys, have no index.
        """
        self._require_usable()
        with self._staging.writer.uninterrupted():
            self.stored.reindex()

    def attributes(self, column: str | None = None) -> dict[str, Any]:
        """Return the attributes of the table, or of one of its columns, as a copy."""
        return self.stored.attributes(column)

    def set_attributes(self, attributes: Mapping[str, Any], *, column: str | None = None) -> None:
        """Replace the attributes of the table, or of one of its columns."""
        self._require_usable()
        if column is not None:
            self._require_column(column)
        plain = document.plain_object(attributes, what="attributes")
        self.stored.set_attributes(plain, column=column)

    def set_document(self, metadata: Mapping[str, Any]) -> None:
        """Replace the group's metadata document."""
        self._stored.node = replace(self._stored.node, metadata=dict(metadata))

    def flush(self) -> None:
        """Send all that is still held as plain arrays to the codec."""
        self.stored.flush()

    def arrays(self) -> Iterator[tuple[str, StagedArray]]:
        """Yield the table's arrays by name."""
        return self.stored.items()

    @property
    def node(self) -> GroupNode:
        """The group's node; its children are as they were."""
        return self._stored.node

    def changes(self) -> Changes:
        """Return how many samples were added, changed and removed."""
        return self._stored.changes()

    def __repr__(self) -> str:
        return f"<vstore.TransactionTable {self._path!r} {len(self):,} samples>"


def _form(spec: ColumnSpec) -> SampleForm:
    return SampleForm(spec.dtype, tuple(length or 0 for length in spec.shape), spec.fill_value)


def _row_numbers(stored: Any, size: int) -> StoredRows:
    if isinstance(stored, slice):
        return np.arange(*stored.indices(size), dtype=np.int64)
    return np.atleast_1d(np.asarray(stored, np.int64))


def _repeated(value: Any, count: int) -> Any:
    """Return a batch that holds one sample `count` times."""
    if hasattr(value, "dtype"):
        return np.repeat(np.asarray(value)[np.newaxis], count, axis=0)
    return [value] * count
