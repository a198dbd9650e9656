"""What a repository should hold, in plain dicts: the rules of merging written a second time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Row = Mapping[str, Any]

ABSENT: Any = object()
"""The value of what is not there."""


class ConflictedError(Exception):
    """Two changes exclude each other."""


@dataclass(frozen=True)
class Table:
    """Samples in order. Each has an identity: its key, or a number that nobody else gives."""

    is_keyed: bool
    rows: Mapping[Any, Row] = field(default_factory=dict)

    def values(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rows.values()]


@dataclass(frozen=True)
class State:
    """The contents of a commit: tables by name, and the cells of one array."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    cells: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def with_table(self, name: str, table: Table | None) -> "State":
        tables = {n: t for n, t in self.tables.items() if n != name}
        return replace(self, tables=tables if table is None else {**tables, name: table})


def merge(base: State, ours: State, theirs: State, *, keep_ours: bool = False) -> State:
    """Merge by sample and column; raise `ConflictedError`, unless ours is kept there."""
    tables: dict[str, Table] = {}
    for name in [*ours.tables, *(n for n in theirs.tables if n not in ours.tables)]:
        sides = [side.tables.get(name, ABSENT) for side in (base, ours, theirs)]
        table = _merged(*sides, keep_ours=keep_ours, within=_merged_table)
        if table is not ABSENT:
            tables[name] = table
    cells = {
        place: _merged(
            base.cells[place], ours.cells[place], theirs.cells[place], keep_ours=keep_ours
        )
        for place in ours.cells
    }
    return State(tables, cells)


Within = Callable[..., Any]


def _merged(
    base: Any, ours: Any, theirs: Any, *, keep_ours: bool, within: Within | None = None
) -> Any:
    """Merge one thing; `within` merges what both sides changed and neither deleted."""
    if theirs == base or (ours == theirs and within is None):
        return ours
    if ours == base:
        return theirs
    if within is not None and ABSENT not in (ours, theirs):
        return within(base, ours, theirs, keep_ours=keep_ours)
    if ours is theirs or keep_ours:
        return ours
    raise ConflictedError


def _merged_table(base: Any, ours: Table, theirs: Table, *, keep_ours: bool) -> Table:
    before = {} if base is ABSENT else base.rows
    rows: dict[Any, Row] = {}
    for name in [*ours.rows, *(n for n in theirs.rows if n not in ours.rows)]:
        sides = [side.get(name, ABSENT) for side in (before, ours.rows, theirs.rows)]
        row = _merged(*sides, keep_ours=keep_ours, within=_merged_row)
        if row is not ABSENT:
            rows[name] = row
    return Table(ours.is_keyed, rows)


def _merged_row(base: Any, ours: Row, theirs: Row, *, keep_ours: bool) -> Row:
    before = {} if base is ABSENT else base
    return {
        column: _merged(
            before.get(column, ABSENT), ours[column], theirs[column], keep_ours=keep_ours
        )
        for column in ours
    }


@dataclass
class History:
    """Commits by id with their parents and contents; branches and tags."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def add(self, commit: str, parents: Iterable[str], state: State) -> None:
        self.parents[commit], self.states[commit] = tuple(parents), state

    def ancestors(self, commit: str) -> set[str]:
        """Return a commit and all before it."""
        found, frontier = {commit}, [commit]
        while frontier:
            fresh = set(self.parents[frontier.pop()]) - found
            found |= fresh
            frontier += fresh
        return found

    def bases(self, ours: str, theirs: str) -> set[str]:
        """Return the best common ancestors."""
        common = self.ancestors(ours) & self.ancestors(theirs)
        inner = {old for c in common for old in self.ancestors(c) - {c}}
        return common - inner

    def named(self) -> set[str]:
        """Return all commits that a branch or tag reaches."""
        heads = {*self.branches.values(), *self.tags.values()}
        return {commit for head in heads for commit in self.ancestors(head)}

    def forget_unnamed(self) -> set[str]:
        """Drop what garbage collection drops; return it."""
        gone = self.states.keys() - self.named()
        for commit in gone:
            del self.states[commit], self.parents[commit]
        return gone
