"""One transaction written by many workers: parts that pickle, joined before the commit.

>>> import numpy, pickle, vstore
>>> repo = vstore.create("memory://forks-doc")
>>> with repo.transaction("main", message="Write together") as tx:
...     _ = tx.create_array("x", shape=(8,), chunk_shape=(4,), dtype="int64")
...     forks = [tx.fork() for _ in range(2)]
...     for i, fork in enumerate(forks):
...         fork["x"][4 * i : 4 * i + 4] = i + 1
...     tx.merge(*forks)
>>> repo.checkout("main")["x"][:]
array([1, 1, 1, 1, 2, 2, 2, 2])
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vstore.errors import ConflictError, InvalidInputError, advise
from vstore.faces import exported_from, internals
from vstore.format.commit import total_changes
from vstore.format.digest import Digest
from vstore.merging.merge import replay
from vstore.merging.sides import Sides
from vstore.reading.fetch import Fetcher
from vstore.writing.commit_options import CommitOptions
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_arrays import TransactionArray
from vstore.writing.transaction_nodes import TransactionGroup
from vstore.writing.transaction_table import TransactionTable

if TYPE_CHECKING:
    from vstore.zarr.zarr_store import ZarrStore


class WrittenPart:
    """What a fork began with, and what was written into it since."""

    def __init__(self, fetcher: Fetcher, begun: Digest, options: CommitOptions, token: str) -> None:
        self.fetcher = fetcher
        self.token = token
        self.begun = begun
        self._options = options
        self._written = begun
        self._transaction: Transaction | None = None

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        return self.__dict__ | {"_transaction": None}

    @property
    def transaction(self) -> Transaction:
        """What to write into; it is never committed by itself."""
        if self._transaction is None:
            self._transaction = Transaction(
                self.fetcher, self._written, self._options, label="of a fork"
            )
        return self._transaction

    def flush(self) -> Digest:
        """Store what was written; return the commit, which no branch names, that holds it."""
        if self._transaction is not None:
            made = internals(self._transaction).write()
            self._transaction = None
            self._written = self._written if made is None else made[0]
        return self._written


@exported_from("vstore")
class Fork:
    """A part of a transaction, to write into here or elsewhere.

    Pickling it stores what was written so far, where nobody sees it, and carries where it
    is. So a worker gets a fork, writes, and returns it. A worker that dies leaves nothing
    behind but objects that garbage collection removes; give its work to another.
    """

    def __init__(self, part: WrittenPart) -> None:
        self._internals = part

    @property
    def store(self) -> "ZarrStore":
        """The fork as a Zarr store, to read and write."""
        return self._internals.transaction.store

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path, to read and to change."""
        return self._internals.transaction[path]

    def table(self, path: str) -> TransactionTable:
        """Return the table at a path; see `Transaction.table`."""
        return self._internals.transaction.table(path)

    def array(self, path: str) -> TransactionArray:
        """Return the plain array at a path; see `Transaction.array`."""
        return self._internals.transaction.array(path)

    def group(self, path: str) -> TransactionGroup:
        """Return the group at a path; see `Transaction.group`."""
        return self._internals.transaction.group(path)

    def __repr__(self) -> str:
        part = self._internals
        return f"<vstore.Fork {part.token[:8]} of {part.fetcher.store.url}>"


@dataclass
class Forks:
    """The forks of one transaction that are still to be merged."""

    fetcher: Fetcher
    options: CommitOptions
    out: set[str] = field(default_factory=set)
    merged: set[str] = field(default_factory=set)

    def fork(self, transaction: Transaction) -> Fork:
        """Return a fork that begins with what the transaction holds."""
        begun = internals(transaction).checkpoint()
        token = secrets.token_hex(16)
        self.out.add(token)
        options = replace(self.options, message="Part of a transaction", metadata={})
        return Fork(WrittenPart(self.fetcher, begun, options, token))

    def merge(self, transaction: Transaction, forks: Sequence[Fork]) -> None:
        """Put what was written into forks into their transaction, one after the other."""
        tokens = self._check(forks)
        ours = internals(transaction).checkpoint()
        joined = [ours]
        for fork in forks:
            made = self._joined(internals(fork), ours)
            if made is not None:
                ours = made
                joined.append(ours)
        changes = total_changes(self.fetcher.commit(made).changes for made in joined)
        internals(transaction).adopt(ours, changes)
        self.out -= tokens
        self.merged |= tokens

    def _check(self, forks: Sequence[Fork]) -> set[str]:
        tokens: set[str] = set()
        for fork in forks:
            if not isinstance(fork, Fork):
                raise InvalidInputError(f"merge takes forks of the transaction, not {fork!r}")
            token = internals(fork).token
            if token in self.merged or token in tokens:
                raise InvalidInputError(f"{fork!r} was merged already, and a fork is merged once")
            if token not in self.out:
                raise InvalidInputError(f"{fork!r} is a fork of another transaction")
            tokens.add(token)
        return tokens

    def _joined(self, part: WrittenPart, ours: Digest) -> Digest | None:
        """Return a commit that has what the fork changed on top of `ours`; None if nothing."""
        theirs = part.flush()
        if theirs == part.begun:
            return None
        if ours == part.begun:
            return theirs
        transaction, conflicts = replay(self.fetcher, Sides(part.begun, ours, theirs), self.options)
        if conflicts.unresolved:
            transaction.discard()
            try:
                conflicts.check("the forks cannot be joined")
            except ConflictError as exc:
                advise(exc, "give each worker a region or samples of its own")
                raise
        made = internals(transaction).write()
        return None if made is None else made[0]
