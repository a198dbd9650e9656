"""What is at the paths of a transaction, opened to read and to change."""

from collections.abc import Iterator, Mapping
from typing import Any

from vstore.errors import AlreadyExistsError, InvalidInputError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format.nodes import ArrayNode, GroupNode, names_in
from vstore.format.object_keys import is_path, path_below, split_path
from vstore.format.zarr.attributes import attributes_of, with_attributes
from vstore.reading.lookup import Lookup, require_kind
from vstore.writing.door import Door
from vstore.writing.staged_tree import StagedTree
from vstore.writing.transaction_arrays import TransactionArray, TransactionColumn
from vstore.writing.transaction_table import TransactionTable

Opened = TransactionArray | TransactionColumn | TransactionTable


class TransactionNodes:
    """The groups, tables, columns and arrays of one transaction by their paths.

    All goes through `door`, which refuses, or brings the nodes up to date.
    """

    def __init__(self, staged: StagedTree, door: Door) -> None:
        self.staged = staged
        self.door = door

    def get(self, path: str) -> "Opened | TransactionGroup":
        """Return what is at a path, or raise `NotFoundError`."""
        self.door.enter()
        joined = "/".join(split_path(path))
        parent, _, name = joined.rpartition("/")
        if self.staged.is_table(joined):
            return TransactionTable(self.staged.table(joined))
        if self.staged.is_table(parent):
            return TransactionTable(self.staged.table(parent))[name]
        if isinstance(self.staged.nodes.get(joined), GroupNode):
            return TransactionGroup(self, joined)
        return TransactionArray(self.staged.array(joined), self.door)

    def has(self, path: object) -> bool:
        """Return whether `get` would return something."""
        self.door.enter()
        if not is_path(path):
            return False
        joined = "/".join(split_path(path))
        parent, _, name = joined.rpartition("/")
        if self.staged.is_table(parent):
            return name in self.staged.table(parent).names
        return self.staged.is_table(joined) or self.staged.nodes.find(joined) is not None

    def table(self, path: str) -> TransactionTable:
        """Return the table at a path; see `Transaction.table`."""
        return require_kind(self.get(path), TransactionTable, path)

    def array(self, path: str) -> TransactionArray:
        """Return the plain array at a path; see `Transaction.array`."""
        return require_kind(self.get(path), TransactionArray, path)

    def group(self, path: str) -> "TransactionGroup":
        """Return the group at a path; see `Transaction.group`."""
        return require_kind(self.get(path), TransactionGroup, path)

    def names(self, path: str) -> list[str]:
        """Return the names in the group at a path, in order."""
        return names_in(path, self.group_node(path))

    def group_node(self, path: str) -> GroupNode:
        """Return the group at a path as it is."""
        self.door.enter()
        return require_kind(self.staged.nodes.get(path), GroupNode, path)

    def make_group(self, path: str, attributes: Mapping[str, Any]) -> "TransactionGroup":
        """Make an empty group where nothing is."""
        path = self.free_path(path, "group")
        document = with_attributes(GroupNode().metadata, attributes)
        self.staged.put_group_document(path, document)
        return TransactionGroup(self, path)

    def free_path(self, path: str, what: str) -> str:
        """Return a path where something may be made, or raise."""
        names = split_path(path, what=what)
        if not names:
            raise InvalidInputError(f"a {what} needs a name; got {path!r}")
        if names[0] == object_keys.OBJECTS:
            raise InvalidInputError(f"the name {object_keys.OBJECTS!r} is taken by vstore")
        joined = "/".join(names)
        if self.has(joined):
            raise AlreadyExistsError(
                f"there is something at {joined!r} already",
                code="path-exists",
                hint=f"choose another path, or delete it first with `tx.delete({joined!r})`",
                path=joined,
            )
        for depth in range(1, len(names)):
            where = "/".join(names[:depth])
            above = self.staged.nodes.find(where)
            if isinstance(above, ArrayNode) or (above is not None and above.table is not None):
                raise InvalidInputError(
                    f"{where!r} is not a plain group, so nothing can go below it",
                    code="not-a-group",
                )
        return joined

    def whole_path(self, path: str) -> str:
        """Return the path of what can be taken by itself: no root, and no part of a table."""
        joined = "/".join(split_path(path))
        if not joined:
            raise InvalidInputError(
                "the root cannot be moved or copied", hint="give the path of a node in it"
            )
        parent = joined.rpartition("/")[0]
        if self.staged.is_table(parent):
            raise InvalidInputError(
                f"{joined!r} is a column, and a column goes with its table",
                code="part-of-a-table",
                hint=f"move or copy the table {parent!r}",
            )
        return joined


@exported_from("vstore")
class TransactionGroup(Lookup[str, Any]):
    """A group of a transaction: a mapping of names to what is in it, to read and to change."""

    def __init__(self, nodes: TransactionNodes, path: str) -> None:
        self._nodes = nodes
        self._path = path

    @property
    def path(self) -> str:
        """Where the group is in the repository."""
        return self._path

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's attributes, as a copy."""
        return attributes_of(self._nodes.group_node(self._path).metadata)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes of the group."""
        with self._nodes.door.changing():
            self._nodes.group_node(self._path)
            self._nodes.staged.set_group_attributes(self._path, attributes)

    def table(self, path: str) -> TransactionTable:
        """Return the table at a path in the group; see `Transaction.table`."""
        return self._nodes.table(path_below(self._path, path))

    def array(self, path: str) -> TransactionArray:
        """Return the plain array at a path in the group; see `Transaction.array`."""
        return self._nodes.array(path_below(self._path, path))

    def group(self, path: str) -> "TransactionGroup":
        """Return the group at a path in the group; see `Transaction.group`."""
        return self._nodes.group(path_below(self._path, path))

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path, or raise `NotFoundError`."""
        return self._nodes.get(path_below(self._path, path))

    def __contains__(self, path: object) -> bool:
        return is_path(path) and self._nodes.has(path_below(self._path, path))

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes.names(self._path))

    def __len__(self) -> int:
        return len(self._nodes.names(self._path))

    def __repr__(self) -> str:
        return f"<vstore.TransactionGroup {self._path!r}: {', '.join(self) or 'empty'}>"
