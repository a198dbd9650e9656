"""Reading verified objects: commits, nodes, pages and chunks of one store."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from vstore.errors import CorruptionError, NotFoundError, NotHereError, StorageError, VstoreError
from vstore.faces import pickled
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import RESTORE, Digest, raw_digest, read_verified
from vstore.history.documents import repository_not_found
from vstore.history.forwarding import MOST_HOPS, Moves
from vstore.lazy import lazy
from vstore.reading import caches
from vstore.reading.caches import LruCache
from vstore.reading.decoded import DecodedChunks
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.storage.forking import ForkSafeLock

if TYPE_CHECKING:
    from concurrent import futures

    from vstore.format import page as index_pages
    from vstore.format.nodes import NodeRef
    from vstore.format.page import ChunkRef, PackRef, Page, PageRef
    from vstore.history import purges
    from vstore.reading import coalescing, few_threads, scratch
    from vstore.reading import elsewhere as elsewheres
    from vstore.reading import sources as reading_sources
    from vstore.reading.coalescing import Missed, Range
    from vstore.reading.elsewhere import Elsewhere
    from vstore.reading.sources import Sources
    from vstore.storage.store import Key, ObjectStore
else:
    futures = lazy("concurrent.futures")
    coalescing = lazy("vstore.reading.coalescing")
    elsewheres = lazy("vstore.reading.elsewhere")
    few_threads = lazy("vstore.reading.few_threads")
    scratch = lazy("vstore.reading.scratch")
    index_pages = lazy("vstore.format.page")
    reading_sources = lazy("vstore.reading.sources")
    purges = lazy("vstore.history.purges")

T = TypeVar("T")
V = TypeVar("V")

QUICK_NBYTES = 2**20
"""What takes less time to be read here, from a local store, than threads take to start."""

THREADS = 100
RANGES = 16
"""How many documents, and how many ranges of packs, are read at a time."""

_LOCAL_RANGES = 2 * (os.cpu_count() or 1)
"""How many ranges of local files: enough for all cores while as many wait for the disk."""

Handle = Callable[[int, memoryview | None], None]
"""Take the verified bytes of the i-th chunk, None for one that is not stored."""


class _Threads:
    """Threads of this process for requests, and how many ranges are read at a time."""

    def __init__(self) -> None:
        self.ranges = threading.BoundedSemaphore(RANGES)
        self._lock = ForkSafeLock()
        self._pool: futures.ThreadPoolExecutor | None = None
        self._pid = os.getpid()

    def pool(self) -> futures.ThreadPoolExecutor:
        """Return the threads, which a process that was forked starts itself."""
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self.ranges = threading.BoundedSemaphore(RANGES)
                self._pool = futures.ThreadPoolExecutor(THREADS, thread_name_prefix="vstore-fetch")
            return self._pool


@pickled
class Fetcher:
    """Reads objects by digest, verifies each, and keeps documents and pages.

    Chunks are kept only where a transaction asks for it, so that a commit that lost a race
    is made again without reading back what it read and wrote the first time.

    At most `RANGES` ranges of `MAX_RANGE_NBYTES` (or one chunk, where that is larger)
    are held at a time. Safe to use from several threads; a pickled copy starts empty.
    """

    def __init__(
        self,
        store: ObjectStore,
        remotes: RemoteSettings | None = BY_DEFAULT,
        *,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.store = store
        self.remotes = remotes
        self._commits: LruCache[str, CommitDocument] = LruCache(caches.COMMITS, _one)
        self._nodes: LruCache[str, bytes] = LruCache(caches.NODES, _one)
        self._pages: LruCache[str, Page] = LruCache(caches.PAGES, _one)
        self._chunks: LruCache[bytes, bytes] = LruCache(
            caches.ENCODED_NBYTES, len, largest=caches.ENCODED_NBYTES // 4
        )
        self.decoded = DecodedChunks()
        self._moves = Moves(store)
        self._elsewhere = elsewhere
        self._sources: Sources | None = None
        self._recent: tuple[str, tuple[Digest, ...]] = ("", ())
        self._threads = _Threads()

    def __reduce__(self) -> tuple[Any, ...]:
        return Fetcher, (self.store, self.remotes)

    @property
    def elsewhere(self) -> Elsewhere:
        """The remotes that promise what is missing here."""
        found = self._elsewhere
        if found is None:
            found = elsewheres.Elsewhere(self.store, self.remotes, _of_a_remote)
            self._elsewhere = found
        return found

    @property
    def sources(self) -> Sources:
        """The files elsewhere that chunks stay in."""
        found = self._sources
        if found is None:
            trusted = {} if self.remotes is None else self.remotes.sources
            found = reading_sources.Sources(trusted, self._source_document, self.map, most=RANGES)
            self._sources = found
        return found

    def _source_document(self, pack: PackRef) -> bytes:
        key = object_keys.pack(pack.digest)
        try:
            return self._document(key, pack.digest, what=f"source {pack.digest}")
        except NotHereError:
            raise
        except NotFoundError as exc:
            raise self._missing(key) from exc

    def through(self, store: ObjectStore) -> Fetcher:
        """Return a fetcher that reads by other means from the same objects.

        The two share what they keep, and their threads.
        """
        other = Fetcher.__new__(Fetcher)
        other.__dict__.update(self.__dict__)
        other.store = store
        return other

    def commit(self, digest: Digest) -> CommitDocument:
        """Return a commit, or raise `NotFoundError`."""
        found = self._commits.find(digest)
        if found is None:
            try:
                data = self._document(object_keys.commit(digest), digest)
            except NotHereError:
                raise
            except NotFoundError:
                rewritten = purges.find_rewritten(self.store, digest)
                if rewritten is not None:
                    raise rewritten.error(self.store.url) from None
                raise NotFoundError(
                    f"there is no commit {digest} in {self.store.url}", code="commit-not-found"
                ) from None
            found = commits.decode(data, CommitDocument, what=f"commit {digest}")
            self._commits.put(digest, found)
        return found

    def remember_commit(self, digest: Digest, commit: CommitDocument) -> None:
        """Keep a commit that was just written, or whose digest was verified."""
        self._commits.put(digest, commit)

    def prefetch_commits(self, digests: Sequence[Digest]) -> None:
        """Read commits side by side and keep them; what cannot be read is left out."""
        wanted = [digest for digest in digests if self._commits.find(digest) is None]
        for _ in self.map(self._try_commit, wanted):
            pass

    def _try_commit(self, digest: Digest) -> None:
        with suppress(VstoreError):
            self.commit(digest)

    def note_recent(self, head: Digest, before: Sequence[Digest]) -> None:
        """Note the commits that a branch was at before its head, newest first."""
        self._recent = (head, tuple(before))

    def recent(self, digest: Digest) -> Sequence[Digest]:
        """Return the heads that a branch had before this one, as far as it was read."""
        head, before = self._recent
        return before if head == digest else ()

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that was read or written before, None for another; no request."""
        return self._commits.find(digest)

    def node_documents(self, refs: Sequence[NodeRef]) -> list[bytes]:
        """Return the verified bytes of node objects, those not kept read side by side."""
        return list(self.map(self._node_document, refs))

    def _node_document(self, ref: NodeRef) -> bytes:
        found = self._nodes.find(ref.digest)
        if found is None:
            found = self._index_object(ref.digest, what=f"node {ref.digest}")
            self._nodes.put(ref.digest, found)
        return found

    def pages(self, refs: Sequence[tuple[PageRef, int]]) -> list[Page]:
        """Return index pages, those not kept read side by side."""
        return list(self.map(self._page, refs))

    def _page(self, item: tuple[PageRef, int]) -> Page:
        ref, height = item
        name = f"{height} {ref.digest}"
        found = self._pages.find(name)
        if found is None:
            what = f"index page {ref.digest}"
            data = self._index_object(ref.digest, what=what)
            found = index_pages.decode_page(data, height=height, what=what)
            self._pages.put(name, found)
        return found

    def _index_object(self, digest: Digest, *, what: str) -> bytes:
        try:
            return self._document(object_keys.index(digest), digest, what=what)
        except NotHereError:
            raise
        except NotFoundError as exc:
            raise self._missing(object_keys.index(digest)) from exc

    def object(self, key: Key, digest: Digest) -> bytes:
        """Return the verified bytes of any immutable object of this store.

        Raises:
            CorruptionError: it is missing or damaged.
            NotFoundError: there is no repository.
        """
        try:
            return self._verified(key, digest, what=key)
        except NotFoundError as exc:
            raise self._missing(key) from exc

    def _document(self, key: Key, digest: Digest, *, what: str | None = None) -> bytes:
        """Return the verified bytes of a document, from here or a remote, or `NotFoundError`."""
        try:
            return self._verified(key, digest, what=what or f"commit {digest}")
        except NotFoundError:
            found = self.elsewhere.document(key, digest)
            if found is None:
                raise
            return found

    def _missing(self, key: Key) -> VstoreError:
        """Return the error for an object that is missing, or for a repository that is."""
        try:
            self.store.get(object_keys.REPOSITORY)
        except NotFoundError:
            return repository_not_found(self.store.url)
        except StorageError:
            pass  # a reader need not be allowed to read it
        where = [self.store.url, *(remote.url for remote in self.elsewhere.promising)]
        return CorruptionError(
            f"{key} is missing from {' and '.join(where)}", code="damaged-object", hint=RESTORE
        )

    def _verified(self, key: Key, digest: Digest, *, what: str) -> bytes:
        where = f"{what} in {self.store.url}"
        return read_verified(lambda: self.store.get(key), bytes.fromhex(digest), what=where)

    def map(self, function: Callable[[T], V], items: Sequence[T]) -> Iterator[V]:
        """Apply `function` to the items side by side; a single one runs right here."""
        if len(items) <= 1:
            return map(function, items)
        return self.pool().map(function, items)

    def pool(self) -> futures.ThreadPoolExecutor:
        """Return this process's threads for requests."""
        return self._threads.pool()

    def chunk(self, ref: ChunkRef) -> memoryview:
        """Return the verified bytes of one chunk."""
        kept = self._chunks.find(ref.digest)
        if kept is not None:
            return memoryview(kept)
        found: list[memoryview] = []
        if ref.pack.is_source:
            self.sources.read({0: ref}, lambda _, chunk: found.append(chunk))
            return found[0]
        place = self._moves.place(ref)
        key = object_keys.pack(place.pack.digest)
        try:
            data = memoryview(self.store.get_range(key, place.offset, place.nbytes))
        except NotFoundError as exc:
            self._missed(
                coalescing.Missed({0: ref}, {0: place}, exc), lambda _, c: found.append(c), hops=0
            )
            return found[0]
        return self._verified_chunk(data, place.offset, ref, place)

    def keep_chunk(self, digest: bytes, data: bytes) -> None:
        """Keep an encoded chunk that was verified or written just now, up to `ENCODED_NBYTES`."""
        self._chunks.put(digest, data)

    def prefetch(self, refs: Sequence[ChunkRef]) -> None:
        """Read chunks side by side and keep them; nothing if they are more than can be kept.

        What cannot be read is left out: whoever reads it meets the error, and says of what.
        """
        missing = {
            ref.digest: ref
            for ref in refs
            if ref.nbytes <= caches.ENCODED_NBYTES // 4 and self._chunks.find(ref.digest) is None
        }
        if sum(ref.nbytes for ref in missing.values()) <= caches.ENCODED_NBYTES // 2:
            with suppress(CorruptionError, NotFoundError):
                self.each(list(missing.values()), lambda _, __: None, keep=True)

    def each(self, refs: Sequence[ChunkRef | None], handle: Handle, *, keep: bool = False) -> None:
        """Call `handle` once for every chunk, on several threads and in any order.

        Chunks near each other in a pack come with one request. With `keep` they stay for
        the next reader, up to `ENCODED_NBYTES`.
        """
        if len(refs) == 1:
            handle(0, self._alone(refs[0], keep=keep))
            return
        rest = self._missing_chunks(refs, handle)

        def take(i: int, chunk: memoryview) -> None:
            ref = rest[i]
            if keep and ref is not None:
                self._chunks.put(ref.digest, bytes(chunk))
            handle(i, chunk)

        self._read({i: ref for i, ref in enumerate(rest) if ref is not None}, take)

    def _read(
        self,
        refs: Mapping[int, ChunkRef],
        take: Callable[[int, memoryview], None],
        *,
        hops: int = 0,
    ) -> None:
        """Read chunks, those near each other with one request, and take each verified.

        Those in a pack that is missing are read from where they went, if that is known; it is
        asked for once.
        """

        def run(part: Range) -> None:
            with self._threads.ranges if not hops else nullcontext():
                run_one(part)

        def run_one(part: Range) -> None:
            try:
                data = memoryview(store.get_range(part.key, part.start, part.nbytes))
            except NotFoundError as exc:
                missing = {i: refs[i] for i in part.members}
                missed.append(coalescing.Missed(missing, {i: places[i] for i in missing}, exc))
                return
            for i in part.members:
                take(i, self._verified_chunk(data, part.start, refs[i], places[i]))

        missed: list[Missed] = []
        elsewhere = {i: ref for i, ref in refs.items() if ref.pack.is_source}
        if elsewhere:
            self.sources.read(elsewhere, take)
            refs = {i: ref for i, ref in refs.items() if i not in elsewhere}
        places = {i: self._moves.place(ref) for i, ref in refs.items()}
        parts = list(coalescing.coalesced(places, is_local=self.store.is_local))
        is_quick = self.store.is_local and sum(part.nbytes for part in parts) <= QUICK_NBYTES
        store = self.store if is_quick else scratch.with_scratch(self.store)
        most = min(RANGES, _LOCAL_RANGES) if self.store.is_local else RANGES
        on_threads = map if hops or is_quick else self.map
        few_threads.on_few_threads(run, parts, on_threads, most=most)
        if missed:
            self._missed(coalescing.Missed.joined(missed), take, hops=hops)

    def _missed(
        self, missed: Missed, take: Callable[[int, memoryview], None], *, hops: int
    ) -> None:
        """Take chunks whose packs are missing from where they went, or from a remote."""
        numbers = list(missed.refs)
        pairs = [(missed.refs[i], missed.places[i]) for i in numbers]
        news = self._moves.find_news(pairs) if hops < MOST_HOPS else []
        moved = {numbers[at]: missed.refs[numbers[at]] for at in news}
        if moved:
            self._read(moved, take, hops=hops + 1)
        rest = {i: ref for i, ref in missed.refs.items() if i not in moved}
        rest = self.elsewhere.chunks(rest, take) if rest else rest
        if rest:
            place = missed.places[next(iter(rest))]
            raise self._missing(object_keys.pack(place.pack.digest)) from missed.error

    def each_of(
        self, refs: Mapping[int, ChunkRef], take: Callable[[int, memoryview], None]
    ) -> None:
        """Call `take` once for each chunk, on several threads and in any order.

        Where some cannot be had, the others are taken all the same before the error is raised.
        """
        self._read(refs, take)

    def _missing_chunks(
        self, refs: Sequence[ChunkRef | None], handle: Handle
    ) -> list[ChunkRef | None]:
        """Hand over what is kept or not stored; return what must be read, None for the others."""
        rest = list(refs)
        for i, ref in enumerate(refs):
            kept = None if ref is None else self._chunks.find(ref.digest)
            if ref is None or kept is not None:
                rest[i] = None
                handle(i, None if kept is None else memoryview(kept))
        return rest

    def _alone(self, ref: ChunkRef | None, *, keep: bool) -> memoryview | None:
        if ref is None:
            return None
        chunk = self.chunk(ref)
        if keep:
            self._chunks.put(ref.digest, bytes(chunk))
        return chunk

    def _verified_chunk(
        self, data: memoryview, start: int, ref: ChunkRef, place: ChunkRef
    ) -> memoryview:
        chunk = data[place.offset - start : place.offset - start + place.nbytes]
        if raw_digest(chunk) == ref.digest:
            return chunk
        key = object_keys.pack(place.pack.digest)
        where = f"the chunk at {place.offset} of {key} in {self.store.url}"

        def read() -> memoryview:
            return memoryview(self.store.get_range(key, place.offset, place.nbytes))

        return read_verified(read, ref.digest, what=where, first=chunk)


def _of_a_remote(store: ObjectStore) -> Fetcher:
    """Return what reads from a remote, which does not go on to remotes of its own."""
    return Fetcher(store, None)


def _one(_: object) -> int:
    return 1
