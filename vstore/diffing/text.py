"""Diffs for people to read, from their plain values (`Diff.to_dict()`)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN = 5

Plain = Mapping[str, Any]


def lines(diff: Plain) -> Iterator[str]:
    """Yield a diff line by line, one for each kind of change to each column or array."""
    for old, new in diff["moved"].items():
        yield f"{old} -> {new}: moved"
    for table in diff["tables"]:
        yield from _table(table)
    for array in diff["arrays"]:
        yield _array(array)
    for path, changes in diff["attributes"].items():
        yield f"{path or '/'}: attributes {', '.join(changes)}"


def _table(table: Plain) -> Iterator[str]:
    path = table["path"]
    if table["status"] != "changed":
        count = len(table["added"]) + len(table["removed"])
        yield f"{path}: table {table['status']}, {_count(count, 'sample')}"
        return
    for verb in ("added", "removed"):
        if table[verb]:
            yield f"{path}: {_count(len(table[verb]), 'sample')} {verb}{_some(table[verb])}"
    for column, names in table["changed"].items():
        yield f"{path}/{column}: {_count(len(names), 'sample')} changed{_some(names)}"
    yield from _columns(path, table["columns"])
    if table["attributes"]:
        yield f"{path}: attributes {', '.join(table['attributes'])}"


def _columns(path: str, columns: Plain) -> Iterator[str]:
    for verb in ("added", "removed"):
        yield from (f"{path}/{column}: column {verb}" for column in columns[verb])
    for before, after in columns["renamed"].items():
        yield f"{path}/{after}: column renamed from {before}"
    for column in columns["retyped"]:
        yield f"{path}/{column}: column has another data type, shape or encoding"


def _array(array: Plain) -> str:
    shape = array["shape"]
    resized = f", shape {tuple(shape[0])} -> {tuple(shape[1])}" if shape and all(shape) else ""
    return f"{array['path']}: {array['status']}, {_count(len(array['chunks']), 'chunk')}{resized}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _some(names: Sequence[Any]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f" ({', '.join(map(repr, names[:_SHOWN]))}{more})"
