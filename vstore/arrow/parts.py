"""A table that the tasks of a cluster add samples to, each in a part of its own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError
from vstore.faces import internals, pickled
from vstore.format.table.names import KEYS
from vstore.format.table.specs import ColumnSpec
from vstore.sharing.forks import Fork
from vstore.writing.transaction import Transaction

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS = 12
"""Of the number of a task in the name of its fork, by which forks are ordered."""


@pickled
class TableParts:
    """What tasks need to add samples to a table of a transaction that stays where it is.

    It pickles without the transaction. Tasks may be more than were planned, run twice, or
    die: what `finish` is given is in the table, in the order of the tasks' numbers, and of a
    task that is given twice the part that comes last.
    """

    def __init__(
        self,
        transaction: Transaction,
        path: str,
        *,
        keys: str | None = None,
        columns: Mapping[str, ColumnSpec] | None = None,
    ) -> None:
        self._transaction: Transaction | None = transaction
        self._path = path
        self._keys = keys
        self._columns = columns
        self._fork: Fork | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_transaction": None}

    @property
    def _here(self) -> Transaction:
        if self._transaction is None:
            raise InvalidInputError("the transaction is in the process that began it")
        return self._transaction

    def begin(self, schema: "pa.Schema | None" = None) -> None:
        """Make the table for samples of a schema, where there is none, and what tasks write into.

        Without a schema the tasks make it, each for its own samples, which must be alike.
        """
        if self._fork is None:
            if schema is not None and self._path not in self._here:
                self._extend(self._here, schema.empty_table())
            self._fork = self._here.fork()

    def _extend(self, to: Any, batch: Any) -> None:
        """Add a batch to the table of a transaction, which is made if there is none."""
        if not isinstance(batch, Mapping):
            to.write_arrow(self._path, batch, keys=self._keys, columns=self._columns)
            return
        rest = dict(batch)
        keys = rest.pop(self._keys or KEYS, None)
        to.table(self._path).extend(rest, keys=None if keys is None else list(keys))

    @property
    def fork(self) -> Fork:
        """The fork that those of the tasks are children of."""
        if self._fork is None:
            raise InvalidInputError("tasks write after `begin`")
        return self._fork

    def write(self, task: int, batches: Iterable[Any]) -> Fork | None:
        """Store the samples of a task; return the part that has them, None where there is none.

        Args:
            task: the number of the task, the same however often it runs.
            batches: what has Arrow's stream, or mappings of column names to values.
        """
        child = self.fork.child(f"{task:0{_DIGITS}}")
        inside, is_empty = internals(child).transaction, True
        for batch in batches:
            self._extend(inside, batch)
            is_empty = False
        return None if is_empty else child

    def finish(self, forks: Sequence[Fork | None]) -> None:
        """Put what tasks returned into the transaction."""
        self._here.merge(*(fork for fork in forks if fork is not None))
