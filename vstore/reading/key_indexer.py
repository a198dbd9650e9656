"""The samples of a table by their keys, as a mapping."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError, NotHereError
from vstore.faces import exported_from
from vstore.format.numbers import StoredRows
from vstore.format.table.rows import Rows
from vstore.format.table.sample_keys import INT, KeyKind, SampleKey, as_list, find_key_kind
from vstore.reading.lookup import Lookup

D = TypeVar("D")
Sample = dict[str, Any]

BLOCK_ROWS = 2**16
"""How many keys are read at a time while they are iterated over."""


class _KeyedTable(Protocol):
    """What finding samples by key takes of a table."""

    @property
    def path(self) -> str: ...
    @property
    def key_kind(self) -> str | None: ...
    @property
    def rows(self) -> Rows: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Sample]: ...
    def keys_of(self, rows: StoredRows) -> NDArray[Any]: ...
    def find_rows(self, keys: list[Any]) -> StoredRows: ...
    def rows_of(self, keys: Any) -> StoredRows: ...
    def rows_below(self, prefix: object) -> StoredRows: ...
    def at_rows(self, stored: int | StoredRows) -> Sample: ...
    def reopening(self) -> tuple[Any, ...]: ...


@exported_from("vstore")
class KeyIndexer(Lookup[SampleKey, Sample]):
    """The samples of a table by key: a mapping of keys to samples, in the table's order.

    A lookup takes as few requests as the table's size allows; iterating reads keys and
    samples in blocks. Where samples have no keys, their positions stand for them.
    """

    def __init__(self, table: _KeyedTable) -> None:
        self._table = table

    def __reduce__(self) -> tuple[Any, ...]:
        reopen, arguments = self._table.reopening()
        return getattr, (reopen(*arguments), "loc")

    @overload
    def __getitem__(self, key: SampleKey | np.integer[Any]) -> Sample: ...
    @overload
    def __getitem__(self, key: list[Any] | NDArray[Any]) -> dict[str, NDArray[Any]]: ...
    def __getitem__(self, key: Any) -> Sample:
        """Return one sample by key, or a dict of arrays for a list of keys.

        Where keys are tuples, their first part (or parts, as a shorter tuple) gives all
        samples whose keys begin so: `table.loc["patient-7"]`.

        Raises:
            NotFoundError: no sample has the key.
            InvalidInputError: the key is of the wrong kind.
        """
        try:
            return self._table.at_rows(self._rows(key))
        except NotHereError as exc:
            raise exc.of_sample(key) from exc.__cause__

    @overload
    def get(self, key: SampleKey) -> Sample | None: ...
    @overload
    def get(self, key: SampleKey, default: Sample | D) -> Sample | D: ...
    def get(self, key: SampleKey, default: Any = None) -> Any:
        """Return what `[key]` gives, or `default` where no sample has the key."""
        try:
            rows = self._rows(key)
        except NotHereError:
            raise
        except (NotFoundError, InvalidInputError):
            return default
        return self._table.at_rows(rows)

    @property
    def _kind(self) -> KeyKind:
        """What a key is; positions stand for keys where there are none."""
        return find_key_kind(self._table.key_kind) or INT

    def _rows(self, key: Any) -> int | StoredRows:
        table = self._table
        if isinstance(key, (list, np.ndarray)):
            return table.rows_of(key)
        if not self._kind.has_prefixes:
            return int(table.rows_of([key])[0])
        row = int(table.find_rows([key])[0]) if isinstance(key, tuple) else -1
        return row if row >= 0 else table.rows_below(key)

    def __contains__(self, key: object) -> bool:
        """Return whether a sample has this key; one lookup, and no sample is read."""
        return self._kind.fits(key) and bool(self._table.find_rows([key])[0] >= 0)

    def __iter__(self) -> Iterator[SampleKey]:
        """Iterate over the keys, reading many at a time."""
        table, count = self._table, len(self)
        for start in range(0, count, BLOCK_ROWS):
            block = np.arange(start, min(start + BLOCK_ROWS, count), dtype=np.int64)
            yield from table.keys_of(table.rows.locate(block)).tolist()

    def __len__(self) -> int:
        return len(self._table)

    def _each_value(self) -> Iterator[Sample]:
        return iter(self._table)

    def __repr__(self) -> str:
        return f"<{self._table.key_kind or 'no'} keys of {self._table!r}>"


def has_key(table: _KeyedTable, key: Any) -> Any:
    """Return whether a sample has a key; a mask for a list of keys."""
    if not isinstance(key, list | np.ndarray):
        return bool(table.find_rows([key])[0] >= 0)
    return table.find_rows(as_list(key, path=table.path)) >= 0


def rows_of(table: _KeyedTable, keys: Any) -> StoredRows:
    """Return where in storage the samples with some keys are, or raise `NotFoundError`."""
    listed = as_list(keys, path=table.path)
    found = table.find_rows(listed)
    absent = np.flatnonzero(found < 0)
    if len(absent) and table.key_kind is None:
        raise NotFoundError(
            f"the table {table.path!r} has {len(table)} samples and no keys; got "
            f"{listed[absent[0]]!r}",
            code="sample-not-found",
        )
    if len(absent):
        raise NotFoundError(
            f"the table {table.path!r} has no sample with the key {listed[absent[0]]!r}",
            code="sample-not-found",
        )
    return found
