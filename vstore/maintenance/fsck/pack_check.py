"""Verifying packs byte by byte."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from blake3 import blake3

from vstore.errors import CorruptionError, NotFoundError
from vstore.format import object_keys
from vstore.format.digest import READS, Digest, read_settled
from vstore.maintenance.fsck.chunk_rows import Chunk, ChunksByPack
from vstore.maintenance.fsck.findings import Restorer

THREADS = 4
WHOLE_NBYTES = 64 * 2**20
"""A pack up to this size is held whole; of a larger one a part at a time."""

_PART_NBYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Verified:
    """A pack that was read."""

    pack: Digest
    chunks: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class PackChecker:
    """Reads packs, compares them and their chunks with their digests, and restores them.

    Holds at most `THREADS` packs of `WHOLE_NBYTES`, or one chunk where that is larger.
    """

    restorer: Restorer
    chunks: ChunksByPack

    def each(self, packs: Iterator[tuple[Digest, int]]) -> Iterator[Verified]:
        """Verify packs, given with their sizes; yield them in their order."""
        running: deque[Future[Verified]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="vstore-fsck") as pool:
            try:
                for digest, nbytes in packs:
                    running.append(pool.submit(self._check, digest, nbytes))
                    if len(running) > THREADS:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for future in running:
                    future.cancel()

    def _check(self, digest: Digest, nbytes: int) -> Verified:
        chunks = list(self.chunks.of(digest))
        try:
            bad = (
                self._check_whole(digest, chunks)
                if nbytes <= WHOLE_NBYTES
                else self._check_in_parts(digest, nbytes, chunks)
            )
        except NotFoundError:
            if self.restorer.restore(object_keys.pack(digest), "missing") is None:
                self.restorer.findings.lost_packs.add(digest)
            bad = []
        self.restorer.findings.add_bad_chunks(
            (digest, chunk.offset, Digest(chunk.digest.hex())) for chunk in bad
        )
        return Verified(digest, len(chunks), nbytes)

    def _check_whole(self, digest: Digest, chunks: list[Chunk]) -> list[Chunk]:
        key = object_keys.pack(digest)
        store = self.restorer.store
        try:
            data = read_settled(lambda: store.get(key), bytes.fromhex(digest))
        except CorruptionError:
            data = b""  # far too long to be what it should be
        is_right = blake3(data).hexdigest() == digest
        bad = _wrong_chunks(memoryview(data), chunks)
        return self._settle(digest, len(data), bad, is_right=is_right, chunks=chunks)

    def _check_in_parts(self, digest: Digest, nbytes: int, chunks: list[Chunk]) -> list[Chunk]:
        bad = [chunk for chunk in chunks if not self._is_right(digest, chunk)]
        is_right = self._has_digest(digest, nbytes)
        return self._settle(digest, nbytes, bad, is_right=is_right, chunks=chunks)

    def _is_right(self, digest: Digest, chunk: Chunk) -> bool:
        key, store = object_keys.pack(digest), self.restorer.store
        try:
            data = read_settled(
                lambda: memoryview(store.get_range(key, chunk.offset, chunk.nbytes)), chunk.digest
            )
        except CorruptionError:
            return False
        return chunk.is_right(data)

    def _has_digest(self, digest: Digest, nbytes: int) -> bool:
        """Read a pack part by part, again where it came damaged in another way each time."""
        seen: set[str] = set()
        while len(seen) < READS:
            found = self._digest_of_parts(digest, nbytes)
            if found == digest:
                return True
            if found in seen:
                return False
            seen.add(found)
        return False

    def _digest_of_parts(self, digest: Digest, nbytes: int) -> str:
        key, store, found = object_keys.pack(digest), self.restorer.store, blake3()
        try:
            for start in range(0, nbytes, _PART_NBYTES):
                found.update(store.get_range(key, start, min(_PART_NBYTES, nbytes - start)))
        except CorruptionError:
            return "truncated"
        return str(found.hexdigest())

    def _settle(
        self, digest: Digest, nbytes: int, bad: list[Chunk], *, is_right: bool, chunks: list[Chunk]
    ) -> list[Chunk]:
        """Report and restore a wrong pack; return the chunks that are wrong afterwards."""
        key = object_keys.pack(digest)
        if is_right:
            if bad:
                self.restorer.findings.report(key, "chunk", _named(bad))
            return bad
        detail = f"{nbytes:,} bytes, {len(bad):,} of {len(chunks):,} chunks in use concerned"
        restored = self.restorer.restore(key, "damaged", detail)
        if restored is None:
            return bad
        still_bad = _wrong_chunks(memoryview(restored), chunks)
        if still_bad:
            self.restorer.findings.report(f"{key}#chunks", "chunk", _named(still_bad))
        return still_bad


def _wrong_chunks(data: memoryview, chunks: list[Chunk]) -> list[Chunk]:
    return [
        chunk
        for chunk in chunks
        if not chunk.is_right(data[chunk.offset : chunk.offset + chunk.nbytes])
    ]


def _named(chunks: list[Chunk]) -> str:
    first = ", ".join(str(chunk.offset) for chunk in chunks[:3])
    return f"{len(chunks):,} chunks are not what the index says, at {first}"
