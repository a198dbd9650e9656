"""What notebooks show of differences: counts by table and column, and the first names."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vstore.diffing.text import attribute_lines, some
from vstore.display import boxes
from vstore.display.html import Content, Markup, element
from vstore.display.notebook import representation
from vstore.faces import internals
from vstore.wording import plural

if TYPE_CHECKING:
    from vstore.diffing.array_diff import ArrayDiff
    from vstore.diffing.diff import Diff
    from vstore.diffing.table_diff import TableDiff

_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def status_mark(status: str) -> Markup:
    """Return what became of something: a sign, a word and a color."""
    return element("span", f"{_MARKS[status]} {status}", class_=f"vstore-{status}")


@representation
def diff_box(diff: "Diff") -> Markup:
    """Return what differs between two commits."""
    old = "nothing" if diff.old is None else diff.old.commit.id[:12]
    rows = list(change_rows(diff))
    content = boxes.note("no difference")
    if rows:
        content = boxes.grid(("what", "", "samples", "which"), rows, right=[2], count=len(rows))
    return boxes.box("Diff", f"{old} .. {diff.new.commit.id[:12]}", content)


@representation
def table_diff_box(table: "TableDiff") -> Markup:
    """Return what differs between two states of a table."""
    rows = list(_table_rows(table))
    content = boxes.grid(("what", "", "samples", "which"), rows, right=[2], count=len(rows))
    return boxes.box("Table diff", table.path or "/", content, note=table.status)


@representation
def array_diff_box(array: "ArrayDiff") -> Markup:
    """Return what differs between two states of an array."""
    rows = list(_array_rows(array))
    content = boxes.grid(("what", "", "chunks", "which"), rows, right=[2], count=len(rows))
    return boxes.box("Array diff", array.path, content, note=array.status)


def change_rows(diff: "Diff") -> Iterator[tuple[Content, ...]]:
    """Yield a line of a grid for each kind of change to each thing."""
    for old, new in diff.moved.items():
        yield f"{old} → {new}", "moved", None, None
    for path, status in diff.groups.items():
        yield path, status_mark(status), None, "group"
    for table in diff.tables.values():
        yield from _table_rows(table)
    for array in diff.arrays.values():
        yield from _array_rows(array)
    for path, changes in diff.attributes.items():
        for line in attribute_lines(path or "/", changes):
            yield path or "/", status_mark("changed"), None, line.partition(": ")[2]


def _table_rows(table: "TableDiff") -> Iterator[tuple[Content, ...]]:
    """Yield a line for the samples that came and went, and for each column."""
    path, rows = table.path or "/", internals(table)
    if table.status != "changed":
        count = len(rows.added_rows) + len(rows.removed_rows)
        yield path, status_mark(table.status), f"{count:,}", "table"
        return
    for status, count, names in (
        ("added", len(rows.added_rows), rows.first_added),
        ("removed", len(rows.removed_rows), rows.first_removed),
    ):
        if count:
            yield path, status_mark(status), f"{count:,}", _some(names)
    for column, (_, found) in rows.changes.items():
        names = rows.first_changed[column]
        yield f"{path}/{column}", status_mark("changed"), f"{len(found):,}", _some(names)
    yield from _schema_rows(table)


def _schema_rows(table: "TableDiff") -> Iterator[tuple[Content, ...]]:
    path = table.path or "/"
    for status, names in (("added", table.added_columns), ("removed", table.removed_columns)):
        for column in names:
            yield f"{path}/{column}", status_mark(status), None, "column"
    for before, after in table.renamed_columns.items():
        yield f"{path}/{after}", status_mark("changed"), None, f"renamed from {before}"
    for pair in table.retyped:
        yield f"{path}/{pair.name}", status_mark("changed"), None, "data type, shape or encoding"
    for line in attribute_lines(path, table.attributes):
        yield path, status_mark("changed"), None, line.partition(": ")[2]


def _array_rows(array: "ArrayDiff") -> Iterator[tuple[Content, ...]]:
    shape = array.shape
    resized = None if shape is None else f"shape {shape.old} → {shape.new}"
    count = len(array.chunks)
    yield array.path, status_mark(array.status), f"{count:,}", resized or plural(count, "chunk")
    for line in attribute_lines(array.path, array.attributes):
        yield array.path, status_mark("changed"), None, line.partition(": ")[2]


def _some(names: Sequence[Any]) -> str:
    return boxes.shortened(some(names))
