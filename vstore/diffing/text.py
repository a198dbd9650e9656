"""Diffs for users to read; of samples as many names as fit are read, and all counted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vstore.diffing.array_diff import ArrayDiff
from vstore.diffing.attributes import AttributeChange
from vstore.diffing.statistics import ValueStatistics
from vstore.diffing.table_diff import TableDiff
from vstore.faces import internals
from vstore.wording import plural

_SHOWN = 5


def table_lines(table: TableDiff) -> Iterator[str]:
    """Yield a line for each kind of change to a table and to each of its columns."""
    path, rows_of = table.path, internals(table)
    if table.status != "changed":
        count = len(rows_of.added_rows) + len(rows_of.removed_rows)
        yield f"{path}: table {table.status}, {plural(count, 'sample')}"
        return
    for verb, rows in (("added", rows_of.added_rows), ("removed", rows_of.removed_rows)):
        if len(rows):
            names = rows_of.names(rows[: _SHOWN + 1], of_old=verb == "removed")
            yield f"{path}: {plural(len(rows), 'sample')} {verb}{_some(names)}"
    for column, (_, rows) in rows_of.changes.items():
        names = rows_of.names(rows[: _SHOWN + 1])
        yield f"{path}/{column}: {plural(len(rows), 'sample')} changed{_some(names)}"
    yield from _columns(table)
    yield from attribute_lines(path, table.attributes)


def _columns(table: TableDiff) -> Iterator[str]:
    path = table.path
    for verb, names in (("added", table.added_columns), ("removed", table.removed_columns)):
        yield from (f"{path}/{column}: column {verb}" for column in names)
    for before, after in table.renamed_columns.items():
        yield f"{path}/{after}: column renamed from {before}"
    for pair in table.retyped:
        yield f"{path}/{pair.name}: column has another data type, shape or encoding"


def array_lines(array: ArrayDiff) -> Iterator[str]:
    """Yield what became of an array."""
    shape = array.shape
    both = shape is not None and shape.old is not None and shape.new is not None
    resized = f", shape {shape.old} -> {shape.new}" if shape is not None and both else ""
    yield f"{array.path}: {array.status}, {plural(len(array.chunks), 'chunk')}{resized}"
    yield from attribute_lines(array.path, array.attributes)


def attribute_lines(path: str, changes: Mapping[str, AttributeChange]) -> Iterator[str]:
    """Yield a line for each attribute that differs."""
    for name, change in changes.items():
        yield f"{path}: attribute {name}: {_value(change.old)} -> {_value(change.new)}"


def _value(value: Any) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def statistics_line(found: ValueStatistics) -> str:
    """Return statistics on one line."""
    moved = f"mean {found.old.mean:.4g} -> {found.new.mean:.4g}, histogram shift {found.shift:.0%}"
    unmatched = f", {found.unmatched:,} of another shape or missing" if found.unmatched else ""
    return (
        f"{found.differing:,} of {found.elements:,} elements, "
        f"|difference| max {found.max_abs:.4g} mean {found.mean_abs:.4g}, {moved}{unmatched}"
    )


def _some(names: Sequence[Any]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f" ({', '.join(map(repr, names[:_SHOWN]))}{more})"
