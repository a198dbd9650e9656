"""Which cells of a table differ between two states, with what was there and what is."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from vstore.diffing.alignment import Alignment, no_rows
from vstore.diffing.columns import ColumnPair
from vstore.diffing.row_diff import RowDiff
from vstore.diffing.values import blocks, plain_value, values_at
from vstore.faces import exported_from, internals
from vstore.format.commit import format_time
from vstore.format.digest import Digest
from vstore.format.numbers import StoredRows
from vstore.format.table.sample_keys import SampleKey
from vstore.history.commits import Commit
from vstore.reading.stored_table import StoredTable

if TYPE_CHECKING:
    from vstore.reading.table import Table

_BLOCK_ROWS = 4096

Status = Literal["added", "removed", "changed", "resolved"]


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChange:
    """What one commit did to one sample in one column.

    `key` is the sample's key; in a table without keys its position in the newer state, None where
    it has none. `old` and `new` are the values, or a `ValueDigest` of a large one; None where
    there is none, which `status` tells from a value that is missing: `added`, `removed`,
    `changed`, or `resolved` for a conflict that a merge decided.

    In a history, `commit` is the commit that made the change, and `via` the merge that brought it
    to the first-parent line of the revision; None if it was made there. `decision` says how a
    conflict was decided, and `decided_by` by whom.
    """

    path: str
    column: str
    key: SampleKey | None
    status: Status
    old: Any = None
    new: Any = None
    commit: Commit | None = None
    via: Digest | None = None
    decision: str | None = None
    decided_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the change as plain JSON values; those of its commit that say who, when and why.

        A value that is not there is left out.
        """
        values = {"old": self.old, "new": self.new}
        gone = {"added": "old", "removed": "new"}.get(self.status)
        found = {
            "path": self.path,
            "column": self.column,
            "key": plain_value(self.key),
            "status": self.status,
        } | {name: plain_value(each) for name, each in values.items() if name != gone}
        if self.decision is not None:
            found |= {"decision": self.decision, "decided_by": self.decided_by}
        if self.commit is None:
            return found
        return found | {
            "commit": self.commit.id,
            "author": {"name": self.commit.author.name, "email": self.commit.author.email},
            "time": format_time(self.commit.time),
            "message": self.commit.message,
            "via": self.via,
        }


class Naming(Protocol):
    """Says which samples are wanted, and what they are called."""

    def pick(
        self, table: StoredTable, rows: StoredRows, *, is_old: bool
    ) -> tuple[StoredRows, list[Any]]:
        """Return places in `rows` of those that are wanted, and the names of these."""


class EverySample:
    """All samples, by their keys, or by their positions where they have none."""

    def pick(
        self,
        table: StoredTable,
        rows: StoredRows,
        *,
        is_old: bool,  # noqa: ARG002
    ) -> tuple[StoredRows, list[Any]]:
        """Return all places in `rows`, and the keys or positions."""
        return np.arange(len(rows)), table.keys_of(rows).tolist()


@dataclass(frozen=True, slots=True)
class CellPart:
    """Cells of one column that differ in one way: where they are in the old and the new state.

    `old` is None where nothing was there, `new` where nothing is.
    """

    pair: ColumnPair
    status: Status
    old: StoredRows | None
    new: StoredRows | None


def parts_of(rows: RowDiff) -> Iterator[CellPart]:
    """Yield the cells that differ: those of removed samples, of added ones, and changed ones."""
    for pair in rows.columns if rows.old is not None and len(rows.removed_rows) else ():
        if pair.old is not None:
            yield CellPart(pair, "removed", rows.removed_rows, None)
    for pair in rows.columns if rows.new is not None and len(rows.added_rows) else ():
        if pair.new is not None:
            yield CellPart(pair, "added", None, rows.added_rows)
    for pair in rows.columns:
        yield from _shared_parts(rows, pair, rows.alignment)


