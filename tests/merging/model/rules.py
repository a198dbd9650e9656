"""The rules that all merges are made of, as the guide gives them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.merging.model.state import exact


class _Absent:
    def __repr__(self) -> str:
        return "-"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""What a side has where it has nothing: neither a value, nor a missing one."""


Place = tuple[str, str, Any]


@dataclass(frozen=True)
class Clash:
    """A conflict as the model tells it."""

    path: str
    kind: str
    sample: Any = None
    base: Any = ABSENT
    ours: Any = ABSENT
    theirs: Any = ABSENT
    is_value: bool = False
    """Whether a value can be put in place of both."""

    @property
    def place(self) -> Place:
        """Return what tells it from other conflicts; that both made it needs no other word."""
        kind = "changed" if self.kind == "added" else self.kind
        return self.path, kind, self.sample


@dataclass(frozen=True)
class Instead:
    """The answer that neither side's value is to be taken, but this one."""

    value: Any


Answer = Any
"""`ours`, `theirs`, `Instead`, or None where a conflict is left."""

Asked = Callable[[Clash], Answer]


@dataclass
class Referee:
    """Answers conflicts and remembers the answers."""

    answer: Asked = lambda _: None
    answers: dict[Place, tuple[Clash, Answer]] = field(default_factory=dict)

    def settle(self, clash: Clash) -> Any:
        """Return what is taken: the value of a side, or another one."""
        answer = self.ask(clash)
        if isinstance(answer, Instead):
            return answer.value
        if answer == "base":
            return clash.base
        return clash.theirs if answer == "theirs" else clash.ours

    def ask(self, clash: Clash) -> Answer:
        """Return the answer to a conflict."""
        if clash.place not in self.answers:
            self.answers[clash.place] = clash, self.answer(clash)
        return self.answers[clash.place][1]


def agreed(base: Any, ours: Any, theirs: Any) -> Any:
    """Return what a fact is when the sides agree on it; `Disagreement` where they do not."""
    if _same(ours, base):
        return theirs
    if _same(theirs, base) or _same(ours, theirs):
        return ours
    return Disagreement


class Disagreement:
    """Both sides changed a fact, each to something else."""


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def merge_attributes(
    path: str,
    sides: tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]],
    referee: Referee,
) -> dict[str, Any]:
    """Return attributes merged name by name."""
    merged: dict[str, Any] = {}
    for name in sorted({each for side in sides for each in side}):
        base, ours, theirs = (side.get(name, ABSENT) for side in sides)
        value = agreed(*(exact(each) for each in (base, ours, theirs)))
        if value is Disagreement:
            value = referee.settle(
                Clash(path, "attribute", name, base, ours, theirs, is_value=True)
            )
        else:
            value = next(each for each in (ours, theirs) if _same(exact(each), value))
        if value is not ABSENT:
            merged[name] = value
    return merged


@dataclass
class Named:
    """Something that has a name on each side, and is to have one in the result."""

    base: str | None
    ours: str | None
    theirs: str | None
    name: str | None = None
    """In the result; None where it is left out."""


def merge_names(
    things: list[Any],
    referee: Referee,
    *,
    clash_at: Callable[[str], str] = lambda name: name,
    taken: Callable[[str], bool] = lambda _: False,
) -> None:
    """Give things the names that the result has: no two the same one."""
    for thing in things:
        thing.name = _merged_name(thing, referee, clash_at)
    while True:
        pair = next(_collisions(things), None)
        if pair is None:
            return
        one, other = pair
        name = one.name
        choice = referee.ask(Clash(clash_at(name), "schema")) or "ours"
        loser = next(each for each in (other, one) if getattr(each, choice) != name)
        loser.name = getattr(loser, choice)


def _collisions(things: list[Any]) -> Iterator[tuple[Any, Any]]:
    for i, one in enumerate(things):
        for other in things[i + 1 :]:
            if one.name is not None and one.name == other.name:
                yield one, other


def _merged_name(thing: Any, referee: Referee, clash_at: Callable[[str], str]) -> str | None:
    base, ours, theirs = thing.base, thing.ours, thing.theirs
    if None in (ours, theirs):
        found: str | None = ours or theirs
        return found
    name = agreed(base, ours, theirs)
    if name is Disagreement:
        clash = Clash(clash_at(base or ours), "schema", None, base, ours, theirs, is_value=True)
        name = referee.settle(clash)
    return str(name)
