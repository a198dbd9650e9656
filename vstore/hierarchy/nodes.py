"""What is where: the groups, arrays and loose objects of a commit or a transaction."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from vstore.faces import internals
from vstore.format.index import walk
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef
from vstore.format.object_keys import OBJECTS
from vstore.format.page import ChunkRef, Patched
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.hierarchy.chunk_keys import ChunkKeys
from vstore.reading import caches
from vstore.reading.array import StoredArray
from vstore.reading.caches import LruCache
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.writing.staged_array import StagedArray
from vstore.writing.staged_tree import StagedTree
from vstore.writing.transaction_table import TransactionTable

Place = bytes | ChunkRef | None
"""The bytes of an encoded chunk, or where they are, or None where nothing is stored."""


class Chunks(Protocol):
    """The encoded chunks of one array."""

    @property
    def metadata(self) -> ArrayMetadata:
        """The array's metadata as it is now."""

    @property
    def keys(self) -> ChunkKeys:
        """How the chunks are called."""

    def numbers(self) -> Sequence[int]:
        """Return the numbers of the stored chunks, in order."""

    def places(self, numbers: Sequence[int]) -> Sequence[Place]:
        """Return where chunks are, by their numbers in ascending order."""


class Objects(Protocol):
    """What was stored under keys that belong to no array and no group."""

    def find(self, key: str) -> bytes | None:
        """Return what is stored under a key, or None."""

    def names(self) -> Iterable[str]:
        """Return every key."""


class Hierarchy(Protocol):
    """The nodes of a commit, or of a transaction as they are."""

    @property
    def fetcher(self) -> Fetcher:
        """What reads the chunks that are stored."""

    @property
    def root(self) -> GroupNode:
        """The root group."""

    def names(self, path: str, group: GroupNode) -> Iterable[str]:
        """Return the names of a group's children."""

    def child(self, path: str, group: GroupNode, name: str) -> Node | None:
        """Return a child of the group at `path`, or None."""

    def chunks(self, path: str) -> Chunks:
        """Return the chunks of the array at `path`."""

    def objects(self) -> Objects:
        """Return what belongs to no array and no group."""


class StoredChunks:
    """The chunks of an array in a commit."""

    def __init__(self, fetcher: Fetcher, node: ArrayNode, path: str) -> None:
        self._array = StoredArray(fetcher, node, path=path)
        self._encoded: LruCache[bytes, bytes] = LruCache(caches.PARTLY_READ_NBYTES, len)
        self.metadata = self._array.metadata
        self.keys = ChunkKeys.of(self.metadata)

    def numbers(self) -> Sequence[int]:
        """Return the numbers of the stored chunks, in order."""
        return [n for n, _ in walk(self._array.node.chunks, self._array.fetcher.pages)]

    def places(self, numbers: Sequence[int]) -> Sequence[Place]:
        """Return where chunks are, by their numbers in ascending order.

        Of a chunk that has patches no bytes are stored that are the whole of it: it is encoded.
        """
        return [
            self._whole(place) if isinstance(place, Patched) else place
            for place in self._array.locate(numbers)
        ]

    def _whole(self, place: Patched) -> bytes:
        data = self._encoded.find(place.digest)
        if data is None:
            data = self._array.encoded(place)
            self._encoded.put(place.digest, data)
        return data


class StagedChunks:
    """The chunks of an array in a transaction."""

    def __init__(self, array: StagedArray) -> None:
        self.array = array
        self.metadata = array.metadata
        self.keys = ChunkKeys.of(array.metadata)

    def numbers(self) -> Sequence[int]:
        """Return the numbers of the stored chunks, in order."""
        return self.array.stored()

    def places(self, numbers: Sequence[int]) -> Sequence[Place]:
        """Return where chunks are, by their numbers."""
        return [self.array.encoded(number) for number in numbers]


class TableObjects:
    """Loose objects, read from the table that keeps them."""

    def __init__(self, table: Table | TransactionTable | None) -> None:
        self._table = table
        self._keys: set[str] = set() if table is None else set(table.sample_keys().tolist())

    def find(self, key: str) -> bytes | None:
        """Return what is stored under a key, or None."""
        if self._table is None or key not in self._keys:
            return None
        data: bytes = self._table["data"][self._table.position(key)]
        return data

    def names(self) -> Iterable[str]:
        """Return every key."""
        return self._keys


