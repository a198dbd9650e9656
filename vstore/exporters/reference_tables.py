"""References as Parquet: the folder that fsspec's `LazyReferenceMapper` reads part by part.

The layout finds a chunk by the shape and chunks in its array's `.zarray`, and by keys such as
`0.1`. So arrays get such keys, which Zarr's format 3 has as well, and next to `zarr.json` a
`.zarray` with these two members. Groups get one that says that they have no chunks.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vstore.errors import InvalidInputError
from vstore.exporters.commit_places import CommitPlaces
from vstore.exporters.target import Target
from vstore.format.page import ChunkRef
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import Chunks, Place

RECORD_CHUNKS: Final = 10_000
"""How many chunks a file is for; a reader loads it whole."""

_SMALL_NBYTES: Final = 4096
"""Chunks of the fill value that take no more than this are written where none is stored.

Not all readers tell a place without a chunk from one with: pandas 3 reads a missing address as NaN.
"""
_FILL_NBYTES: Final = 64 * 2**20

_SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string()),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("raw", pa.binary()),
    ]
)
_V2_KEYS: Final = {"name": "v2", "configuration": {"separator": "."}}


def write(commit: CommitPlaces, target: Target) -> int:
    """Write the folder; return how many documents and chunks it has.

    Raises:
        InvalidInputError: something is no Zarr node of format 3, or its name has a meaning in
            such folders.
    """
    _require_nodes(commit)
    found = commit.documents()
    count = 0
    for path, document in found.items():
        if document["node_type"] == "array":
            document["chunk_key_encoding"] = _V2_KEYS
            count += _write_array(commit, path, target)
    metadata: dict[str, Any] = {}
    for path, document in documents.with_copies(found):
        name = path[len(commit.prefix) :]
        metadata[f"{name}/{documents.NAME}".lstrip("/")] = document
        metadata[f"{name or documents.NAME}/.zarray"] = _grid(document)
    with target.open(".zmetadata") as file:
        file.write(json.dumps({"metadata": metadata, "record_size": RECORD_CHUNKS}).encode())
    return len(found) + count


def _require_nodes(commit: CommitPlaces) -> None:
    loose = [
        key for key in commit.hierarchy.hierarchy.objects().names() if key.startswith(commit.prefix)
    ]
    odd = [path for path, _ in commit.hierarchy.documents(commit.prefix) if "/.z" in f"/{path}"]
    if loose or odd:
        what = "is no node of Zarr format 3" if loose else "has a name that such a folder uses"
        raise InvalidInputError(
            f"{min(loose or odd)!r} {what}, so references as Parquet cannot hold it",
            code="not-in-references",
            hint="write a reference file that ends in .json",
        )


def _grid(document: dict[str, Any]) -> dict[str, Any]:
    """Return where the reader finds how many chunks there are."""
    if document["node_type"] == "group":
        return {"zarr_format": 2, "shape": [0], "chunks": [1]}
    chunks = document["chunk_grid"]["configuration"]["chunk_shape"]
    return {"zarr_format": 2, "shape": document["shape"], "chunks": chunks}


def _write_array(commit: CommitPlaces, path: str, target: Target) -> int:
    chunks = commit.hierarchy.hierarchy.chunks(path)
    absent = _absent(chunks.metadata)
    count = 0
    for record, numbers in _records(chunks):
        places = chunks.places(numbers)
        count += sum(place is not None for place in places)
        rows = min(RECORD_CHUNKS, _chunks_of(chunks) - record * RECORD_CHUNKS)
        at = [number - record * RECORD_CHUNKS for number in numbers]
        table = _table(commit, dict(zip(at, places, strict=True)), rows, absent)
        with target.open(f"{path[len(commit.prefix) :]}/refs.{record}.parq") as file:
            pq.write_table(table, file, compression="zstd", write_statistics=False)
    return count


def _chunks_of(chunks: Chunks) -> int:
    return int(np.prod(chunks.metadata.grid_shape, dtype=object))


def _records(chunks: Chunks) -> Iterator[tuple[int, list[int]]]:
    """Yield the records that have chunks, each with the numbers of its chunks."""
    found: list[int] = []
    for number in chunks.numbers():
        if found and number // RECORD_CHUNKS != found[0] // RECORD_CHUNKS:
            yield found[0] // RECORD_CHUNKS, found
            found = []
        found.append(number)
    if found:
        yield found[0] // RECORD_CHUNKS, found


def _table(
    commit: CommitPlaces, places: dict[int, Place], rows: int, absent: bytes | None
) -> pa.Table:
    paths: list[str | None] = [None] * rows
    raw: list[bytes | None] = [absent] * rows
    offsets, sizes = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for at, place in places.items():
        if isinstance(place, ChunkRef):
            paths[at], offsets[at], sizes[at] = commit.address(place)
            raw[at] = None
        elif place is not None:
            raw[at] = _raw(place)
    return pa.table([paths, offsets, sizes, pa.array(raw, pa.binary())], schema=_SCHEMA)


def _raw(data: bytes) -> bytes:
    """Return bytes as readers take them, to whom some beginning means that more is to do."""
    return b"base64:" + base64.b64encode(data) if data.startswith(b"base64:") else data


def _absent(metadata: ArrayMetadata) -> bytes | None:
    """Return what is written for a chunk that is not stored, None if that is large."""
    codec = ChunkCodec(metadata)
    if codec.nbytes > _FILL_NBYTES:
        return None
    data = bytes(codec.encode(codec.fill()))
    return _raw(data) if len(data) <= _SMALL_NBYTES else None
