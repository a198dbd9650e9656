"""A commit as a kerchunk reference file, with which zarr and xarray read it without vstore."""

import base64
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from, internals
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.forwarding import Moved
from vstore.format.nodes import GroupNode
from vstore.format.page import ChunkRef
from vstore.format.table.names import DELETED
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import StoredHierarchy
from vstore.hierarchy.zarr_keys import Keys
from vstore.history.forwarding import MOST_HOPS, find_moved
from vstore.reading.snapshot import Snapshot
from vstore.reading.sources import Sources
from vstore.storage.store import ObjectStore

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::?//")


@exported_from("vstore.exporters")
def export_refs(snapshot: Snapshot, path: str | os.PathLike[str], *, group: str = "") -> int:
    """Write a reference file, version 1, for a commit; return how many keys it has.

    The file says where each chunk is; no chunk is read or copied. It holds as long as the
    commit is kept, and readers of it check no digest. It appears whole or not at all.

    Args:
        snapshot: The commit.
        path: Where to write the file, on local disk.
        group: The group or table to write; all of the commit when empty.

    Raises:
        NotFoundError: there is no such group.
        InvalidInputError: the repository is in this process's memory, or there is no
            folder for the file.

    >>> import tempfile, vstore
    >>> folder = tempfile.TemporaryDirectory()
    >>> repo = vstore.create(folder.name + "/repo")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [3, 1, 4]
    >>> export_refs(repo.checkout("main"), folder.name + "/refs.json")
    3
    >>> folder.cleanup()
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InvalidInputError(
            f"there is no folder {str(target.parent)!r} for {target.name!r}",
            hint="create the folder first",
        )
    entries = references(snapshot, group=group)
    count = 0
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=target.parent, prefix=f".{target.name}.", delete=False
    ) as file:
        try:
            file.write('{"version": 1, "refs": {')
            for count, (key, value) in enumerate(entries, 1):
                comma = "," if count > 1 else ""
                file.write(f"{comma}\n{json.dumps(key)}: {json.dumps(value)}")
            file.write("\n}}\n")
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return count


@exported_from("vstore.exporters")
def references(snapshot: Snapshot, *, group: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of a commit, each with its contents or with (URL, offset, length)."""
    fetcher = internals(snapshot).fetcher
    root = _packs_url(snapshot.url)
    moves = _moves(fetcher.store)
    group = group.strip("/")
    if group and not isinstance(internals(snapshot).tree.get(group), GroupNode):
        raise NotFoundError(
            f"{group!r} is an array, not a group",
            code="path-not-found",
            hint="give the path of the group it is in",
            path=group,
        )
    for _ in internals(snapshot).tree.walk(group):
        pass  # a tree that is not bounded is refused at once
    hierarchy = Keys(StoredHierarchy(snapshot))
    start = f"{group}/" if group else ""
    return (
        (key[len(start) :], _reference(place, root, moves, fetcher.sources))
        for key, place in _with_consolidated(hierarchy, start)
    )


@exported_from("vstore.exporters")
def notes(snapshot: Snapshot, *, group: str = "") -> list[str]:
    """Return what readers of a reference file will see otherwise than vstore shows it."""
    said: list[str] = []
    for path, node in internals(snapshot).tree.walk(group):
        if not isinstance(node, GroupNode) or node.table is None or path == object_keys.OBJECTS:
            continue
        table = snapshot.table(path)
        deleted = internals(table).rows.stored - len(internals(table).rows)
        if deleted:
            said.append(
                f"{path!r} has {deleted} deleted rows, which readers see: "
                f"{f'{path}/{DELETED}'!r} is true for them"
            )
        for name, column in table.columns.items():
            stored_as = internals(column).info.kind.stored_as
            if stored_as:
                said.append(f"{path + '/' + name!r} is read as bytes: {stored_as}")
    return said


def _with_consolidated(hierarchy: Keys, prefix: str) -> Iterator[tuple[str, bytes | ChunkRef]]:
    """Yield keys and what is there; groups hold copies of all documents below them.

    With these a reader lists nothing, which not every one does well in a reference file.
    """
    kept = {path: documents.as_written(doc) for path, doc in hierarchy.documents(prefix)}
    for key, place in hierarchy.places(prefix):
        path = key[: -len(documents.NAME)].rstrip("/")
        document = kept.get(path) if key.endswith(documents.NAME) else None
        if document is None or document["node_type"] != "group":
            yield key, place
            continue
        start = f"{path}/" if path else ""
        below = {
            other[len(start) :]: each
            for other, each in kept.items()
            if other.startswith(start) and other != path
        }
        yield key, documents.consolidated(document, below)


def _packs_url(url: str) -> str:
    if url.startswith("memory:"):
        raise InvalidInputError(
            f"{url} is in the memory of this process, where no other reader finds it",
            code="in-memory-only",
            hint="export from a repository on disk or in a bucket",
        )
    return url if _SCHEME.match(url) else f"file://{Path(url).resolve()}"


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


def _reference(
    place: bytes | ChunkRef, root: str, moves: Mapping[Digest, Moved], sources: Sources
) -> str | list[Any]:
    if isinstance(place, ChunkRef) and place.pack.is_source:
        return [*sources.place(place), place.nbytes]
    if isinstance(place, ChunkRef):
        place = _there(place, moves)
        return [
            f"{root.rstrip('/')}/{object_keys.pack(place.pack.digest)}",
            place.offset,
            place.nbytes,
        ]
    try:
        text = place.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if place and (not text or text.startswith("base64:")):
        return "base64:" + base64.b64encode(place).decode()
    return text
