"""Chunks put together from what is stored of them: a whole one, and patches over it."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError
from vstore.format.page import ChunkRef, Patched, Runs, StoredChunk
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

Load = Callable[[NDArray[Any] | None], NDArray[Any]]
"""Decode a chunk, straight into an array of the chunk's shape if one is given."""

Take = Callable[[int, Load], None]
"""Receive the i-th chunk that was asked for."""

Data = memoryview | bytes | None
"""The encoded bytes of a part of a chunk; None for one that is not stored."""


def decode_or_fill(codec: ChunkCodec, data: Data, out: NDArray[Any] | None) -> NDArray[Any]:
    """Return the decoded chunk, or a chunk of the fill value where nothing is stored."""
    if data is not None:
        return codec.decode(data, out)
    chunk = codec.fill()
    if out is None:
        return chunk
    out[...] = chunk
    return out


def require_inside(runs: Runs, rows: int) -> None:
    """Raise `CorruptionError` if a patch has rows that a chunk of so many has not."""
    if sum(runs[-1]) > rows:
        raise CorruptionError("a patch has rows beyond its chunk", code="damaged-object")


class PatchCodecs:
    """The codecs of the patches of an array, by how many rows a patch has."""

    def __init__(self, metadata: ArrayMetadata) -> None:
        self._metadata = metadata
        self._codecs: dict[int, ChunkCodec] = {}

    def of(self, rows: int) -> ChunkCodec:
        """Return the codec of patches with so many rows."""
        codec = self._codecs.get(rows)
        if codec is None:
            codec = self._codecs[rows] = ChunkCodec(self._metadata.rechunked(rows))
        return codec

    def laid_over(
        self, chunk: NDArray[Any], patches: Sequence[Runs], parts: Sequence[Data]
    ) -> NDArray[Any]:
        """Return a decoded chunk with patches over it, in the same memory if that may change.

        Args:
            chunk: The chunk as it is stored whole.
            patches: The rows of each patch.
            parts: The encoded bytes of each patch.

        Raises:
            CorruptionError: A patch has rows that the chunk has not.
        """
        if not chunk.flags.writeable:
            chunk = chunk.copy()
        for runs, data in zip(patches, parts, strict=True):
            require_inside(runs, len(chunk))
            rows, start = decode_or_fill(self.of(sum(n for _, n in runs)), data, None), 0
            for first, count in runs:
                chunk[first : first + count] = rows[start : start + count]
                start += count
        return chunk


class Assembly:
    """Hands chunks over as soon as all that is stored of them has come, from any thread."""

    def __init__(
        self,
        codec: ChunkCodec,
        patches: PatchCodecs,
        places: Sequence[StoredChunk | None],
        take: Take,
    ) -> None:
        self._codec = codec
        self._codecs = patches
        self._take = take
        self._places = places
        self._owners: list[tuple[int, int]] = []
        self._held: dict[int, list[Data]] = {}
        self._missing: dict[int, int] = {}
        self._lock = threading.Lock()
        self.refs: list[ChunkRef | None] = []
        """What is to be read; `handle` takes the bytes of each."""
        for i, place in enumerate(places):
            parts = (None,) if place is None else place.parts
            self.refs += parts
            self._owners += [(i, part) for part in range(len(parts))]
            if len(parts) > 1:
                self._held[i], self._missing[i] = [None] * len(parts), len(parts)

    def handle(self, at: int, data: Data) -> None:
        """Take the bytes of `refs[at]`."""
        i, part = self._owners[at]
        place = self._places[i]
        if not isinstance(place, Patched):
            self._take(i, partial(self._whole, data))
            return
        with self._lock:
            self._held[i][part] = data
            self._missing[i] -= 1
            if self._missing[i]:
                return
            parts = self._held.pop(i)
        self._take(i, partial(self._assembled, place, parts))

    def _whole(self, data: Data, out: NDArray[Any] | None) -> NDArray[Any]:
        return decode_or_fill(self._codec, data, out)

    def _assembled(
        self, place: Patched, parts: Sequence[Data], out: NDArray[Any] | None
    ) -> NDArray[Any]:
        chunk = decode_or_fill(self._codec, parts[0], out)
        return self._codecs.laid_over(chunk, [patch.rows for patch in place.patches], parts[1:])


class PackedAssembly(Assembly):
    """Hands over chunks whose elements differ in size, as bytes: see `ChunkCodec.unpack`.

    What each `Load` returns is an array of bytes, in memory of its own; it takes no target.
    """

    def _whole(self, data: Data, out: NDArray[Any] | None) -> NDArray[Any]:  # noqa: ARG002
        if data is None:
            return _bytes_of(self._codec.packed(self._codec.fill()))
        return _bytes_of(self._codec.unpack(data))

    def _assembled(
        self, place: Patched, parts: Sequence[Data], out: NDArray[Any] | None
    ) -> NDArray[Any]:
        return _bytes_of(self._codec.packed(super()._assembled(place, parts, out)))


def _bytes_of(packed: memoryview) -> NDArray[np.uint8]:
    return np.frombuffer(packed, np.uint8)
