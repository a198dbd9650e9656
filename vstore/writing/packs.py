"""Encoding chunks on threads and uploading them in packs, within bounded memory.

What is written does not depend on timing: chunks go to packs in the order in which they
were submitted, whichever thread finishes first.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vstore.errors import ClosedError
from vstore.format import object_keys
from vstore.format.digest import digest_of, raw_digest
from vstore.format.page import ChunkRef, PackRef
from vstore.reading.fetch import Fetcher
from vstore.storage.store import Key
from vstore.writing.lease import Lease

PACK_NBYTES = 8 * 2**20
"""A pack is closed once it holds this much."""

OPEN_NBYTES = 4 * PACK_NBYTES
"""How much encoded data all open packs of a transaction hold at most, plus one chunk."""

RAW_NBYTES = 128 * 2**20
"""How much raw data waits for the codec at most, plus one chunk."""

UPLOADS = 8
"""How many packs are uploaded at a time."""

Encode = Callable[[], bytes | memoryview | None]
"""Return an encoded chunk, or None for one that holds nothing but the fill value."""


@dataclass(slots=True, eq=False)
class PendingChunk:
    """A chunk on its way into a pack.

    `data` holds its bytes until its pack is stored; `ref` says where it is once its
    pack is closed. Both None: the chunk holds nothing but the fill value.
    """

    data: bytes | None = None
    ref: ChunkRef | None = None
    digest: bytes = b""
    future: "Future[tuple[bytes, bytes] | None] | None" = None
    same_as: "PendingChunk | None" = None

    def resolved(self) -> "PendingChunk":
        """Return the chunk that holds the bytes: this one, or an equal one before it."""
        return self if self.same_as is None else self.same_as


@dataclass(slots=True, eq=False)
class Lane:
    """The open pack of one array: its chunks are together, in order."""

    path: str
    chunks: list[PendingChunk] = field(default_factory=list)
    nbytes: int = 0


@dataclass(slots=True, eq=False)
class _Upload:
    """An object on its way to the store; what `start` does can be done again."""

    start: "Callable[[], Future[None]]"
    future: "Future[None]"


@dataclass(slots=True, eq=False)
class _Submitted:
    lane: Lane
    chunk: PendingChunk
    known: ChunkRef | None
    nbytes: int


class PackWriter:
    """Encodes, packs and uploads the chunks of one transaction.

    Peak memory is at most `RAW_NBYTES` of raw chunks, `OPEN_NBYTES` of encoded ones and
    two copies of `UPLOADS` packs, each plus a chunk, besides what the fetcher keeps. Threads that
    change the transaction do so one after the other: they hold `lock`.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self.lock = threading.RLock()
        self._fetcher = fetcher
        self._store = fetcher.store
        self._lease = Lease(fetcher.store)
        self._encoders: ThreadPoolExecutor | None = None
        self._uploaders: ThreadPoolExecutor | None = None
        self._slots = threading.BoundedSemaphore(UPLOADS)
        self._queue: deque[_Submitted] = deque()
        self._queued_nbytes = 0
        self._lanes: dict[str, Lane] = {}
        self._by_digest: dict[bytes, PendingChunk] = {}
        self._uploads: deque[_Upload] = deque()
        self._failed: list[_Upload] = []
        self._placing: list[Future[None]] = []
        self._closed = False
        self._interruption: BaseException | None = None
        self._depth = 0
        self.stored_nbytes = 0

    def submit(
        self, path: str, encode: Encode, *, nbytes: int, known: ChunkRef | None
    ) -> PendingChunk:
        """Take one chunk of the array at `path`; `known` is what its base commit holds there."""
        self._require_usable()
        self._note_failures()
        chunk = PendingChunk()
        chunk.future = self._encoder_pool().submit(_encode, encode)
        lane = self._lanes.setdefault(path, Lane(path))
        self._queue.append(_Submitted(lane, chunk, known, nbytes))
        self._queued_nbytes += nbytes
        while len(self._queue) > 1 and (self._queued_nbytes > RAW_NBYTES or self._is_first_done):
            self._drain_one()
        return chunk

    @property
    def _is_first_done(self) -> bool:
        """Whether the oldest chunk is encoded: packs are uploaded while others are encoded."""
        future = self._queue[0].chunk.future
        return future is not None and future.done()

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Refuse to go on, and to commit, if what runs inside does not come to its end.

        Otherwise a caller who catches the error and commits would store half a change. What
        could not be uploaded is tried again before anything is changed. Other threads wait.
        """
        with self.lock:
            self._require_usable()
            if not self._depth:
                self._note_failures()
                if self._failed:
                    self.finish()
            with self.to_its_end():
                yield

    @contextmanager
    def to_its_end(self, *, unless: type[Exception] | tuple[()] = ()) -> Iterator[None]:
        """Do as `uninterrupted` where nothing is changed; `unless` leaves all as it was."""
        self._depth += 1
        try:
            yield
        except unless:
            raise
        except BaseException as exc:
            self._interruption = self._interruption or exc
            raise
        finally:
            self._depth -= 1

    def _require_usable(self) -> None:
        if self._interruption is not None:
            problem = f"{type(self._interruption).__name__}: {self._interruption}"
            raise ClosedError(
                f"an earlier change of the transaction was made only in part ({problem}), so it "
                "cannot be committed",
                code="broken-transaction",
                hint="begin another one with `repo.transaction(message='Add samples')`",
            ) from self._interruption
        if self._closed:
            raise ClosedError(
                "the transaction is finished",
                code="finished-transaction",
                hint="begin another one with `repo.transaction(message='Add samples')`",
            )

    def drain(self) -> None:
        """Wait until every submitted chunk is encoded, so that its raw data may change."""
        while self._queue:
            self._drain_one()

    def data_of(self, chunk: PendingChunk) -> memoryview | None:
        """Return the encoded bytes of a submitted chunk, None for nothing but fill."""
        with self.lock:
            while chunk.future is not None:
                self._require_usable()
                self._drain_one()
            held = chunk.resolved()
        data, ref = held.data, held.ref
        if data is not None:
            return memoryview(data)
        return None if ref is None else self._fetcher.chunk(ref)

    def seal(self) -> None:
        """Close every open pack: afterwards each chunk has its `ref`, uploads still run.

        Small packs of several arrays go together, in the order of their paths.
        """
        self._require_usable()
        self.drain()
        together: list[PendingChunk] = []
        nbytes = 0
        for path in sorted(self._lanes):
            lane = self._lanes[path]
            if nbytes + lane.nbytes > PACK_NBYTES and together:
                self._close_pack(together)
                together, nbytes = [], 0
            together += lane.chunks
            nbytes += lane.nbytes
        if together:
            self._close_pack(together)
        self._lanes.clear()
        for placed in self._placing:
            placed.result()
        self._placing.clear()

    def upload(self, key: Key, data: bytes) -> None:
        """Store an immutable object in the background."""
        self._start(lambda: self._uploader_pool().submit(self._store.put, key, data))

    def _start(self, start: "Callable[[], Future[None]]") -> None:
        self._uploads.append(_Upload(start, start()))

    def finish(self) -> None:
        """Wait until all uploads are stored, or raise what the first failed one raised.

        Those that failed are kept; the next call tries them again.
        """
        while self._failed:
            self._start(self._failed[-1].start)
            self._failed.pop()
        error: BaseException | None = None
        while self._uploads:
            error = self._uploads[0].future.exception() or error
            self._note_result(self._uploads.popleft())
        if error is not None:
            raise error

    def _note_result(self, upload: _Upload) -> None:
        if upload.future.exception() is not None:
            self._failed.append(upload)

    def close(self) -> None:
        """Give up what is not uploaded yet and stop the threads."""
        self._closed = True
        for item in self._queue:
            if item.chunk.future is not None:
                item.chunk.future.cancel()
        for pool in (self._encoders, self._uploaders):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        self._lease.release()

    def _encoder_pool(self) -> ThreadPoolExecutor:
        if self._encoders is None:
            threads = min(8, os.cpu_count() or 1)
            self._encoders = ThreadPoolExecutor(threads, thread_name_prefix="vstore-encode")
        return self._encoders

    def _uploader_pool(self) -> ThreadPoolExecutor:
        if self._uploaders is None:
            self._uploaders = ThreadPoolExecutor(16, thread_name_prefix="vstore-upload")
        return self._uploaders

    def _drain_one(self) -> None:
        item = self._queue.popleft()
        self._queued_nbytes -= item.nbytes
        chunk, future = item.chunk, item.chunk.future
        if future is None:
            raise AssertionError
        with self.to_its_end():
            encoded = future.result()
        chunk.future = None
        if encoded is None:
            return
        data, digest = encoded
        chunk.digest = digest
        if item.known is not None and item.known.digest == digest:
            chunk.ref = item.known
            return
        before = self._by_digest.setdefault(digest, chunk)
        if before is not chunk:
            chunk.same_as = before
            return
        chunk.data = data
        self._add(item.lane, chunk, len(data))

    def _add(self, lane: Lane, chunk: PendingChunk, nbytes: int) -> None:
        lane.chunks.append(chunk)
        lane.nbytes += nbytes
        if lane.nbytes >= PACK_NBYTES:
            self._close_lane(lane)
        elif sum(other.nbytes for other in self._lanes.values()) > OPEN_NBYTES:
            self._close_lane(max(self._lanes.values(), key=lambda other: other.nbytes))

    def _close_lane(self, lane: Lane) -> None:
        self._close_pack(lane.chunks)
        lane.chunks, lane.nbytes = [], 0

    def _close_pack(self, chunks: list[PendingChunk]) -> None:
        """Let a thread make a pack of chunks and store it."""
        if len(self._failed) >= UPLOADS:
            self.finish()
        placed: Future[None] = Future()

        def start() -> "Future[None]":
            self._slots.acquire()
            try:
                return self._uploader_pool().submit(self._store_pack, chunks, placed)
            except BaseException:
                self._slots.release()
                raise

        self.stored_nbytes += sum(len(chunk.data or b"") for chunk in chunks)
        self._start(start)
        self._placing.append(placed)

    def _store_pack(self, chunks: list[PendingChunk], placed: "Future[None]") -> None:
        try:
            try:
                pack, data = self._place(chunks)
            except BaseException as exc:
                placed.set_exception(exc)
                raise
            if not placed.done():
                placed.set_result(None)
            self._store.put(object_keys.pack(pack.digest), data)
            self._lease.keep()
            for chunk in chunks:
                chunk.data = None
        finally:
            self._slots.release()

    def _place(self, chunks: Sequence[PendingChunk]) -> tuple[PackRef, bytes]:
        """Give each chunk its place in the pack that they make."""
        data = b"".join(chunk.data or b"" for chunk in chunks)
        pack, offset = PackRef(digest_of(data), len(data)), 0
        for chunk in chunks:
            nbytes = len(chunk.data or b"")
            chunk.ref = ChunkRef(pack, offset, nbytes, chunk.digest)
            self._fetcher.keep_chunk(chunk.digest, chunk.data or b"")
            offset += nbytes
        return pack, data

    def _note_failures(self) -> None:
        """Set uploads aside that are over."""
        for upload in [upload for upload in self._uploads if upload.future.done()]:
            self._uploads.remove(upload)
            self._note_result(upload)


def _encode(encode: Encode) -> tuple[bytes, bytes] | None:
    encoded: Any = encode()
    if encoded is None:
        return None
    data = bytes(encoded)
    return data, raw_digest(data)
