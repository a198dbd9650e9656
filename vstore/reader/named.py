"""The columns that a user gives to a reader, by name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.regions import Regions, array_columns
from vstore.reading.array import Array
from vstore.reading.column import Column
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table


def column_not_found(name: str, columns: Iterable[str]) -> NotFoundError:
    """Return the error for a column that is not there; `columns` are those that are."""
    return NotFoundError(
        f"there is no column {name!r}",
        code="column-not-found",
        hint=f"the columns are {', '.join(map(repr, columns))}",
        column=name,
    )


_NO_COLUMNS: tuple[type, ...] = (str, bytes, np.ndarray, Snapshot)


def _not_readable(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"a reader reads a table or columns of a commit, not {what}",
        code="not-readable",
        hint="give a table or columns, such as `vstore.checkout(url)['train']`",
    )


def columns_of(data: Any, names: Sequence[str] | None) -> dict[str, Column]:
    """Return the columns that a user gives, or some of them, by name and in order.

    Raises:
        InvalidInputError: there is no column, or what is given is none.
        NotFoundError: there is no column of a name.
    """
    found = _by_name(data)
    if names is not None:
        wanted = [names] if isinstance(names, str) else list(names)
        absent = [name for name in wanted if not _is_among(name, found)]
        if absent:
            raise column_not_found(absent[0], found)
        if len(set(wanted)) != len(wanted):
            raise InvalidInputError(f"columns names one more than once: {wanted}")
        found = {name: found[name] for name in wanted}
    if not found:
        raise InvalidInputError("there is no column to read")
    for name, column in found.items():
        if internals(column).valid is not None and name + VALID_SUFFIX in found:
            raise InvalidInputError(
                f"{name + VALID_SUFFIX!r} is the mask of {name!r}, and the name of another column",
                code="name-taken",
                hint="give the columns other names, or leave that one out",
                column=name,
            )
    return found


def _is_among(name: Any, columns: Mapping[str, Column]) -> bool:
    return isinstance(name, str) and name in columns


def _by_name(data: Any) -> dict[str, Column]:
    if isinstance(data, Table):
        return dict(data.columns)
    if isinstance(data, Regions):
        return array_columns(data)
    if isinstance(data, Array):
        raise InvalidInputError(
            f"{data!r} is no table: say which parts of it are samples",
            code="not-readable",
            hint="read regions of it, made by `vstore.reader.regions`",
        )
    columns = [data] if isinstance(data, Column) else data
    if isinstance(data, _NO_COLUMNS):
        raise _not_readable(f"{data!r:.100}")
    named = columns.items() if isinstance(columns, Mapping) else _named(columns)
    pairs = [(name, _checked(name, column)) for name, column in named]
    if len(dict(pairs)) != len(pairs):
        raise InvalidInputError(
            "two columns have the same name", hint="give a mapping of names to columns"
        )
    return dict(pairs)


def _named(columns: Any) -> Iterator[tuple[str, Any]]:
    try:
        several = iter(columns)
    except TypeError:
        raise _not_readable(f"{columns!r:.100}") from None
    return ((getattr(column, "name", repr(column)), column) for column in several)


def _checked(name: Any, column: Any) -> Column:
    if not isinstance(column, Column):
        raise _not_readable(f"{name!r:.100}, which is not a column")
    return column
