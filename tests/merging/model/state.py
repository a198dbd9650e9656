"""What a commit holds, as the model sees it: dicts of dicts, nothing stored, nothing shared."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.merging.model.values import UNSET, Cell, Form, cast

Name = Any
"""What tells a sample from others: its key, or a number that the model gives it."""

Row = dict[str, Cell]
"""The cells of a sample by the id of their column."""


@dataclass
class Column:
    """A column; it stays the same one through renaming, and is another when made again."""

    id: str
    form: Form
    optional: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)

    def unset(self) -> Cell:
        """Return what a sample reads as that has no value here."""
        return None if self.optional else self.form.unset()

    def read(self, row: Row) -> Cell:
        """Return what a reader gets."""
        held = row.get(self.id, UNSET)
        return self.unset() if held is UNSET else held


@dataclass
class Table:
    """A table: its columns by name, its samples in order."""

    id: str
    keys: str | None
    columns: dict[str, Column] = field(default_factory=dict)
    rows: dict[Name, Row] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    layout: tuple[Any, ...] = ()
    """Which rewrites its stored rows went through; without keys they tell which row is which."""
    dead: list[Name] = field(default_factory=list)
    """The deleted samples that still have a stored row."""
    is_uncertain: bool = False
    """Whether history may not tell its samples apart: what was done to it was done again elsewhere,
    so that they may be there twice, or it was merged where its rows were rewritten."""

    def by_id(self) -> dict[str, str]:
        """Return the columns' names by their ids."""
        return {column.id: name for name, column in self.columns.items()}

    def read(self, name: Name) -> dict[str, Cell]:
        """Return a sample as a reader gets it."""
        return {each: column.read(self.rows[name]) for each, column in self.columns.items()}

    def position(self, name: Name) -> int:
        """Return where a sample is among the others."""
        return list(self.rows).index(name)

    def label(self, name: Name) -> Any:
        """Return what vstore calls a sample: its key, or its position."""
        return name if self.keys is not None else self.position(name)

    def delete(self, name: Name) -> None:
        """Delete a sample."""
        del self.rows[name]
        self.dead.append(name)

    def compact(self) -> None:
        """Forget the deleted samples."""
        if self.dead:
            self.layout = (self.layout, tuple(self.rows), *sorted(map(str, self.dead)))
            self.dead = []

    def retype(self, name: str, form: Form) -> None:
        """Give a column another form, and its cells with it."""
        column = self.columns[name]
        for row in self.rows.values():
            if column.id in row:
                row[column.id] = cast(row[column.id], form)
        column.form = form

    def visible(self) -> Any:
        """Return all that a reader can see, in which two tables that read alike are equal."""
        columns = {
            name: (each.form, each.optional, exact(each.attributes))
            for name, each in sorted(self.columns.items())
        }
        names = self.rows if self.keys is not None else range(len(self.rows))
        rows = [(label, self.read(name)) for label, name in zip(names, self.rows, strict=True)]
        return self.keys, columns, rows, exact(self.attributes)

    def unordered(self) -> Any:
        """Return all that a reader can see, but for the places of samples."""
        keys, columns, rows, attributes = self.visible()
        if self.keys is None:
            rows = [(None, cells) for _, cells in rows]
        return keys, columns, sorted(map(_told, rows)), attributes


def _told(row: tuple[Any, dict[str, Cell]]) -> str:
    return repr((row[0], sorted(row[1].items())))


@dataclass
class Array:
    """A plain array of one axis."""

    dtype: str
    values: list[int]
    attributes: dict[str, Any] = field(default_factory=dict)

    def visible(self) -> Any:
        """Return all that a reader can see."""
        return self.dtype, self.values, exact(self.attributes)


@dataclass
class Group:
    """A group; what is in it is told by the paths."""

    attributes: dict[str, Any] = field(default_factory=dict)

    def visible(self) -> Any:
        """Return all that a reader can see."""
        return exact(self.attributes)


Node = Table | Array | Group


@dataclass
class World:
    """All nodes of a commit by their paths."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def copy(self) -> "World":
        """Return a copy that can be changed."""
        return copy.deepcopy(self)

    def tables(self) -> dict[str, Table]:
        """Return the tables by path."""
        return {path: node for path, node in self.nodes.items() if isinstance(node, Table)}

    def arrays(self) -> dict[str, Array]:
        """Return the plain arrays by path."""
        return {path: node for path, node in self.nodes.items() if isinstance(node, Array)}

    def groups(self) -> dict[str, Group]:
        """Return the groups by path."""
        return {path: node for path, node in self.nodes.items() if isinstance(node, Group)}

    def below(self, path: str) -> Iterator[str]:
        """Yield a path and those below it."""
        yield from [each for each in self.nodes if f"{each}/".startswith(f"{path}/")]

    def visible(self) -> Any:
        """Return all that a reader can see."""
        return {
            path: (type(node).__name__, node.visible()) for path, node in sorted(self.nodes.items())
        }

    def unordered(self) -> Any:
        """Return all that a reader can see, but for the places of samples."""
        return {
            path: node.unordered() if isinstance(node, Table) else node.visible()
            for path, node in self.nodes.items()
        }


def exact(value: Any) -> Any:
    """Return JSON values so that 1, 1.0 and true differ, as they do in JSON."""
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    return type(value).__name__, value
