"""Diffs for users to read; of samples as many names as fit are read, and all counted."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from vstore.diffing.array_diff import ArrayDiff
from vstore.diffing.attributes import AttributeChange
from vstore.diffing.row_diff import SHOWN
from vstore.diffing.statistics import ValueStatistics
from vstore.diffing.table_diff import TableDiff
from vstore.faces import internals
from vstore.wording import plural

if TYPE_CHECKING:
    from vstore.diffing.diff import Diff


def counts(diff: "Diff") -> Iterator[str]:
    """Yield what became of each table, array and group, in a few words."""
    for table in diff.tables.values():
        yield f"{table.path or '/'} {table_counts(table)}"
    yield from (f"{array.path} {array.status}" for array in diff.arrays.values())
    yield from (f"{path} {status}" for path, status in diff.groups.items())
    yield from (f"{path or '/'} attributes changed" for path in diff.attributes)
    if not diff:
        yield "no difference"


def table_counts(table: TableDiff) -> str:
    """Return how many samples of a table came, went and changed, in a few words."""
    if table.status != "changed":
        return table.status
    rows = internals(table)
    changed = [found for _, found in rows.changes.values()]
    count = len(np.unique(np.concatenate(changed))) if changed else 0
    names = list(dict.fromkeys(chain.from_iterable(rows.first_changed.values())))
    counted = (
        ("added", len(rows.added_rows), rows.first_added),
        ("removed", len(rows.removed_rows), rows.first_removed),
        ("changed", count, names[: SHOWN + 1]),
    )
    said = [f"{count:,} {verb}{_some(named)}" for verb, count, named in counted if count]
    return ", ".join(said) or "schema or attributes changed"


def table_lines(table: TableDiff) -> Iterator[str]:
    """Yield a line for each kind of change to a table and to each of its columns."""
    path, rows_of = table.path, internals(table)
    if table.status != "changed":
        count = len(rows_of.added_rows) + len(rows_of.removed_rows)
        yield f"{path}: table {table.status}, {plural(count, 'sample')}"
        return
    for verb, count, names in (
        ("added", len(rows_of.added_rows), rows_of.first_added),
        ("removed", len(rows_of.removed_rows), rows_of.first_removed),
    ):
        if count:
            yield f"{path}: {plural(count, 'sample')} {verb}{_some(names)}"
    for column, (_, rows) in rows_of.changes.items():
        names = rows_of.first_changed[column]
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
    return f" ({some(names)})" if names else ""


def some(names: Sequence[Any]) -> str:
    """Return what some samples are called, and that there are more where there are."""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{', '.join(map(repr, names[:SHOWN]))}{more}"
