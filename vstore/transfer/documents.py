"""The documents of one side of a transfer: each is read once, verified, and kept for a while."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from vstore.errors import VstoreError
from vstore.format import commit as commits
from vstore.format import document, object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, digest_of, read_verified
from vstore.reading.caches import LruCache
from vstore.storage.store import Key, ObjectStore

KEPT_NBYTES = 64 * 2**20
"""How many bytes of documents that were read are kept for the next who asks."""


KEPT_COMMITS = 4096
"""How many commits are: far more than are read ahead at a time."""


class KnownCommits:
    """The commits that were read last on either side: the same digest is the same commit."""

    def __init__(self) -> None:
        self._commits: LruCache[Digest, CommitDocument] = LruCache(KEPT_COMMITS, lambda _: 1)
        self._recent: dict[Digest, tuple[Digest, ...]] = {}

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that was read, None for another."""
        return self._commits.find(digest)

    def remember_commit(self, digest: Digest, commit: CommitDocument) -> None:
        """Keep a commit whose digest was verified."""
        self._commits.put(digest, commit)

    def note_recent(self, head: Digest, before: Sequence[Digest]) -> None:
        """Note the commits that a branch was at before its head, newest first."""
        self._recent[head] = tuple(before)

    def recent(self, digest: Digest) -> Sequence[Digest]:
        """Return the heads that a branch had before this one, as far as it was read."""
        return self._recent.get(digest, ())


class Documents:
    """Reads commits and what is in `index/`, on several threads, each object once.

    Keeps `KEPT_NBYTES` of them, so that what was read to find out what is needed is sent
    without being read again. Safe to use from several threads.
    """

    def __init__(
        self, store: ObjectStore, known: KnownCommits, requests: ThreadPoolExecutor
    ) -> None:
        self.store = store
        self._known = known
        self._requests = requests
        self._kept: LruCache[Key, bytes] = LruCache(KEPT_NBYTES, len)
        self._running: dict[Key, Future[bytes]] = {}
        self._lock = threading.Lock()

    def commit(self, digest: Digest) -> CommitDocument:
        """Return a commit, or raise `NotFoundError`."""
        found = self._known.find_commit(digest)
        if found is None:
            found = commits.decode(
                self.commit_bytes(digest), CommitDocument, what=f"commit {digest}"
            )
            self._known.remember_commit(digest, found)
        return found

    def commit_bytes(self, digest: Digest) -> bytes:
        """Return the verified bytes of a commit; no request where its branch carried them."""
        found = self._known.find_commit(digest)
        if found is not None:
            data = document.dumps(found)
            if digest_of(data) == digest:  # another program may write another form
                return data
        return self._once(object_keys.commit(digest), digest)

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that is at hand, without a request."""
        return self._known.find_commit(digest)

    def recent(self, digest: Digest) -> Sequence[Digest]:
        """Return the heads that a branch had before this one, as far as it was read."""
        return self._known.recent(digest)

    def prefetch_commits(self, digests: Sequence[Digest]) -> None:
        """Read commits side by side and keep them; what cannot be read is left out."""
        wanted = [digest for digest in digests if self._known.find_commit(digest) is None]
        self._side_by_side(self.commit, wanted)

    def index_object(self, digest: Digest) -> bytes:
        """Return the verified bytes of a node, a bucket or a page."""
        return self._once(object_keys.index(digest), digest)

    def prefetch_index(self, digests: Sequence[Digest]) -> None:
        """Read objects side by side and keep them, as many as are kept."""
        wanted = [d for d in dict.fromkeys(digests) if not self._is_kept(object_keys.index(d))]
        self._side_by_side(self.index_object, wanted)

    def _is_kept(self, key: Key) -> bool:
        return self._kept.find(key) is not None

    def _side_by_side(self, read: Callable[[Digest], object], digests: Sequence[Digest]) -> None:
        """Read several; whoever asks for one that cannot be read meets the error then."""
        if len(digests) < 2:
            return
        for future in [self._requests.submit(read, digest) for digest in digests]:
            with suppress(VstoreError):
                future.result()

    def _once(self, key: Key, digest: Digest) -> bytes:
        kept = self._kept.find(key)
        if kept is not None:
            return kept
        mine: Future[bytes] = Future()
        with self._lock:
            running = self._running.setdefault(key, mine)
        if running is not mine:
            return running.result()
        try:
            where = f"{key} in {self.store.url}"
            data = read_verified(lambda: self.store.get(key), bytes.fromhex(digest), what=where)
            self._kept.put(key, data)
            mine.set_result(data)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
        return data
