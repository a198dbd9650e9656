"""A transaction that other processes write into: what they write comes back by a journal.

The owner of the transaction lends it out, as `Terms` that pickle. A process that gets them
borrows it: it begins with what was there when it was lent, and stores each of its writes at
once, where no commit sees them, with an entry in the journal. The lender takes the entries
before it commits and whenever it looks; so do borrowers when they read.
"""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from vstore.errors import ClosedError, ConflictError, NotFoundError, StorageError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.reading.fetch import Fetcher
from vstore.sharing.journal import Journal, NamedEntry, digest_at, digest_written
from vstore.writing.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """All that another process needs to borrow a transaction; pickles.

    `begun` is a commit, which no branch names, of what the transaction held when it was lent;
    `taken` are the entries of the journal that are in it.
    """

    fetcher: Fetcher
    token: str
    begun: Digest
    taken: frozenset[str]
    since: float


class Loan:
    """Lends a transaction out, and takes what was written for it; safe for several threads."""

    def __init__(
        self, transaction: Transaction, token: str, lock: AbstractContextManager[Any]
    ) -> None:
        self._transaction = transaction
        self._keys = StagedKeys(internals(transaction).staged)
        self._journal = Journal(internals(transaction).staged.fetcher, token)
        self._token = token
        self._lock = lock
        self._since = time.time()
        self._is_open = False
        self._asked = self._answered = 0

    def terms(self) -> Terms:
        """Return what another process needs to write into the transaction as it is now."""
        with self._lock:
            begun = internals(self._transaction).checkpoint()
            if not self._is_open:
                self._journal.open(begun)
                self._is_open = True
            taken = frozenset(self._journal.taken)
            return Terms(
                internals(self._transaction).staged.fetcher, self._token, begun, taken, self._since
            )

    def take(self, *, last: bool = False) -> None:
        """Take what other processes have written so far; after the last time they are refused.

        Raises:
            ConflictError: two processes wrote parts of one chunk without seeing each other's;
                nothing was taken.
            ClosedError: garbage collection removed the journal, taking the transaction for dead.
        """
        if not self._is_open:
            return
        self._asked += 1
        asked = self._asked
        with self._lock:
            if self._answered >= asked and not last:
                return  # what was read since covers it
            self._answered = self._asked
            entries = self._new()
            if last:
                self._journal.close()
                entries = self._new(is_over=True)
            self._check(entries)
            self._journal.take(entries, self._keys)

    def release(self) -> None:
        """Remove the journal, as far as the store allows; a worker that still writes is told."""
        if self._is_open:
            with suppress(StorageError):
                self._journal.remove()

    def _new(self, *, is_over: bool = False) -> list[NamedEntry]:
        try:
            is_open, entries = self._journal.new()
        except NotFoundError as exc:
            raise _removed() from exc
        if not (is_open or is_over):
            raise _removed()
        return entries

    def _check(self, entries: Iterable[NamedEntry]) -> None:
        """Refuse a chunk that was read, changed and stored while another process stored it."""
        now: dict[str, str] = {}
        for write in (write for named in entries for write in named.entry.writes):
            new = digest_written(write)
            if write.on is not None:
                here = now.get(write.key)
                here = digest_at(self._keys.find(write.key)) if here is None else here
                if here not in (write.on, new):
                    raise ConflictError(
                        f"two processes wrote parts of the chunk {write.key!r}, and one would "
                        "undo what the other wrote",
                        code="chunk-written-twice",
                        hint="let each process write whole chunks (with Dask, rechunk to multiples "
                        "of the array's chunks), or give each a fork, `tx.fork()`: forks are "
                        "merged by element",
                    )
            now[write.key] = new


def _removed() -> ClosedError:
    return ClosedError(
        "garbage collection removed what other processes wrote for the transaction, since none of "
        "them wrote for longer than the grace period",
        code="broken-transaction",
        hint="begin another one with `repo.transaction(message='Add samples')`",
    )
