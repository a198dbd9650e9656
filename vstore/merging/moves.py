"""Several things getting new names at once, where names may be taken."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vstore.diffing.nodes import NodeChange
from vstore.format.nodes import Node
from vstore.format.object_keys import split_path
from vstore.merging.conflicts import Answers, Conflict, Conflicts
from vstore.writing.staged_tree import StagedTree


def settle(
    wanted: Mapping[str, str],
    is_taken: Callable[[str], bool],
    make_room: Callable[[str, str], Mapping[str, str] | None],
) -> dict[str, str]:
    """Return, of the new names that are wanted, those that things can have all at once.

    A name is free where nothing has it or where what has it gets another one: two things can
    exchange their names. `make_room(old, new)` is called for each name that is taken, and
    returns what else is to be renamed now that there is room, None where there is not.

    >>> settle({"a": "b", "b": "a", "c": "d"}, {"a", "b", "c", "d"}.__contains__, lambda *_: None)
    {'a': 'b', 'b': 'a'}
    """
    left, asked = dict(wanted), set[str]()
    while True:
        blocked = next((old for old in left if _is_blocked(old, left, is_taken)), None)
        if blocked is None:
            return left
        new = left[blocked]
        more = None
        if is_taken(new) and new not in left and blocked not in asked:
            asked.add(blocked)
            more = make_room(blocked, new)
        if more is None:
            del left[blocked]
        else:
            left.update(more)


def _is_blocked(old: str, left: Mapping[str, str], is_taken: Callable[[str], bool]) -> bool:
    new = left[old]
    first = next(other for other in left if left[other] == new)
    return first != old or (new not in left and is_taken(new))


def key_of(change: NodeChange) -> tuple[bool, str]:
    """Return what a changed node is called in the base, or where it is new."""
    return (True, change.old_path) if change.old is not None else (False, change.new_path)


@dataclass
class TableMoves:
    """Moves the tables of ours that theirs moved."""

    staged: StagedTree
    mine: Mapping[tuple[bool, str], NodeChange]
    theirs: Sequence[NodeChange]
    conflicts: Conflicts

    def run(self) -> dict[str, str]:
        """Return which tables of ours were moved, from where to where."""
        wanted: dict[str, str] = {}
        for change in self.theirs:
            if change.old is not None and change.old_path != change.new_path:
                self._want(change, wanted)
        moves = settle(wanted, self._is_taken, self._make_room)
        self.staged.move_all(moves)
        return moves

    def _want(self, change: NodeChange, wanted: dict[str, str]) -> None:
        mine = self.mine.get(key_of(change))
        if mine is not None and mine.new is None:
            return
        base, theirs = change.old_path, change.new_path
        ours = base if mine is None else mine.new_path
        if ours == base:
            wanted[ours] = theirs
        elif ours != theirs:
            note = f"moved to {ours!r} in ours and to {theirs!r} in theirs"

            def value(path: Any) -> None:
                wanted[ours] = "/".join(split_path(path)) or ours

            self.conflicts.add(
                Conflict(base, "schema", None, base, ours, theirs, note),
                Answers(lambda: value(theirs), lambda: value(base), value),
            )

    def _is_taken(self, path: str) -> bool:
        is_there = self.staged.nodes.find(path) is not None
        return is_there or self.staged.no_group_above(path) is not None

    def _make_room(self, old: str, new: str) -> dict[str, str] | None:
        """Meet a table that theirs moved to where ours has something else."""
        others: list[dict[str, str]] = []

        def leave(place: str | None) -> None:
            if place is None:
                self.staged.clear_above(new)
                self.staged.put_node(new, None)
            others.append({} if place is None else {new: place})

        mine = found_at(new, self.mine.values())
        note = f"moved from {old!r} in theirs to where ours has something else"
        self.conflicts.add(
            Conflict(new, "schema", None, note=note),
            Answers(lambda: leave(place_in(self.theirs, mine)), lambda: leave(old_place(mine))),
        )
        return others[0] if others else None


PlaceOf = Callable[[NodeChange | None], str | None]


@dataclass
class TablePlaces:
    """Gives what theirs has a place of ours, whose tables go back to their own places."""

    staged: StagedTree
    mine: Mapping[tuple[bool, str], NodeChange]
    theirs: Sequence[NodeChange]
    conflicts: Conflicts
    moved: dict[str, str]
    """Where tables of ours are now, by the paths that ours had them at."""

    def in_theirs(self, mine: NodeChange | None) -> str | None:
        """Return where theirs has a table that ours moved; None if ours alone has it."""
        return place_in(self.theirs, mine)

    def in_base(self, mine: NodeChange | None) -> str | None:
        """Return where the base has a table that ours moved; None for what was not moved."""
        return old_place(mine)

    def put(self, path: str, node: Node | None, place_of: PlaceOf) -> None:
        """Put a node where ours has something else, unless that has to stay there."""
        if self._is_cleared(path, place_of):
            self.staged.put_node(path, node)

    def _is_cleared(self, path: str, place_of: PlaceOf) -> bool:
        """Move a table that ours moved to a path; return whether nothing more is to be kept."""
        place = place_of(found_at(path, self.mine.values()))
        if place is None or self.staged.nodes.find(path) is None:
            return True
        if self._is_taken(place) and not self._make_room(path, place):
            return False
        self.staged.move(path, place)
        self.moved[path] = place
        return True

    def _is_taken(self, path: str) -> bool:
        is_there = self.staged.nodes.find(path) is not None
        return is_there or self.staged.no_group_above(path) is not None

    def _make_room(self, path: str, place: str) -> bool:
        """Meet what ours has where a table would go back to; return whether the table can."""
        is_free = [False]

        def leave(place_of: PlaceOf) -> None:
            if self._is_cleared(place, place_of):
                self.staged.clear_above(place)
                self.staged.put_node(place, None)
                is_free[0] = True

        note = f"ours has something else where the table at {path!r} would go back to"
        self.conflicts.add(
            Conflict(place, "schema", note=note),
            Answers(lambda: leave(self.in_theirs), lambda: leave(self.in_base)),
        )
        return is_free[0]


def found_at(path: str, changes: Iterable[NodeChange]) -> NodeChange | None:
    """Return the change that led to what is at a path."""
    return next((c for c in changes if c.new is not None and c.new_path == path), None)


def place_in(theirs: Sequence[NodeChange], mine: NodeChange | None) -> str | None:
    """Return where theirs has a table that ours moved; None if ours alone has it."""
    place = old_place(mine)
    if mine is None or place is None:
        return None
    other = next((change for change in theirs if key_of(change) == key_of(mine)), None)
    return place if other is None else other.new_path


def old_place(mine: NodeChange | None) -> str | None:
    """Return where the base has a table that ours moved; None for what was not moved."""
    if mine is None or mine.old is None or mine.old_path == mine.new_path:
        return None
    return mine.old_path
