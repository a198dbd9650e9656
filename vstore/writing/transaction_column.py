"""Columns and keys of a table in a transaction, to read and to assign to."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format.table.sample_keys import SampleKey
from vstore.reading.column import Column

Batch = Mapping[str, Any]


class _Assignable(Protocol):
    """What a column needs of the staged table it belongs to."""

    @property
    def path(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object) -> bool: ...
    def __getitem__(self, name: str) -> "TransactionColumn": ...
    def position(self, key: SampleKey) -> int: ...
    def open_column(self, name: str) -> Column: ...
    def assign(self, index: Any, values: Batch) -> None: ...


@exported_from("vstore")
class TransactionColumn:
    """One column of a table in a transaction: index it to read, assign to it to write."""

    def __init__(self, table: _Assignable, name: str) -> None:
        self._table = table
        self._name = name

    def __getitem__(self, index: Any) -> Any:
        """Return the samples an index picks, as they stand in the transaction."""
        return self._table.open_column(self._name)[index]

    def __setitem__(self, index: Any, values: Any) -> None:
        """Change the samples an index picks; values broadcast as in NumPy.

        Raises:
            OutOfBoundsError: a position outside the table.
            InvalidInputError: values of another data type or shape.
        """
        self._table.assign(index, {self._name: values})

    def __len__(self) -> int:
        return len(self._table)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(samples, *shape of one sample)."""
        return self._table.open_column(self._name).shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples."""
        return self._table.open_column(self._name).dtype

    def __repr__(self) -> str:
        return f"<vstore.TransactionColumn {self._name!r} of {self._table!r}>"


@exported_from("vstore")
class TransactionIndexer:
    """Reads and changes samples of a table in a transaction by key."""

    def __init__(self, table: _Assignable) -> None:
        self._table = table

    def __getitem__(self, key: SampleKey) -> dict[str, Any]:
        position = self._table.position(key)
        return {name: self._table[name][position] for name in self._table.columns}

    def __setitem__(self, key: SampleKey, sample: Batch) -> None:
        """Change some or all columns of one sample; none where a value does not fit."""
        if not isinstance(sample, Mapping):
            raise InvalidInputError(
                "a sample is a mapping of column names to values; got " + type(sample).__name__
            )
        position = self._table.position(key)
        for name in sample:
            if name not in self._table:
                raise NotFoundError(f"the table {self._table.path!r} has no column {name!r}")
        self._table.assign(position, sample)
