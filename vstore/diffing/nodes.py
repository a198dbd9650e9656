"""Which nodes of two trees differ: whatever has equal digests is not looked into."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vstore.faces import exported_from
from vstore.format.buckets import differing_names
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef, is_same_document
from vstore.format.tree import Tree
from vstore.format.zarr.attributes import attributes_of

Child = Node | NodeRef


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node before and after; None where it is not there.

    The nodes below a table are not listed next to it. A table that moved is one change
    with two paths.
    """

    old_path: str
    new_path: str
    old: Node | None
    new: Node | None

    @property
    def path(self) -> str:
        """The newest path."""
        return self.new_path if self.new is not None else self.old_path

    @property
    def is_table(self) -> bool:
        """Return whether this is a table, on the newest side that has it."""
        node = self.new if self.new is not None else self.old
        return isinstance(node, GroupNode) and node.table is not None

    @property
    def is_array(self) -> bool:
        """Return whether this is a plain array, on the newest side that has it."""
        return isinstance(self.new if self.new is not None else self.old, ArrayNode)

    @staticmethod
    def attributes(node: Node | None) -> dict[str, Any]:
        """Return a node's attributes."""
        return attributes_of(node.metadata) if node is not None else {}


def is_same(old: Child | None, new: Child | None) -> bool:
    """Return whether two nodes are known to be equal without loading either."""
    if isinstance(old, NodeRef) and isinstance(new, NodeRef):
        return old.digest == new.digest
    return old == new


def changed_nodes(old: Tree, new: Tree) -> Iterator[NodeChange]:
    """Yield the nodes that differ, parents before children, tables that moved as one."""
    changes = list(_changed(old, new, old.root, new.root, ""))
    gone = {_table_id(c.old): c for c in changes if c.new is None and _table_id(c.old)}
    moved = {
        _table_id(c.new): c
        for c in changes
        if c.old is None and _table_id(c.new) and _table_id(c.new) in gone
    }
    for change in changes:
        identity = _table_id(change.new if change.new is not None else change.old)
        if identity not in moved or (change.old is not None and change.new is not None):
            yield change
        elif change.old is None:
            before = gone[identity]
            yield NodeChange(before.old_path, change.new_path, before.old, change.new)


def _table_id(node: Node | None) -> str:
    return node.table.id if isinstance(node, GroupNode) and node.table is not None else ""


def _changed(
    old: Tree, new: Tree, a: Child | None, b: Child | None, path: str
) -> Iterator[NodeChange]:
    if is_same(a, b):
        return
    before, after = _loaded(old, a, path), _loaded(new, b, path)
    if before == after:
        return
    if before is not None and after is not None and not _comparable(before, after):
        yield from _changed(old, new, before, None, path)
        yield from _changed(old, new, None, after, path)
        return
    if _differs_itself(before, after):
        yield NodeChange(path, path, before, after)
    below = [_children(node) for node in (before, after)]
    for name in differing_names(*below):
        where = f"{path}/{name}".strip("/")
        yield from _changed(old, new, below[0].get(name), below[1].get(name), where)


def _loaded(tree: Tree, child: Child | None, path: str) -> Node | None:
    return tree.resolve(child, what=path) if isinstance(child, NodeRef) else child


def _comparable(old: Node, new: Node) -> bool:
    """Return whether two nodes at one path are states of one thing."""
    if isinstance(old, ArrayNode) or isinstance(new, ArrayNode):
        return type(old) is type(new)
    if (old.table is None) != (new.table is None):
        return False
    return old.table is None or new.table is None or old.table.id == new.table.id


def _differs_itself(old: Node | None, new: Node | None) -> bool:
    """Return whether a node differs, rather than only what is below it."""
    node = new if new is not None else old
    if isinstance(node, ArrayNode) or (isinstance(node, GroupNode) and node.table is not None):
        return True
    return old is None or new is None or not is_same_document(old.metadata, new.metadata)


def _children(node: Node | None) -> Mapping[str, Child]:
    """Return what is compared below a node: the arrays of a table go with it."""
    return node.children if isinstance(node, GroupNode) and node.table is None else {}
