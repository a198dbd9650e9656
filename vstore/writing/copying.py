"""Copies of nodes: the same chunks and documents, but tables and columns of their own."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from vstore.errors import InvalidInputError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef
from vstore.history.fence import find_collection, is_there, require_kept
from vstore.storage.store import ObjectStore

Resolve = Callable[[Node | NodeRef], Node]
"""Return a child as a node, reading it if it is an object of its own."""

NewId = Callable[[str], str]
"""Return an id for what is made at a path."""


def copied(node: Node, path: str, *, resolve: Resolve, new_id: NewId) -> Node:
    """Return a node as it is to be at another path.

    Tables and columns get new ids: what becomes of a copy has nothing to do with what becomes
    of the original, so that a merge must not take one for the other. No chunk is looked at.
    """
    if not isinstance(node, GroupNode):
        return node
    if node.table is not None:
        table = msgspec.structs.replace(node.table, id=new_id(path))
        columns = {
            name: _copied_column(resolve(child), f"{path}/{name}", new_id)
            for name, child in sorted(node.children.items())
        }
        return replace(node, table=table, children=columns)
    children: Mapping[str, Node | NodeRef] = {
        name: _copied_child(child, f"{path}/{name}", resolve, new_id)
        for name, child in sorted(node.children.items())
    }
    return replace(node, children=children)


def _copied_child(
    child: Node | NodeRef, path: str, resolve: Resolve, new_id: NewId
) -> Node | NodeRef:
    """Return the copy of a child; the same reference where nothing in it has an id."""
    node = resolve(child)
    made = copied(node, path, resolve=resolve, new_id=new_id)
    return child if made == node else made


def _copied_column(node: Node, path: str, new_id: NewId) -> Node:
    if not isinstance(node, ArrayNode) or node.column is None:
        return node
    return replace(node, column=msgspec.structs.replace(node.column, id=new_id(path)))


def is_here(store: ObjectStore, commit: Digest) -> bool:
    """Return whether a store has a commit."""
    return is_there(store, object_keys.commit(commit))


def require_kept_here(store: ObjectStore, commit: Digest, *, of: str) -> None:
    """Make sure that all that a commit needs is in a store, and stays.

    Raises:
        InvalidInputError: the commit, of the repository at `of`, is not there.
        ConflictError: garbage collection is about to delete it.
    """
    if not is_here(store, commit):
        raise InvalidInputError(
            f"the commit {commit} of {of} is not in {store.url}, which is not written to here"
        )
    require_kept(store, find_collection(store), commit)
