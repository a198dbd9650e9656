"""The index of a table's keys in a transaction: only the buckets that change are written."""

from collections.abc import Iterator

import numpy as np

from vstore.format.numbers import ChunkNumbers, Ints
from vstore.format.table import key_index
from vstore.format.table.key_index import Marks
from vstore.format.table.names import KEY_INDEX
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import read
from vstore.writing.staged_array import StagedArray

_BUCKETS_AT_ONCE = 512

CODECS = (
    {"name": "vlen-bytes"},
    {"name": "zstd", "configuration": {"level": 3, "checksum": False}},
)


def index_metadata() -> ArrayMetadata:
    """Return the metadata of an index without buckets: each is a chunk of its own."""
    return ArrayMetadata.create(
        shape=(0,),
        dtype="variable_length_bytes",
        chunk_shape=(1,),
        codecs=CODECS,
        dimension_names=(f"{KEY_INDEX}.bucket",),
    )


def add_entries(index: StagedArray, marks: Marks, blocks: ChunkNumbers, *, buckets: int) -> None:
    """Put entries into an index that is to have so many buckets, at least as many as it has.

    A bucket is read where it gets entries, or gives some to a new one.
    """
    before = index.metadata.shape[0]
    index.grow(buckets)
    sources = _sources(key_index.bucket_of(marks, buckets), before, buckets)
    homes = key_index.bucket_of(marks, before or buckets)
    order = np.argsort(homes, kind="stable")
    bounds = np.searchsorted(homes[order], [sources, sources + 1])
    for start in range(0, len(sources), _BUCKETS_AT_ONCE):
        wave = slice(start, min(start + _BUCKETS_AT_ONCE, len(sources)))
        new = order[bounds[0, wave.start] : bounds[1, wave.stop - 1]]
        held = list(_held(index, sources[wave])) if before else []
        _write(
            index,
            sources[wave] if before else np.zeros(0, np.int64),
            np.concatenate([marks[new], *(each for each, _ in held)]),
            np.concatenate([blocks[new], *(each for _, each in held)]),
        )


def _sources(homes: Ints, before: int, after: int) -> Ints:
    """Return the buckets, of those before, whose entries are to be looked at."""
    if not before:
        return np.unique(homes)
    fresh = np.arange(before, after).astype(np.uint64)
    touched = [np.unique(homes[homes < before])]
    # New buckets split others; entries that go into new ones come from where those came from.
    touched.append(key_index.bucket_of(fresh << np.uint64(8), before))
    return np.unique(np.concatenate(touched))


def _held(index: StagedArray, numbers: Ints) -> Iterator[tuple[Marks, ChunkNumbers]]:
    yield from map(key_index.decode_bucket, read(index, (numbers,)))


def _write(index: StagedArray, emptied: Ints, marks: Marks, blocks: ChunkNumbers) -> None:
    """Write all buckets that any of the entries lies in; these are all there are in them.

    `emptied` are buckets that had entries, and are left empty unless some lie there.
    """
    marks, blocks = key_index.distinct(marks, blocks)
    homes = key_index.bucket_of(marks, index.metadata.shape[0])
    order = np.argsort(homes, kind="stable")
    numbers = np.union1d(emptied, homes)
    bounds = np.searchsorted(homes[order], [numbers, numbers + 1])
    elements = np.empty(len(numbers), object)
    for i, (start, stop) in enumerate(bounds.T.tolist()):
        here = order[start:stop]
        elements[i] = key_index.encode_bucket(marks[here], blocks[here])
    if len(numbers):
        index.write((numbers,), elements)
