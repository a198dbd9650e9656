"""Objects are copied from one store to another: verified, in bounded memory, side by side."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from vstore.errors import NotFoundError, UnknownOutcomeError
from vstore.format import object_keys
from vstore.format.digest import read_verified
from vstore.history.closure import Need
from vstore.maintenance.progress import Progress, ProgressStep, silent
from vstore.storage.local import LocalStore
from vstore.storage.local_batch import LocalBatch
from vstore.storage.store import Key, ObjectStore
from vstore.transfer.documents import Documents
from vstore.transfer.thinned import copy_thinned
from vstore.writing.lease import Lease

AT_ONCE = 64
"""How many objects are copied at a time: most are small, and then each waits for the network."""

AT_ONCE_LOCALLY = 8
"""How many are where neither side is on a network."""

MEMORY_NBYTES = 128 * 2**20
"""How many bytes of packs are held at a time; one that is larger is held alone."""

MOST_LISTED = 32_000
"""How many packs, commits and parts are listed at most to find those that are there."""


Put = Callable[[Key, bytes], bool]
"""Store an object; return whether it was not there."""


@dataclass(slots=True)
class Copied:
    """How much was copied so far."""

    objects: int = 0
    nbytes: int = 0
    skipped: int = 0


@dataclass(slots=True)
class Copier:
    """Copies objects that are needed; `lists` says whether a preview looks for those there.

    The first one is written alone, on the condition that it is not there. Where it is, a
    transfer was interrupted, and it pays to list what came through: no object is sent twice.
    """

    source: Documents
    target: ObjectStore
    lists: bool = True
    progress: Progress = silent
    shares: LocalStore | None = None
    """Where files of packs are that the target may have too, once they are verified."""
    copied: Copied = field(default_factory=Copied)
    _there: dict[Key, int] = field(default_factory=dict)
    _batch: LocalBatch | None = None
    _memory: "_Budget" = field(init=False)
    _lease: Lease = field(init=False)

    def __post_init__(self) -> None:
        self._memory = _Budget(MEMORY_NBYTES)
        self._lease = Lease(self.target)
        if type(self.target) is LocalStore:
            self._batch = LocalBatch(self.target)

    def copy(self, needs: Iterator[Need]) -> Copied:
        """Copy all; when this returns, the target has acknowledged every object."""
        at_once = AT_ONCE_LOCALLY if self._is_local else AT_ONCE
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="vstore-copy")
        running: set[Future[int | None]] = set()
        try:
            with pool:
                for need in self._begun(needs):
                    running.add(pool.submit(self._one, need))
                    if len(running) >= 2 * at_once:
                        running = self._settle(running)
                while running:
                    running = self._settle(running)
            if self._batch is not None:
                self._batch.flush()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            self._lease.release()
        return self.copied

    @property
    def _is_local(self) -> bool:
        return self.source.store.is_local and self.target.is_local

    def _begun(self, needs: Iterator[Need]) -> Iterator[Need]:
        """Copy the first one, and yield the others."""
        first = next(needs, None)
        if first is None:
            return
        nbytes = self._one(first, put=self._put_first)
        self._count(nbytes)
        if nbytes is None:
            self._list()
        yield from needs

    def _put_first(self, key: Key, data: bytes) -> bool:
        try:
            return (self._batch or self.target).put_if_absent(key, data) is not None
        except UnknownOutcomeError:
            return self._put(key, data)

    def _put(self, key: Key, data: bytes) -> bool:
        (self._batch or self.target).put(key, data)
        return True

    def preview(self, needs: Iterator[Need]) -> Copied:
        """Count what `copy` would send, and send nothing."""
        if self.lists:
            self._list()
        for need in needs:
            if self._is_there(need):
                self.copied.skipped += 1
            else:
                self.copied.objects += 1
                self.copied.nbytes += self._nbytes(need)
        return self.copied

    def _nbytes(self, need: Need) -> int:
        return need.pack.nbytes if need.pack is not None else len(self._document(need))

    def _settle(self, running: "set[Future[int | None]]") -> "set[Future[int | None]]":
        done, rest = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            self._count(future.result())
        found = self.copied
        step = ProgressStep("copy", found.objects + found.skipped, None, found.nbytes)
        self.progress(step)
        return rest

    def _count(self, nbytes: int | None) -> None:
        if nbytes is None:
            self.copied.skipped += 1
        else:
            self.copied.objects += 1
            self.copied.nbytes += nbytes

    def _list(self) -> None:
        """Learn which objects the target has: one request tells of a thousand."""
        prefixes = (object_keys.PACKS, object_keys.COMMITS, object_keys.INDEX)
        for prefix in prefixes:
            for info in islice(self.target.list_prefix(prefix), MOST_LISTED):
                self._there[info.key] = info.nbytes

    def _is_there(self, need: Need) -> bool:
        nbytes = self._there.get(need.key)
        return nbytes is not None and (need.pack is None or nbytes in (need.pack.nbytes, 0))

    def _one(self, need: Need, *, put: Put | None = None) -> int | None:
        """Copy an object and return its size, None if it is there; runs on a thread."""
        self._lease.keep()
        put = put or self._put
        if self._is_there(need):
            if self._batch is not None:
                self._batch.note(need.key)
            return None
        if need.pack is not None:
            return self._pack(need, need.pack.nbytes, put)
        data = self._document(need)
        return len(data) if put(need.key, data) else None

    def _document(self, need: Need) -> bytes:
        if need.key.startswith(object_keys.COMMITS):
            return self.source.commit_bytes(need.digest)
        return self.source.index_object(need.digest)

    def _pack(self, need: Need, nbytes: int, put: Put) -> int | None:
        store = self.source.store
        where = f"{need.key} in {store.url}"
        if self._is_shared(need, nbytes):
            return nbytes
        with self._memory.taken(nbytes):
            try:
                data = read_verified(
                    lambda: store.get(need.key), bytes.fromhex(need.digest), what=where
                )
            except NotFoundError:
                return copy_thinned(store, self.target, need.digest)
            return len(data) if put(need.key, data) else None

    def _is_shared(self, need: Need, nbytes: int) -> bool:
        """Let the target have the source's own file of a pack, if it may; return whether it has."""
        if self.shares is None or self._batch is None:
            return False
        return self._batch.share(self.shares, need.key, nbytes, need.digest)


class _Budget:
    """Memory that threads share: whoever would take too much waits for the others."""

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, nbytes: int) -> Iterator[None]:
        """Take some for a while; what alone is more than all is taken alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + nbytes <= self._nbytes)
            self._taken += nbytes
        try:
            yield
        finally:
            with self._changed:
                self._taken -= nbytes
                self._changed.notify_all()
