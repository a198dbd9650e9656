"""What processes that write for one transaction tell each other, as `format.journal` says."""

import base64
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vstore.errors import NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.journal import (
    JournalEntry,
    Write,
    decode_entry,
    encode_entry,
    encode_mark,
    encode_state,
)
from vstore.format.page import PackRef
from vstore.hierarchy import documents
from vstore.hierarchy.changes import Change
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.reading.fetch import Fetcher

_DIGITS = 20


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
        self._last = 0
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

    def next_name(self) -> str:
        """Return a name for an entry: after those that were seen, whatever clocks say."""
        self._last = max(time.time_ns(), self._last + 1)
        return f"{self._last:0{_DIGITS}}-{secrets.token_hex(8)}"

    def add(self, name: str, writes: Sequence[Write], pack: PackRef | None = None) -> None:
        """Store an entry of what was written."""
        self._store.put(
            object_keys.journal_entry(self._token, name), encode_entry(list(writes), pack)
        )

    def add_state(self, name: str, number: int, commit: Digest, taken: Iterable[str]) -> None:
        """Store an entry that says what the transaction holds."""
        self._store.put(
            object_keys.journal_entry(self._token, name),
            encode_state(number, commit, sorted(taken)),
        )

    def names(self) -> tuple[bool, list[str]]:
        """Return whether the journal is open, and the names of all entries, in order."""
        found = [info.key for info in self._store.list_prefix(object_keys.journal(self._token))]
        names = sorted(
            key[len(self._prefix) :].removesuffix(".json")
            for key in found
            if key.startswith(self._prefix)
        )
        if names and names[-1][:_DIGITS].isdecimal():
            self._last = max(self._last, int(names[-1][:_DIGITS]))
        return object_keys.journal_mark(self._token) in found, names

    def read(self, names: Iterable[str]) -> list[NamedEntry]:
        """Return those of some entries that were not taken yet.

        Raises:
            NotFoundError: one was removed meanwhile.
        """
        new = [name for name in names if name not in self.taken]
        return list(self._fetcher.map(self._read, new))

    def _read(self, name: str) -> NamedEntry:
        key = object_keys.journal_entry(self._token, name)
        return NamedEntry(name, decode_entry(self._store.get(key), what=key))

    def apply(self, named: NamedEntry, write: Write, keys: StagedKeys) -> None:
        """Put what an entry says of one key into a transaction."""
        if write.chunk is not None:
            what = object_keys.journal_entry(self._token, named.name)
            keys.place(write.key, named.entry.ref(write, what=what))
        else:
            Change(write.key, data_of(write)).apply(keys)

    def remove(self) -> None:
        """Delete all of it."""
        self.close()
        found = [info.key for info in self._store.list_prefix(object_keys.journal(self._token))]
        for _ in self._fetcher.map(self._store.delete, found):
            pass


def written(change: Change, base: str | None = None) -> Write:
    """Return what an entry says of a change that it holds whole."""
    data = None if change.data is None else base64.b64encode(change.data).decode()
    return Write(change.key, data=data, on=base)


def data_of(write: Write) -> bytes | None:
    """Return the bytes that an entry holds of what was written, None if it holds none."""
    return None if write.data is None else base64.b64decode(write.data)


def may_repeat(write: Write) -> bool:
    """Return whether one who did not see what is there may write the very same over it.

    A task that is tried again does. But two who each let an array grow by as much would write
    their new chunks over each other's.
    """
    document = documents.find_document(data_of(write) or b"")
    return not (write.on and document is not None and document["node_type"] == "array")
