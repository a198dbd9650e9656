"""A commit as a kerchunk reference file, with which zarr and xarray read it without vstore."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from vstore.errors import AlreadyExistsError, InvalidInputError
from vstore.exporters.commit_places import CommitPlaces
from vstore.exporters.destination import destination
from vstore.exporters.target import Target
from vstore.faces import exported_from, internals
from vstore.format import object_keys
from vstore.format.nodes import GroupNode
from vstore.format.page import ChunkRef
from vstore.format.table.names import DELETED
from vstore.hierarchy import documents
from vstore.optional import load
from vstore.reading.snapshot import Snapshot

_JSON = ".json"
_PARQUET = (".parquet", ".parq")


@exported_from("vstore.exporters")
def export_refs(
    snapshot: Snapshot,
    to: str | os.PathLike[str],
    *,
    group: str = "",
    storage_options: Mapping[str, Any] | None = None,
) -> int:
    """Write where each chunk of a commit is, for readers without vstore; return how many keys.

    No chunk is read or copied. It holds as long as the commit is kept, and readers check no
    digest. What is written appears whole or not at all.

    Args:
        snapshot: The commit.
        to: Where to write: a path, or an address that fsspec knows. One that ends in `.json`
            becomes a reference file, version 1, as kerchunk defines it. One that ends in
            `.parquet` or `.parq` becomes a folder, of which readers load the parts that they
            need: for many chunks. It needs pyarrow.
        group: The group or table to write; all of the commit when empty.
        storage_options: Those of the fsspec filesystem of an address.

    Raises:
        NotFoundError: there is no such group, or no folder to write to.
        AlreadyExistsError: there is something where the folder is to go.
        InvalidInputError: the repository is in this process's memory, the name has another
            ending, or a folder cannot hold what is in the commit.

    >>> import tempfile, vstore
    >>> folder = tempfile.TemporaryDirectory()
    >>> repo = vstore.create(folder.name + "/repo")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [3, 1, 4]
    >>> export_refs(repo.checkout("main"), folder.name + "/refs.json")
    3
    >>> export_refs(repo.checkout("main"), folder.name + "/refs.parquet")
    3
    >>> folder.cleanup()
    """
    ending = os.path.splitext(os.fspath(to).rstrip("/"))[1].lower()
    if ending not in (_JSON, *_PARQUET):
        raise InvalidInputError(
            f"no reference file ends in {ending!r}" if ending else "a reference file has an ending",
            code="unknown-reference-file",
            hint="let the name end in .json or .parquet",
        )
    commit = CommitPlaces.of(snapshot, group)
    if ending == _JSON:
        with destination(to, force=True, options=storage_options or {}) as target:
            return _write_json(_entries(commit), target)
    tables = load(
        "vstore.exporters.reference_tables",
        package="pyarrow",
        extra="arrow",
        purpose="a reference file as Parquet",
    )
    try:
        with destination(to, force=False, options=storage_options or {}) as target:
            count: int = tables.write(commit, target)
    except AlreadyExistsError as exc:
        raise AlreadyExistsError(str(exc), hint="choose another name, or delete it first") from None
    return count


def _write_json(entries: Iterator[tuple[str, Any]], target: Target) -> int:
    count = 0
    with target.open() as file:
        file.write(b'{"version": 1, "refs": {')
        for count, (key, value) in enumerate(entries, 1):
            comma = "," if count > 1 else ""
            file.write(f"{comma}\n{json.dumps(key)}: {json.dumps(value)}".encode())
        file.write(b"\n}}\n")
    return count


@exported_from("vstore.exporters")
def references(snapshot: Snapshot, *, group: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of a commit, each with its contents or with (URL, offset, length)."""
    return _entries(CommitPlaces.of(snapshot, group))


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


def _entries(commit: CommitPlaces) -> Iterator[tuple[str, Any]]:
    """Yield keys and what is there; groups hold copies of all documents below them.

    With these a reader lists nothing, which not every one does well in a reference file.
    """
    kept = dict(documents.with_copies(commit.documents()))
    for key, place in commit.hierarchy.places(commit.prefix):
        path, _, name = key.rpartition("/")
        document = kept.get(path) if name == documents.NAME else None
        if document is not None and document["node_type"] == "group":
            place = json.dumps(document).encode()
        yield key[len(commit.prefix) :], _reference(place, commit)


def _reference(place: bytes | ChunkRef, commit: CommitPlaces) -> str | list[Any]:
    if isinstance(place, ChunkRef):
        return list(commit.address(place))
    try:
        text = place.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if place and (not text or text.startswith("base64:")):
        return "base64:" + base64.b64encode(place).decode()
    return text
