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
class Column:
    """What a column is called now, and what samples hold that were added without it."""

    name: str
    fill: Any = 0
    dtype: str = ""
    """What it was cast to, empty for what it was made with."""


START = {"n": Column("n"), "s": Column("s", ""), "o": Column("o", None)}
"""The columns that every table begins with, by what stays when they are renamed."""


@dataclass(frozen=True)
class Table:
    """Samples in order. Each has an identity: its key, or a number that nobody else gives.

    Values are told by the column's identity, which it keeps under another name.
    """

    keys: str | None
    rows: Mapping[Any, Row] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=lambda: START)
    attributes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_keyed(self) -> bool:
        return self.keys is not None

    def with_rows(self, rows: Mapping[Any, Row]) -> "Table":
        return replace(self, rows=rows)

    def values(self) -> list[dict[str, Any]]:
        names = {identity: column.name for identity, column in self.columns.items()}
        return [{names[i]: value for i, value in row.items()} for row in self.rows.values()]

    def touches(self, base: "Table", column: str) -> bool:
        """Tell whether samples were added, or changed in a column, since the base."""
        return any(
            key not in base.rows or row[column] != base.rows[key][column]
            for key, row in self.rows.items()
        )


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
    before = Table(ours.keys, columns={}) if base is ABSENT else base
    sides = (before, ours, theirs)
    columns = _merged_columns(*sides)
    attributes = _merged_attributes(*sides, keep_ours=keep_ours)
    rows: dict[Any, Row] = {}
    for key in [*ours.rows, *(k for k in theirs.rows if k not in ours.rows)]:
        row = _merged_row(key, sides, columns, keep_ours=keep_ours)
        if row is not ABSENT:
            rows[key] = row
    return Table(ours.keys, rows, columns, attributes)


def _merged_columns(base: Table, ours: Table, theirs: Table) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for identity in {**base.columns, **ours.columns, **theirs.columns}:
        b, o, t = (side.columns.get(identity) for side in (base, ours, theirs))
        if b is not None and (o is None or t is None):
            left = ours if o is not None else theirs if t is not None else None
            if left is not None and (
                left.columns[identity].name != b.name or _changes(base, left, identity)
            ):
                raise ConflictedError
        elif o is None or t is None:
            found[identity] = o or t or Column("")
        else:
            was = o if b is None else b
            if b is None and (o.dtype, o.name) != (t.dtype, t.name):
                raise ConflictedError
            name = o.name if b is None else _merged(was.name, o.name, t.name, keep_ours=False)
            dtype = _merged(was.dtype, o.dtype, t.dtype, keep_ours=False)
            found[identity] = replace(o, name=name, dtype=dtype)
    return found


def _changes(base: Table, side: Table, column: str) -> bool:
    is_cast = side.columns[column].dtype != base.columns[column].dtype
    return is_cast or side.touches(base, column)


def _merged_attributes(
    base: Table, ours: Table, theirs: Table, *, keep_ours: bool
) -> dict[str, int]:
    names = sorted({*ours.attributes, *theirs.attributes})
    merged = {
        name: _merged(
            *(side.attributes.get(name, ABSENT) for side in (base, ours, theirs)),
            keep_ours=keep_ours,
        )
        for name in names
    }
    return {name: value for name, value in merged.items() if value is not ABSENT}


def _merged_row(
    key: Any, sides: tuple[Table, Table, Table], columns: Mapping[str, Column], *, keep_ours: bool
) -> Any:
    base, ours, theirs = (side.rows.get(key, ABSENT) for side in sides)
    if base is not ABSENT and ABSENT in (ours, theirs):
        left, side = (ours, sides[1]) if theirs is ABSENT else (theirs, sides[2])
        both = sides[0].columns.keys() & side.columns.keys()
        if left is not ABSENT and any(left[column] != base[column] for column in both):
            if keep_ours:
                return ours
            raise ConflictedError
        return ABSENT
    merged: dict[str, Any] = {}
    for identity, column in columns.items():
        values = [
            ABSENT if row is ABSENT else row.get(identity, ABSENT) for row in (base, ours, theirs)
        ]
        b, o, t = values
        if b is ABSENT and base is not ABSENT:
            b = column.fill  # what a column that is added holds, until it is written
        known = [value for value in (o, t) if value is not ABSENT]
        if len(known) == 2:
            merged[identity] = _merged(b, o, t, keep_ours=keep_ours)
        else:
            merged[identity] = known[0] if known else column.fill
    return merged


@dataclass
class History:
    """Commits by id with their parents and contents; branches and tags."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    """Where branches pointed, newest first; of deleted ones too, until they are forgotten."""
    deleted_tags: dict[str, str] = field(default_factory=dict)

    def add(self, commit: str, parents: Iterable[str], state: State) -> None:
        self.parents[commit], self.states[commit] = tuple(parents), state

    def move(self, branch: str, commit: str) -> None:
        """Note that a branch moved, unless it points there already."""
        if self.branches.get(branch) != commit:
            self.branches[branch] = commit
            self.logs.setdefault(branch, []).insert(0, commit)

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

    def known(self) -> list[str]:
        """Return those commits in the order in which they were made, whatever their ids."""
        named = self.named()
        return [commit for commit in self.parents if commit in named]

    def forget_unnamed(self) -> set[str]:
        """Drop what garbage collection drops; return it."""
        self.deleted_tags.clear()
        self.logs = {name: log for name, log in self.logs.items() if name in self.branches}
        gone = self.states.keys() - self.named()
        for commit in gone:
            del self.states[commit], self.parents[commit]
        return gone
