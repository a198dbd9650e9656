"""One commit, opened for reading. It never changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from vstore import optional
from vstore.errors import NotFoundError
from vstore.faces import exported_from, internals
from vstore.format import node_codec
from vstore.format.commit import CommitDocument, format_time
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode, Node, names_in
from vstore.format.object_keys import is_path, path_below
from vstore.format.tree import Tree
from vstore.format.zarr.attributes import attributes_of
from vstore.history.commits import Commit, describe
from vstore.lazy import lazy
from vstore.reading.array import Array, StoredArray
from vstore.reading.fetch import Fetcher
from vstore.reading.lookup import Lookup, require_kind
from vstore.reading.remote_settings import RemoteSettings
from vstore.reading.stored_table import StoredTable
from vstore.reading.summary import Summary, TableSummary, summarize_array
from vstore.reading.table import Table
from vstore.reading.table_view import as_table
from vstore.storage.store import ObjectStore
from vstore.wording import listed

if TYPE_CHECKING:
    from vstore.reading import boxes
    from vstore.zarr.zarr_store import ZarrStore
else:
    boxes = lazy("vstore.reading.boxes")


class OpenCommit(NamedTuple):
    """What the library uses of a snapshot: its nodes, and what reads its objects."""

    tree: Tree
    fetcher: Fetcher


@exported_from("vstore")
class Group(Lookup[str, Any]):
    """A group of a commit: a mapping of names to the groups, tables and arrays in it.

    `group["a/b"]` leads through several, as `snapshot["group/a/b"]` does.
    """

    def __init__(self, snapshot: "Snapshot", path: str) -> None:
        self._snapshot = snapshot
        self._path = path

    @property
    def path(self) -> str:
        """Where the group is in the repository."""
        return self._path

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's attributes, as a copy."""
        return attributes_of(self._node.metadata)

    @property
    def _node(self) -> GroupNode:
        node = internals(self._snapshot).tree.get(self._path)
        if not isinstance(node, GroupNode):
            raise NotFoundError(f"{self._path!r} is not a group", code="path-not-found")
        return node

    def table(self, path: str) -> Table:
        """Return the table at a path in the group; see `Snapshot.table`."""
        return self._snapshot.table(path_below(self._path, path))

    def array(self, path: str) -> Array:
        """Return the plain array at a path in the group; see `Snapshot.array`."""
        return self._snapshot.array(path_below(self._path, path))

    def group(self, path: str) -> "Group":
        """Return the group at a path in the group; see `Snapshot.group`."""
        return self._snapshot.group(path_below(self._path, path))

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path, or raise `NotFoundError`."""
        return self._snapshot[path_below(self._path, path)]

    def __contains__(self, path: object) -> bool:
        return is_path(path) and path_below(self._path, path) in self._snapshot

    def __iter__(self) -> Iterator[str]:
        return iter(names_in(self._path, self._node))

    def __len__(self) -> int:
        return len(names_in(self._path, self._node))

    def __repr__(self) -> str:
        return f"<vstore.Group {self._path!r}: {listed(self) or 'empty'}>"

    def _repr_html_(self) -> str:
        return boxes.group_box(self, self._snapshot)


@exported_from("vstore")
class Snapshot(Lookup[str, Any]):
    """A commit opened for reading: `snapshot["train"]["image"][10:20]`.

    It is a mapping of the names at its root; paths lead on, as in
    `snapshot["train/image"]`. What is there decides what `[...]` gives, so for a type
    checker that is `Any`; `table`, `array` and `group` say what is meant, and have types.

    Reading verifies every byte against the commit's digest. A snapshot pickles as the
    store's address and the commit's digest, and may be used from several threads.
    """

    def __init__(self, fetcher: Fetcher, digest: Digest) -> None:
        self._fetcher = fetcher
        self._digest = digest
        self._document: CommitDocument = fetcher.commit(digest)
        root = node_codec.decode(
            self._document.tree, fetcher.node_documents, what=f"commit {digest}"
        )
        if not isinstance(root, GroupNode):
            raise NotFoundError(f"the commit {digest} has no root group")
        self._tree = Tree(root, fetcher.node_documents)
        self._kept: dict[str, Table] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Snapshot._at, (self._fetcher.store, self._digest, self._fetcher.remotes)

    @classmethod
    def _at(cls, store: ObjectStore, digest: Digest, remotes: RemoteSettings | None) -> Self:
        return cls(Fetcher(store, remotes), digest)

    @property
    def url(self) -> str:
        """The repository's address, with any secret left out."""
        return self._fetcher.store.url

    @property
    def commit(self) -> Commit:
        """The commit: id, parents, author, time, message, metadata."""
        return describe(self._digest, self._document)

    @property
    def _internals(self) -> OpenCommit:
        return OpenCommit(self._tree, self._fetcher)

    def table(self, path: str) -> Table:
        """Return the table at a path.

        A plain group is taken as one where its arrays' first dimension is called `sample`,
        as xarray and others write them.

        Raises:
            NotFoundError: nothing is there.
            InvalidInputError: what is there is no table.
        """
        node = self._tree.get(path)
        path = path.strip("/")
        if not isinstance(node, GroupNode):
            return require_kind(self[path], Table, path)
        if node.table is None:
            children = {name: self._tree.child(node, name) for name in node.children}
            node = as_table(node, children, path=path)
        return self._table(path, node)

    def array(self, path: str) -> Array:
        """Return the plain array at a path.

        Raises:
            NotFoundError: nothing is there.
            InvalidInputError: what is there is no plain array.
        """
        return require_kind(self[path], Array, path)

    def group(self, path: str) -> Group:
        """Return the group at a path; the root is the empty path.

        Raises:
            NotFoundError: nothing is there.
            InvalidInputError: what is there is no group, or is a table.
        """
        return require_kind(self[path], Group, path)

    def _is_column(self, path: str, node: Node) -> bool:
        above = self._tree.get(path.rpartition("/")[0])
        is_below_table = isinstance(above, GroupNode) and above.table is not None
        return is_below_table and isinstance(node, ArrayNode) and node.column is not None

    @property
    def store(self) -> "ZarrStore":
        """The commit as a read-only Zarr store, a `vstore.zarr_store.ZarrStore`.

        >>> import vstore, zarr
        >>> repo = vstore.create("memory://snapshot-store-doc")
        >>> with repo.transaction("main", message="Add") as tx:
        ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [3, 1, 4]
        >>> zarr.open_group(repo.checkout("main").store, mode="r")["x"][:]
        array([3, 1, 4])
        """
        purpose = "a commit as a Zarr store"
        module = optional.load(
            "vstore.zarr.zarr_store", package="zarr", extra="zarr", purpose=purpose
        )
        store: ZarrStore = module.ZarrStore(self)
        return store

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path.

        Raises:
            NotFoundError: nothing is there; the message names what is.
        """
        node = self._tree.get(path)
        path = path.strip("/")
        if isinstance(node, GroupNode):
            return self._table(path, node) if node.table is not None else Group(self, path)
        if self._is_column(path, node):
            table, _, name = path.rpartition("/")
            return self.table(table)[name]
        source = StoredArray(self._fetcher, node, path=path)
        return Array(source, path=path, reopen=self.array)

    def __contains__(self, path: object) -> bool:
        """Return whether a path leads to something, as `[path]` would."""
        return is_path(path) and self._tree.find(path) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names at the root."""
        return iter(names_in("", self._tree.root))

    def __len__(self) -> int:
        return len(names_in("", self._tree.root))

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the root group, as a copy."""
        return attributes_of(self._tree.root.metadata)

    @property
    def tables(self) -> dict[str, Table]:
        """Every table by its path."""
        return {
            path: self._table(path, node)
            for path, node in self._tree.walk()
            if isinstance(node, GroupNode) and node.table is not None
        }

    def _table(self, path: str, node: GroupNode) -> Table:
        """Return the table at a path, the same one each time: it keeps what it read of itself."""
        found = self._kept.get(path)
        if found is None:
            arrays = _TableArrays(self, path, node)
            made = Table(StoredTable(path, node, arrays, reopen=self.table, commit=self._digest))
            found = self._kept.setdefault(path, made)
        return found

    def summary(self) -> Summary:
        """Return what the commit holds: tables, columns, arrays, sizes."""
        tables = []
        inside: set[str] = set()
        for path, table in self.tables.items():
            inside.add(path)
            columns = [
                summarize_array(f"{path}/{name}", self._array_node(f"{path}/{name}"), samples=n)
                for name, n in ((name, len(table)) for name in table.columns)
            ]
            tables.append(TableSummary(path, len(table), table.key_kind, tuple(columns)))
        arrays = [
            summarize_array(path, node)
            for path, node in self._tree.walk()
            if isinstance(node, ArrayNode) and path.rpartition("/")[0] not in inside
        ]
        return Summary(
            url=self.url,
            commit=self._digest,
            author=self._document.author,
            time=format_time(self.commit.time),
            message=self._document.message.split("\n")[0],
            tables=tuple(tables),
            arrays=tuple(arrays),
        )

    def _array_node(self, path: str) -> ArrayNode:
        node = self._tree.get(path)
        if not isinstance(node, ArrayNode):
            raise NotFoundError(f"{path!r} is not an array", code="path-not-found")
        return node

    def __repr__(self) -> str:
        names = listed(self) or "empty"
        return f"<vstore.Snapshot {self._digest[:12]} of {self.url}: {names}>"

    def _repr_html_(self) -> str:
        return boxes.snapshot_box(self)


@dataclass(frozen=True, slots=True)
class _TableArrays:
    """Opens the arrays of one table; pickles with its snapshot."""

    snapshot: Snapshot
    path: str
    node: GroupNode

    def __call__(self, name: str) -> StoredArray:
        tree, path = internals(self.snapshot).tree, self.path
        child = tree.child(self.node, name) if name in self.node.children else None
        if not isinstance(child, ArrayNode):
            raise NotFoundError(f"the table {path!r} has no array {name!r}")
        return StoredArray(internals(self.snapshot).fetcher, child, path=f"{path}/{name}")
