"""Putting what forks hold on top of each other, one after the other."""

from collections.abc import Mapping
from functools import cache

from vstore.errors import ConflictError, advise
from vstore.faces import internals
from vstore.format.commit import Changes, total_changes
from vstore.format.digest import Digest
from vstore.format.tree import Tree
from vstore.merging.added_rows import AddedRows, added_rows
from vstore.merging.merge import read_tree, replay
from vstore.merging.sides import Sides
from vstore.reading.fetch import Fetcher
from vstore.writing.commit_options import CommitOptions
from vstore.writing.transaction import Transaction


class Joining:
    """A commit that no branch names, to which the changes of others are added.

    Those that only add rows to tables are put behind each other at once, however many there
    are; for all else each is merged into what was made of those before.
    """

    def __init__(self, fetcher: Fetcher, ours: Digest, options: CommitOptions) -> None:
        self._fetcher = fetcher
        self._options = options
        self._ours = ours
        self._made = [ours]
        self._open: Transaction | None = None
        self._tree_of = cache(self._tree)

    def _tree(self, digest: Digest) -> Tree:
        return read_tree(self._fetcher, digest)

    def add(self, begun: Digest, theirs: Digest) -> None:
        """Add what changed from one commit to another.

        Raises:
            ConflictError: what was added before changed the same elements differently.
        """
        if theirs == begun:
            return
        if self._open is None and self._ours == begun:
            self._advance(theirs)
            return
        added = added_rows(self._fetcher, self._tree_of(begun), self._tree(theirs))
        if added is None or not self._put_behind(added):
            self._close()
            self._replay(Sides(begun, self._ours, theirs))

    def finish(self) -> tuple[Digest, Mapping[str, Changes]]:
        """Return the commit that has all of it, and what it changed."""
        self._close()
        return self._ours, total_changes(self._fetcher.commit(each).changes for each in self._made)

    def discard(self) -> None:
        """Give up what is not stored yet."""
        if self._open is not None:
            self._open.discard()

    def _advance(self, made: Digest) -> None:
        self._ours = made
        self._made.append(made)

    def _put_behind(self, added: Mapping[str, AddedRows]) -> bool:
        """Put rows behind those of their tables, where they fit all of them."""
        if self._open is None:
            self._open = Transaction(self._fetcher, self._ours, self._options, label="of forks")
        staged = internals(self._open).staged
        if not all(
            staged.is_table(path) and rows.fit(staged.table(path)) for path, rows in added.items()
        ):
            return False
        for path, rows in added.items():
            rows.put_behind(staged.table(path))
        return True

    def _close(self) -> None:
        """Store what was put together."""
        transaction, self._open = self._open, None
        if transaction is not None:
            self._store(transaction)

    def _store(self, transaction: Transaction) -> None:
        made = internals(transaction).write()
        if made is not None:
            self._advance(made[0])

    def _replay(self, sides: Sides) -> None:
        transaction, conflicts = replay(self._fetcher, sides, self._options)
        if conflicts.unresolved:
            transaction.discard()
            try:
                conflicts.check("the forks cannot be joined")
            except ConflictError as exc:
                advise(exc, "give each worker a region or samples of its own")
                raise
        self._store(transaction)
