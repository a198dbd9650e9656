"""The keys of samples as a column that batches have besides."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.table.kinds import NDARRAY, TEXT, ColumnInfo, ColumnKind
from vstore.format.table.sample_keys import KeyKind, find_key_kind
from vstore.reader.load.session import Selection
from vstore.reading.column import Column
from vstore.reading.stored_column import StoredColumn
from vstore.reading.stored_table import StoredTable


class _KeyInfo(ColumnInfo, frozen=True):
    """Says of stored keys what a table says of a column."""

    key_kind: str = ""

    @property
    def kind(self) -> ColumnKind:
        """What the keys are."""
        kind = find_key_kind(self.key_kind)
        return _KINDS[self.kind_name] if kind is None or kind.load is None else _loaded(kind)


_KINDS = {kind.name: kind for kind in (NDARRAY, TEXT)}


def _loaded(kind: KeyKind) -> ColumnKind:
    return ColumnKind(name=TEXT.name, data_type=TEXT.data_type, decode=partial(_load, kind))


def _load(kind: KeyKind, _: ColumnInfo, element: Any) -> Any:
    return element if kind.load is None else kind.load(element)


@pickled
@dataclass(frozen=True)
class KeyColumn:
    """Whose keys batches have, under which name: those of the table of the first column read.

    Where samples have no keys, their positions in the table take the place.
    """

    label: str
    column: Column
    selection: Selection

    @property
    def kind(self) -> str | None:
        """What the keys are; None for positions."""
        table = _table_of(self.column)
        return None if table is None else table.key_kind

    @property
    def is_listed(self) -> bool:
        """Whether keys come in a list, not in an array."""
        kind = find_key_kind(self.kind)
        return kind is not None and kind.dtype.hasobject

    def opened(self) -> Column | None:
        """Return the keys as a column; None where there are none, or no samples."""
        table = _table_of(self.column)
        kind = find_key_kind(self.kind)
        source = None if table is None or kind is None else table.key_source
        if table is None or kind is None or source is None:
            return None
        base = TEXT if kind.dtype.hasobject else NDARRAY
        info = _KeyInfo(kind_name=base.name, key_kind=kind.name)
        return Column(StoredColumn(self.label, source, info, table.rows, table=table))

    def positions(self) -> NDArray[np.int64]:
        """Return the position of each sample in the table: shape (samples,), or as windows have."""
        picked = self.selection.positions
        return np.arange(len(self.selection), dtype=np.int64) if picked is None else picked

    def checked(self, taken: Iterable[str]) -> "KeyColumn":
        """Return it, or raise `InvalidInputError` if its name is none, or that of another."""
        label: Any = self.label
        if not isinstance(label, str) or not label:
            raise InvalidInputError(
                f"key_label is the name that the keys have in a batch, not {self.label!r}"
            )
        if self.label in taken:
            raise InvalidInputError(
                f"the keys cannot be called {self.label!r}: another part of a batch is",
                code="name-taken",
                hint="give them another name, as in `key_label='sample_key'`",
                column=self.label,
            )
        return self


def sample_keys(column: Column) -> NDArray[Any]:
    """Return the keys of all samples of a column's table; positions where they have none."""
    table = _table_of(column)
    return np.arange(len(column)) if table is None else table.sample_keys()


def _table_of(column: Column) -> StoredTable | None:
    table = internals(column).table
    return table if isinstance(table, StoredTable) else None
