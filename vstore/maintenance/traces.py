"""Searching every object of a repository for a text or a value, decoded as far as it can be."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, NotFoundError, VstoreError
from vstore.faces import exported_from
from vstore.format import document, object_keys
from vstore.format.digest import Digest, digest_of, is_digest
from vstore.format.index import Index, walk
from vstore.format.nodes import ArrayNode
from vstore.format.page import ChunkRef, Patched, StoredChunk
from vstore.format.zarr.codecs import ChunkCodec
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.progress import Progress, ProgressStep, silent
from vstore.reading.array import StoredArray
from vstore.reading.assembly import PatchCodecs
from vstore.reading.fetch import Fetcher
from vstore.storage.store import Key, ObjectStore

_FORM = ("data_type", "chunk_grid", "codecs", "fill_value")
_MOST_TOLD = 1000


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Trace:
    """An object that holds what was searched for, and where in it."""

    key: Key
    where: str


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """Where something was found in a repository, and what was searched.

    `unknown_nbytes` are bytes of packs that nothing refers to, so that they could only be
    searched as they are stored: `gc` deletes them.
    """

    url: str
    found: tuple[Trace, ...] = ()
    objects: int = 0
    chunks: int = 0
    unknown_nbytes: int = 0

    @property
    def is_absent(self) -> bool:
        """Whether it is certain that nothing holds it."""
        return not self.found and not self.unknown_nbytes

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "url": self.url,
            "is_absent": self.is_absent,
            "found": [{"key": trace.key, "where": trace.where} for trace in self.found],
            "objects": self.objects,
            "chunks": self.chunks,
            "unknown_nbytes": self.unknown_nbytes,
        }


def find_traces(store: ObjectStore, wanted: str, progress: Progress = silent) -> TraceReport:
    """Search every object, reachable or not, for a text or the digest of a value or an object."""
    return _Search(store, wanted, progress).run()


@dataclass
class _Search:
    store: ObjectStore
    wanted: str
    progress: Progress
    found: dict[Trace, None] = field(default_factory=dict)
    nodes: dict[bytes, tuple[str, ArrayNode]] = field(default_factory=dict)
    packs: dict[Digest, int] = field(default_factory=dict)
    objects: int = 0
    chunks: int = 0
    covered: dict[Digest, set[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.digest = self.wanted if is_digest(self.wanted) else None
        self.data = self.wanted.encode()

    def run(self) -> TraceReport:
        for info in list(self.store.list_prefix("")):
            with suppress(NotFoundError):
                self._object(info.key)
            self.objects += 1
            self.progress(ProgressStep("searching objects", self.objects))
        fetcher, forwards = Fetcher(self.store, None), Forwards.read(self.store)
        seen: set[Any] = set()
        for path, node in self.nodes.values():
            with suppress(VstoreError):  # fsck tells of what is damaged or missing
                self._array(StoredArray(fetcher, node, path=path), forwards, seen)
        return TraceReport(
            url=self.store.url,
            found=tuple(self.found)[:_MOST_TOLD],
            objects=self.objects,
            chunks=self.chunks,
            unknown_nbytes=self._unknown(),
        )

    def _tell(self, key: Key, where: str) -> None:
        self.found[Trace(key, where)] = None

    def _object(self, key: Key) -> None:
        data = self.store.get(key)
        digest = object_keys.digest_at(key)
        if key.startswith(object_keys.PACKS) and digest is not None:
            self.packs[digest] = len(data)
        if self.digest is not None and self.digest in (digest, digest_of(data)):
            self._tell(key, "the object itself")
        if self.digest is None and self.data in data:
            self._tell(key, "its bytes")
        if self.digest is None and self.wanted in key:
            self._tell(key, "its name")
        if key.endswith(".json"):
            with suppress(FormatError):
                self._document(key, document.parse(data, what=key))

    def _document(self, key: Key, value: Any) -> None:
        for text in _strings(value):
            if self.digest is None and self.wanted in text:
                self._tell(key, "a text")
        if key.startswith((object_keys.COMMITS, object_keys.INDEX)):
            for path, node in _arrays(value, ""):
                self.nodes[msgspec.json.encode(msgspec.to_builtins(node.chunks)) + _form(node)] = (
                    path,
                    node,
                )

    def _array(self, source: StoredArray, forwards: Forwards, seen: set[Any]) -> None:
        form = _form(source.node)
        for _, place in walk(source.node.chunks, source.fetcher.pages):
            for ref, codec in _parts(place, source):
                name = (form, ref.digest, ref.pack.digest, ref.offset)
                if name in seen:
                    continue
                seen.add(name)
                there = forwards.place(ref)
                if there.pack.digest not in self.packs:
                    continue
                data = source.fetcher.chunk(there)
                where = (there.offset, there.nbytes)
                self.covered.setdefault(there.pack.digest, set()).add(where)
                self.chunks += 1
                if self._is_in(codec.decode(data)):
                    self._tell(object_keys.pack(there.pack.digest), f"a chunk of {source.path!r}")
                self.progress(ProgressStep("searching chunks", self.chunks))

    def _is_in(self, chunk: NDArray[Any]) -> bool:
        if chunk.dtype.hasobject:
            elements = (e.encode() if isinstance(e, str) else bytes(e) for e in chunk.ravel())
            if self.digest is None:
                return any(self.data in element for element in elements)
            return any(digest_of(element) == self.digest for element in elements)
        if self.digest is not None:
            little = chunk.astype(chunk.dtype.newbyteorder("<"), copy=False)
            rows = np.ascontiguousarray(little)
            return any(digest_of(row.tobytes()) == self.digest for row in rows)
        data = self.wanted.encode("utf-32-le") if chunk.dtype.kind == "U" else self.data
        return data in chunk.tobytes()

    def _unknown(self) -> int:
        """Return how many bytes of packs no chunk covers that was decoded."""
        missing = 0
        for pack, nbytes in self.packs.items():
            end = 0
            for start, length in sorted(self.covered.get(pack, ())):
                missing += max(0, start - end)
                end = max(end, start + length)
            missing += max(0, nbytes - end)
        return missing


def _parts(place: StoredChunk, source: StoredArray) -> Iterator[tuple[ChunkRef, ChunkCodec]]:
    """Yield what is stored of a chunk, also what patches cover, with what decodes it."""
    if not isinstance(place, Patched):
        yield place, source.codec
        return
    yield place.whole, source.codec
    patches = PatchCodecs(source.metadata)
    for patch in place.patches:
        yield patch.ref, patches.of(sum(count for _, count in patch.rows))


def _form(node: ArrayNode) -> bytes:
    return msgspec.json.encode({name: node.metadata.get(name) for name in _FORM})


def _strings(value: Any) -> Iterator[str]:
    """Yield all texts of a document, names of members too, and of documents inside of it."""
    if isinstance(value, str):
        yield value
        if value.startswith("{"):
            with suppress(FormatError):
                yield from _strings(document.parse(value.encode(), what="a text"))
        else:
            with suppress(binascii.Error, ValueError):
                yield base64.b64decode(value, validate=True).decode(errors="replace")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def _arrays(value: Any, path: str) -> Iterator[tuple[str, ArrayNode]]:
    """Yield all arrays that are described anywhere in a document."""
    if isinstance(value, list):
        for member in value:
            yield from _arrays(member, path)
    if not isinstance(value, Mapping):
        return
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and metadata.get("node_type") == "array" and value.get("chunks"):
        with suppress(msgspec.ValidationError):
            yield path, ArrayNode(metadata, msgspec.convert(value["chunks"], Index))
    for name, member in value.items():
        if name not in ("metadata", "attributes"):
            where = path if name in ("children", "tree") else f"{path}/{name}".strip("/")
            yield from _arrays(member, where)