class StoredHierarchy:
    """The nodes of a commit; each is read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._nodes: dict[str, Node] = {}
        self._chunks: dict[str, StoredChunks] = {}
        self._objects: TableObjects | None = None

    @property
    def fetcher(self) -> Fetcher:
        """What reads the chunks that are stored."""
        return internals(self._snapshot).fetcher

    @property
    def root(self) -> GroupNode:
        """The root group."""
        return internals(self._snapshot).tree.root

    def names(self, path: str, group: GroupNode) -> Iterable[str]:
        """Return the names of a group's children."""
        return (name for name in group.children if path or name != OBJECTS)

    def child(self, path: str, group: GroupNode, name: str) -> Node | None:
        """Return a child of the group at `path`, or None."""
        if name not in group.children or (not path and name == OBJECTS):
            return None
        where = join(path, name)
        if where not in self._nodes:
            self._nodes[where] = internals(self._snapshot).tree.child(group, name, what=where)
        return self._nodes[where]

    def chunks(self, path: str) -> StoredChunks:
        """Return the chunks of the array at `path`."""
        if path not in self._chunks:
            node = self._nodes[path]
            if not isinstance(node, ArrayNode):
                raise TypeError(path)
            self._chunks[path] = StoredChunks(self.fetcher, node, path)
        return self._chunks[path]

    def objects(self) -> TableObjects:
        """Return what belongs to no array and no group."""
        if self._objects is None:
            is_there = OBJECTS in self.root.children
            found = self._snapshot[OBJECTS] if is_there else None
            self._objects = TableObjects(found if isinstance(found, Table) else None)
        return self._objects


class StagedHierarchy:
    """The nodes of a transaction as they are."""

    def __init__(self, staged: StagedTree) -> None:
        self._staged = staged
        self._loaded: dict[NodeRef, Node] = {}

    @property
    def fetcher(self) -> Fetcher:
        """What reads the chunks that are stored."""
        return self._staged.fetcher

    @property
    def root(self) -> GroupNode:
        """The root group."""
        return self._staged.nodes.root

    def names(self, path: str, group: GroupNode) -> Iterable[str]:
        """Return the names of a group's children."""
        if group.table is not None:
            table = self._staged.table(path)
            table.flush()
            return [name for name, _ in table.arrays()]
        return [name for name in group.children if path or name != OBJECTS]

    def child(self, path: str, group: GroupNode, name: str) -> Node | None:
        """Return a child of the group at `path`, or None."""
        if group.table is not None:
            return ArrayNode({}) if name in self.names(path, group) else None
        if name not in group.children or (not path and name == OBJECTS):
            return None
        child = group.children[name]
        if not isinstance(child, NodeRef):
            return child
        if child not in self._loaded:
            self._loaded[child] = self._staged.nodes.child(group, name, what=join(path, name))
        return self._loaded[child]

    def chunks(self, path: str) -> StagedChunks:
        """Return the chunks of the array at `path`."""
        return StagedChunks(self.array(path))

    def array(self, path: str) -> StagedArray:
        """Return the array at `path`, a plain one or one of a table's."""
        parent, _, name = path.rpartition("/")
        if self.is_table(parent):
            return dict(self._staged.table(parent).arrays())[name]
        return self._staged.array(path)

    def is_table(self, path: str) -> bool:
        """Return whether there is a table at `path`."""
        node: Node | None = self.root
        here = ""
        for name in path.split("/") if path else ():
            if not isinstance(node, GroupNode):
                return False
            node, here = self.child(here, node, name), join(here, name)
        return isinstance(node, GroupNode) and node.table is not None

    def objects(self) -> TableObjects:
        """Return what belongs to no array and no group."""
        if OBJECTS not in self._staged.nodes.root.children:
            return TableObjects(None)
        return TableObjects(TransactionTable(self._staged.objects()))


def join(path: str, name: str) -> str:
    """Return the path of a child."""
    return f"{path}/{name}" if path else name
