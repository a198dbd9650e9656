"""What is read: columns of equal length, and some of their samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.column import Column
from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.digest import digest_of
from vstore.format.selection import positions as resolve
from vstore.reader.joining import at_keys, matched
from vstore.reader.session import Geometry, Selection, stored_array
from vstore.table import Table

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """Columns, and which of their samples are read.

    Columns of different tables are matched by their samples' keys.
    """

    columns: Mapping[str, Column]
    selections: Mapping[str, Selection]

    @classmethod
    def of(
        cls,
        data: Any,
        names: Sequence[str] | None = None,
        *,
        rows: Any = None,
        keys: Sequence[Any] | None = None,
    ) -> "Source":
        """Return some columns of a table, of a mapping or of a sequence of columns.

        Args:
            data: where the columns come from.
            names: which of them, in which order; all of them when None.
            rows: which samples, in which order: an index over positions, or a function of
                the columns by name that returns one.
            keys: which samples, in which order, by their keys.

        Raises:
            InvalidInputError: there is no column, or they differ in length and have no keys.
            NotFoundError: there is no column of a name, or no sample with a key.
        """
        columns = _columns(data, names)
        if keys is not None:
            if rows is not None:
                raise InvalidInputError("choose samples by rows or by keys, not by both")
            places = at_keys(columns, keys)
        else:
            picked = _at_rows(data, columns, rows)
            places = {name: _through(places, picked) for name, places in matched(columns).items()}
        return cls(columns, {name: Selection(c.rows, places[name]) for name, c in columns.items()})

    @cached_property
    def geometry(self) -> Geometry:
        """How the columns are best read together."""
        return Geometry.of(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.selections.values())))

    def fingerprint(self) -> str:
        """Return a digest of all samples that are read, in order, found without reading them."""
        parts: list[Any] = []
        for name, column in self.columns.items():
            selection = self.selections[name]
            picked = selection.positions
            parts.append(
                [
                    name,
                    stored_array(column.source, name).node.metadata["shape"],
                    stored_array(column.source, name).node.chunks,
                    [
                        stored_array(beside, name).node.chunks
                        for beside in (column.shapes, column.valid)
                        if beside is not None
                    ],
                    column.rows.deleted.tobytes(),
                    None if picked is None else picked.tobytes(),
                ]
            )
        return digest_of(msgspec.json.encode(parts))


def _at_rows(data: Any, columns: Mapping[str, Column], rows: Any) -> Ints | None:
    if rows is None:
        return None
    if callable(rows):
        rows = rows(data.columns if isinstance(data, Table) else columns)
    return resolve(rows, len(next(iter(columns.values()))))


def _through(places: Ints | None, picked: Ints | None) -> Ints | None:
    return places if picked is None else picked if places is None else places[picked]


def _columns(data: Any, names: Sequence[str] | None) -> dict[str, Column]:
    found = _by_name(data)
    if names is not None:
        wanted = [names] if isinstance(names, str) else names
        absent = [name for name in wanted if name not in found]
        if absent:
            raise NotFoundError(f"there is no column {absent[0]!r}; there are {', '.join(found)}")
        found = {name: found[name] for name in wanted}
    if not found:
        raise InvalidInputError("there is no column to read")
    return found


def _by_name(data: Any) -> dict[str, Column]:
    if isinstance(data, Table):
        return dict(data.columns)
    columns = [data] if isinstance(data, Column) else data
    pairs = list(columns.items() if isinstance(columns, Mapping) else _named(columns))
    for name, column in pairs:
        if not isinstance(column, Column):
            raise InvalidInputError(f"{name!r} is not a column of a commit: {column!r}")
    if len(dict(pairs)) != len(pairs):
        raise InvalidInputError("two columns have the same name: give a mapping of names to them")
    return dict(pairs)


def _named(columns: Any) -> list[tuple[str, Any]]:
    try:
        return [(getattr(column, "name", repr(column)), column) for column in columns]
    except TypeError:
        raise InvalidInputError(
            f"give a table, a column, or several columns to read; {columns!r} is none"
        ) from None
