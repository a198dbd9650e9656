"""A transaction and the model, changed alike: each verb does one thing to both, and says what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.merging.model.state import Array, Column, Group, Name, Node, Table, World, exact
from tests.merging.model.values import UNSET, WIDER, Cell, Form, batch, given, shown

Columns = Mapping[str, tuple[Form, bool]]
"""Form and whether samples may be missing, by name."""

MARKS = (
    "nothing",
    "changed value",
    "set missing",
    "deleted",
    "restored",
    "added",
    "column added with values",
    "column added without values",
    "optional column added with values",
    "optional column added without values",
    "cast",
    "renamed",
    "dropped",
    "recreated",
    "moved",
    "copied",
    "compacted",
    "squashed",
    "node dropped",
    "node added",
    "attribute set",
    "attribute changed",
    "attribute removed",
    "array changed",
)
"""The rows of the table of rules: what one side may have done."""


@dataclass
class Both:
    """What a transaction, or a fork of one, and the model hold."""

    tx: Any
    world: World
    parent: str
    """The commit that the transaction began at, which ids are made of."""
    fresh: "count[int]" = field(default_factory=lambda: count(1))
    told: list[str] = field(default_factory=list)
    """What was done."""
    marks: set[str] = field(default_factory=set)
    """The rows of the table of rules that it belongs to."""
    _dropped: set[str] = field(default_factory=set)
    _made: Counter[str] = field(default_factory=Counter)

    def table(self, path: str) -> Table:
        """Return a table of the model."""
        node = self.world.nodes[path]
        assert isinstance(node, Table)
        return node

    def new_id(self, path: str) -> str:
        """Return the id of what is made at a path; made there again, it has another."""
        self._made[path] += 1
        return f"{self.parent} {path} {self._made[path]}"

    # Samples

    def change(self, path: str, name: Name, cells: Mapping[str, Cell]) -> None:
        """Change cells of a sample."""
        table = self.table(path)
        label = table.label(name)
        self.tx.table(path).loc[label] = {each: given(held) for each, held in cells.items()}
        for each, held in cells.items():
            table.rows[name][table.columns[each].id] = held
        self.told.append(f"{path}: change {label!r} to {_cells(cells)}")
        self.marks |= {
            "set missing" if held is None else "changed value" for held in cells.values()
        }

    def add(self, path: str, name: Name, cells: Mapping[str, Cell]) -> None:
        """Add a sample; the model calls it by `name` where it has no key."""
        table = self.table(path)
        key = {} if table.keys is None else {"key": name}
        values = {each: given(held) for each, held in cells.items() if held is not UNSET}
        self.tx.table(path).append(values, **key)
        table.rows[name] = {table.columns[each].id: held for each, held in cells.items()}
        self.told.append(f"{path}: add {table.label(name)!r}: {_cells(cells)}")
        self.marks.add("added")

    def delete(self, path: str, name: Name) -> None:
        """Delete a sample."""
        table = self.table(path)
        label = table.label(name)
        if table.keys is None:
            self.tx.table(path).delete([label])
        else:
            self.tx.table(path).delete(keys=[label])
        table.delete(name)
        self.told.append(f"{path}: delete {label!r}")
        self.marks.add("deleted")

    def compact(self, path: str) -> None:
        """Rewrite a table without its deleted samples."""
        self.tx.table(path).compact()
        self.table(path).compact()
        self.told.append(f"{path}: compact")
        self.marks.add("compacted")

    # Columns

    def add_column(
        self, path: str, name: str, form: tuple[Form, bool], cells: Sequence[Cell] | None = None
    ) -> None:
        """Add a column, with values for the samples or without."""
        table = self.table(path)
        column = Column(self.new_id(f"{path}/{name}"), *form)
        spec = column.form.spec(optional=column.optional)
        self.tx.table(path).add_column(name, spec, None if cells is None else batch(cells))
        table.columns[name] = column
        for row, held in zip(table.rows.values(), cells or [UNSET] * len(table.rows), strict=True):
            row[column.id] = held
        values = "without values" if cells is None else f"= [{', '.join(map(shown, cells))}]"
        self.told.append(f"{path}: add column {name} {_form(*form)} {values}")
        kind = "optional " if form[1] else ""
        self.marks.add(f"{kind}column added {'without' if cells is None else 'with'} values")
        if name in self._dropped:
            self.marks.add("recreated")

    def drop_column(self, path: str, name: str) -> None:
        """Delete a column."""
        self.tx.table(path).drop_column(name)
        del self.table(path).columns[name]
        self.told.append(f"{path}: drop column {name}")
        self.marks.add("dropped")
        self._dropped.add(name)

    def rename_column(self, path: str, name: str, new_name: str) -> None:
        """Give a column another name."""
        self.tx.table(path).rename_column(name, new_name)
        columns = self.table(path).columns
        columns[new_name] = columns.pop(name)
        self.told.append(f"{path}: rename column {name} to {new_name}")
        self.marks.add("renamed")

    def cast(self, path: str, name: str, dtype: str) -> None:
        """Give a column a wider data type."""
        old = self.table(path).columns[name].form
        assert dtype in WIDER[old.dtype]
        self.tx.table(path).cast(name, dtype)
        self.table(path).retype(name, Form(old.kind, dtype, old.shape, old.fill))
        self.told.append(f"{path}: cast {name} to {dtype}")
        self.marks.add("cast")

    # Nodes

    def attributes(self, path: str, column: str | None = None) -> dict[str, Any]:
        """Return the attributes of a node or a column."""
        return self.owner(path, column).attributes

    def owner(self, path: str, column: str | None) -> Node | Column:
        """Return a node, or a column of it."""
        return self.world.nodes[path] if column is None else self.table(path).columns[column]

    def set_attributes(
        self, path: str, attributes: Mapping[str, Any], column: str | None = None
    ) -> None:
        """Replace the attributes of a group, a table or a column."""
        node = self.world.nodes[path]
        owner = self.owner(path, column)
        self.marks |= _attribute_marks(owner.attributes, attributes)
        owner.attributes = dict(attributes)
        if isinstance(node, Group):
            self.tx.group(path).set_attributes(attributes)
        else:
            self.tx.table(path).set_attributes(attributes, column=column)
        self.told.append(f"{path}: attributes of {column or 'itself'}: {attributes}")

    def make_table(self, path: str, keys: Any, columns: Columns) -> None:
        """Make a table without samples."""
        table = Table(self.new_id(path), keys)
        for name, form in columns.items():
            table.columns[name] = Column(self.new_id(f"{path}/{name}"), *form)
        specs = {name: form.spec(optional=optional) for name, (form, optional) in columns.items()}
        self.tx.create_table(path, specs, keys=keys)
        self.world.nodes[path] = table
        told = ", ".join(f"{name} {_form(*form)}" for name, form in columns.items())
        self.told.append(f"make table {path} with keys {keys}: {told}")
        self.marks.add("node added")

    def move(self, path: str, new_path: str) -> None:
        """Give a table another path."""
        self.tx.move(path, new_path)
        self.world.nodes[new_path] = self.world.nodes.pop(path)
        self.told.append(f"move {path} to {new_path}")
        self.marks.add("moved")

    def copy(self, path: str, new_path: str) -> None:
        """Copy a table: the copy and its columns are others."""
        self.tx.copy(path, new_path)
        made = self.world.copy().nodes[path]
        assert isinstance(made, Table)
        made.id = self.new_id(new_path)
        ids = {c.id: self.new_id(f"{new_path}/{name}") for name, c in made.columns.items()}
        for column in made.columns.values():
            column.id = ids[column.id]
        made.rows = {
            self._name_in_copy(made, name): {
                ids[each]: held for each, held in row.items() if each in ids
            }
            for name, row in made.rows.items()
        }
        self.world.nodes[new_path] = made
        self.told.append(f"copy {path} to {new_path}")
        self.marks.add("copied")

    def _name_in_copy(self, table: Table, name: Name) -> Name:
        """Return what a sample is called in a copy: without keys it is another one."""
        return next(self.fresh) if table.keys is None else name

    def drop(self, path: str) -> None:
        """Delete a node, and what is below it."""
        self.tx.delete(path)
        for each in self.world.below(path):
            del self.world.nodes[each]
        self.told.append(f"delete {path}")
        self.marks.add("node dropped")

    def make_array(self, path: str, dtype: str) -> None:
        """Make a plain array of four elements in two chunks."""
        self.tx.create_array(path, shape=(4,), dtype=dtype, chunk_shape=(2,))
        self.world.nodes[path] = Array(dtype, [0] * 4)
        above = path.rpartition("/")[0]
        self.world.nodes.setdefault(above, Group())
        self.told.append(f"make array {path} {dtype}")
        self.marks.add("node added")

    def change_element(self, path: str, at: int, value: int) -> None:
        """Change an element of a plain array."""
        self.tx.array(path)[at] = value
        node = self.world.nodes[path]
        assert isinstance(node, Array)
        node.values[at] = value
        self.told.append(f"{path}[{at}] = {value}")
        self.marks.add("array changed")


def _attribute_marks(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    marks = {"attribute removed"} if old.keys() - new.keys() else set()
    if new.keys() - old.keys():
        marks.add("attribute set")
    if any(exact(old[name]) != exact(new[name]) for name in old.keys() & new.keys()):
        marks.add("attribute changed")
    return marks


def _cells(cells: Mapping[str, Cell]) -> str:
    return ", ".join(f"{name}={shown(held)}" for name, held in cells.items())


def _form(form: Form, optional: bool) -> str:
    shape = "" if form.shape == () else f" {form.shape}"
    return f"({form.kind}{' ' + form.dtype if form.dtype else ''}{shape}{'?' if optional else ''})"
