"""Chunks in which some elements are replaced, each made once however many commits have it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.format import object_keys
from vstore.format.digest import Digest, digest_of, raw_digest
from vstore.format.index import locate, update
from vstore.format.nodes import ArrayNode
from vstore.format.page import ChunkRef, PackRef, StoredChunk
from vstore.format.zarr.differing import differing_elements
from vstore.reading.array import StoredArray
from vstore.reading.assembly import Load
from vstore.reading.fetch import Fetcher


class Edit(NamedTuple):
    """What is done to a chunk; equal tokens do the same."""

    token: tuple[Any, ...]
    apply: Callable[[NDArray[Any]], None]


_FORM = ("data_type", "chunk_grid", "codecs", "fill_value")

Edits = Mapping[int, Edit]
"""What is done to the chunks of an array, by their numbers."""


class EditedArray(NamedTuple):
    """An array, and what its chunks become: the digest of one that is new, None for nothing.

    Chunks that stay as they are, are left out.
    """

    path: str
    node: ArrayNode
    chunks: dict[int, bytes | None]


@dataclass
class ChunkEditor:
    """Makes new chunks, and packs of them; whatever is asked for again is made once."""

    fetcher: Fetcher
    stores: bool = True
    """Whether new chunks are made, or only found out."""
    replaced: set[Digest] = field(default_factory=set)
    """The packs that hold a chunk, or a patch of one, that was replaced."""
    nbytes: int = 0
    """How many bytes of chunks were stored."""
    _known: dict[Any, bytes | None] = field(default_factory=dict)
    _fresh: dict[bytes, bytes] = field(default_factory=dict)
    _stored: dict[bytes, ChunkRef] = field(default_factory=dict)

    def edit(self, node: ArrayNode, path: str, edits: Edits) -> EditedArray:
        """Make what the chunks of an array become; `store` puts them into a pack."""
        source = StoredArray(self.fetcher, node, path=path)
        numbers = sorted(edits)
        places = locate(node.chunks, np.array(numbers, np.int64), self.fetcher.pages)
        found: dict[int, bytes | None] = {}
        for number, place in zip(numbers, places, strict=True):
            if place is None:
                continue
            digest = self._edited(source, place, edits[number])
            if digest != place.digest or not isinstance(place, ChunkRef):
                found[number] = digest
                self.replaced.update(part.pack.digest for part in place.parts)
        return EditedArray(path, node, found)

    def make(self, node: ArrayNode, path: str, chunks: Mapping[int, NDArray[Any]]) -> EditedArray:
        """Make chunks of an array that has none there."""
        source = StoredArray(self.fetcher, node, path=path)
        return EditedArray(
            path, node, {number: self._encoded(source, chunk) for number, chunk in chunks.items()}
        )

    def _edited(self, source: StoredArray, place: StoredChunk, edit: Edit) -> bytes | None:
        form = {name: source.node.metadata.get(name) for name in _FORM}
        name = (repr(form), place.digest, edit.token)
        if name not in self._known:
            decoded: list[NDArray[Any]] = []

            def take(_: int, load: Load) -> None:
                decoded.append(load(None))

            source.visit_at([place], take)
            chunk = decoded[0].copy()
            edit.apply(chunk)
            if isinstance(place, ChunkRef) and not differing_elements(decoded[0], chunk).any():
                self._known[name] = place.digest
            else:
                self._known[name] = self._encoded(source, chunk)
        return self._known[name]

    def _encoded(self, source: StoredArray, chunk: NDArray[Any]) -> bytes | None:
        """Return the digest of a chunk, None where it holds nothing but the fill value."""
        filled = np.full_like(chunk, source.metadata.fill_value)
        if not differing_elements(chunk, filled).any():
            return None
        if not self.stores:
            return b""
        data = bytes(source.codec.encode(chunk))
        digest = raw_digest(data)
        if digest not in self._stored:
            self._fresh[digest] = data
        return digest

    def store(self) -> None:
        """Store a pack of all chunks that are not in one yet."""
        if not self._fresh:
            return
        data = b"".join(self._fresh.values())
        pack, offset = PackRef(digest_of(data), len(data)), 0
        for digest, part in self._fresh.items():
            self._stored[digest] = ChunkRef(pack, offset, len(part), digest)
            offset += len(part)
        self.fetcher.store.put(object_keys.pack(pack.digest), data)
        self.nbytes += len(data)
        self._fresh = {}

    def node(self, edited: EditedArray) -> tuple[ArrayNode, dict[Digest, bytes]]:
        """Return the array with its new chunks, and pages to store; call `store` before."""
        changes: dict[int, StoredChunk | None] = {
            number: None if digest is None else self._stored[digest]
            for number, digest in edited.chunks.items()
        }
        index, pages = update(edited.node.chunks, changes, self.fetcher.pages)
        return ArrayNode(edited.node.metadata, index, edited.node.column), pages


def rows_edit(rows: Sequence[int], value: Any) -> Edit:
    """Return the edit that puts one value into some rows of a chunk."""
    where = np.array(rows, np.int64)

    def apply(chunk: NDArray[Any]) -> None:
        chunk[where] = value

    return Edit((tuple(rows), repr(value)), apply)
