"""The nodes of a transaction as they are, and the tree that they become."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format import node_codec, object_keys, source
from vstore.format.commit import Changes
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef, TableInfo, new_id
from vstore.format.page import PackRef
from vstore.format.table.sample_keys import STR, KeyKindName
from vstore.format.table.specs import ColumnSpec, bytes_
from vstore.format.tree import Tree
from vstore.format.zarr.attributes import attributes_of, plain_attributes, with_attributes
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.fetch import Fetcher
from vstore.writing.copying import copied
from vstore.writing.door import Door
from vstore.writing.packs import PackWriter
from vstore.writing.staged_array import StagedArray
from vstore.writing.staged_table import StagedTable
from vstore.writing.table_arrays import Staging

_IMPLIED = GroupNode(metadata={})
"""A group that is there only for what is below it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a commit holds: its tree, what changed in it, and the objects that go before it."""

    tree: dict[str, Any]
    changes: dict[str, Changes]
    parts: Mapping[Digest, bytes]
    """Objects of the index that are not stored yet."""


class StagedTree:
    """The nodes that a transaction began with, as it made, put and deleted some since.

    Paths are given as they are stored. What is where is for the caller to check: these are
    the verbs of merges and of Zarr stores, on which `Transaction` puts those of users. The
    verbs that change something raise `ClosedError` once the transaction is finished.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        writer: PackWriter,
        base: Digest | None,
        *,
        door: Door,
        what: str,
    ) -> None:
        self.fetcher = fetcher
        self.require_open = door.require_open
        self._base = base
        self._staging = Staging(writer, fetcher, door, self._new_id)
        self._stored_nodes: set[Digest] = set()
        self._made: dict[str, int] = {}
        self._tables: dict[str, StagedTable] = {}
        self._arrays: dict[str, StagedArray] = {}
        self._schema: set[str] = set()
        self._put: dict[str, Changes] = {}
        self._tree = Tree(_IMPLIED, self._load_documents)
        if base is not None:
            self._tree = self._read_tree(base, what=what)

    def _read_tree(self, digest: Digest, *, what: str) -> Tree:
        root = node_codec.decode(self.fetcher.commit(digest).tree, self._load_documents, what=what)
        if not isinstance(root, GroupNode):
            raise InvalidInputError(f"{what} has no root group")
        return Tree(root, self._load_documents)

    def _load_documents(self, refs: Sequence[NodeRef]) -> list[bytes]:
        """Read node objects of a commit, noting that they are stored already."""
        self._stored_nodes.update(ref.digest for ref in refs)
        return self.fetcher.node_documents(refs)

    def _new_id(self, path: str) -> str:
        """Return an id for what is made at `path`; what was made there before has another."""
        made = self._made.setdefault(path, 0)
        self._made[path] += 1
        return new_id(self._base, path if not made else f"{path} {made}")

    # What is there ------------------------------------------------------------------

    @property
    def nodes(self) -> Tree:
        """The nodes as they were begun with, made and put; their chunks are not up to date."""
        return self._tree

    def is_table(self, path: str) -> bool:
        """Return whether there is a table at `path`."""
        if path in self._tables:
            return True
        node = self._tree.find(path)
        return isinstance(node, GroupNode) and node.table is not None

    def table(self, path: str) -> StagedTable:
        """Return the table at `path`, to read and to change, or raise `NotFoundError`."""
        if path not in self._tables:
            node = self._tree.get(path)
            if not isinstance(node, GroupNode):
                raise NotFoundError(f"{path!r} is not a table")
            children = {name: self._tree.child(node, name) for name in node.children}
            arrays = {name: c for name, c in children.items() if isinstance(c, ArrayNode)}
            self._tables[path] = StagedTable(self._staging, path, node, arrays)
        return self._tables[path]

    def array(self, path: str) -> StagedArray:
        """Return the chunks of the plain array at `path`, or raise `NotFoundError`."""
        if path not in self._arrays:
            node = self._tree.get(path)
            if not isinstance(node, ArrayNode):
                raise NotFoundError(f"{path!r} is not an array")
            self._arrays[path] = self._staged(path, ArrayMetadata.from_dict(node.metadata), node)
        return self._arrays[path]

    def _staged(
        self, path: str, metadata: ArrayMetadata, node: ArrayNode | None = None
    ) -> StagedArray:
        return StagedArray(self._staging.writer, self.fetcher, path, metadata, base=node)

    def objects(self) -> StagedTable:
        """Return the table of what is stored under keys that no array or group has."""
        self.require_open()
        path = object_keys.OBJECTS
        if path not in self._tables and self._tree.find(path) is None:
            spec = bytes_(codecs="none", rows_per_chunk=1).with_id(object_keys.OBJECTS)
            node = GroupNode(table=TableInfo(object_keys.OBJECTS, STR.name))
            self._tree = self._tree.put(path, node)
            self._tables[path] = StagedTable(self._staging, path, node, {}, specs={"data": spec})
            self._schema.add(path)
        return self.table(path)

    # Making, putting and deleting ---------------------------------------------------

    def make_table(
        self,
        path: str,
        columns: Mapping[str, ColumnSpec],
        *,
        keys: KeyKindName | None,
        metadata: dict[str, Any],
    ) -> StagedTable:
        """Make a table where nothing is, and the groups above it."""
        self.require_open()
        node = GroupNode(metadata, {}, TableInfo(self._new_id(path), keys))
        specs = {
            name: spec.with_id(self._new_id(f"{path}/{name}")) for name, spec in columns.items()
        }
        self._tables[path] = StagedTable(self._staging, path, node, {}, specs=specs)
        self._tree = self._tree.declared(path).put(path, node)
        self._schema.add(path)
        return self._tables[path]

    def make_array(self, path: str, metadata: ArrayMetadata) -> StagedArray:
        """Make a plain array where nothing is, and the groups above it."""
        self.require_open()
        self._tree = self._tree.declared(path).put(path, ArrayNode(metadata.to_dict()))
        self._arrays[path] = self._staged(path, metadata)
        self._schema.add(path)
        return self._arrays[path]

    def put_node(self, path: str, node: Node | None, *, changes: Changes | None = None) -> None:
        """Put a stored node at `path` as it is, in place of what is there; None deletes it.

        No chunk is read or written. `changes` is what the commit says of it.
        """
        self.require_open()
        self._tree = self._tree.put(path, node)
        self._forget(path)
        self._put[path] = changes or Changes(schema=True)

    def no_group_above(self, path: str) -> str | None:
        """Return the table or array below which `path` is; None where groups lead to it."""
        names = path.split("/")
        for depth in range(1, len(names)):
            above = "/".join(names[:depth])
            node = self._tree.find(above)
            if isinstance(node, ArrayNode) or (node is not None and node.table is not None):
                return above
        return None

    def clear_above(self, path: str) -> None:
        """Put a group in place of a table or array below which `path` is."""
        above = self.no_group_above(path)
        if above is not None:
            self.put_node(above, GroupNode())

    def put_group_document(self, path: str, metadata: Mapping[str, Any]) -> None:
        """Put a group's metadata document at `path`; what is below the group stays.

        An empty document stands for none. Groups above come into being without one.
        """
        self.require_open()
        node = self._tree.find(path)
        if isinstance(node, ArrayNode):
            raise InvalidInputError(f"{path!r} is an array, not a group")
        group = replace(node or GroupNode(), metadata=dict(metadata))
        if group.table is not None:
            self.table(path).set_attributes(attributes_of(group.metadata))
        self._tree = self._tree.put(path, group, above=_IMPLIED)
        self._schema.add(path)

    def put_array_document(self, path: str, metadata: ArrayMetadata) -> StagedArray:
        """Put a plain array's metadata at `path`; the chunks stay that have a place in it."""
        self.require_open()
        node = self._tree.find(path)
        if isinstance(node, GroupNode) and (node.children or node.table is not None):
            raise InvalidInputError(
                f"{path!r} is a group that is not empty",
                code="group-not-empty",
                hint=f"delete it first with `tx.delete({path!r})`",
                path=path,
            )
        if isinstance(node, ArrayNode):
            array = self.array(path)
            array.set_metadata(metadata)
        else:
            array = self._staged(path, metadata)
        self._tree = self._tree.put(path, ArrayNode(metadata.to_dict()), above=_IMPLIED)
        self._arrays[path] = array
        self._schema.add(path)
        return array

    def put_source(self, files: Sequence[tuple[str, int]]) -> PackRef:
        """Store a list of files, by URL and size, in which chunks stay; return what names it."""
        self.require_open()
        pack, data = source.encode(files)
        self._staging.writer.upload(object_keys.pack(pack.digest), data)
        return pack

    def set_group_attributes(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes of a plain group; the root is the empty path."""
        self.require_open()
        node = self._tree.get(path)
        if not isinstance(node, GroupNode):
            raise InvalidInputError(f"{path!r} is not a group")
        before = node.metadata or GroupNode().metadata
        self.put_group_document(path, with_attributes(before, plain_attributes(attributes)))

    def delete(self, path: str) -> None:
        """Delete the node at `path`, and what is below it."""
        self.require_open()
        self._tree = self._tree.put(path, None)
        self._forget(path)
        self._schema.add(path)

    def move(self, old: str, new: str) -> None:
        """Move a node to where nothing is; no chunk is touched."""
        self.move_all({old: new})

    def move_all(self, paths: Mapping[str, str]) -> None:
        """Move several nodes at once to where nothing is, or to where one of them is."""
        self.require_open()
        nodes = {old: self._tree.get(old) for old in paths}
        for old in paths:
            self._tree = self._tree.put(old, None)
        for old, new in paths.items():
            self._tree = self._tree.declared(new).put(new, nodes[old])
            self._schema.add(new)
        for staged in (self._tables, self._arrays):
            held = [(old, name) for old in paths for name in _below(old, staged)]
            parts = [(paths[old] + name[len(old) :], staged.pop(name)) for old, name in held]
            staged.update(parts)  # type: ignore[arg-type]

    def copy(self, old: str, new: str) -> None:
        """Copy a node, as it is, to where nothing is; no chunk is read or written twice.

        What the copy refers to is stored when this returns, so that it can be read.
        """
        self.require_open()
        self.flush()
        tree, pages = self._with_chunks(below=old)
        for name, page in pages.items():
            if name not in self._stored_nodes:
                self._staging.writer.upload(object_keys.index(name), page)
        self._staging.writer.finish()
        self._stored_nodes |= pages.keys()
        self.put_copy(new, tree.get(old), tree)

    def put_copy(self, path: str, node: Node, tree: Tree) -> None:
        """Put a copy of a node of some tree of this repository where nothing is."""
        self.require_open()
        made = copied(
            node, path, resolve=lambda child: tree.resolve(child, what=path), new_id=self._new_id
        )
        self._tree = self._tree.declared(path).put(path, made)
        self._schema.add(path)

    def _forget(self, path: str) -> None:
        for staged in (self._tables, self._arrays):
            for name in _below(path, staged):
                staged.pop(name).forget()

    def adopt(self, digest: Digest, changes: Mapping[str, Changes]) -> None:
        """Go on from the tree of a stored commit, which `changes` led to."""
        self.require_open()
        for staged in (self._tables, self._arrays):
            for path in list(staged):
                staged.pop(path).forget()
        self._tree = self._read_tree(digest, what=f"commit {digest}")
        self._put = dict(changes)

    # What is committed --------------------------------------------------------------

    @property
    def is_changed(self) -> bool:
        """Whether anything was changed, as far as can be told without work."""
        return bool(
            self._schema
            or self._put
            or any(table.is_changed for table in self._tables.values())
            or any(array.is_touched for array in self._arrays.values())
        )

    def encode(self) -> Contents:
        """Send all that is still held to the codec, and return what a commit would hold."""
        changes = self.flush()
        tree, pages = self._with_chunks()
        value, objects = node_codec.encode(tree.root, tree.load)
        parts = (pages | objects).items()
        fresh = {name: part for name, part in parts if name not in self._stored_nodes}
        return Contents(value, changes, fresh)

    def flush(self) -> dict[str, Changes]:
        """Send all that is still held to the codec; return what changed, by path."""
        changes = dict(self._put)
        for path, table in sorted(self._tables.items()):
            table.flush()
            changes[path] = table.changes()
        for path, array in sorted(self._arrays.items()):
            array.flush()
            changes[path] = Changes(changed=len(list(array.touched())))
        for path in self._schema:
            changes[path] = msgspec.structs.replace(changes.get(path, Changes()), schema=True)
        self._staging.writer.seal()
        return {path: change for path, change in changes.items() if change != Changes()}

    def _with_chunks(self, *, below: str = "") -> tuple[Tree, dict[Digest, bytes]]:
        """Return the nodes with the chunks that were written, and the new pages that hold them.

        Of those at and below a path only, if one is given.
        """
        tree, pages = self._tree, dict[Digest, bytes]()
        for path in _below(below, self._tables):
            table, children = self._tables[path], {}
            for name, array in table.arrays():
                node, fresh = array.finish()
                children[name] = node
                pages |= fresh
            tree = tree.put(path, replace(table.node, children=children))
        for path in _below(below, self._arrays):
            node, fresh = self._arrays[path].finish()
            tree = tree.put(path, node)
            pages |= fresh
        return tree, pages


def _below(path: str, paths: Iterable[str]) -> list[str]:
    """Return those of the paths that are `path` or are below it; all where it is empty."""
    return [name for name in paths if not path or f"{name}/".startswith(f"{path}/")]
