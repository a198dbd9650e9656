"""Which transaction is meant by a store that was pickled: the one here, or one elsewhere."""

import os
import secrets
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from vstore.errors import ClosedError, InvalidInputError
from vstore.faces import internals
from vstore.sharing.borrower import Borrower
from vstore.sharing.loan import Loan, Terms
from vstore.sharing.looks import Looks
from vstore.storage.forking import ForkSafeLock
from vstore.writing.transaction import Transaction

KEPT_BORROWERS = 4
"""How many transactions of other processes one process keeps for stores that may still come."""


class Shared:
    """What all stores of one transaction have in common; does not keep it alive."""

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self.token = secrets.token_hex(16)
        self.lock = lock
        self.looks = Looks()
        self._pid = os.getpid()

    @property
    def is_here(self) -> bool:
        """Return whether this process made the transaction, and not one it was forked from."""
        return self._pid == os.getpid()

    def require_here(self) -> None:
        """Refuse the copy of a transaction that a fork of the process made."""
        if not self.is_here:
            raise InvalidInputError(
                "this process was forked from the one that holds the transaction, so what is "
                "written here would be lost",
                code="forked-process",
                hint="pass the store to the process as a pickled argument",
            )

    def lend(self, transaction: Transaction) -> Terms:
        """Return what another process needs to write into the transaction."""
        self.require_here()
        if not transaction.is_open:
            raise ClosedError(
                "the transaction behind this store is finished, so nothing can be written to it",
                code="finished-transaction",
            )
        with self.lock:
            loan = find_loan(transaction)
            if loan is None:
                loan = Loan(transaction, self.token, self.looks, self.lock)
                internals(transaction).accept(loan)
            return loan.terms()


def find_loan(transaction: Transaction) -> Loan | None:
    """Return the loan of a transaction that was lent."""
    others = internals(transaction).door.others
    return others if isinstance(others, Loan) else None


_SHARED: WeakKeyDictionary[Transaction, Shared] = WeakKeyDictionary()
_LIVE: WeakValueDictionary[str, Transaction] = WeakValueDictionary()
_BORROWERS: dict[str, Borrower] = {}
_REGISTRY = ForkSafeLock()


def shared(transaction: Transaction) -> Shared:
    """Return what the stores of a transaction have in common."""
    with _REGISTRY:
        if transaction not in _SHARED:
            made = _SHARED[transaction] = Shared(internals(transaction).lock)
            _LIVE[made.token] = transaction
        return _SHARED[transaction]


def received(terms: Terms) -> Transaction | Borrower:
    """Return what was lent: the transaction where it lives, a borrower of it elsewhere."""
    here = _LIVE.get(terms.token)
    if here is not None and shared(here).is_here:
        return here
    with _REGISTRY:
        found = _BORROWERS.get(terms.token)
        if found is None or found.pid != os.getpid():
            found = _BORROWERS[terms.token] = Borrower(terms)
            while len(_BORROWERS) > KEPT_BORROWERS:
                del _BORROWERS[next(iter(_BORROWERS))]
        return found
