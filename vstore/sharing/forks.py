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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals, pickled
from vstore.format.digest import Digest
from vstore.reading.fetch import Fetcher
from vstore.sharing.joining import Joining
from vstore.writing.commit_options import CommitOptions
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_arrays import TransactionArray
from vstore.writing.transaction_nodes import TransactionGroup
from vstore.writing.transaction_table import TransactionTable

if TYPE_CHECKING:
    from vstore.zarr.zarr_store import ZarrStore


@pickled
class WrittenPart:
    """What a fork began with, and what was written into it since.

    `names` lead from the fork of the transaction, whose token it has, to this child of it.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        begun: Digest,
        options: CommitOptions,
        token: str,
        names: tuple[str, ...] = (),
    ) -> None:
        self.fetcher = fetcher
        self.token = token
        self.names = names
        self.begun = begun
        self.options = options
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
                self.fetcher, self._written, self.options, label="of a fork"
            )
        return self._transaction

    def flush(self) -> Digest:
        """Store what was written; return the commit, which no branch names, that holds it."""
        if self._transaction is not None:
            made = internals(self._transaction).write()
            self._transaction = None
            self._written = self._written if made is None else made[0]
        return self._written

    def child(self, name: str) -> "WrittenPart":
        """Return a part that begins as this one did."""
        held = self._transaction
        if self._written != self.begun or (held and internals(held).staged.is_changed):
            raise InvalidInputError(
                "this fork was written into, so it has no children",
                hint="make the children first, and write into them alone",
            )
        names = (*self.names, name)
        return WrittenPart(self.fetcher, self.begun, self.options, self.token, names)


@exported_from("vstore")
class Fork:
    """A part of a transaction, to write into here or elsewhere.

    Pickling it stores what was written so far, where nobody sees it, and carries where it
    is. So a worker gets a fork, writes, and returns it. A worker that dies leaves nothing
    behind but objects that garbage collection removes; give its work to another.
    """

    def __init__(self, part: WrittenPart) -> None:
        self._internals = part

    def child(self, name: str) -> "Fork":
        """Return a fork of the same transaction that a worker makes for itself.

        Nobody is asked and nothing is sent, so tasks that a scheduler cuts and repeats as it
        likes each take one, called after the task. Give the children to `merge`, which takes
        them in the order of their names; of several with one name, as a task leaves that ran
        twice, it takes the one that is given last. The fork itself is then not written into.

        Args:
            name: what orders the children, such as `f"{task:06}"`.

        Raises:
            InvalidInputError: the fork was written into.

        >>> import vstore
        >>> repo = vstore.create("memory://child-doc")
        >>> with repo.transaction("main", message="Label") as tx:
        ...     _ = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        ...     fork = tx.fork()
        ...     children = [fork.child(name) for name in ("b", "a", "a")]
        ...     for x, child in enumerate(children):
        ...         child["t"].extend({"x": [x]})
        ...     tx.merge(*children)
        >>> repo.checkout("main")["t"]["x"][:]
        array([2, 0])
        """
        if not isinstance(name, str):
            raise InvalidInputError(f"the name of a child is text, not {name!r}")
        return Fork(self._internals.child(name))

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
        name = "/".join([part.token[:8], *part.names])
        return f"<vstore.Fork {name} of {part.fetcher.store.url}>"


Name = tuple[str, ...]
"""The token of a fork, then those that lead to a child of it."""


@dataclass
class Forks:
    """The forks of one transaction that are still to be merged."""

    fetcher: Fetcher
    options: CommitOptions
    out: set[str] = field(default_factory=set)
    merged: set[Name] = field(default_factory=set)

    def fork(self, transaction: Transaction) -> Fork:
        """Return a fork that begins with what the transaction holds."""
        begun = internals(transaction).checkpoint()
        token = secrets.token_hex(16)
        self.out.add(token)
        options = replace(self.options, message="Part of a transaction", metadata={})
        return Fork(WrittenPart(self.fetcher, begun, options, token))

    def merge(self, transaction: Transaction, forks: Sequence[Fork]) -> None:
        """Put what was written into forks into their transaction, one after the other."""
        parts = self._in_order(forks)
        joining = Joining(self.fetcher, internals(transaction).checkpoint(), self.options)
        try:
            for part in parts.values():
                joining.add(part.begun, part.flush())
            ours, changes = joining.finish()
        except BaseException:
            joining.discard()
            raise
        internals(transaction).adopt(ours, changes)
        self.merged |= parts.keys()

    def _in_order(self, forks: Sequence[Fork]) -> dict[Name, WrittenPart]:
        """Return what is merged: forks as they are given, the children of one by their names."""
        given: dict[str, dict[Name, WrittenPart]] = {}
        for fork in forks:
            if not isinstance(fork, Fork):
                raise InvalidInputError(f"merge takes forks of the transaction, not {fork!r}")
            part = internals(fork)
            if part.token not in self.out:
                raise InvalidInputError(f"{fork!r} is a fork of another transaction")
            siblings = given.setdefault(part.token, {})
            name = (part.token, *part.names)
            if name in self.merged or (name in siblings and not part.names):
                raise InvalidInputError(f"{fork!r} was merged already, and a fork is merged once")
            siblings[name] = part
        found = {name: parts[name] for parts in given.values() for name in sorted(parts)}
        _check_childless(found.keys() | self.merged)
        return found


def _check_childless(names: Iterable[Name]) -> None:
    """Refuse a fork next to children of its own."""
    above = {name[:depth] for name in names for depth in range(1, len(name))}
    for name in names:
        if name in above:
            shown = "/".join([name[0][:8], *name[1:]])
            raise InvalidInputError(
                f"the fork {shown} has children, and is not merged besides them",
                hint="write into the children alone",
            )
