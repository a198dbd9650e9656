"""A transaction of another process, to read and to write."""

import base64
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property

from vstore.errors import ClosedError, NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest, digest_of, raw_digest
from vstore.format.journal import Write
from vstore.format.page import ChunkRef, PackRef
from vstore.hierarchy.changes import Change
from vstore.hierarchy.nodes import Place
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.sharing.journal import Journal, digest_at
from vstore.sharing.loan import Terms
from vstore.writing.lease import Lease
from vstore.writing.packs import PACK_NBYTES, PackWriter
from vstore.writing.staged_tree import StagedTree

INLINE_NBYTES = 64 * 1024
"""What is written together goes into the journal itself up to this; the lender packs it."""

_LOOKS = 4096
"""How many chunks are remembered that were read and may be written next."""


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
        self._last = self._asked = self._answered = 0
        self._looks: OrderedDict[str, list[str]] = OrderedDict()

    @cached_property
    def keys(self) -> StagedKeys:
        """The keys of the transaction, once something of it is wanted here."""
        fetcher, begun = self.terms.fetcher, self.terms.begun
        writer = PackWriter(fetcher)
        tree = StagedTree(fetcher, writer, begun, require_open=_is_open, what=f"commit {begun}")
        return StagedKeys(tree)

    def take(self) -> None:
        """Take what was written in other processes so far."""
        self._asked += 1
        asked = self._asked
        with self.lock:
            if self._answered >= asked:
                return  # what was read since covers it
            self._answered = self._asked
            try:
                is_open, entries = self._journal.new()
            except NotFoundError as exc:
                raise _finished() from exc
            if not is_open:
                raise _finished()
            self._journal.take(entries, self.keys)

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; takes note that they were read."""
        self.take()
        with self.lock:
            place = self.keys.find(key)
            if self.keys.find_chunk(key) is not None:
                looks = self._looks.setdefault(key, [])
                looks.append(digest_at(place))
                del looks[:-8]
                self._looks.move_to_end(key)
                while len(self._looks) > _LOOKS:
                    self._looks.popitem(last=False)
            return place

    def write(self, changes: Sequence[Change]) -> None:
        """Store changes; when this returns the transaction has them.

        Raises:
            ClosedError: it is finished.
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
        is_small = sum(len(change.data or b"") for change in changes) <= INLINE_NBYTES
        digests = [raw_digest(change.data or b"") for change in changes]
        with self.lock:
            looks = [self._look(change.key) for change in changes]
            is_chunk = [
                change.data is not None and self.keys.find_chunk(change.key) is not None
                for change in changes
            ]
            is_apart = [chunk and not is_small for chunk in is_chunk]
            for change, apart in zip(changes, is_apart, strict=True):
                if not apart and not all(is_chunk):
                    change.apply(self.keys)
            name = self._name()
        pack, data, refs = _packed(changes, digests, is_apart)
        if pack is not None:
            self._store.put(object_keys.pack(pack.digest), data)
        writes = [
            _described(change, ref, look)
            for change, ref, look in zip(changes, refs, looks, strict=True)
        ]
        is_taken = not (is_small and all(is_chunk))  # those wait in the journal to be looked at
        self._journal.add(name, writes, pack, taken=is_taken)
        if not self._journal.is_open():
            raise _finished()
        self._lease.keep()
        with self.lock:
            for change, ref in zip(changes, refs, strict=True):
                if ref is not None:
                    self.keys.place(change.key, ref)

    def _look(self, key: str) -> str | None:
        """Return what was last read under a key and not written since."""
        looks = self._looks.get(key)
        return looks.pop() if looks else None

    def _name(self) -> str:
        self._last = max(time.time_ns(), self._last + 1)
        return f"{self._last:020}-{secrets.token_hex(8)}"


def _is_open() -> None:
    """Say that the transaction is open, as far as is known here; see `Borrower.write`."""


def _finished() -> ClosedError:
    return ClosedError(
        "the transaction behind this store was committed or discarded, so what is written now "
        "would be in no commit",
        code="finished-transaction",
        hint="commit when all tasks are done",
    )


def _packed(
    changes: Sequence[Change], digests: Sequence[bytes], is_chunk: Sequence[bool]
) -> tuple[PackRef | None, bytes, list[ChunkRef | None]]:
    """Return the pack of the chunks among some changes, and where each is in it."""
    apart = [i for i, chunk in enumerate(is_chunk) if chunk]
    refs: list[ChunkRef | None] = [None] * len(changes)
    if not apart:
        return None, b"", refs
    parts = [changes[i].data or b"" for i in apart]
    if len(parts) == 1:  # neither copied nor digested again
        data, digest = parts[0], Digest(digests[apart[0]].hex())
    else:
        data = b"".join(parts)
        digest = digest_of(data)
    pack, offset = PackRef(digest, len(data)), 0
    for i, part in zip(apart, parts, strict=True):
        refs[i] = ChunkRef(pack, offset, len(part), digests[i])
        offset += len(part)
    return pack, data, refs


def _described(change: Change, ref: ChunkRef | None, look: str | None) -> Write:
    if ref is not None:
        return Write(change.key, chunk=(ref.offset, ref.nbytes, ref.digest.hex()), on=look)
    data = None if change.data is None else base64.b64encode(change.data).decode()
    return Write(change.key, data=data, on=look)
