"""Reading what a repository lacks from the remotes that promise to hold it.

docs/design/095-partial-clones.md says in which order, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from vstore.errors import (
    CorruptionError,
    InvalidInputError,
    MissingExtraError,
    NotFoundError,
    NotHereError,
    StorageError,
    VstoreError,
)
from vstore.history.remotes import read_remote, read_remotes
from vstore.reading.cache_places import open_cache
from vstore.storage.forking import ForkSafeLock
from vstore.storage.location import scheme_of
from vstore.storage.open import open_store

if TYPE_CHECKING:
    from vstore.format.digest import Digest
    from vstore.format.page import ChunkRef
    from vstore.format.remote import Remote
    from vstore.reading.disk_cache import DiskCache
    from vstore.reading.fetch import Fetcher
    from vstore.reading.remote_settings import RemoteSettings
    from vstore.storage.store import Key, ObjectStore

_FOLLOWED = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "http", "https", "memory"}
"""Where a repository that is not on this machine may send its readers by its own remotes."""

_UNREACHABLE = (StorageError, InvalidInputError, MissingExtraError, NotFoundError)
"""How opening or reading a remote fails if it cannot be reached, or has no repository."""

TakeChunk = Callable[[int, memoryview], None]
Failure = tuple["Remote", VstoreError]


class Elsewhere:
    """The remotes of a repository that promise what is missing in it.

    Nothing is asked before the first object is missing, so that a repository without remotes
    costs nothing; then the remotes are asked one after another, `origin` first. Chunks that were
    read stay in a cache on disk, documents in the repository itself, if it can be written.
    Safe to use from several threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        settings: RemoteSettings | None,
        open_fetcher: Callable[[ObjectStore], Fetcher],
    ) -> None:
        """Ask nothing yet; without settings no remote is ever asked."""
        self._store = store
        self._settings = settings
        self._open_fetcher = open_fetcher
        self._fetchers: dict[str, Fetcher] = {}
        self._promising: tuple[Remote, ...] = ()
        self._cache: DiskCache | None = None
        self._is_writable = True
        self._lock = ForkSafeLock()

    @property
    def promising(self) -> tuple[Remote, ...]:
        """The remotes that promise what is missing here; asked until there are any."""
        settings = self._settings
        if not self._promising and settings is not None:
            found = tuple(each for each in self._known() if each.promises)
            cache = open_cache(self._store, settings) if found else None
            with self._lock:
                self._promising, self._cache = found, cache
        return self._promising

    def _known(self) -> list[Remote]:
        try:
            found = list(read_remotes(self._store).values())
        except StorageError:  # who may not list may read
            with suppress(NotFoundError, StorageError):
                return [read_remote(self._store, _FIRST)[0]]
            return []
        found.sort(key=lambda each: (each.name != _FIRST, each.name))
        return [each for each in found if may_follow(self._store, each)]

    def stores(self) -> Iterator[tuple[str, ObjectStore]]:
        """Yield the names and the stores of the remotes that promise objects.

        Raises:
            NotHereError: they may not be asked, or cannot be opened.
        """
        for remote in self._asked("what is missing"):
            try:
                store = self._fetcher(remote).store
            except _UNREACHABLE as exc:
                _settle("what is missing", [(remote, exc)])
            else:
                yield remote.name, store

    def document(self, key: Key, digest: Digest) -> bytes | None:
        """Return the verified bytes of an immutable object, which stay in the repository.

        None if no remote promises anything, or none has it.

        Raises:
            NotHereError: a remote may have it, and cannot or may not be asked.
        """
        data = self.object(key, digest)
        if data is not None and self._is_writable:
            try:
                self._store.put(key, data)
            except VstoreError:
                self._is_writable = False
        return data

    def object(self, key: Key, digest: Digest) -> bytes | None:
        """Do as `document` does, but keep nothing."""
        failures: list[Failure] = []
        for remote in self._asked(key):
            try:
                return self._fetcher(remote).object(key, digest)
            except CorruptionError:
                continue
            except _UNREACHABLE as exc:
                failures.append((remote, exc))
        _settle(key, failures)
        return None

    def chunks(self, refs: Mapping[int, ChunkRef], take: TakeChunk) -> dict[int, ChunkRef]:
        """Take chunks from the cache or the remotes, each verified; return those nobody has.

        Raises:
            NotHereError: a remote may have some of them, and cannot or may not be asked.
        """
        rest = dict(refs)
        if not self.promising:
            return rest
        for i, ref in refs.items():
            kept = None if self._cache is None else self._cache.find(ref.digest, ref.nbytes)
            if kept is not None:
                del rest[i]
                take(i, memoryview(kept))
        failures: list[Failure] = []
        for remote in self._asked(_described(rest)) if rest else ():
            try:
                self._from_remote(remote, rest, take)
            except _UNREACHABLE as exc:
                failures.append((remote, exc))
            if not rest:
                break
        if rest:
            _settle(_described(rest), failures)
        return rest

    def _from_remote(self, remote: Remote, rest: dict[int, ChunkRef], take: TakeChunk) -> None:
        """Take what one remote has, out of `rest`; what it lacks or has damaged stays there.

        Raises:
            StorageError: the remote cannot be read, or as `_UNREACHABLE` says.
        """
        refs = dict(rest)
        broken: list[BaseException] = []

        def arrived(i: int, chunk: memoryview) -> None:
            rest.pop(i, None)
            if self._cache is not None:
                self._cache.put(refs[i].digest, chunk)
            try:
                take(i, chunk)
            except BaseException as exc:
                broken.append(exc)
                raise

        try:
            self._fetcher(remote).each_of(refs, arrived)
        except (CorruptionError, *_UNREACHABLE) as exc:
            if broken:
                raise broken[0] from None
            if not isinstance(exc, CorruptionError):
                raise

    def _asked(self, what: str) -> tuple[Remote, ...]:
        """Return the remotes to ask, or raise `NotHereError` if they may not be asked."""
        found = self.promising
        if found and self._settings is not None and self._settings.offline:
            why = "the repository was opened with offline=True"
            raise NotHereError.naming(what, remote=found[0].name, why=why)
        return found

    def _fetcher(self, remote: Remote) -> Fetcher:
        found = self._fetchers.get(remote.name)
        if found is None:
            given = {} if self._settings is None else self._settings.storage_options
            options = given.get(remote.name)
            opened = self._open_fetcher(open_store(remote.url, storage_options=options))
            found = self._fetchers.setdefault(remote.name, opened)
        return found


_FIRST = "origin"


def _described(refs: Mapping[int, ChunkRef]) -> str:
    nbytes = sum(ref.nbytes for ref in refs.values())
    return f"{nbytes:,} bytes of data" if refs else ""


def may_follow(store: ObjectStore, remote: Remote) -> bool:
    """Return whether reading may go on at a remote without the user having said so.

    A repository that is not on this machine was written by others: it may name buckets and web
    servers, but no path, and no file system that would log in somewhere.
    """
    if store.is_local:
        return True
    return "::" not in remote.url and scheme_of(remote.url) in _FOLLOWED


def _settle(what: str, failures: Sequence[Failure]) -> None:
    """Raise if a remote may have it that could not be asked."""
    if failures:
        remote, error = failures[0]
        why = f"{remote.url} cannot be read. {error}"
        code = "remote-unreachable"
        raise NotHereError.naming(what, remote=remote.name, why=why, code=code) from error
