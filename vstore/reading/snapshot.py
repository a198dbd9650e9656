"""One commit, opened for reading. It never changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from vstore import optional
from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from, internals
from vstore.format import tree as trees
from vstore.format.commit import CommitDocument, format_time
from vstore.format.digest import Digest
from vstore.format.tree import ArrayNode, GroupNode, Tree
from vstore.history.commits import Commit, describe
from vstore.reading.array import Array, StoredArray
from vstore.reading.fetch import Fetcher
from vstore.reading.summary import Summary, TableSummary, summarize_array
from vstore.reading.table import Table
from vstore.reading.table_view import as_table


class OpenCommit(NamedTuple):
    """What the library uses of a snapshot: its nodes, and what reads its objects."""

    tree: Tree
    fetcher: Fetcher


@exported_from("vstore")
class Group:
    """A group of a commit: names leading to groups, tables and arrays."""

    def __init__(self, snapshot: "Snapshot", path: str) -> None:
        self._snapshot = snapshot
        self._path = path

    @property
    def path(self) -> str:
        """Where the group stands in the repository."""
        return self._path

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's attributes, as a copy."""
        return dict(self._node.metadata.get("attributes", {}))

    @property
    def _node(self) -> GroupNode:
        node = internals(self._snapshot).tree.get(self._path)
        if not isinstance(node, GroupNode):
            raise NotFoundError(f"{self._path!r} is not a group")
        return node

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._node.children))

    def __len__(self) -> int:
        return len(self._node.children)

    def __contains__(self, name: object) -> bool:
        return name in self._node.children

    def __getitem__(self, name: str) -> Any:
        return self._snapshot[f"{self._path}/{name}".strip("/")]

    def __repr__(self) -> str:
        return f"<vstore.Group {self._path!r}: {', '.join(self) or 'empty'}>"


@exported_from("vstore")
class Snapshot:
    """A commit opened for reading: `snapshot["train"]["image"][10:20]`.

    Reading verifies every byte against the commit's digest. A snapshot pickles as the
    store's address and the commit's digest, and may be used from several threads.
    """

    def __init__(self, fetcher: Fetcher, digest: Digest) -> None:
        self._fetcher = fetcher
        self._digest = digest
        self._document: CommitDocument = fetcher.commit(digest)
        root = trees.decode(self._document.tree, fetcher.node_documents, what=f"commit {digest}")
        if not isinstance(root, GroupNode):
            raise NotFoundError(f"the commit {digest} has no root group")
        self._tree = Tree(root, fetcher.node_documents)
        self._kept: dict[str, Table] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Snapshot, (self._fetcher, self._digest)

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
            raise InvalidInputError(f"{path!r} is an array, not a table")
        if node.table is None:
            children = {name: self._tree.child(node, name) for name in node.children}
            node = as_table(node, children, path=path)
        return self._table(path, node)

    @property
    def store(self) -> Any:
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
        return module.ZarrStore(self)

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path.

        Raises:
            NotFoundError: nothing is there; the message names what is.
        """
        node = self._tree.get(path)
        path = path.strip("/")
        if isinstance(node, GroupNode):
            return self._table(path, node) if node.table is not None else Group(self, path)
        parent, _, name = path.rpartition("/")
        above = self._tree.get(parent)
        if isinstance(above, GroupNode) and above.table is not None and node.column is not None:
            return self._table(parent, above).columns[name]
        return Array(StoredArray(self._fetcher, node, path=path), path=path)

    def __contains__(self, path: str) -> bool:
        return self._tree.find(path) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names at the root."""
        return iter(sorted(self._tree.root.children))

    def __len__(self) -> int:
        return len(self._tree.root.children)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the root group, as a copy."""
        return dict(self._tree.root.metadata.get("attributes", {}))

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
            made = Table(path, node, _TableArrays(self, path, node))
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
            author=str(self._document.author),
            time=format_time(self.commit.time)[:19].replace("T", " ") + " UTC",
            message=self._document.message.split("\n")[0],
            tables=tuple(tables),
            arrays=tuple(arrays),
        )

    def _array_node(self, path: str) -> ArrayNode:
        node = self._tree.get(path)
        if not isinstance(node, ArrayNode):
            raise NotFoundError(f"{path!r} is not an array")
        return node

    def __repr__(self) -> str:
        names = ", ".join(self) or "empty"
        return f"<vstore.Snapshot {self._digest[:12]} of {self.url}: {names}>"


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