def _shared_parts(
    rows: RowDiff, pair: ColumnPair, alignment: Alignment | None
) -> Iterator[CellPart]:
    """Yield the cells of one column that differ in samples of both states."""
    if alignment is None:
        return
    if pair.old is None:
        yield from (CellPart(pair, "added", None, new) for _, new in _shared_rows(alignment))
    elif pair.new is None:
        yield from (CellPart(pair, "removed", old, None) for old, _ in _shared_rows(alignment))
    elif rows.is_remade(pair):
        yield from (CellPart(pair, "changed", *both) for both in _shared_rows(alignment))
    elif pair.name in rows.changes:
        yield CellPart(pair, "changed", *rows.changes[pair.name])


def _shared_rows(alignment: Alignment) -> Iterator[tuple[StoredRows, StoredRows]]:
    """Yield where the samples are that both states have, in the old and in the new one."""
    for start in range(0, alignment.shared, _BLOCK_ROWS):
        rows = alignment.stable(np.arange(start, min(start + _BLOCK_ROWS, alignment.shared)))
        if len(rows):
            yield rows, rows
    for start in range(0, len(alignment.moved_old), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        yield alignment.moved_old[part], alignment.moved_new[part]


def decided_parts(
    rows: RowDiff, others: list[RowDiff], apart: list[Alignment | None]
) -> Iterator[CellPart]:
    """Yield the cells of a merge that differ from all of its parents: nobody else made them.

    Args:
        rows: compares the merge with its first parent.
        others: compare it with the other parents that have the table.
        apart: how the first parent's rows correspond to theirs; None where one lacks the table.
    """
    theirs = [list(parts_of(other)) for other in others]
    for part in parts_of(rows):
        kept = part
        for found, alignment in zip(theirs, apart, strict=True):
            kept = _not_from(kept, found, alignment)
        if len(next(side for side in (kept.new, kept.old) if side is not None)):
            yield kept


def _not_from(part: CellPart, theirs: list[CellPart], alignment: Alignment | None) -> CellPart:
    """Return the cells of a part that another parent does not have as the merge has them."""
    if part.new is not None:
        differing = [
            each.new for each in theirs if each.new is not None and each.pair.new == part.pair.new
        ]
        keep = np.isin(part.new, np.concatenate([no_rows(), *differing]))
        return replace(part, old=None if part.old is None else part.old[keep], new=part.new[keep])
    old = part.old if part.old is not None else no_rows()
    gone = [each.old for each in theirs if each.new is None and each.pair.old == part.pair.old]
    there = np.full(len(old), -1) if alignment is None else alignment.new_row(old)
    keep = np.isin(there, np.concatenate([no_rows(), *(each for each in gone if each is not None)]))
    return replace(part, old=old[keep])


@dataclass(frozen=True, slots=True)
class CellReader:
    """Reads what changed in the cells of a table, some samples at a time."""

    path: str
    old: "Table | None"
    new: "Table | None"
    naming: Naming
    digest_above: int
    columns: Collection[str] | None = None
    """Which columns are wanted; None for all."""

    def changes(self, part: CellPart) -> Iterator[SampleChange]:
        """Yield the changes of a part, in the order of its samples."""
        is_old = part.new is None
        table, rows = (self.old, part.old) if is_old else (self.new, part.new)
        if table is None or rows is None:
            return
        where, names = self.naming.pick(internals(table), rows, is_old=is_old)
        name = (part.pair.old if is_old else part.pair.new) or ""
        for block in blocks(internals(table), name, len(where)):
            yield from self._block(part, where[block], names[block])

    def _block(self, part: CellPart, where: StoredRows, names: list[Any]) -> Iterator[SampleChange]:
        old = self._values(self.old, part.pair.old, part.old, where)
        new = self._values(self.new, part.pair.new, part.new, where)
        for name, before, after in zip(names, old, new, strict=True):
            yield SampleChange(
                path=self.path,
                column=part.pair.name,
                key=name,
                status=part.status,
                old=before,
                new=after,
            )

    def _values(
        self, table: "Table | None", name: str | None, rows: StoredRows | None, where: StoredRows
    ) -> list[Any]:
        if table is None or name is None or rows is None:
            return [None] * len(where)
        return values_at(internals(table), name, rows[where], digest_above=self.digest_above)
