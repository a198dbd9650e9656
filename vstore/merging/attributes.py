"""Merging the attributes of a group, a table, a column or an array, name by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vstore.format.document import is_same
from vstore.merging.conflicts import Answers, Conflict, Conflicts
from vstore.merging.rules import Verdict, verdict

_ABSENT = object()
"""The state of an attribute that is not there; None is a value."""


@dataclass(frozen=True, slots=True)
class AttributeMerge:
    """The attributes of one thing on three sides, and how those of the result are set."""

    path: str
    base: Mapping[str, Any]
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    held: Callable[[], Mapping[str, Any]]
    store: Callable[[dict[str, Any]], None]

    def run(self, conflicts: Conflicts) -> None:
        """Put what theirs set, changed or removed into the result, which begins as ours."""
        for name in sorted(self.base.keys() | self.ours.keys() | self.theirs.keys()):
            states = [side.get(name, _ABSENT) for side in (self.base, self.ours, self.theirs)]
            found = verdict(*states, same=_are_same)
            if found is Verdict.THEIRS:
                self._put(name, states[2])
            elif found is Verdict.CONFLICT:
                self._conflict(name, states, conflicts)

    def _put(self, name: str, state: Any) -> None:
        rest = {other: value for other, value in self.held().items() if other != name}
        self.store(rest if state is _ABSENT else rest | {name: state})

    def _conflict(self, name: str, states: list[Any], conflicts: Conflicts) -> None:
        base, ours, theirs = states
        note = f"the attribute {name!r} was set differently on both sides"
        if _ABSENT in (ours, theirs):
            gone, there = ("ours", "theirs") if ours is _ABSENT else ("theirs", "ours")
            note = f"the attribute {name!r} was removed in {gone} and set in {there}"
        values = [None if state is _ABSENT else state for state in states]
        conflicts.add(
            Conflict(self.path, "attribute", name, values[0], values[1], values[2], note),
            Answers(
                theirs=lambda: self._put(name, theirs),
                base=lambda: self._put(name, base),
                value=lambda value: self._put(name, value),
            ),
        )


def _are_same(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return is_same(one, other)
