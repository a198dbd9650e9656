"""Diffs as values: what was added, removed and changed between two commits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.array import StoredArray
from vstore.diffing.alignment import Alignment, align
from vstore.diffing.columns import ColumnPair, changed_rows, pair_columns, schema, stored
from vstore.diffing.nodes import NodeChange, changed_nodes
from vstore.diffing.text import lines
from vstore.format.digest import Digest
from vstore.format.index import changed
from vstore.format.tree import ArrayNode, GroupNode
from vstore.snapshot import Snapshot
from vstore.table import Table

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """An attribute before and after; None where it was or is not there."""

    old: Any
    new: Any


def attribute_changes(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> dict[str, AttributeChange]:
    """Return the attributes that differ, by name."""
    a, b = old or {}, new or {}
    return {
        name: AttributeChange(a.get(name), b.get(name))
        for name in sorted(a.keys() | b.keys())
        if name not in a or name not in b or a[name] != b[name]
    }


class TableDiff:
    """What differs between two states of a table; computed when asked for."""

    def __init__(self, path: str, old: Table | None, new: Table | None) -> None:
        self.path = path
        self.old = old
        self.new = new

    @property
    def status(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    @cached_property
    def alignment(self) -> Alignment | None:
        """How the rows correspond; None unless the table is on both sides."""
        return align(self.old, self.new) if self.old is not None and self.new is not None else None

    @cached_property
    def columns(self) -> list[ColumnPair]:
        """Which columns correspond."""
        old = self.old.infos if self.old is not None else {}
        new = self.new.infos if self.new is not None else {}
        return pair_columns(old, new)

    @property
    def added(self) -> list[Any]:
        """The keys of the samples that only the new state has; positions without keys."""
        if self.new is None:
            return []
        rows = self.new.rows.live() if self.alignment is None else self.alignment.added
        return _names(self.new, rows)

    @property
    def removed(self) -> list[Any]:
        """The keys of the samples that only the old state has; positions without keys."""
        if self.old is None:
            return []
        rows = self.old.rows.live() if self.alignment is None else self.alignment.removed
        return _names(self.old, rows)

    def changed_rows(self, pair: ColumnPair) -> Iterator[tuple[Ints, Ints]]:
        """Yield where in storage, old and new, samples differ in one column."""
        if self.old is None or self.new is None or self.alignment is None:
            return
        if pair in self.retyped:
            return
        yield from changed_rows(self.old, self.new, pair, self.alignment)

    @cached_property
    def changed(self) -> dict[str, list[Any]]:
        """By column, the keys (positions without keys) of the samples whose values differ."""
        if self.new is None:
            return {}
        found: dict[str, list[Any]] = {}
        for pair in self.columns:
            rows = [new for _, new in self.changed_rows(pair)]
            if rows:
                found[pair.name] = _names(self.new, np.sort(np.concatenate(rows)))
        return found

    @cached_property
    def retyped(self) -> list[ColumnPair]:
        """The columns whose data type, sample shape, chunks or codecs differ."""
        if self.old is None or self.new is None:
            return []
        old, new = self.old, self.new
        return [
            pair
            for pair in self.columns
            if pair.old is not None
            and pair.new is not None
            and _form(old, pair.old) != _form(new, pair.new)
        ]

    @property
    def added_columns(self) -> list[str]:
        """The columns that only the new state has."""
        return [pair.name for pair in self.columns if pair.old is None]

    @property
    def removed_columns(self) -> list[str]:
        """The columns that only the old state has."""
        return [pair.name for pair in self.columns if pair.new is None]

    @property
    def renamed_columns(self) -> dict[str, str]:
        """The columns that have another name, old name to new."""
        return {
            pair.old: pair.new
            for pair in self.columns
            if pair.old is not None and pair.new is not None and pair.old != pair.new
        }

    @property
    def attributes(self) -> dict[str, AttributeChange]:
        """The attributes of the table and, as `column.name`, of its columns that differ."""
        old, new = self.old, self.new
        found = attribute_changes(old.attributes if old else {}, new.attributes if new else {})
        for pair in self.columns:
            if old is not None and new is not None and pair.old and pair.new:
                sides = old.columns[pair.old].attributes, new.columns[pair.new].attributes
                for name, change in attribute_changes(*sides).items():
                    found[f"{pair.name}.{name}"] = change
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        return {
            "path": self.path,
            "status": self.status,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "columns": {
                "added": self.added_columns,
                "removed": self.removed_columns,
                "renamed": self.renamed_columns,
                "retyped": [pair.name for pair in self.retyped],
            },
            "attributes": {n: [c.old, c.new] for n, c in self.attributes.items()},
        }

    def __bool__(self) -> bool:
        if self.status != "changed":
            return True
        one_sided = any(pair.old != pair.new for pair in self.columns)
        return bool(
            one_sided
            or self.retyped
            or self.added
            or self.removed
            or self.changed
            or self.attributes
        )

    def __repr__(self) -> str:
        return f"<vstore.TableDiff {self.path!r} {self.status}>"


class ArrayDiff:
    """What differs between two states of a plain array."""

    def __init__(self, path: str, old: StoredArray | None, new: StoredArray | None) -> None:
        self.path = path
        self.old = old
        self.new = new

    @property
    def status(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    @property
    def shape(self) -> AttributeChange | None:
        """The shape before and after, None where it stayed."""
        a, b = (side.metadata.shape if side is not None else None for side in (self.old, self.new))
        return None if a == b else AttributeChange(a, b)

    @cached_property
    def chunks(self) -> list[int]:
        """The numbers of the chunks whose bytes differ."""
        source = self.new or self.old
        if source is None:
            return []
        a, b = (side.node.chunks if side is not None else None for side in (self.old, self.new))
        return list(changed(a, b, source.fetcher.pages))

    @property
    def attributes(self) -> dict[str, AttributeChange]:
        """The attributes that differ."""
        a, b = (side.metadata.attributes if side else {} for side in (self.old, self.new))
        return attribute_changes(a, b)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        shape = self.shape
        return {
            "path": self.path,
            "status": self.status,
            "shape": None if shape is None else [shape.old, shape.new],
            "chunks": self.chunks,
            "attributes": {n: [c.old, c.new] for n, c in self.attributes.items()},
        }

    def __repr__(self) -> str:
        return f"<vstore.ArrayDiff {self.path!r} {self.status}>"


class Diff:
    """What differs between two commits. Print it, or take `to_dict()`.

    What has equal digests on both sides is not read, so a diff costs what differs.
    """

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self.old = old
        self.new = new

    @cached_property
    def nodes(self) -> list[NodeChange]:
        """The nodes that differ, parents before children."""
        return list(changed_nodes(self.old.tree, self.new.tree))

    @cached_property
    def tables(self) -> dict[str, TableDiff]:
        """The tables that differ, by their newest paths."""
        found: dict[str, TableDiff] = {}
        for node in self.nodes:
            if node.is_table:
                old = _table(self.old, node.old_path, node.old)
                new = _table(self.new, node.new_path, node.new)
                found[node.path] = TableDiff(node.path, old, new)
        return {path: diff for path, diff in found.items() if diff or _moved(self.nodes, path)}

    @cached_property
    def arrays(self) -> dict[str, ArrayDiff]:
        """The plain arrays that differ, by path."""
        return {
            node.path: ArrayDiff(
                node.path,
                _array(self.old, node.old_path, node.old),
                _array(self.new, node.new_path, node.new),
            )
            for node in self.nodes
            if node.is_array
        }

    @property
    def moved(self) -> dict[str, str]:
        """The tables that have another path, old path to new."""
        return {
            node.old_path: node.new_path
            for node in self.nodes
            if node.old is not None and node.new is not None and node.old_path != node.new_path
        }

    @property
    def attributes(self) -> dict[str, dict[str, AttributeChange]]:
        """The attributes of plain groups that differ, by path."""
        found = {
            node.path: attribute_changes(node.attributes(node.old), node.attributes(node.new))
            for node in self.nodes
            if not node.is_table and not node.is_array
        }
        return {path: changes for path, changes in found.items() if changes}

    def __bool__(self) -> bool:
        return bool(self.tables or self.arrays or self.attributes or self._bare_groups)

    @property
    def _bare_groups(self) -> list[str]:
        return [
            node.path
            for node in self.nodes
            if isinstance(node.old or node.new, GroupNode)
            and (node.old is None or node.new is None)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        return {
            "old": self.old.commit.id,
            "new": self.new.commit.id,
            "tables": [table.to_dict() for table in self.tables.values()],
            "arrays": [array.to_dict() for array in self.arrays.values()],
            "moved": self.moved,
            "attributes": {
                path: {name: [c.old, c.new] for name, c in changes.items()}
                for path, changes in self.attributes.items()
            },
        }

    def __str__(self) -> str:
        return "\n".join(lines(self.to_dict())) or "no difference"

    def __repr__(self) -> str:
        old, new = (_short(side.commit.id) for side in (self.old, self.new))
        return f"<vstore.Diff {old}..{new}: {len(self.tables)} tables, {len(self.arrays)} arrays>"


def _form(table: Table, name: str) -> tuple[object, ...]:
    info = table.infos[name]
    return info.kind, info.dtype, info.shape, schema(stored(table, name).metadata)


def _names(table: Table, rows: Ints) -> list[Any]:
    """Return the keys of rows, or their positions where the table has no keys."""
    names: list[Any] = table.keys_of(rows).tolist()
    return names


def _table(snapshot: Snapshot, path: str, node: object) -> Table | None:
    found = snapshot[path] if node is not None else None
    return found if isinstance(found, Table) else None


def _array(snapshot: Snapshot, path: str, node: object) -> StoredArray | None:
    if not isinstance(node, ArrayNode):
        return None
    return StoredArray(snapshot.fetcher, node, path=path)


def _moved(nodes: list[NodeChange], path: str) -> bool:
    return any(node.path == path and node.old_path != node.new_path for node in nodes)


def _short(digest: Digest) -> str:
    return digest[:12]
