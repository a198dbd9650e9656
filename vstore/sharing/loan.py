"""A transaction that other processes write into: what they write comes back by a journal.

The owner of the transaction lends it out, as `Terms` that pickle. A process that gets them
borrows it: it begins with what was there when it was lent, and stores each of its writes at
once, where no commit sees them, with an entry in the journal. The lender takes the entries
before it commits and whenever it looks, and says in entries of its own what it changed
itself; borrowers take all of them when they read.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from vstore.errors import ClosedError, ConflictError, NotFoundError, StorageError
from vstore.faces import internals, pickled
from vstore.format.digest import Digest
from vstore.format.journal import Write
from vstore.hierarchy.changes import Change
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.reading.fetch import Fetcher
from vstore.sharing.journal import Journal, NamedEntry, data_of, may_repeat, written
from vstore.sharing.looks import Looks, changed_meanwhile, version_of
from vstore.writing.transaction import Transaction

INLINE_NBYTES = 64 * 1024
"""What is written together goes into the journal itself up to this."""


@pickled
@dataclass(frozen=True, slots=True)
class Terms:
    """All that another process needs to borrow a transaction; pickles.

    `begun` is a commit, which no branch names, of what the transaction held when it was lent;
    `taken` are the entries of the journal that are in it, `number` is that of its state.
    """

    fetcher: Fetcher
    token: str
    begun: Digest
    taken: frozenset[str]
    number: int
    since: float


class Loan:
    """Lends a transaction out, and takes what was written for it; safe for several threads."""

    def __init__(
        self, transaction: Transaction, token: str, looks: Looks, lock: AbstractContextManager[Any]
    ) -> None:
        self._transaction = transaction
        self._keys = StagedKeys(internals(transaction).staged)
        self._fetcher = internals(transaction).staged.fetcher
        self._journal = Journal(self._fetcher, token)
        self._token = token
        self._looks = looks
        self._lock = lock
        self._since = time.time()
        self._is_lent = False
        self._is_over = False
        self._asked = self._answered = 0
        self._told: Digest | None = None
        self._number = 0
        self._untold: set[str] = set()
        self._conflict: ConflictError | None = None

    def terms(self) -> Terms:
        """Return what another process needs to write into the transaction as it is now."""
        with self._lock:
            if not self._is_lent or self._is_over:
                begun = internals(self._transaction).checkpoint()
                self._journal.open(begun)
                self._is_lent, self._is_over, self._told = True, False, self._told or begun
            begun = self._say()
            taken = frozenset(self._journal.taken)
            return Terms(self._fetcher, self._token, begun, taken, self._number, self._since)

    def take(self, *, last: bool = False) -> None:
        """Take what other processes have written so far; after the last time they are refused.

        Raises:
            ConflictError: a process wrote a part of a chunk, or changed a document, without
                having seen what another made of it; the transaction cannot be committed.
            ClosedError: garbage collection removed the journal, taking the transaction for dead.
        """
        if not self._is_lent:
            return
        self._asked += 1
        asked = self._asked
        with self._lock:
            if self._answered >= asked and not last:
                return  # what was read since covers it
            self._answered = self._asked
            self._take()
            if last:
                self._is_over = True
                self._journal.close()
                self._take()

    def _take(self) -> None:
        try:
            is_open, names = self._journal.names()
            if not (is_open or self._is_over):
                raise _removed()
            entries = self._journal.read(names)
        except NotFoundError as exc:
            raise _removed() from exc
        if self._conflict is not None:
            raise self._conflict
        with internals(self._transaction).door.busy():
            for named in entries:
                self._apply(named)

    def _apply(self, named: NamedEntry) -> None:
        """Put an entry into the transaction, or refuse all that follow."""
        for write in named.entry.writes:
            if write.on is not None:
                here = version_of(write.key, self._keys.find(write.key))
                if here != write.on and not (here == _version(write) and may_repeat(write)):
                    is_chunk = self._keys.is_chunk(write.key)
                    self._conflict = changed_meanwhile(write.key, is_chunk=is_chunk)
                    raise self._conflict
            with self._looks.others_change(lambda: self._keys, write.key):
                self._journal.apply(named, write, self._keys)
        self._journal.taken.add(named.name)
        self._untold.add(named.name)

    def tell(self) -> None:
        """Say what the transaction holds now, to those who borrow it.

        Where the store fails they do not see it; what they write without is refused.
        """
        if self._is_lent and not self._is_over:
            with self._lock, suppress(StorageError):
                self._say()

    def tell_of(self, changes: Sequence[Change]) -> None:
        """Say what was changed by key."""
        if not self._is_lent or self._is_over:
            return
        if sum(len(change.data or b"") for change in changes) > INLINE_NBYTES:
            self.tell()
            return
        with self._lock, suppress(StorageError):
            name = self._journal.next_name()
            self._journal.taken.add(name)
            self._untold.add(name)
            self._journal.add(name, [written(change) for change in changes])

    def _say(self) -> Digest:
        """Store what the transaction holds; return the commit, which no branch names."""
        begun = internals(self._transaction).checkpoint()
        if begun != self._told:
            name = self._journal.next_name()
            self._journal.taken.add(name)
            self._journal.add_state(name, self._number + 1, begun, self._untold)
            self._number += 1
            self._told = begun
            self._untold.clear()
        return begun

    def release(self) -> None:
        """Remove the journal, as far as the store allows; a worker that still writes is told."""
        self._is_over = True
        with suppress(StorageError):
            self._journal.remove()


def _version(write: Write) -> str:
    return write.chunk[2] if write.chunk else version_of(write.key, data_of(write))


def _removed() -> ClosedError:
    return ClosedError(
        "garbage collection removed what other processes wrote for the transaction, since none of "
        "them wrote for longer than the grace period",
        code="broken-transaction",
        hint="begin another one with `repo.transaction(message='Add samples')`",
    )
