"""A table inside a transaction: samples are added, changed and deleted."""

from collections.abc import (
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import islice
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vstore.errors import AlreadyExistsError, InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import StoredRows
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import SampleKey, as_list
from vstore.format.table.sample_rows import as_rows
from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.selection import SelectMany, SelectOne, split
from vstore.reading.key_indexer import has_key, rows_of
from vstore.reading.named_columns import NamedColumns
from vstore.reading.stored_table import each_sample
from vstore.writing.assignments import Assignment, assignments
from vstore.writing.batches import (
    Batch,
    batch_of_one,
    batches,
    check_columns,
    common_length,
)
from vstore.writing.casting import cast_column
from vstore.writing.door import Door, changes
from vstore.writing.new_column import check_column_name, check_specs
from vstore.writing.staged_table import StagedTable
from vstore.writing.transaction_arrays import TransactionColumn
from vstore.writing.transaction_indexer import StagedSamples, TransactionIndexer
from vstore.writing.upserting import Ready, Upserted, upsert

_WAVE_ROWS = 4096


@exported_from("vstore")
class TransactionTable(NamedColumns[TransactionColumn]):
    """A table of a transaction. Reading sees what was written; nobody else does yet."""

    def __init__(self, staged: StagedTable) -> None:
        self._staged = staged

    @property
    def _door(self) -> Door:
        return self._staged.staging.door

    @property
    def _internals(self) -> StagedTable:
        """The table as it is with what other processes wrote: no method has to take it first."""
        self._door.update()
        return self._staged

    @property
    def path(self) -> str:
        """Where the table is in the repository."""
        return self._staged.path

    @property
    def columns(self) -> Mapping[str, TransactionColumn]:
        """The columns by name, in the order of their names."""
        return {name: TransactionColumn(self, name) for name in self._internals.names}

    @property
    def key_kind(self) -> str | None:
        """How samples are named: `int`, `str`, `tuple`, or None for position only."""
        kind = self._internals.held.keys.kind
        return None if kind is None else kind.name

    def __len__(self) -> int:
        return len(self._internals.held.rows)

    def extend(self, samples: Any, *, keys: Sequence[SampleKey] | None = None) -> None:
        """Add samples: one mapping of whole columns, or an iterable of such batches.

        A frame of pandas or Polars, tables and batches of pyarrow, and whatever else has an
        Arrow stream are taken in the place of a mapping or of an iterable.

        Every batch gives every column, all of one length, and may leave out or set to None
        what is optional; an iterable may be larger than memory. Where the table has keys
        they come in `keys`, or in each batch as `sample`; a batch without any column has a
        sample for each key. A batch is checked whole before any of it is taken.

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
        self._internals.require_usable()
        if isinstance(samples, Mapping):
            self._extend(samples, keys)
            return
        if keys is None:
            for batch in batches(samples):
                self._extend(batch, None)
            return
        found = list(islice(batches(samples), 2))
        if len(found) > 1:
            raise InvalidInputError("with several batches, give the keys in each as 'sample'")
        self._extend(found[0] if found else {}, keys)

    def append(self, sample: Batch, *, key: SampleKey | None = None) -> None:
        """Add one sample: a mapping of column names to values; optional ones may be left out."""
        infos = {name: self._internals.info(name) for name in self._internals.names}
        single = batch_of_one(sample, infos) or {
            name: [None] for name, info in infos.items() if info.optional
        }
        self.extend(single, keys=None if key is None else [key])

    def upsert(
        self, samples: Batch | Iterable[Batch], *, keys: Sequence[SampleKey] | None = None
    ) -> Upserted:
        """Add samples whose keys are new, replace those that differ; return how many of each.

        Takes what `extend` takes, but for tables with keys only. A sample is replaced as a whole:
        optional columns that are left out become missing. Equal samples are not written, so
        that a batch that changes nothing makes no commit.

        Raises:
            InvalidInputError: as `extend` does; that batch changed nothing.

        >>> import vstore
        >>> repo = vstore.create("memory://upsert-doc")
        >>> with repo.transaction("main", message="Add") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        ...     table.extend({"x": [1, 2]}, keys=["a", "b"])
        ...     table.upsert({"x": [1, 5, 3]}, keys=["a", "b", "c"])
        Upserted(added=1, replaced=1, equal=1)
        """
        self._internals.require_usable()
        if isinstance(samples, Mapping):
            return self._upsert(samples, keys)
        if keys is not None:
            raise InvalidInputError(
                "with an iterable of batches, give the keys in each as 'sample'"
            )
        return sum((self._upsert(batch, None) for batch in batches(samples)), Upserted(0, 0, 0))

    @changes
    def _upsert(self, batch: Batch, keys: Sequence[SampleKey] | None) -> Upserted:
        return upsert(self._internals, batch, keys)

    @changes
    def _extend(self, batch: Batch, keys: Sequence[SampleKey] | None) -> None:
        values = dict(batch)
        if keys is None and self.key_kind is not None:
            keys = values.pop(KEYS, None)
        infos = {name: self._internals.info(name) for name in self._internals.names}
        check_columns(values, infos, path=self.path)
        if not values and keys is not None:
            keys = as_list(keys, path=self.path)
        count = common_length(values, path=self.path) if values else len(keys or ())
        # What is left out is written like what is given as missing: equal data, equal packs.
        values |= {name: [None] * count for name in infos.keys() - values.keys()}
        ready = {name: self._internals.ready(name, value) for name, value in values.items()}
        with self._internals.staging.writer.lock:
            checked_keys = self._internals.held.keys.check(keys, count, path=self.path)
            if count:
                self._append(ready, checked_keys, count)

    def _append(self, ready: Ready, checked_keys: Any, count: int) -> None:
        """Add samples that were found to fit."""
        with self._internals.staging.writer.uninterrupted():
            elements: dict[str, NDArray[Any]] = {}
            for name, arrays in ready.items():
                self._internals.make(name, None)
                elements |= {name + suffix: rows for suffix, rows in arrays.items()}
            if checked_keys is not None:
                elements[KEYS] = checked_keys
            self._internals.held.append_rows(elements, count)

    @changes
    def delete(self, index: Any = None, *, keys: Collection[SampleKey] | None = None) -> int:
        """Delete samples by position (integer, slice, array, mask) or by key; return how many.

        They are marked, not rewritten; positions behind them move up at once.

        Raises:
            OutOfBoundsError: a position outside the table.
            NotFoundError: no sample has the key.
        """
        self._internals.require_usable()
        if (index is None) == (keys is None):
            raise InvalidInputError("delete takes either positions or keys=, not both or neither")
        with self._internals.staging.writer.lock:
            rows = self._internals.held.rows
            if keys is not None:
                keys = list(keys) if isinstance(keys, set | frozenset) else keys
                stored = np.unique(self._internals.held.keys.rows(keys, path=self.path))
            else:
                stored = np.unique(_row_numbers(rows.locate(index), rows.stored))
            self._internals.held.delete_rows(stored)
        return len(stored)

    @property
    def loc(self) -> TransactionIndexer:
        """Read or change samples by key: `table.loc["a"] = {"label": 3}`."""
        return TransactionIndexer(self, lambda: self._internals.usable_arrays())

    def position(self, key: SampleKey) -> int:
        """Return where the sample with this key is, or raise `NotFoundError`."""
        row = rows_of(StagedSamples(self, self._internals.usable_arrays), [key])
        return int(self._internals.held.rows.position(row)[0])

    @overload
    def has_key(self, key: SampleKey) -> bool: ...
    @overload
    def has_key(self, key: list[Any] | NDArray[Any]) -> NDArray[np.bool_]: ...
    def has_key(self, key: Any) -> Any:
        """Return whether a sample has this key now; for a list of keys a mask, in one lookup.

        Raises:
            InvalidInputError: a key is of the wrong kind.
        """
        return has_key(StagedSamples(self, self._internals.usable_arrays), key)

    def sample_keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        self._internals.require_usable()
        kind = self._internals.held.keys.kind
        if kind is None:
            return np.arange(len(self), dtype=np.int64)
        live = self._internals.held.rows.locate(slice(None))
        return kind.from_stored(self._internals.held.stored_keys(live))

    @overload
    def __getitem__(self, index: str) -> TransactionColumn: ...
    @overload
    def __getitem__(self, index: SelectMany) -> dict[str, NDArray[Any]]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> dict[str, Any]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return a column by name, to read or to assign to, else samples as `Table` does."""
        staged = self._internals
        staged.require_usable()
        if not isinstance(index, str):
            return {
                name: self._internals.open_column(name)[index] for name in self._internals.names
            }
        staged.require_column(index)
        staged.make(index, None)
        return TransactionColumn(self, index)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the samples as they are, each a dict."""
        self._internals.require_usable()
        columns = {name: self._internals.open_column(name) for name in self._internals.names}
        yield from each_sample(columns, len(self))

    @changes
    def assign(self, index: Any, values: Batch) -> None:
        """Change samples of some columns in place, or none of them if any value does not fit.

        See `TransactionColumn.__setitem__`.
        """
        self._internals.require_usable()
        fitting: list[Assignment] = []
        changed: list[StoredRows] = []
        for name, value in values.items():
            self._internals.require_column(name)
            self._internals.make(name, None)
            target = self._internals.target(name)
            first, rest = split(index, target.arrays[""].metadata.ndim)
            stored = self._internals.held.rows.locate(first)
            fitting += assignments(target, stored, rest, value)
            changed.append(_row_numbers(stored, self._internals.held.count))
        with self._internals.staging.writer.uninterrupted():
            for assignment in fitting:
                assignment.store()
        for rows in changed:
            self._internals.held.note_changed(rows)

    # Schema -------------------------------------------------------------------------

    @changes
    def add_column(self, name: str, spec: ColumnSpec, values: Any = None) -> None:
        """Add a column. Samples that the table holds get `values`, or the fill value.

        With the fill value, or as missing where the column is optional, no chunk is stored.

        Raises:
            AlreadyExistsError: there is a column of that name.
            InvalidInputError: values of another number, data type or shape.
        """
        self._internals.require_usable()
        check_column_name(name)
        if name in self._internals.names:
            raise AlreadyExistsError(f"the table {self.path!r} has a column {name!r} already")
        check_specs({name: spec})
        spec = spec.with_id(self._internals.staging.new_id(f"{self.path}/{name}"))
        ready = {} if values is None else as_rows(name, spec.info, spec.form, values)
        if ready and len(ready[""]) != len(self):
            raise InvalidInputError(f"{len(ready[''])} values for {len(self)} samples")
        self._internals.declare(name, spec, ready.get(""))
        live = self._internals.held.rows.live()
        for suffix, rows in ready.items():
            self._internals.held.write_rows(name + suffix, live, rows)

    @changes
    def drop_column(self, name: str) -> None:
        """Remove a column; no chunk is touched."""
        self._internals.require_column(name)
        self._internals.make(name, None)
        self._internals.held.drop_column(name)

    @changes
    def rename_column(self, name: str, new_name: str) -> None:
        """Give a column another name; no chunk is touched."""
        self._internals.require_column(name)
        check_column_name(new_name)
        self._internals.make(name, None)
        self._internals.held.rename_column(name, new_name)

    @changes
    def cast(self, name: str, dtype: DTypeLike) -> None:
        """Give a column of fixed shape a wider data type, which every value fits.

        Raises:
            InvalidInputError: the data type cannot hold every value of the present one.
        """
        self._internals.require_column(name)
        self._internals.make(name, None)
        cast_column(self._internals.held, name, dtype, writer=self._internals.staging.writer)

    @changes
    def compact(self) -> int:
        """Rewrite the table without its deleted samples; return how many rows that frees.

        Positions stay, since deleted samples have none; chunks are written again. Where no sample
        is deleted, those chunks alone that appending and changing left in pieces are.
        """
        self._internals.require_usable()
        with self._internals.staging.writer.uninterrupted():
            return self._internals.stored.compact()

    @changes
    def reindex(self) -> None:
        """Rebuild the key index, where a verification found it to be wrong.

        Reads all keys. Tables with few samples, or without keys, have no index.
        """
        self._internals.require_usable()
        with self._internals.staging.writer.uninterrupted():
            self._internals.stored.reindex()

    def attributes(self, column: str | None = None) -> dict[str, Any]:
        """Return the attributes of the table, or of one of its columns, as a copy."""
        return self._internals.stored.attributes(column)

    @changes
    def set_attributes(self, attributes: Mapping[str, Any], *, column: str | None = None) -> None:
        """Replace the attributes of the table, or of one of its columns."""
        self._internals.set_attributes(attributes, column=column)

    def __repr__(self) -> str:
        return f"<vstore.TransactionTable {self.path!r} {len(self):,} samples>"


def _row_numbers(stored: Any, size: int) -> StoredRows:
    if isinstance(stored, slice):
        return np.arange(*stored.indices(size), dtype=np.int64)
    return np.atleast_1d(np.asarray(stored, np.int64))
