"""The chunks of an array in a transaction, encoded: what the base commit has, what goes over it."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.digest import Digest
from vstore.format.index import Index, locate, update, walk
from vstore.format.nodes import ArrayNode
from vstore.format.numbers import Ints
from vstore.format.page import ChunkRef, Patch, Patched, Runs, StoredChunk
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_coordinates, chunk_strides, is_inside
from vstore.reading.array import StoredArray
from vstore.reading.assembly import Load, PatchCodecs, Take, decode_or_fill
from vstore.reading.fetch import Fetcher
from vstore.writing.packs import PackWriter, PendingChunk
from vstore.writing.patching import plan, runs_of

OBJECT_NBYTES = 64
"""What one variable-length element counts for besides its own length."""


@dataclass(frozen=True, slots=True)
class _Staged:
    """A chunk on its way: what is stored of it whole, and patches with their rows."""

    whole: PendingChunk
    patches: tuple[tuple[Runs, PendingChunk], ...] = ()

    @classmethod
    def at(cls, place: StoredChunk | None) -> "_Staged":
        """Return a chunk that is stored already."""
        if not isinstance(place, Patched):
            return cls(PendingChunk(ref=place))
        patches = tuple((patch.rows, PendingChunk(ref=patch.ref)) for patch in place.patches)
        return cls(PendingChunk(ref=place.whole), patches)

    @property
    def is_stored(self) -> bool:
        """Whether anything but the fill value is in it."""
        held = self.whole.resolved()
        return bool(self.patches) or held.data is not None or held.ref is not None

    def place(self) -> StoredChunk | None:
        """Return where the chunk is, once its packs are closed."""
        whole = self.whole.resolved().ref
        if whole is None or not self.patches:
            return whole
        return Patched(whole, tuple(Patch(rows, _ref(patch)) for rows, patch in self.patches))


def _ref(chunk: PendingChunk) -> ChunkRef:
    ref = chunk.resolved().ref
    if ref is None:
        raise AssertionError
    return ref


class EncodedChunks:
    """What is stored of an array's chunks, as it is in a transaction."""

    def __init__(
        self,
        writer: PackWriter,
        fetcher: Fetcher,
        path: str,
        metadata: ArrayMetadata,
        *,
        base: ArrayNode | None,
    ) -> None:
        self._writer = writer
        self._fetcher = fetcher
        self._path = path
        self._index: Index | None = base.chunks if base is not None else None
        self._stored = (
            StoredArray(fetcher, base, path=path, keeps_chunks=True) if base is not None else None
        )
        self._staged: dict[int, _Staged] = {}
        self.set_form(metadata)

    def set_form(self, metadata: ArrayMetadata) -> None:
        """Encode and decode by another form from now on."""
        self.codec = ChunkCodec(metadata)
        self._codecs = PatchCodecs(metadata)

    def __contains__(self, number: object) -> bool:
        return number in self._staged

    def __iter__(self) -> Iterator[int]:
        return iter(self._staged)

    def __len__(self) -> int:
        return len(self._staged)

    @property
    def is_new(self) -> bool:
        """Whether the base commit stores nothing of the array."""
        return self._index is None

    @property
    def base_nbytes(self) -> int:
        """How much the base commit stores of the array."""
        return 0 if self._index is None else self._index.stored

    def places(self, numbers: Sequence[int]) -> list[StoredChunk | None]:
        """Return where the base commit has chunks, by their numbers in ascending order."""
        return locate(self._index, np.array(numbers, np.int64), self._fetcher.pages)

    def visit(self, numbers: Sequence[int], take: Take) -> None:
        """Call `take` once for each chunk, as it is in the transaction."""
        untouched: list[int] = []
        for i, number in enumerate(numbers):
            if number in self._staged:
                take(i, self._load(self._staged[number]))
            elif self._stored is None:
                take(i, lambda out: decode_or_fill(self.codec, None, out))
            else:
                untouched.append(i)
        if self._stored is not None and untouched:
            wanted = [numbers[i] for i in untouched]
            self._stored.visit(wanted, lambda j, load: take(untouched[j], load))

    def _load(self, chunk: _Staged) -> Load:
        data = self._writer.data_of(chunk.whole)
        if not chunk.patches:
            return lambda out: decode_or_fill(self.codec, data, out)
        patches = [self._writer.data_of(patch) for _, patch in chunk.patches]
        rows = [rows for rows, _ in chunk.patches]

        def load(out: NDArray[Any] | None) -> NDArray[Any]:
            whole = decode_or_fill(self.codec, data, out)
            return self._codecs.laid_over(whole, rows, patches)

        return load

    def submit(self, number: int, chunk: NDArray[Any], touched: Ints | None = None) -> None:
        """Let a chunk be encoded; `touched` are the rows that alone may differ from the base."""
        (place,) = self.places([number])
        if touched is not None and place is not None:
            if not len(touched):
                self._staged[number] = _Staged.at(place)
                return
            patching = plan(place, touched, chunk)
            if patching is not None:
                kept = _Staged.at(place).patches[: len(patching.kept)]
                whole = PendingChunk(ref=place.parts[0])
                patch = self._patch(chunk[patching.rows])
                self._staged[number] = _Staged(whole, (*kept, (runs_of(patching.rows), patch)))
                return
        codec = self.codec
        self._staged[number] = _Staged(
            self._writer.submit(
                self._path,
                lambda: None if codec.is_fill(chunk) else codec.encode(chunk),
                nbytes=held_nbytes(chunk),
                known=None if place is None else place.parts[0],
            )
        )

    def _patch(self, rows: NDArray[Any]) -> PendingChunk:
        codec = self._codecs.of(len(rows))
        nbytes = held_nbytes(rows)
        return self._writer.submit(
            self._path, lambda: codec.encode(rows), nbytes=nbytes, known=None
        )

    def put(self, number: int, data: bytes) -> None:
        """Take a chunk that is encoded already, as it is."""
        (place,) = self.places([number])
        known = None if place is None else place.parts[0]
        if known is not None and known.pack.is_source:
            known = None  # from now on they are here
        self._staged[number] = _Staged(
            self._writer.submit(self._path, lambda: data, nbytes=len(data), known=known)
        )

    def adopt(self, number: int, place: StoredChunk | None) -> None:
        """Take a chunk that is stored already; None empties it."""
        self._staged[number] = _Staged.at(place)

    def encoded(self, number: int) -> bytes | ChunkRef | None:
        """Return a whole chunk's bytes or where they are; None where nothing is stored."""
        chunk = self._staged.get(number)
        if chunk is None:
            (place,) = self.places([number])
            chunk = _Staged.at(place)
        if chunk.patches:
            return bytes(self.codec.encode(self._load(chunk)(None)))
        if chunk.whole.future is not None:
            self._writer.drain()
        held = chunk.whole.resolved()
        return held.ref if held.data is None else held.data

    def numbers(self) -> list[int]:
        """Return the numbers of the chunks in which anything is stored."""
        self._writer.drain()
        numbers = {number for number, _ in walk(self._index, self._fetcher.pages)}
        for number, chunk in self._staged.items():
            (numbers.add if chunk.is_stored else numbers.discard)(number)
        return sorted(numbers)

    def patched(self) -> list[int]:
        """Return the numbers of the chunks that have patches."""
        places = walk(self._index, self._fetcher.pages)
        numbers = {number for number, place in places if isinstance(place, Patched)}
        for number, chunk in self._staged.items():
            (numbers.add if chunk.patches else numbers.discard)(number)
        return sorted(numbers)

    def renumber(self, before: ArrayMetadata, after: ArrayMetadata) -> None:
        """Give every chunk the number that its place has now."""
        stored = walk(self._index, self._fetcher.pages)
        chunks = {number: _Staged.at(place) for number, place in stored} | self._staged
        self._index, self._stored, self._staged = None, None, {}
        if before.ndim != after.ndim:
            return
        old, new = strides(before), strides(after)
        for number, chunk in sorted(chunks.items()):
            coordinates = chunk_coordinates(number, old)
            if is_inside(coordinates, after.grid_shape):
                self._staged[sum(map(operator.mul, coordinates, new))] = chunk

    def updated(self) -> tuple[Index | None, dict[Digest, bytes]]:
        """Return the index and its pages to store; the writer is sealed before."""
        changes = {number: chunk.place() for number, chunk in self._staged.items()}
        return update(self._index, changes, self._fetcher.pages)


def strides(metadata: ArrayMetadata) -> tuple[int, ...]:
    """Return by how much the number of a chunk grows for one step along each axis."""
    return chunk_strides(metadata.shape, metadata.chunk_shape)


def held_nbytes(chunk: NDArray[Any]) -> int:
    """Return how much memory elements take."""
    if not chunk.dtype.hasobject:
        return chunk.nbytes
    return OBJECT_NBYTES * chunk.size + sum(map(len, chunk.ravel()))
