"""What a Zarr store shows: a commit, a transaction, or one that another process holds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from vstore.errors import ClosedError, ReadOnlyError
from vstore.faces import internals, pickled
from vstore.hierarchy.changes import Change
from vstore.hierarchy.nodes import Place, StoredHierarchy
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.hierarchy.zarr_keys import Keys
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.sharing.borrower import Borrower
from vstore.sharing.loan import Terms
from vstore.sharing.looks import changed_meanwhile, version_of
from vstore.sharing.sharing import find_loan, received, shared
from vstore.writing.transaction import Transaction


class Source(Protocol):
    """Keys and what is stored under them; safe to use from several threads."""

    @property
    def fetcher(self) -> Fetcher:
        """What reads the chunks."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def identity(self) -> tuple[str, str]:
        """What is equal where two sources are the same."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes have to be told of what is written, which costs a request."""

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; None where there are none."""

    def list_prefix(self, prefix: str) -> Sequence[str]:
        """Return every key that begins with `prefix`."""

    def list_dir(self, prefix: str) -> Sequence[str]:
        """Return the names directly below `prefix`."""

    def write(self, changes: Sequence[Change]) -> None:
        """Store and delete."""

    def revival(self) -> tuple[Callable[[Any], "Source"], Any]:
        """Return a function and an argument, which pickle, that make it again elsewhere."""


class CommitView:
    """The keys of a commit."""

    is_shared = False

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.fetcher = internals(snapshot).fetcher
        self.identity = snapshot.url, snapshot.commit.id
        self.name = f"{snapshot.url}@{snapshot.commit.id}"
        self._keys = Keys(StoredHierarchy(snapshot))

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; None where there are none."""
        return self._keys.find(key)

    def list_prefix(self, prefix: str) -> Sequence[str]:
        """Return every key that begins with `prefix`."""
        return list(self._keys.list_prefix(prefix))

    def list_dir(self, prefix: str) -> Sequence[str]:
        """Return the names directly below `prefix`."""
        return self._keys.list_dir(prefix)

    def write(self, changes: Sequence[Change]) -> None:
        """Refuse."""
        raise ReadOnlyError(
            f"a commit never changes, and {changes[0].key!r} is in one",
            code="commit-is-read-only",
            hint="write to the store of a transaction, `tx.store`",
        )

    def revival(self) -> tuple[Callable[[Any], Source], Any]:
        """Return a function and an argument, which pickle, that make it again elsewhere."""
        return CommitView, self.snapshot


class OpenTransaction:
    """The keys of a transaction that this process holds."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.fetcher = internals(transaction).staged.fetcher
        self.name = f"{self.fetcher.store.url}@{transaction.branch} (transaction)"
        self._shared = shared(transaction)
        self._keys = StagedKeys(internals(transaction).staged)

    @property
    def identity(self) -> tuple[str, str]:
        """What is equal where two sources are the same."""
        return "", self._shared.token

    @property
    def is_shared(self) -> bool:
        """Whether other processes have to be told of what is written, which costs a request."""
        return find_loan(self.transaction) is not None

    @contextmanager
    def _up_to_date(self) -> Iterator[StagedKeys]:
        """Yield the keys with what other processes wrote, while no other thread uses them."""
        if not self.transaction.is_open:
            raise ClosedError(
                "the transaction behind this store is finished",
                code="finished-transaction",
                hint="open the store of the commit that it made, or of another transaction",
            )
        self._shared.require_here()
        with self._shared.lock:
            internals(self.transaction).door.enter()
            yield self._keys

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; takes note that they were read."""
        with self._up_to_date() as keys:
            place = keys.find(key)
            self._shared.looks.saw(key, place, is_chunk=keys.is_chunk(key))
            return place

    def list_prefix(self, prefix: str) -> Sequence[str]:
        """Return every key that begins with `prefix`."""
        with self._up_to_date() as keys:
            return list(keys.list_prefix(prefix))

    def list_dir(self, prefix: str) -> Sequence[str]:
        """Return the names directly below `prefix`."""
        with self._up_to_date() as keys:
            return keys.list_dir(prefix)

    def write(self, changes: Sequence[Change]) -> None:
        """Store and delete."""
        done = list[Change]()
        with self._up_to_date() as keys:
            try:
                for change in changes:
                    done.append(self._write(change, keys))
            finally:
                loan = find_loan(self.transaction)
                if loan is not None:
                    loan.tell_of(done)

    def _write(self, change: Change, keys: StagedKeys) -> Change:
        """Make a change, or refuse it if it would undo what another thread or process wrote.

        Where it changes a part of a chunk that was changed since it was read, both count;
        what is returned is the change that this came to.
        """
        key, looks, is_chunk = change.key, self._shared.looks, keys.is_chunk(change.key)
        look = looks.look_of(key) if is_chunk else None
        looks.check(key)
        with internals(self.transaction).door.busy():
            if look is None or look.version == version_of(key, keys.find(key)):
                change.apply(keys)
            elif not look.is_held or not keys.overlay(key, base=look.place, new=change.data):
                raise changed_meanwhile(key, is_chunk=True)
            else:
                change = Change(key, keys.data(key))
        looks.wrote(key, is_chunk=is_chunk)
        return change

    def revival(self) -> tuple[Callable[[Any], Source], Any]:
        """Return a function and an argument, which pickle, that make it again elsewhere."""
        return source_received, self._shared.lend(self.transaction)


class Borrowed:
    """The keys of a transaction that another process holds."""

    is_shared = True

    def __init__(self, borrower: Borrower) -> None:
        self.borrower = borrower
        self.fetcher = borrower.terms.fetcher
        self.identity = "", borrower.terms.token
        self.name = f"{self.fetcher.store.url} (transaction of another process)"

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; None where there are none."""
        return self.borrower.find(key)

    def list_prefix(self, prefix: str) -> Sequence[str]:
        """Return every key that begins with `prefix`."""
        with self.borrower.lock:
            self.borrower.take()
            return list(self.borrower.keys.list_prefix(prefix))

    def list_dir(self, prefix: str) -> Sequence[str]:
        """Return the names directly below `prefix`."""
        with self.borrower.lock:
            self.borrower.take()
            return self.borrower.keys.list_dir(prefix)

    def write(self, changes: Sequence[Change]) -> None:
        """Store and delete."""
        self.borrower.write(changes)

    def revival(self) -> tuple[Callable[[Any], Source], Any]:
        """Return a function and an argument, which pickle, that make it again elsewhere."""
        return source_received, self.borrower.terms


def source_of(what: Snapshot | Transaction | Source) -> Source:
    """Return the keys of a commit or a transaction."""
    if isinstance(what, Snapshot):
        return CommitView(what)
    return OpenTransaction(what) if isinstance(what, Transaction) else what


@pickled
def source_received(terms: Terms) -> Source:
    """Return what a pickle of a transaction's store reaches from here."""
    found = received(terms)
    return Borrowed(found) if isinstance(found, Borrower) else OpenTransaction(found)
