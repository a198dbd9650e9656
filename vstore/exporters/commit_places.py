"""Where the chunks of a commit are, for readers that know no packs: an address and a range."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.forwarding import Moved
from vstore.format.nodes import GroupNode
from vstore.format.page import ChunkRef
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import StoredHierarchy
from vstore.hierarchy.zarr_keys import Keys
from vstore.history.forwarding import MOST_HOPS, find_moved
from vstore.reading.snapshot import Snapshot
from vstore.reading.sources import Sources
from vstore.storage.store import ObjectStore

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::?//")


@dataclass(frozen=True, slots=True)
class CommitPlaces:
    """The Zarr keys of a commit at and below a group, and where their chunks are.

    `prefix` is the group's path and a slash; of the root it is empty.
    """

    hierarchy: Keys
    prefix: str
    _packs: str
    _moves: Mapping[Digest, Moved]
    _sources: Sources

    @classmethod
    def of(cls, snapshot: Snapshot, group: str) -> "CommitPlaces":
        """Return the places of a commit.

        Raises:
            NotFoundError: there is no such group.
            InvalidInputError: the repository is in this process's memory.
        """
        fetcher, tree = internals(snapshot).fetcher, internals(snapshot).tree
        root, moves = _packs_url(snapshot.url), _moves(fetcher.store)
        group = group.strip("/")
        if group and not isinstance(tree.get(group), GroupNode):
            raise NotFoundError(
                f"{group!r} is an array, not a group",
                code="path-not-found",
                hint="give the path of the group it is in",
                path=group,
            )
        for _ in tree.walk(group):
            pass  # a tree that is not bounded is refused at once
        keys = Keys(StoredHierarchy(snapshot))
        return cls(keys, f"{group}/" if group else "", root, moves, fetcher.sources)

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the documents of all nodes, as Zarr wrote them, by their whole paths."""
        found = self.hierarchy.documents(self.prefix)
        return {path: documents.as_written(each) for path, each in found}

    def address(self, ref: ChunkRef) -> tuple[str, int, int]:
        """Return the address of the object that a chunk is in, its offset and its length."""
        if ref.pack.is_source:
            return (*self._sources.place(ref), ref.nbytes)
        ref = _there(ref, self._moves)
        return f"{self._packs}/{object_keys.pack(ref.pack.digest)}", ref.offset, ref.nbytes


def _packs_url(url: str) -> str:
    if url.startswith("memory:"):
        raise InvalidInputError(
            f"{url} is in the memory of this process, where no other reader finds it",
            code="in-memory-only",
            hint="export from a repository on disk or in a bucket",
        )
    return (url if _SCHEME.match(url) else f"file://{Path(url).resolve()}").rstrip("/")


def _moves(store: ObjectStore) -> dict[Digest, Moved]:
    """Return the forwarding documents; one request if no pack was ever repacked."""
    found = (object_keys.moved_at(info.key) for info in store.list_prefix(object_keys.MOVED))
    moves = {pack: find_moved(store, pack) for pack in found if pack is not None}
    return {pack: moved for pack, moved in moves.items() if moved is not None}


def _there(ref: ChunkRef, moves: Mapping[Digest, Moved]) -> ChunkRef:
    for _ in range(MOST_HOPS):
        moved = moves.get(ref.pack.digest)
        there = None if moved is None else moved.place(ref)
        if there is None:
            break
        ref = there
    return ref
