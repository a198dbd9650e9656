"""What the indexes say of every chunk, in 64 bytes each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import VstoreError
from vstore.format.digest import DIGEST_NBYTES, Digest, raw_digest
from vstore.format.nodes import ArrayNode
from vstore.format.page import Leaf
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

Rows = NDArray[np.uint64]

_PACK, _CODEC, _OFFSET, _NBYTES, _DIGEST = 0, 1, 2, 3, 4
_COLUMNS = _DIGEST + DIGEST_NBYTES // 8
_BATCH = 1 << 17
_DECODES = ("data_type", "chunk_grid", "fill_value", "codecs")


@dataclass(slots=True, eq=False)
class ChunkRows:
    """Every chunk that some page refers to, once: where it is, its digest and its codecs."""

    decode: bool = False
    _packs: dict[Digest, int] = field(default_factory=dict)
    _codecs: dict[str, int] = field(default_factory=dict)
    _known: list[ChunkCodec | None] = field(default_factory=list)
    _rows: list[Rows] = field(default_factory=list)
    _pending: int = 0
    _limit: int = _BATCH

    def add(self, leaf: Leaf, array: ArrayNode, packs: set[Digest]) -> None:
        """Take those chunks of a page that are in `packs`."""
        wanted = np.array([pack.digest in packs for pack in leaf.packs])[leaf.pack]
        if not wanted.any():
            return
        numbers = np.array(
            [self._packs.setdefault(pack.digest, len(self._packs)) for pack in leaf.packs]
        )
        rows = np.empty((len(leaf.pack), _COLUMNS), np.uint64)
        rows[:, _PACK] = numbers[leaf.pack]
        rows[:, _CODEC] = self._codecs_of(leaf, array) if self.decode else 0
        rows[:, _OFFSET] = leaf.offset
        rows[:, _NBYTES] = leaf.nbytes
        rows[:, _DIGEST:] = np.frombuffer(leaf.digests, ">u8").reshape(len(rows), -1)
        self._rows.append(rows[wanted])
        self._pending += len(rows)
        if self._pending > self._limit:
            self._limit = 2 * len(self.sorted()) + _BATCH

    def _codecs_of(self, leaf: Leaf, array: ArrayNode) -> list[int]:
        """Return the number of the codec of each entry: a patch has one by its count of rows."""
        sizes = [sum(count for _, count in rows) for rows in leaf.patch_rows]
        return [self._codec(array)] * len(leaf.slots) + [self._codec(array, n) for n in sizes]

    def _codec(self, array: ArrayNode, rows: int | None = None) -> int:
        form: dict[str, Any] = {key: array.metadata.get(key) for key in _DECODES}
        name = json.dumps(form | {"rows": rows}, sort_keys=True)
        number = self._codecs.setdefault(name, len(self._codecs))
        if number == len(self._known):
            self._known.append(_codec_or_none(array, rows))
        return number

    def sorted(self) -> Rows:
        """Return the rows in the order of packs and offsets, each once."""
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, _COLUMNS), np.uint64)
        rows = np.unique(rows, axis=0)
        self._rows, self._pending = [rows], len(rows)
        return rows

    def by_pack(self) -> "ChunksByPack":
        """Return the rows for looking up."""
        rows = self.sorted()
        starts = np.searchsorted(rows[:, _PACK], np.arange(len(self._packs) + 1, dtype=np.uint64))
        return ChunksByPack(rows, starts.tolist(), self._packs, self._known, self.decode)


def _codec_or_none(array: ArrayNode, rows: int | None) -> ChunkCodec | None:
    try:
        metadata = ArrayMetadata.from_dict(array.metadata)
        return ChunkCodec(metadata if rows is None else metadata.rechunked(rows))
    except VstoreError:
        return None  # reported as malformed metadata where the array was met


@dataclass(frozen=True, slots=True)
class ChunksByPack:
    """The chunks of each pack."""

    rows: Rows
    starts: list[int]
    numbers: dict[Digest, int]
    codecs: list[ChunkCodec | None]
    decode: bool

    def of(self, pack: Digest) -> Iterator["Chunk"]:
        """Yield the chunks of a pack in order."""
        number = self.numbers.get(pack)
        if number is None:
            return
        for row in self.rows[self.starts[number] : self.starts[number + 1]]:
            codec = self.codecs[int(row[_CODEC])] if self.decode else None
            digest = row[_DIGEST:].astype(">u8").tobytes()
            yield Chunk(int(row[_OFFSET]), int(row[_NBYTES]), digest, codec)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as an index describes it."""

    offset: int
    nbytes: int
    digest: bytes
    codec: ChunkCodec | None

    def is_right(self, data: memoryview) -> bool:
        """Return whether bytes are the chunk's and, where that is asked for, decode."""
        if raw_digest(data) != self.digest:
            return False
        if self.codec is None:
            return True
        try:
            decoded: Any = self.codec.decode(data)
        except VstoreError:
            return False
        return decoded is not None
