"""The history of a table, sample by sample: each commit is compared with its parents once."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from vstore.diffing.alignment import Alignment, align
from vstore.diffing.cell_changes import CellPart, CellReader, SampleChange, decided_parts, parts_of
from vstore.diffing.decided import Decided, resolved
from vstore.diffing.followed_table import FollowedTable
from vstore.diffing.lineage import Lineage
from vstore.diffing.row_diff import RowDiff
from vstore.diffing.selected import KeyNames, PositionNames, Selected
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.history.blame import commits_between
from vstore.history.commits import Commit
from vstore.history.decisions import decisions_in
from vstore.history.read_ahead import ReadAhead
from vstore.reading.fetch import Fetcher
from vstore.reading.table import Table

Names = KeyNames | PositionNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The commits of a history: all that `start` descends from, and `excluded` does not.

    Of these, the ones made after `since`, if that is a time.
    """

    start: Digest
    excluded: tuple[Digest, ...] = ()
    since: datetime | None = None


@dataclass
class Arrivals:
    """By which merge commits came to a line of first parents; ask for children first."""

    _via: dict[Digest, tuple[int, Digest] | None] = field(default_factory=dict)

    def of(self, commit: Commit, generation: int) -> Digest | None:
        """Return the first merge on the line that had a commit; None for one of the line."""
        mine = self._via.pop(commit.id, None)
        for number, parent in enumerate(commit.parents):
            way = mine
            if mine is None and number:
                way = generation, commit.id
            if parent in self._via and way is not None:
                before = self._via[parent]
                way = None if before is None else min(before, way)
            self._via[parent] = way
        return None if mine is None else mine[1]


@dataclass(frozen=True)
class Timeline:
    """What was done to the samples of a table, newest commit first.

    A change is told at the commit that made it, on whatever line. A merge tells only of cells
    that differ from all of its parents, and of conflicts that it decided: what it took from one
    of them otherwise was told there.
    """

    fetcher: Fetcher
    span: Span
    tables: FollowedTable
    selected: Selected
    digest_above: int

    def __iter__(self) -> Iterator[SampleChange]:
        newest = self.tables.at(self.span.start)
        assert newest is not None
        names = names_of(self.selected, self.span.start, newest)
        read, arrivals = ReadAhead(self.fetcher), Arrivals()
        is_empty = True
        for commit in commits_between([self.span.start], self.span.excluded, read):
            via = arrivals.of(commit, read(commit.id).generation)
            for parent in commit.parents:
                self.tables.find(commit.id, parent)
            is_wanted = self.span.since is None or commit.time > self.span.since
            step = _Step(self, names, commit)
            for change in step.changes(is_wanted=is_wanted):
                is_empty = False
                yield replace(change, commit=commit, via=via)
        names.check(is_empty=is_empty)


def names_of(selected: Selected, start: Digest, newest: Table) -> Names:
    """Return what names the samples of a table.

    Raises:
        NotFoundError: a position that is wanted is not there.
    """
    table = internals(newest)
    if table.key_kind is None:
        return PositionNames.begin(selected, start, table)
    return KeyNames(selected, table)


@dataclass(frozen=True, slots=True)
class _Step:
    """A commit of a timeline, compared with its parents."""

    timeline: Timeline
    names: Names
    commit: Commit

    def changes(self, *, is_wanted: bool) -> Iterator[SampleChange]:
        """Yield what the commit did, if that is wanted; find positions in its parents anyhow."""
        commit, tables, names = self.commit.id, self.timeline.tables, self.names
        new = tables.at(commit)
        compared: dict[Digest, RowDiff] = {}
        is_made = True
        for parent in self.commit.parents:
            is_equal = tables.is_same(commit, parent)
            is_made = is_made and not is_equal
            old = tables.at(parent)
            if old is not None or new is not None:
                compared[parent] = self._compared(parent, old, new, is_equal=is_equal)
        if isinstance(names, PositionNames):
            names.enter(commit, next(iter(self.commit.parents), None))
        if is_wanted and (is_made or decisions_in(self.commit.metadata)[0]):
            yield from self._made(compared, new)
        if isinstance(names, PositionNames):
            names.leave(commit)

    def _compared(
        self, parent: Digest, old: Table | None, new: Table | None, *, is_equal: bool
    ) -> RowDiff:
        timeline = self.timeline
        lineage = Lineage(timeline.fetcher, parent, self.commit.id)
        rows = RowDiff(old, new, only=timeline.tables.only(old, new), lineage=lineage)
        if isinstance(self.names, PositionNames) and old is not None and new is not None:
            alignment = None if is_equal else rows.alignment
            self.names.hand_down(self.commit.id, parent, internals(old), alignment)
        return rows

    def _made(self, compared: dict[Digest, RowDiff], new: Table | None) -> Iterator[SampleChange]:
        """Yield the cells that no parent has as the commit has them."""
        if self.commit.parents:
            rows = compared.get(self.commit.parents[0])
        else:
            rows = RowDiff(None, new, only=self.timeline.tables.only(new), lineage=None)
        if rows is None or (rows.old is None and rows.new is None):
            return
        reader = CellReader(
            self.timeline.tables.path(self.commit.id),
            rows.old,
            rows.new,
            self.names,
            self.timeline.digest_above,
            self.timeline.tables.only(rows.old, rows.new),
        )
        decisions, by = decisions_in(self.commit.metadata)
        told = {(each.path, each.key): each for each in decisions}
        for part in self._parts(rows, compared):
            for change in reader.changes(part):
                where = f"{change.path}/{change.column}", change.key
                found = told.pop(where, None) if told else None
                yield change if found is None else resolved(change, found, by)
        if told and isinstance(self.names, KeyNames):
            sides = [each.old for each in compared.values()]
            yield from Decided(reader, sides, self.names).changes(told.values(), by)

    def _parts(self, rows: RowDiff, compared: dict[Digest, RowDiff]) -> Iterator[CellPart]:
        if len(self.commit.parents) < 2:
            return parts_of(rows)
        if len(compared) < len(self.commit.parents):
            return iter(())
        first, *others = self.commit.parents
        found = [compared[parent] for parent in others]
        apart = [self._apart(first, parent, rows, compared[parent]) for parent in others]
        return decided_parts(rows, found, apart)

    def _apart(
        self, first: Digest, other: Digest, rows: RowDiff, theirs: RowDiff
    ) -> Alignment | None:
        """Return how the rows of two parents correspond; None where one lacks the table."""
        if rows.old is None or theirs.old is None:
            return None
        lineage = Lineage(self.timeline.fetcher, first, other)
        return align(internals(rows.old), internals(theirs.old), lineage)
