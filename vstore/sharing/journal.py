"""What processes that write for one transaction tell each other, as `format.journal` says."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vstore.errors import NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest, raw_digest
from vstore.format.journal import JournalEntry, Write, decode_entry, encode_entry, encode_mark
from vstore.format.page import ChunkRef, PackRef
from vstore.hierarchy.nodes import Place
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.reading.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """An entry with its name."""

    name: str
    entry: JournalEntry


class Journal:
    """Holds what was written for a transaction, and which of it was taken here."""

    def __init__(self, fetcher: Fetcher, token: str, taken: Iterable[str] = ()) -> None:
        self._fetcher = fetcher
        self._store = fetcher.store
        self._token = token
        self._prefix = f"{object_keys.journal(token)}entries/"
        self.taken = set(taken)

    def open(self, begun: Digest) -> None:
        """Say that the transaction takes entries."""
        self._store.put(object_keys.journal_mark(self._token), encode_mark(begun))

    def close(self) -> None:
        """Say that it takes none any more: a worker that looks after writing one finds out."""
        self._store.delete(object_keys.journal_mark(self._token))

    def is_open(self) -> bool:
        """Return whether an entry that was written before will be taken."""
        try:
            self._store.get(object_keys.journal_mark(self._token))
        except NotFoundError:
            return False
        return True

    def add(self, name: str, writes: Sequence[Write], pack: PackRef | None, *, taken: bool) -> None:
        """Store an entry, which counts as taken here or is to be taken with those of others."""
        if taken:
            self.taken.add(name)
        self._store.put(
            object_keys.journal_entry(self._token, name), encode_entry(list(writes), pack)
        )

    def new(self) -> tuple[bool, list[NamedEntry]]:
        """Return whether the journal is open, and the entries not taken yet, in order.

        Raises:
            NotFoundError: one was removed meanwhile.
        """
        found = [info.key for info in self._store.list_prefix(object_keys.journal(self._token))]
        names = sorted(
            key[len(self._prefix) :].removesuffix(".json")
            for key in found
            if key.startswith(self._prefix)
        )
        new = [name for name in names if name not in self.taken]
        return object_keys.journal_mark(self._token) in found, list(
            self._fetcher.map(self._read, new)
        )

    def _read(self, name: str) -> NamedEntry:
        key = object_keys.journal_entry(self._token, name)
        return NamedEntry(name, decode_entry(self._store.get(key), what=key))

    def take(self, entries: Iterable[NamedEntry], into: StagedKeys) -> None:
        """Put what entries say into a transaction."""
        for named in entries:
            for write in named.entry.writes:
                what = object_keys.journal_entry(self._token, named.name)
                _put(
                    into, write, None if write.chunk is None else named.entry.ref(write, what=what)
                )
            self.taken.add(named.name)

    def remove(self) -> None:
        """Delete all of it."""
        self.close()
        found = [info.key for info in self._store.list_prefix(object_keys.journal(self._token))]
        for _ in self._fetcher.map(self._store.delete, found):
            pass


def _put(into: StagedKeys, write: Write, ref: ChunkRef | None) -> None:
    if ref is not None:
        into.place(write.key, ref)
    elif write.data is not None:
        into.set(write.key, base64.b64decode(write.data))
    elif write.key.endswith("/") or not write.key:
        into.delete_prefix(write.key)
    else:
        into.delete(write.key)


def digest_at(place: Place) -> str:
    """Return the digest of what is stored somewhere; an empty one where nothing is."""
    if place is None:
        return ""
    return (place.digest if isinstance(place, ChunkRef) else raw_digest(place)).hex()


def digest_written(write: Write) -> str:
    """Return the digest of what a write stored; an empty one if it deleted."""
    if write.chunk is not None:
        return write.chunk[2]
    return "" if write.data is None else raw_digest(base64.b64decode(write.data)).hex()
