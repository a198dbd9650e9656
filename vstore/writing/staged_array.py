"""One array being changed: what its base commit holds, and what is written over it."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import ClosedError, InvalidInputError
from vstore.format import document
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode
from vstore.format.page import ChunkRef, StoredChunk
from vstore.format.table.kinds import ColumnInfo
from vstore.format.zarr.differing import differing_rows
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import (
    ChunkPart,
    Selection,
    chunk_coordinates,
    chunk_strides,
    is_inside,
    select,
)
from vstore.reading.array import StoredArray
from vstore.reading.assembly import Take
from vstore.reading.fetch import Fetcher
from vstore.writing.encoded_chunks import EncodedChunks, held_nbytes, strides
from vstore.writing.packs import PackWriter
from vstore.writing.patching import TouchedRows

SHARDING = "sharding_indexed"

HEAVY_NBYTES = 64 * 2**20
"""A chunk that takes more should have fewer rows."""

DIRTY_NBYTES = 64 * 2**20
"""How much decoded, changed data one array keeps before it goes to the codec."""


class StagedArray:
    """The chunks of an array in a transaction; reading sees what was written.

    Changed chunks are kept decoded, up to `DIRTY_NBYTES`, so that several writes into
    one chunk encode it once.
    """

    has_patches = False
    """Whether rows of a stored chunk may be stored in their own right."""

    def __init__(
        self,
        writer: PackWriter,
        fetcher: Fetcher,
        path: str,
        metadata: ArrayMetadata,
        *,
        base: ArrayNode | None = None,
        column: ColumnInfo | None = None,
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.column = base.column if base is not None else column
        self._writer = writer
        self._fetcher = fetcher
        self._base = base
        self._encoded = EncodedChunks(writer, fetcher, path, metadata, base=base)
        self._dirty: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self._dirty_nbytes = 0
        self._touched: dict[int, TouchedRows | None] = {}
        self._is_deleted = False
        self.node = base

    def forget(self) -> None:
        """Refuse use from now on: the array was deleted, or another took its place."""
        self._is_deleted = True

    def require_usable(self) -> None:
        """Raise `ClosedError` where the array was deleted."""
        if self._is_deleted:
            raise ClosedError(f"{self.path!r} was deleted or replaced in this transaction")

    def visit(self, numbers: Sequence[int], take: Take) -> None:
        """Call `take` once for each chunk, as it is in the transaction."""
        rest: list[int] = []
        with self._writer.lock:
            for i, number in enumerate(numbers):
                if number in self._dirty:
                    take(i, partial(_copied, self._dirty[number]))
                else:
                    rest.append(i)
        if rest:
            self._encoded.visit([numbers[i] for i in rest], lambda j, load: take(rest[j], load))

    def write(self, index: Any, values: NDArray[Any]) -> None:
        """Store values, already of the array's data type, where an index points.

        Raises:
            OutOfBoundsError: the index is outside the array.
            InvalidInputError: the values do not fit the selection.
        """
        self.store(*self.fit(index, values))

    def fit(self, index: Any, values: NDArray[Any]) -> tuple[Selection, NDArray[Any]]:
        """Return what an index picks, and the values broadcast to it; see `write`."""
        selection = select(index, self.metadata.shape, self.metadata.chunk_shape)
        try:
            fitting = np.broadcast_to(values, selection.final_shape).reshape(selection.shape)
        except ValueError:
            raise InvalidInputError(
                f"values of shape {values.shape} do not fit the selection of shape "
                f"{selection.final_shape} in {self.path!r}"
            ) from None
        return selection, fitting

    def store(self, selection: Selection, values: NDArray[Any]) -> None:
        """Store values that `fit` found to fit."""
        with self._writer.uninterrupted():
            for part in selection.parts():
                chunk, new = self._writable(part), values[part.outside]
                growth = self._growth(part, chunk, new)
                self._note_touched(part, chunk, new)
                chunk[part.inside] = new
                self._touch(part.number, chunk, growth)

    def _growth(self, part: ChunkPart, chunk: NDArray[Any], new: NDArray[Any]) -> int | None:
        """Return by how much a held chunk will grow, None where that takes a look at all of it."""
        if part.number not in self._sizes or not all(isinstance(i, slice) for i in part.inside):
            return None
        return held_nbytes(new) - held_nbytes(chunk[part.inside])

    def _note_touched(self, part: ChunkPart, chunk: NDArray[Any], new: NDArray[Any]) -> None:
        """Note which rows of a chunk are about to differ from what the base commit has."""
        if part.is_whole or not self._is_patchable:
            self._touched[part.number] = None
            return
        touched = self._touched.setdefault(part.number, TouchedRows())
        if touched is not None:
            inside = part.inside[0]
            rows = np.arange(len(chunk))[inside if isinstance(inside, slice) else np.ravel(inside)]
            touched.note(rows[differing_rows(chunk[part.inside], new)], chunk)

    def _writable(self, part: ChunkPart) -> NDArray[Any]:
        if part.number in self._dirty:
            return self._dirty[part.number]
        if part.is_whole:
            return self._encoded.codec.fill()
        return self._chunk(part.number)

    def _chunk(self, number: int) -> NDArray[Any]:
        found: list[NDArray[Any]] = []
        self.visit([number], lambda _, load: found.append(load(None)))
        return found[0] if found[0].flags.writeable else found[0].copy()

    def _touch(self, number: int, chunk: NDArray[Any], growth: int | None = None) -> None:
        self._dirty[number] = chunk
        self._dirty.move_to_end(number)
        before = self._sizes.get(number, 0)
        nbytes = held_nbytes(chunk) if growth is None else before + growth
        self._dirty_nbytes += nbytes - before
        self._sizes[number] = nbytes
        while self._dirty_nbytes > DIRTY_NBYTES and len(self._dirty) > 1:
            self._encode(next(iter(self._dirty)))

    def append(self, values: NDArray[Any]) -> None:
        """Add rows, already of the array's data type, behind the last.

        Whole chunks go straight to the codec. When this returns the values may change.
        """
        self.add(values)
        with self._writer.uninterrupted():
            self._writer.drain()

    def add(self, values: NDArray[Any]) -> None:
        """Do as `append`; but the values may not change until the writer has encoded chunks."""
        with self._writer.uninterrupted():
            self._append(values)

    def tail(self) -> list[ChunkRef]:
        """Return the stored chunks that appending a row would change."""
        shape, rows = self.metadata.shape, self.metadata.chunk_shape[0]
        if self._encoded.is_new or shape[0] % rows == 0:
            return []
        last = select(shape[0] - 1, shape, self.metadata.chunk_shape)
        numbers = [part.number for part in last.parts()]
        untouched = [n for n in numbers if n not in self._dirty and n not in self._encoded]
        found = self._encoded.places(untouched)
        return [part for place in found if place is not None for part in place.parts]

    def _append(self, values: NDArray[Any]) -> None:
        rows = self.metadata.chunk_shape[0]
        start, stop = self.metadata.shape[0], self.metadata.shape[0] + len(values)
        self._resize((stop, *self.metadata.shape[1:]))
        if 0 in self.metadata.shape[1:]:  # there is no element, and no chunk for any
            return
        done = min(-start % rows, len(values))
        if done:
            self.write(slice(start, start + done), values[:done])
            if (start + done) % rows == 0:
                self._encode((start + done - 1) // rows)
        while len(values) - done >= rows and self._is_one_chunk_wide:
            number = (start + done) // rows
            self._touched[number] = None
            self._encoded.submit(number, values[done : done + rows])
            done += rows
        if done < len(values):
            self.write(slice(start + done, stop), values[done:])

    @property
    def _is_one_chunk_wide(self) -> bool:
        return self.metadata.shape[1:] == self.metadata.chunk_shape[1:]

    def adopt(self, number: int, place: StoredChunk | None) -> None:
        """Take a chunk that is stored already, in place of what is there; None empties it."""
        self._forget(number)
        self._encoded.adopt(number, place)

    def can_share(self, source: StoredArray, shift: int) -> bool:
        """Return whether chunks of another array can stay as they are, `shift` rows further on."""
        rows = self.metadata.chunk_shape[0]
        is_alike = _form(source.metadata) == _form(self.metadata)
        return is_alike and self._is_one_chunk_wide and shift % rows == 0

    def share(self, source: StoredArray, first: int, shift: int) -> None:
        """Take the chunks of another array that begin at one of its rows, and all behind."""
        rows, stop = self.metadata.chunk_shape[0], source.metadata.shape[0]
        numbers = range(first // rows, -(-stop // rows))
        self.grow(stop + shift)
        for number, place in zip(numbers, source.locate(numbers), strict=True):
            if place is not None:
                self.adopt(number + shift // rows, place)

    def put_encoded(self, number: int, data: bytes) -> None:
        """Take a chunk that is encoded already, as it is, in place of what is there."""
        self._forget(number)
        self._encoded.put(number, data)

    def _forget(self, number: int) -> None:
        self._touched[number] = None
        if number in self._dirty:
            self._dirty_nbytes -= self._sizes.pop(number, 0)
            del self._dirty[number]

    def encoded(self, number: int) -> bytes | ChunkRef | None:
        """Return a chunk's encoded bytes or where they are; None where nothing is stored."""
        if number in self._dirty:
            self._encode(number)
        return self._encoded.encoded(number)

    def stored(self) -> list[int]:
        """Return the numbers of the chunks that are stored and are inside the array."""
        self.flush()
        return [number for number in self._encoded.numbers() if self._is_inside(number)]

    def _is_inside(self, number: int) -> bool:
        place = chunk_coordinates(number, strides(self.metadata))
        return is_inside(place, self.metadata.grid_shape)

    def set_metadata(self, metadata: ArrayMetadata) -> None:
        """Replace the metadata; chunks keep their place in the grid, those outside it go."""
        before = self.metadata
        is_same_form = _form(before) == _form(metadata)
        if not is_same_form or before.shape != metadata.shape:
            self.flush()
        self.metadata = metadata
        if not is_same_form:
            self._encoded.set_form(metadata)
        if not is_same_form or strides(before) != strides(metadata):
            self._encoded.renumber(before, metadata)
            self._touched.clear()
        elif any(n < m for n, m in zip(metadata.grid_shape, before.grid_shape, strict=True)):
            self._cut()

    def _cut(self) -> None:
        """Drop the chunks that are outside, so that growing does not bring them back."""
        for number in self._encoded.numbers():
            if not self._is_inside(number):
                self.adopt(number, None)

    def write_points(self, points: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Store one value at each point, given by its indices, of shape (n, ndim)."""
        chunk_shape = np.array(self.metadata.chunk_shape)
        strides = np.array(chunk_strides(self.metadata.shape, self.metadata.chunk_shape))
        numbers = (points // chunk_shape) @ strides if points.shape[1] else np.zeros(1, int)
        for number in np.unique(numbers).tolist():
            here = numbers == number
            chunk = self._dirty[number] if number in self._dirty else self._chunk(number)
            chunk[tuple((points[here] % chunk_shape).T)] = values[here]
            self._touched[number] = None
            self._touch(number, chunk)

    @property
    def is_overweight(self) -> bool:
        """Whether a changed chunk takes so much that making all anew costs little beside it."""
        heaviest = max(self._sizes.values(), default=0)
        return heaviest > HEAVY_NBYTES and self._encoded.base_nbytes < 8 * heaviest

    def rewrite_patched(self) -> None:
        """Store the chunks that have patches whole again."""
        self.flush()
        for number in self._encoded.patched():
            chunk = self._chunk(number)
            self._touched[number] = None
            self._encoded.submit(number, chunk)

    def grow(self, rows: int) -> None:
        """Make the array at least `rows` long; new elements hold the fill value."""
        if rows > self.metadata.shape[0]:
            self._resize((rows, *self.metadata.shape[1:]))

    def _resize(self, shape: tuple[int, ...]) -> None:
        self.metadata = self.metadata.resized(shape)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the array's attributes."""
        self.metadata = self.metadata.with_attributes(attributes)

    def _encode(self, number: int) -> None:
        chunk = self._dirty.pop(number)
        self._dirty_nbytes -= self._sizes.pop(number, 0)
        touched = self._touched.get(number)
        rows = None if touched is None else touched.differing(chunk)
        is_whole = rows is not None and len(rows) and self._is_completed(number)
        self._encoded.submit(number, chunk, None if is_whole else rows)

    @property
    def _is_patchable(self) -> bool:
        is_sharded = any(codec["name"] == SHARDING for codec in self.metadata.codecs)
        could_be = self.has_patches and not self._encoded.is_new
        return could_be and self._is_one_chunk_wide and not is_sharded

    def _is_completed(self, number: int) -> bool:
        """Return whether the rows that fill a chunk up came since the base commit."""
        stop = (number + 1) * self.metadata.chunk_shape[0]
        before = self._base.metadata["shape"][0] if self._base is not None else 0
        return before < stop <= self.metadata.shape[0]

    def flush(self) -> None:
        """Send every changed chunk to the codec, in order."""
        for number in sorted(self._dirty):
            self._encode(number)

    def finish(self) -> tuple[ArrayNode, dict[Digest, bytes]]:
        """Return the array's node and the index pages to store; the writer is sealed before."""
        index, pages = self._encoded.updated()
        node = ArrayNode(self.metadata.to_dict(), index, self.column)
        if self._base is not None:
            node = replace(node, metadata=_keep_equal(self._base.metadata, node.metadata))
        return node, pages

    @property
    def is_touched(self) -> bool:
        """Whether any chunk was written."""
        return bool(self._dirty or len(self._encoded))

    def touched(self) -> Iterator[int]:
        """Yield the numbers of the chunks that were written."""
        yield from sorted({*self._dirty, *self._encoded})


def _form(metadata: ArrayMetadata) -> bytes:
    """Return what the chunks of an array depend on, besides its shape."""
    whole = metadata.to_dict()
    parts = ("chunk_grid", "data_type", "fill_value", "codecs")
    return document.dumps([whole[part] for part in parts])


def _keep_equal(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the old document where the new one says the same, so that digests stay.

    Attributes are users': there 1, 1.0 and true differ; and so do fill values of 0.0 and -0.0.
    """
    parts = ("attributes", "fill_value")
    is_same = before == after and all(
        document.is_same(before.get(part), after.get(part)) for part in parts
    )
    return before if is_same else after


def _copied(chunk: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    if out is None:
        return chunk.copy()
    out[...] = chunk
    return out
