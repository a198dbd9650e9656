"""A transaction that one process begins and another one ends, as Spark's drivers do."""

from collections.abc import Sequence

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.sharing.forks import Fork
from vstore.sharing.joining import Joining
from vstore.writing.transaction import Transaction


class Handover:
    """What was made in a transaction that is given up here, for one that goes on elsewhere.

    It pickles. Make it before the first change, and `close` it after the last.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction: Transaction | None = transaction
        self._base = internals(transaction).checkpoint()
        self._fork: Fork | None = None

    def close(self, fork: Fork) -> None:
        """Give the transaction up; `fork` is one of it that has all of its changes."""
        if self._transaction is not None:
            self._transaction.discard()
        self._transaction, self._fork = None, fork

    def put_into(self, transaction: Transaction, children: Sequence[Fork]) -> None:
        """Put the changes into another transaction, and behind them those of the fork's children.

        Raises:
            ConflictError: the other transaction's branch changed the same elements meanwhile.
        """
        if self._fork is None:
            raise InvalidInputError("a transaction is handed over after `close`")
        own = internals(self._fork)
        parts = {internals(child).names: internals(child) for child in children}
        joining = Joining(own.fetcher, internals(transaction).checkpoint(), own.options)
        try:
            joining.add(self._base, own.begun)
            for name in sorted(parts):
                joining.add(own.begun, parts[name].flush())
            made, changes = joining.finish()
        except BaseException:
            joining.discard()
            raise
        internals(transaction).adopt(made, changes)
