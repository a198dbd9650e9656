"""Changes that become one commit, or nothing."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from numpy.typing import DTypeLike

from vstore import optional
from vstore.diffing.diff import Diff
from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.format.digest import Digest
from vstore.format.nodes import GroupNode, Node
from vstore.format.object_keys import split_path
from vstore.format.table.sample_keys import KEY_KINDS, KeyKindName
from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.attributes import plain_attributes, with_attributes
from vstore.history.commits import Commit
from vstore.reading.fetch import Fetcher
from vstore.reading.lookup import Lookup
from vstore.reading.snapshot import Snapshot
from vstore.writing.commit_options import CommitOptions
from vstore.writing.copying import is_here, require_kept_here
from vstore.writing.door import Door, changes
from vstore.writing.draft import Draft, Publish
from vstore.writing.new_column import array_metadata, check_specs
from vstore.writing.staged_tree import StagedTree
from vstore.writing.transaction_arrays import TransactionArray
from vstore.writing.transaction_nodes import TransactionGroup, TransactionNodes
from vstore.writing.transaction_table import TransactionTable

if TYPE_CHECKING:
    from vstore.sharing.forks import Fork
    from vstore.zarr.zarr_store import ZarrStore


class Forking(Protocol):
    """Gives parts of a transaction to other workers, and joins what they made of them."""

    def fork(self, transaction: "Transaction") -> "Fork":
        """Return a part to write into, which pickles."""

    def merge(self, transaction: "Transaction", forks: Sequence["Fork"]) -> None:
        """Put what was written into forks into their transaction, in the order given."""


Bring = Callable[[Snapshot, Node], None]
"""Copy all that a node of a commit of another repository needs to where the transaction writes."""


@exported_from("vstore")
class Transaction(Lookup[str, Any]):
    """Changes to one branch, invisible until they are committed.

    It is a mapping of the names at its root, as a `Snapshot` is, and shows what was changed
    so far. For a type checker `[...]` gives `Any`; `table`, `array` and `group` say what is
    meant, and have types.

    As a context manager it commits on a normal exit and discards on an exception. One that
    is forgotten with changes that were neither committed nor discarded gives a
    `ResourceWarning`. Data
    streams to the store while it is written; memory stays bounded as
    `vstore.writing.packs` says. Not safe for use by several threads.
    """

    def __init__(  # noqa: PLR0913 - what the floors above do for it is given by name
        self,
        fetcher: Fetcher,
        base: Digest | None,
        options: CommitOptions,
        *,
        label: str,
        publish: Publish | None = None,
        forking: Forking | None = None,
        bring: Bring | None = None,
    ) -> None:
        self._forking = forking
        self._bring = bring
        self._internals = Draft(fetcher, base, options, label=label, publish=publish)
        self._nodes = TransactionNodes(self._internals.staged, self._door)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.is_open:
            return
        if error is None:
            self.commit()
        else:
            self.discard()

    @property
    def _door(self) -> Door:
        return self._internals.door

    @property
    def _staged(self) -> StagedTree:
        return self._internals.staged

    @property
    def branch(self) -> str | None:
        """The branch that the commit is to move; None for a part that no branch is to name."""
        return self._internals.branch

    @changes
    def create_table(
        self,
        path: str,
        columns: Mapping[str, ColumnSpec],
        *,
        keys: KeyKindName | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> TransactionTable:
        """Create a table; `columns` says what each column holds, `keys` how samples are named.

        Raises:
            AlreadyExistsError: something is at `path`.
            InvalidInputError: a name, a column or an attribute is impossible.
        """
        path = self._nodes.free_path(path, "table")
        check_specs(columns)
        if keys is not None and keys not in KEY_KINDS:
            known = " or ".join(map(repr, KEY_KINDS))
            raise InvalidInputError(f"keys is None, {known}, not {keys!r}")
        metadata = with_attributes(GroupNode().metadata, _attributes(attributes))
        made = self._staged.make_table(path, columns, keys=keys, metadata=metadata)
        return TransactionTable(made)

    def write_arrow(
        self,
        path: str,
        samples: Any,
        *,
        keys: str | None = None,
        columns: Mapping[str, ColumnSpec] | None = None,
    ) -> TransactionTable:
        """Add samples to a table, which is created with the columns of Arrow's if there is none.

        Args:
            path: where the table is to be.
            samples: whatever has an Arrow stream: a table, batches or a dataset of pyarrow, a
                frame of Polars or pandas, a result of DuckDB, a table of another commit.
            keys: the column whose values are the keys of the samples, which the table does not
                hold besides; a column `sample` is taken if None.
            columns: descriptions to take in the place of those that would follow; see
                `vstore.arrow.column_specs`.

        Raises:
            InvalidInputError: a column has a type that a table does not hold, or does not fit.
            MissingExtraError: pyarrow is not installed.
        """
        purpose = "data of Arrow in a table"
        module = optional.load(
            "vstore.arrow.incoming", package="pyarrow", extra="arrow", purpose=purpose
        )
        incoming = module.Incoming(samples, keys=keys)
        if path in self:
            table = self.table(path)
        else:
            table = self.create_table(path, incoming.specs(columns or {}), keys=incoming.key_kind)
        table.extend(incoming.batches())
        return table

    @changes
    def create_array(  # noqa: PLR0913
        self,
        path: str,
        *,
        shape: Sequence[int],
        dtype: DTypeLike,
        chunk_shape: Sequence[int] | None = None,
        codecs: Sequence[dict[str, Any]] | None = None,
        fill_value: Any = None,
        dimension_names: Sequence[str | None] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> "TransactionArray":
        """Create a plain N-dimensional array, to be filled by assignment.

        Raises:
            AlreadyExistsError: something is at `path`.
            InvalidInputError: an option is impossible.
        """
        path = self._nodes.free_path(path, "array")
        metadata = array_metadata(
            shape,
            dtype,
            chunk_shape=chunk_shape,
            codecs=codecs,
            fill_value=fill_value,
            dimension_names=dimension_names,
            attributes=_attributes(attributes),
        )
        return TransactionArray(self._staged.make_array(path, metadata), self._door)

    @changes
    def create_group(
        self, path: str, *, attributes: Mapping[str, Any] | None = None
    ) -> TransactionGroup:
        """Create an empty group; those above arrays and tables come into being by themselves."""
        return self._nodes.make_group(path, _attributes(attributes))

    @changes
    def delete(self, path: str) -> None:
        """Delete the table, array or group at `path`, or raise `NotFoundError`."""
        staged = self._staged
        staged.nodes.get(path)
        staged.delete(self._nodes.whole_path(path))

    def __getitem__(self, path: str) -> Any:
        """Return the table, column, array or group at a path, to read and to change.

        Raises:
            NotFoundError: nothing is there.
        """
        return self._nodes.get(path)

    def table(self, path: str) -> TransactionTable:
        """Return the table at a path, or raise as `Snapshot.table` does."""
        return self._nodes.table(path)

    def array(self, path: str) -> TransactionArray:
        """Return the plain array at a path, or raise as `Snapshot.array` does."""
        return self._nodes.array(path)

    def group(self, path: str) -> TransactionGroup:
        """Return the group at a path, the empty one for the root, or raise as `Snapshot.group`."""
        return self._nodes.group(path)

    def __contains__(self, path: object) -> bool:
        """Return whether a path leads to something, as `[path]` would."""
        return self._nodes.has(path)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names at the root."""
        return iter(self._nodes.names(""))

    def __len__(self) -> int:
        return len(self._nodes.names(""))

    @property
    def store(self) -> "ZarrStore":
        """The transaction as a Zarr store, a `vstore.zarr_store.ZarrStore`, to read and write."""
        purpose = "a transaction as a Zarr store"
        module = optional.load(
            "vstore.zarr.zarr_store", package="zarr", extra="zarr", purpose=purpose
        )
        store: ZarrStore = module.ZarrStore(self)
        return store

    @property
    def is_open(self) -> bool:
        """Return whether the transaction can still be changed."""
        return self._internals.is_open

    @changes
    def move(self, path: str, new_path: str) -> None:
        """Move a table, array or group; no chunk is touched.

        Raises:
            NotFoundError: nothing is at `path`.
            AlreadyExistsError: something is at `new_path`.
        """
        old, new = self._way(path, new_path, "moved")
        self._staged.move(old, new)

    @changes
    def copy(self, path: str, new_path: str) -> None:
        """Copy a table, array or group as it is; no chunk is touched.

        The copy is independent of the original: changes to one, also by merges, do not
        change the other.

        Raises:
            NotFoundError: nothing is at `path`.
            AlreadyExistsError: something is at `new_path`.
        """
        old, new = self._way(path, new_path, "copied")
        self._staged.copy(old, new)

    def _way(self, path: str, new_path: str, what: str) -> tuple[str, str]:
        old, new = self._nodes.whole_path(path), self._nodes.free_path(new_path, "node")
        self._staged.nodes.get(old)
        if f"{new}/".startswith(f"{old}/"):
            raise InvalidInputError(f"{old!r} cannot be {what} to {new!r}, below itself")
        return old, new

    @changes
    def copy_from(self, snapshot: Snapshot, path: str, new_path: str | None = None) -> None:
        """Copy a table, array or group out of any commit of this or another repository.

        Within one repository no chunk is read or written; out of another one they are
        copied as they are stored, each verified. As with `copy`, what is made is new: where
        `path` was deleted, say, a merge takes it for another.

        Args:
            snapshot: The commit, from `repo.checkout(...)` or `vstore.checkout(url)`.
            path: What to copy.
            new_path: Where to put it; the same path when None.

        Raises:
            NotFoundError: nothing is at `path` there.
            AlreadyExistsError: something is at `new_path` here.
            InvalidInputError: the commit was of this repository, and is no more.
            ConflictError: garbage collection is about to delete the commit.
        """
        node = internals(snapshot).tree.get(path)
        new = self._nodes.free_path(path if new_path is None else new_path, "node")
        above = internals(snapshot).tree.find("/".join(split_path(path)[:-1]))
        if isinstance(above, GroupNode) and above.table is not None:
            raise InvalidInputError(
                f"{path!r} is a column, and a column goes with its table",
                code="part-of-a-table",
                hint="copy its table",
            )
        store, commit = self._internals.fetcher.store, snapshot.commit.id
        is_another = snapshot.url != store.url and not is_here(store, commit)
        if self._bring is not None and is_another:
            self._bring(snapshot, node)
        else:
            require_kept_here(store, commit, of=snapshot.url)
        self._staged.put_copy(new, node, internals(snapshot).tree)

    def fork(self) -> "Fork":
        """Return a part to write into elsewhere, which pickles.

        It begins with what this transaction holds now. Nothing of it is visible before
        `merge` takes it and this transaction is committed.
        """
        return self._require_forking().fork(self)

    @changes
    def merge(self, *forks: "Fork") -> None:
        """Take what was written into forks, rows of tables in the order of the forks.

        Raises:
            ConflictError: two forks, or a fork and this transaction, changed the same
                elements differently; nothing was taken.
            InvalidInputError: a fork of another transaction, or one that was merged before.
        """
        self._require_forking().merge(self, forks)

    def _require_forking(self) -> Forking:
        self._door.enter()
        if self._forking is None:
            raise InvalidInputError("this transaction cannot be forked: no repository began it")
        return self._forking

    def diff(self) -> Diff:
        """Return what the transaction changed so far: its base against what it holds now.

        What was written goes to the store, where the commit would put it anyway, and the
        transaction goes on.
        """
        draft = self._internals
        self._door.enter()
        made = Snapshot(draft.fetcher, draft.checkpoint())
        return Diff(None if draft.base is None else Snapshot(draft.fetcher, draft.base), made)

    def discard(self) -> None:
        """Give up all changes; the branch stays where it is."""
        self._internals.close()

    def commit(self) -> Commit | None:
        """Make the commit and move the branch; return None where nothing was changed.

        Raises:
            ConflictError: the branch moved since the transaction began; nothing changed.
            StorageError: the store failed before the branch moved. The transaction stays
                open with all that it holds: mend the store, and commit again.
            UnknownOutcomeError: the store did not say whether the branch moved.
        """
        return self._internals.commit()

    def __del__(self) -> None:
        """Say that work is lost where nobody committed or discarded it."""
        draft = self.__dict__.get("_internals")
        if draft is not None and draft.would_be_lost:
            warnings.warn(
                f"{self!r} was forgotten, and what it holds is lost: call `commit()` or "
                "`discard()`, or use it in a `with` statement",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )

    def __repr__(self) -> str:
        state = "open" if self.is_open else "finished"
        return f"<vstore.Transaction {self._internals.label}, {state}>"


def _attributes(value: Mapping[str, Any] | None) -> dict[str, Any]:
    return plain_attributes({} if value is None else value)
