"""A transaction of another process, to read and to write."""

import os
import threading
import time
from collections.abc import Sequence

from vstore.errors import ClosedError, FormatError, NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest, digest_of, parse_digest, raw_digest
from vstore.format.journal import Write
from vstore.format.page import ChunkRef, PackRef
from vstore.hierarchy.changes import Change
from vstore.hierarchy.nodes import Place
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.sharing.journal import Journal, NamedEntry, written
from vstore.sharing.loan import INLINE_NBYTES, Terms
from vstore.sharing.looks import Looks
from vstore.writing.door import Door
from vstore.writing.lease import Lease
from vstore.writing.packs import PACK_NBYTES, PackWriter
from vstore.writing.staged_tree import StagedTree

_LISTINGS = 10
"""How often the journal is listed anew while what was listed of it does not go together."""


class Borrower:
    """Reads and writes the keys of a transaction that another process holds.

    It sees what the transaction held when it was lent, and all that was written for it since,
    here or in other processes. A write that returns is part of the transaction; one that is
    made after its end is refused. Safe to use from several threads.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self._store = terms.fetcher.store
        self._journal = Journal(terms.fetcher, terms.token, terms.taken)
        self._lease = Lease(self._store, age_seconds=max(0.0, time.time() - terms.since))
        self._asked = self._answered = 0
        self._looks = Looks()
        self._own: set[str] = set()
        self._begun = terms.begun
        self._number = terms.number
        self._past = set(terms.taken)
        self._keys: StagedKeys | None = None

    @property
    def keys(self) -> StagedKeys:
        """The keys of the transaction, once something of it is wanted here."""
        if self._keys is None:
            fetcher, begun = self.terms.fetcher, self._begun
            writer, door = PackWriter(fetcher), Door(_is_open)
            tree = StagedTree(fetcher, writer, begun, door=door, what=f"commit {begun}")
            self._keys = StagedKeys(tree)
        return self._keys

    def take(self) -> None:
        """Take what was written in other processes so far."""
        self._asked += 1
        asked = self._asked
        with self.lock:
            if self._answered >= asked:
                return  # what was read since covers it
            self._answered = self._asked
            for _ in range(_LISTINGS):
                if self._take():
                    return
            raise FormatError(
                f"the journal of the transaction {self.terms.token} lacks a state of it"
            )

    def _take(self) -> bool:
        """Take what is listed; return False where a state has been listed and not the one before.

        Where the transaction itself was changed, begin anew with what it holds.
        """
        try:
            is_open, names = self._journal.names()
            if not is_open:
                raise _finished()
            entries = self._journal.read(names)
            states = {named.name: named.entry.state for named in entries if named.entry.state}
            numbers = {state.number for state in states.values()}
            if numbers and numbers != set(range(self._number + 1, max(numbers) + 1)):
                return False
            if not states:
                self._apply(entries)
                return True
            _, newest = max(states.items(), key=lambda item: (item[1].number, item[0]))
            self._past.update(states, *(state.taken for state in states.values()))
            with self._looks.others_change(lambda: self.keys):
                self._begun = parse_digest(newest.commit, what="commit")
                self._number, self._keys = newest.number, None
                self._journal.taken = set(self._past)
                self._apply(self._journal.read(names))
        except NotFoundError as exc:
            raise _finished() from exc
        return True

    def _apply(self, entries: Sequence[NamedEntry]) -> None:
        for named in entries:
            for write in named.entry.writes:
                if named.name in self._own:
                    self._journal.apply(named, write, self.keys)
                    continue
                with self._looks.others_change(lambda: self.keys, write.key):
                    self._journal.apply(named, write, self.keys)
            self._journal.taken.add(named.name)

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; takes note that they were read."""
        self.take()
        with self.lock:
            place = self.keys.find(key)
            self._looks.saw(key, place, is_chunk=self.keys.is_chunk(key))
            return place

    def write(self, changes: Sequence[Change]) -> None:
        """Store changes; when this returns the transaction has them.

        Raises:
            ClosedError: it is finished.
            ConflictError: others changed a document since it was read here; nothing was stored.
        """
        nbytes, part = 0, list[Change]()
        for change in changes:
            if nbytes > PACK_NBYTES:
                self._write(part)
                nbytes, part = 0, []
            part.append(change)
            nbytes += len(change.data or b"")
        self._write(part)

    def _write(self, changes: Sequence[Change]) -> None:
        with self.lock:
            is_chunk = [self.keys.find_chunk(change.key) is not None for change in changes]
            if not all(is_chunk):  # what they are depends on what was written before
                for change in changes:
                    self._write_one(change)
                return
            bases = [self._looks.base_of(c.key, self.keys, is_chunk=True) for c in changes]
            name = self._next_name()
        self._write_chunks(changes, bases, name)

    def _next_name(self) -> str:
        name = self._journal.next_name()
        self._own.add(name)
        return name

    def _write_one(self, change: Change) -> None:
        """Store one change, and wait until it is there before anything else is looked at.

        Chunks are looked at when they are taken with what others wrote, in one order.
        """
        self.take()
        is_chunk = self.keys.is_chunk(change.key)
        base = self._looks.base_of(change.key, self.keys, is_chunk=is_chunk)
        name = self._next_name()
        if is_chunk:
            self._write_chunks([change], [base], name)
            return
        change.apply(self.keys)
        self._looks.wrote(change.key, is_chunk=False)
        stored = self.keys.find(change.key)  # as it will be read
        if change.data is not None and isinstance(stored, bytes):
            change = Change(change.key, stored)
        self._journal.taken.add(name)
        self._add(name, [written(change, base)])

    def _write_chunks(
        self, changes: Sequence[Change], bases: Sequence[str | None], name: str
    ) -> None:
        """Store chunks: small ones in the entry itself, which the lender packs."""
        if sum(len(change.data or b"") for change in changes) <= INLINE_NBYTES:
            self._add(name, list(map(written, changes, bases)))
            return
        pack, data, refs = _packed(changes)
        self._store.put(object_keys.pack(pack.digest), data)
        writes = [
            written(change, base)
            if ref is None
            else Write(change.key, chunk=(ref.offset, ref.nbytes, ref.digest.hex()), on=base)
            for change, ref, base in zip(changes, refs, bases, strict=True)
        ]
        self._add(name, writes, pack)

    def _add(self, name: str, writes: Sequence[Write], pack: PackRef | None = None) -> None:
        self._journal.add(name, writes, pack)
        if not self._journal.is_open():
            raise _finished()
        self._lease.keep()


def _is_open() -> None:
    """Say that the transaction is open, as far as is known here; see `Borrower.write`."""


def _finished() -> ClosedError:
    return ClosedError(
        "the transaction behind this store was committed or discarded, so what is written now "
        "would be in no commit",
        code="finished-transaction",
        hint="commit when all tasks are done",
    )


def _packed(changes: Sequence[Change]) -> tuple[PackRef, bytes, list[ChunkRef | None]]:
    """Return the pack of the chunks that changes store, and where each is in it."""
    parts = [change.data for change in changes if change.data is not None]
    digests = [raw_digest(part) for part in parts]
    if len(parts) == 1:  # neither copied nor digested again
        data, digest = parts[0], Digest(digests[0].hex())
    else:
        data = b"".join(parts)
        digest = digest_of(data)
    pack, offset = PackRef(digest, len(data)), 0
    refs: list[ChunkRef | None] = []
    upcoming = iter(digests)
    for change in changes:
        if change.data is None:
            refs.append(None)
            continue
        refs.append(ChunkRef(pack, offset, len(change.data), next(upcoming)))
        offset += len(change.data)
    return pack, data, refs
