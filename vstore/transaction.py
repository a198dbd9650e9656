"""Changes that become one commit, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from numpy.typing import DTypeLike

from vstore import optional
from vstore.committing import CommitOptions, commit_document
from vstore.errors import (
    AlreadyExistsError,
    ClosedError,
    InvalidInputError,
    NotFoundError,
)
from vstore.fetch import Fetcher
from vstore.format import document, keys
from vstore.format import tree as trees
from vstore.format.commit import Changes, CommitDocument, parse_time
from vstore.format.digest import Digest, digest_of
from vstore.format.keys import split_path
from vstore.format.metadata import ArrayMetadata
from vstore.format.sample_keys import KEY_KINDS, KeyKind
from vstore.format.samples import ColumnSpec, bytes_
from vstore.format.tree import ArrayNode, GroupNode, Node, NodeRef, TableInfo, Tree, new_id
from vstore.history.commits import Commit, describe
from vstore.writing.new_column import array_metadata, check_specs
from vstore.writing.packs import PackWriter
from vstore.writing.staged_array import StagedArray
from vstore.writing.staged_table import StagedTable
from vstore.writing.staged_view import StagedView
from vstore.writing.table_arrays import Staging

Publish = Callable[[Digest, CommitDocument], Commit]
"""Make a stored commit the head of its branch, or raise; return what the head became."""


class Forking(Protocol):
    """Gives parts of a transaction to other workers, and joins what they made of them."""

    def fork(self, transaction: "Transaction") -> Any:
        """Return a part to write into, which pickles."""

    def merge(self, transaction: "Transaction", forks: Sequence[Any]) -> None:
        """Put what was written into forks into their transaction, in the order given."""


class Transaction:
    """Changes to one branch, invisible until they are committed.

    As a context manager it commits on a normal exit and discards on an exception. Data
    streams to the store while it is written; memory stays bounded as
    `vstore.writing.packs` says. Not safe for use by several threads.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        base: Digest | None,
        options: CommitOptions,
        *,
        branch: str = "",
        publish: Publish | None = None,
        forking: Forking | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._forking = forking
        self._branch = branch
        self._base = base
        self._options = options
        self._publish = publish
        self._parent = None if base is None else fetcher.commit(base)
        self._stored_nodes: set[Digest] = set()
        self._base_tree = self._read_tree()
        self._tree = self._base_tree
        self._writer = PackWriter(fetcher)
        self._staging = Staging(self._writer, fetcher, self._require_open, self._new_id)
        self._tables: dict[str, StagedTable] = {}
        self._arrays: dict[str, StagedArray] = {}
        self._schema: set[str] = set()
        self._made: dict[str, int] = {}
        self._put: dict[str, Changes] = {}
        self._is_open = True
        now = datetime.now(UTC)
        self._began = now if self._parent is None else max(now, parse_time(self._parent.time))
        self._checkpoint: Digest | None = None
        self.commit_made: Commit | None = None

    def _load_documents(self, refs: Sequence[NodeRef]) -> list[bytes]:
        """Read node objects of the base commit, noting that they are stored already."""
        self._stored_nodes.update(ref.digest for ref in refs)
        return self._fetcher.node_documents(refs)

    def _read_tree(self) -> Tree:
        load = self._load_documents
        if self._parent is None:
            return Tree(GroupNode(metadata={}), load)
        root = trees.decode(self._parent.tree, load, what=f"the head of {self._branch!r}")
        if not isinstance(root, GroupNode):
            raise InvalidInputError(f"the head of {self._branch!r} has no root group")
        return Tree(root, load)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._is_open:
            return
        if error is None:
            self.commit()
        else:
            self.discard()

    def _require_open(self) -> None:
        if not self._is_open:
            raise ClosedError("the transaction is finished: begin another one")

    @property
    def branch(self) -> str:
        """The branch that the commit is to move."""
        return self._branch

    def create_table(
        self,
        path: str,
        columns: Mapping[str, ColumnSpec],
        *,
        keys: KeyKind | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> StagedTable:
        """Create a table; `columns` says what each column holds, `keys` how samples are named.

        Raises:
            AlreadyExistsError: something is at `path`.
            InvalidInputError: a name, a column or an attribute is impossible.
        """
        self._require_open()
        path = self._free_path(path, "table")
        check_specs(columns)
        if keys is not None and keys not in KEY_KINDS:
            raise InvalidInputError(f"keys is None, 'int', 'str' or 'tuple', not {keys!r}")
        metadata = _group_metadata(attributes)
        node = GroupNode(metadata, {}, TableInfo(self._new_id(path), keys))
        specs = {
            name: spec.with_id(self._new_id(f"{path}/{name}")) for name, spec in columns.items()
        }
        table = StagedTable(self._staging, path, node, {}, specs=specs)
        self._tree = self._tree.declared(path).put(path, node)
        self._tables[path] = table
        self._schema.add(path)
        return table

    def create_array(  # noqa: PLR0913
        self,
        path: str,
        *,
        shape: Sequence[int],
        dtype: DTypeLike,
        chunk_shape: Sequence[int] | None = None,
        codecs: Sequence[dict[str, Any]] | None = None,
        fill_value: Any = None,
        dimension_names: Sequence[str | None] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> "StagedView":
        """Create a plain N-dimensional array, to be filled by assignment.

        Raises:
            AlreadyExistsError: something is at `path`.
            InvalidInputError: an option is impossible.
        """
        self._require_open()
        path = self._free_path(path, "array")
        metadata = array_metadata(
            shape,
            dtype,
            chunk_shape=chunk_shape,
            codecs=codecs,
            fill_value=fill_value,
            dimension_names=dimension_names,
            attributes=_json_object(attributes, "attributes"),
        )
        self._tree = self._tree.declared(path).put(path, ArrayNode(metadata.to_dict()))
        self._arrays[path] = StagedArray(self._writer, self._fetcher, path, metadata)
        self._schema.add(path)
        return StagedView(self._arrays[path], self._require_open)

    def _new_id(self, path: str) -> str:
        """Return an id for what is made at `path`; what was made there before has another."""
        made = self._made.setdefault(path, 0)
        self._made[path] += 1
        return new_id(self._base, path if not made else f"{path} {made}")

    def _free_path(self, path: str, what: str) -> str:
        names = split_path(path, what=what)
        if not names:
            raise InvalidInputError(f"a {what} needs a name; got {path!r}")
        if names[0] == keys.OBJECTS:
            raise InvalidInputError(f"the name {keys.OBJECTS!r} is taken by vstore")
        joined = "/".join(names)
        if self._tree.find(joined) is not None:
            raise AlreadyExistsError(f"there is something at {joined!r} already: delete it first")
        for depth in range(1, len(names)):
            above = self._tree.find("/".join(names[:depth]))
            if isinstance(above, ArrayNode) or (above is not None and above.table is not None):
                where = "/".join(names[:depth])
                raise InvalidInputError(f"{where!r} is no plain group: nothing can go below it")
        return joined

    def delete(self, path: str) -> None:
        """Delete the table, array or group at `path`, or raise `NotFoundError`."""
        self._require_open()
        self._tree.get(path)
        path = "/".join(split_path(path))
        parent = path.rpartition("/")[0]
        if parent in self._tables or self._is_table(parent):
            raise InvalidInputError(f"{path!r} is a column: it goes with its table {parent!r}")
        self._tree = self._tree.put(path, None)
        self._forget(path)
        self._schema.add(path)

    def _is_table(self, path: str) -> bool:
        node = self._tree.find(path)
        return isinstance(node, GroupNode) and node.table is not None

    def __getitem__(self, path: str) -> Any:
        """Return the table, column or array at `path`, to read and to change.

        Raises:
            NotFoundError: nothing is there.
        """
        self._require_open()
        joined = "/".join(split_path(path))
        if joined in self._tables or self._is_table(joined):
            return self.table(joined)
        parent, _, name = joined.rpartition("/")
        if self._is_table(parent):
            return self.table(parent)[name]
        node = self._tree.get(joined)
        if isinstance(node, GroupNode):
            raise NotFoundError(f"{joined!r} is a group; name a table or an array in it")
        return StagedView(self.array(joined), self._require_open)

    def array(self, path: str) -> StagedArray:
        """Return the chunks of the plain array at `path`, or raise `NotFoundError`."""
        if path not in self._arrays:
            node = self._tree.get(path)
            if not isinstance(node, ArrayNode):
                raise NotFoundError(f"{path!r} is not an array")
            metadata = ArrayMetadata.from_dict(node.metadata)
            self._arrays[path] = StagedArray(self._writer, self._fetcher, path, metadata, base=node)
        return self._arrays[path]

    @property
    def tree(self) -> Tree:
        """The nodes of the base commit with those made, put and deleted since."""
        return self._tree

    def put_node(self, path: str, node: Node | None, *, changes: Changes | None = None) -> None:
        """Put a stored node at `path` as it is, in place of what is there; None deletes it.

        No chunk is read or written. `changes` is what the commit says of it.
        """
        self._require_open()
        self._tree = self._tree.put(path, node)
        self._forget(path)
        self._put[path] = changes or Changes(schema=True)

    def set_group_attributes(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes of a plain group; the root is the empty path."""
        self._require_open()
        node = self._tree.get(path)
        if not isinstance(node, GroupNode):
            raise InvalidInputError(f"{path!r} is not a group")
        plain = _json_object(attributes, "attributes")
        self.put_group_document(
            path, (node.metadata or GroupNode().metadata) | {"attributes": plain}
        )

    def put_group_document(self, path: str, metadata: Mapping[str, Any]) -> None:
        """Put a group's metadata document at `path`; what lies below the group stays.

        An empty document stands for none. Groups above come into being without one.
        """
        self._require_open()
        node = self._tree.find(path)
        if isinstance(node, ArrayNode):
            raise InvalidInputError(f"{path!r} is an array, not a group")
        group = replace(node or GroupNode(), metadata=dict(metadata))
        if group.table is not None:
            self.table(path).set_attributes(group.metadata.get("attributes", {}))
        self._tree = self._tree.put(path, group, above=GroupNode(metadata={}))
        self._schema.add(path)

    def put_array_document(self, path: str, metadata: ArrayMetadata) -> StagedArray:
        """Put a plain array's metadata at `path`; the chunks stay that have a place in it."""
        self._require_open()
        node = self._tree.find(path)
        if isinstance(node, GroupNode) and (node.children or node.table is not None):
            raise InvalidInputError(f"{path!r} is a group that is not empty: delete it first")
        if isinstance(node, ArrayNode):
            array = self.array(path)
            array.set_metadata(metadata)
        else:
            array = StagedArray(self._writer, self._fetcher, path, metadata)
        stub = ArrayNode(metadata.to_dict())
        self._tree = self._tree.put(path, stub, above=GroupNode(metadata={}))
        self._arrays[path] = array
        self._schema.add(path)
        return array

    def objects(self) -> StagedTable:
        """Return the table of what is stored under keys that no array or group has."""
        self._require_open()
        path = keys.OBJECTS
        if path not in self._tables and self._tree.find(path) is None:
            node = GroupNode(table=TableInfo(keys.OBJECTS, "str"))
            spec = bytes_(codecs="none", rows_per_chunk=1).with_id(keys.OBJECTS)
            self._tree = self._tree.put(path, node)
            self._tables[path] = StagedTable(self._staging, path, node, {}, specs={"data": spec})
            self._schema.add(path)
        return self.table(path)

    @property
    def fetcher(self) -> Fetcher:
        """What reads the objects of the commit that the transaction began at."""
        return self._fetcher

    @property
    def store(self) -> Any:
        """The transaction as a Zarr store, a `vstore.zarr_store.ZarrStore`, to read and write."""
        purpose = "a transaction as a Zarr store"
        module = optional.load("vstore.zarr_store", package="zarr", extra="zarr", purpose=purpose)
        return module.ZarrStore(self)

    @property
    def is_open(self) -> bool:
        """Tell whether the transaction can still be changed."""
        return self._is_open

    def move(self, path: str, new_path: str) -> None:
        """Move a table, array or group; no chunk is touched.

        Raises:
            NotFoundError: nothing is at `path`.
            AlreadyExistsError: something is at `new_path`.
        """
        self._require_open()
        old, new = "/".join(split_path(path)), self._free_path(new_path, "node")
        node = self._tree.get(old)
        if f"{new}/".startswith(f"{old}/"):
            raise InvalidInputError(f"{old!r} cannot be moved to {new!r}, below itself")
        self._tree = self._tree.put(old, None).declared(new).put(new, node)
        for staged in (self._tables, self._arrays):
            for name in [name for name in staged if f"{name}/".startswith(f"{old}/")]:
                staged[new + name[len(old) :]] = staged.pop(name)  # type: ignore[assignment]
        self._schema.add(new)

    def _forget(self, path: str) -> None:
        for staged in (self._tables, self._arrays):
            for name in [name for name in staged if f"{name}/".startswith(f"{path}/")]:
                staged.pop(name).forget()

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

    def __contains__(self, path: str) -> bool:
        return self._tree.find(path) is not None

    def fork(self) -> Any:
        """Return a `vstore.forks.Fork`: a part to write into elsewhere, which pickles.

        It begins with what this transaction holds now. Nothing of it is visible before
        `merge` takes it and this transaction is committed.
        """
        return self._require_forking().fork(self)

    def merge(self, *forks: Any) -> None:
        """Take what was written into forks, rows of tables in the order of the forks.

        Raises:
            ConflictError: two forks, or a fork and this transaction, changed the same
                elements differently; nothing was taken.
            InvalidInputError: a fork of another transaction, or one that was merged before.
        """
        self._require_forking().merge(self, forks)

    def _require_forking(self) -> Forking:
        self._require_open()
        if self._forking is None:
            raise InvalidInputError("only a transaction that a repository began can be forked")
        return self._forking

    def checkpoint(self) -> Digest:
        """Store what the transaction holds as a commit that no branch names, and go on."""
        self._require_open()
        with self._writer.uninterrupted():
            changes = self._flush()
            tree, pages = self._new_tree()
            value, objects = trees.encode(tree.root, tree.load)
            options = replace(self._options, time=self._options.time or self._began)
            return self._store(value, changes, pages | objects, options)[0]

    def adopt(self, digest: Digest, changes: Mapping[str, Changes]) -> None:
        """Go on from the tree of a stored commit, which `changes` led to."""
        self._require_open()
        for staged in (self._tables, self._arrays):
            for path in list(staged):
                staged.pop(path).forget()
        root = trees.decode(
            self._fetcher.commit(digest).tree, self._load_documents, what=f"commit {digest}"
        )
        if not isinstance(root, GroupNode):
            raise InvalidInputError(f"the commit {digest} has no root group")
        self._tree = Tree(root, self._load_documents)
        self._put = dict(changes)

    def discard(self) -> None:
        """Give up all changes; the branch stays where it is."""
        self._is_open = False
        self._writer.close()

    def commit(self) -> Commit | None:
        """Make the commit and move the branch; return None where nothing was changed.

        Raises:
            ConflictError: the branch moved since the transaction began; nothing changed.
            UnknownOutcomeError: the store did not say whether the branch moved.
        """
        written = self.write()
        if written is None:
            return None
        self.commit_made = (self._publish or describe)(*written)
        return self.commit_made

    def write(self) -> tuple[Digest, CommitDocument] | None:
        """Store the commit without moving a branch; return None where nothing was changed.

        The transaction is finished afterwards, whether or not this raises.
        """
        self._require_open()
        try:
            return self._write()
        finally:
            self._is_open = False
            self._writer.close()

    def _write(self) -> tuple[Digest, CommitDocument] | None:
        changes = self._flush()
        tree, pages = self._new_tree()
        value, objects = trees.encode(tree.root, tree.load)
        if self._is_unchanged(value, changes) and not self._options.allow_empty:
            return None
        return self._store(value, changes, pages | objects, self._options)

    def _store(
        self,
        value: dict[str, Any],
        changes: dict[str, Changes],
        parts: Mapping[Digest, bytes],
        options: CommitOptions,
    ) -> tuple[Digest, CommitDocument]:
        new = commit_document(self._fetcher.commit, self._base, options, value, changes)
        data = document.dumps(new, what="commit")
        digest = digest_of(data)
        if digest == self._checkpoint:
            return digest, new
        self._checkpoint = digest
        for name, page in parts.items():
            if name not in self._stored_nodes:
                self._writer.upload(keys.index(name), page)
        self._writer.upload(keys.commit(digest), data)
        self._writer.finish()
        self._fetcher.remember_commit(digest, new)
        return digest, new

    def _is_unchanged(self, tree: dict[str, Any], changes: Mapping[str, Changes]) -> bool:
        if self._options.merged:
            return False
        if self._parent is None:
            return not changes
        before = self._parent.tree
        return tree == before and document.dumps(tree) == document.dumps(before)  # 1 is not true

    def _flush(self) -> dict[str, Changes]:
        changes = dict(self._put)
        for path, table in sorted(self._tables.items()):
            table.flush()
            changes[path] = table.changes()
        for path, array in sorted(self._arrays.items()):
            array.flush()
            changes[path] = Changes(changed=len(list(array.touched())))
        for path in self._schema:
            changes[path] = msgspec.structs.replace(changes.get(path, Changes()), schema=True)
        self._writer.seal()
        return {path: change for path, change in changes.items() if change != Changes()}

    def _new_tree(self) -> tuple[Tree, dict[Digest, bytes]]:
        tree, pages = self._tree, dict[Digest, bytes]()
        for path, table in self._tables.items():
            children = {}
            for name, array in table.arrays():
                node, fresh = array.finish()
                children[name] = node
                pages |= fresh
            tree = tree.put(path, replace(table.node, children=children))
        for path, array in self._arrays.items():
            node, fresh = array.finish()
            tree = tree.put(path, node)
            pages |= fresh
        return tree, pages

    def __repr__(self) -> str:
        state = "open" if self._is_open else "finished"
        return f"<vstore.Transaction on {self._branch!r}, {state}>"


def _group_metadata(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    plain = _json_object(attributes, "attributes")
    return {"zarr_format": 3, "node_type": "group", "attributes": plain}


def _json_object(value: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Return a mapping as it reads back from JSON, or raise `InvalidInputError`."""
    return document.plain_object({} if value is None else value, what=what)
