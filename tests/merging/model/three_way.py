"""Three-way merge of whole commits in the model."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tests.merging.model.rules import (
    ABSENT,
    Answer,
    Asked,
    Clash,
    Disagreement,
    Named,
    Place,
    Referee,
    agreed,
    merge_attributes,
    merge_names,
)
from tests.merging.model.state import Array, Group, Node, Table, World, exact
from tests.merging.model.table_merge import SIDES, TableMerge

N = TypeVar("N", bound=Node)

SCHEMA = "made or changed differently"


@dataclass
class Tables(Named):
    """A table on its three sides and in the result; the names are its paths."""

    made: Table | None = None


@dataclass
class Outcome:
    """What a merge comes to."""

    world: World
    answers: dict[Place, tuple[Clash, Answer]]
    lost: set[str] = field(default_factory=set)
    """Tables without keys whose samples history may not be able to tell apart."""

    @property
    def unresolved(self) -> list[Clash]:
        """Return the conflicts that are left."""
        return [clash for clash, answer in self.answers.values() if answer is None]


def merge(
    base: World,
    ours: World,
    theirs: World,
    answer: Asked = lambda _: None,
    *,
    whole: frozenset[str] = frozenset(),
) -> Outcome:
    """Merge what theirs changed since the base into ours.

    The samples of the tables `whole` are not known to be the same: they are one conflict.
    """
    return WorldMerge(base, ours, theirs, Referee(answer), whole).run()


@dataclass
class WorldMerge:
    """Three commits, and who answers their conflicts."""

    base: World
    ours: World
    theirs: World
    referee: Referee
    whole: frozenset[str] = frozenset()
    lost: set[str] = field(default_factory=set)

    def run(self) -> Outcome:
        """Merge tables, arrays and then the groups that they are in."""
        made = World(dict(self._tables()))
        made.nodes |= self._each("arrays", self._merge_array)
        made.nodes |= self._groups(made)
        return Outcome(made.copy(), self.referee.answers, self.lost)

    # Tables

    def _tables(self) -> dict[str, Node]:
        found = self._triples()
        for each in found:
            self._merge_presence(each)
        kept = [each for each in found if each.made is not None]
        merge_names(kept, self.referee)
        for each in kept:
            if each.name is not None and None not in (each.ours, each.theirs):
                each.made = self._merge_table(each)
        return {each.name: each.made for each in kept if each.name is not None and each.made}

    def _triples(self) -> list[Tables]:
        paths = [
            {node.id: path for path, node in getattr(self, side).tables().items()} for side in SIDES
        ]
        base, ours, theirs = paths
        found = [Tables(base[i], ours.pop(i, None), theirs.pop(i, None)) for i in base]
        new = set(theirs.values())
        found += [Tables(None, path, path if path in new else None) for path in ours.values()]
        found += [Tables(None, None, path) for path in theirs.values() if path not in ours.values()]
        return found

    def _side(self, each: Tables, side: str) -> Table | None:
        path = getattr(each, side)
        node = None if path is None else getattr(self, side).nodes[path]
        return node if isinstance(node, Table) else None

    def _merge_presence(self, each: Tables) -> None:
        base, ours, theirs = (self._side(each, side) for side in SIDES)
        each.made = ours or theirs
        if base is None or (ours is None) == (theirs is None):
            return
        side = "theirs" if ours is None else "ours"
        is_changed = each.base != getattr(each, side) or is_table_changed(base, ours or theirs)
        answer = "ours" if side == "theirs" else "theirs"
        if is_changed:
            path = str(getattr(each, side))
            answer = self.referee.ask(Clash(path, "deleted")) or "ours"
        if answer != side:
            each.made = None

    def _merge_table(self, each: Tables) -> Table:
        base, ours, theirs = (self._side(each, side) for side in SIDES)
        assert ours is not None
        assert theirs is not None
        path = str(each.name)
        if ours.keys != theirs.keys:
            answer = self.referee.ask(Clash(path, "schema"))
            return theirs if answer == "theirs" else ours
        if base is None and ours.visible() == theirs.visible():
            return ours
        if ours.keys is None and ours.id == theirs.id and _may_be_lost(base, ours, theirs):
            self.lost.add(path)
            if self.whole & {path, each.base, each.ours, each.theirs}:
                answer = self.referee.ask(Clash(path, "changed"))
                taken = theirs if answer == "theirs" else ours
                # from here on nothing tells which rows are whose
                return replace(taken, layout=(taken.layout, "taken"), is_uncertain=True)
        if base is None:
            base = Table("", ours.keys)
        return TableMerge(path, base, ours, theirs, self.referee).run()

    # Arrays and groups

    def _each(self, what: str, merged: Callable[..., Node | None]) -> dict[str, Node]:
        sides = [getattr(getattr(self, side), what)() for side in SIDES]
        found: dict[str, Node] = {}
        for path in sorted({path for side in sides for path in side}):
            node = merged(path, *(side.get(path) for side in sides))
            if node is not None:
                found[path] = node
        return found

    def _merge_array(
        self, path: str, base: Array | None, ours: Array | None, theirs: Array | None
    ) -> Array | None:
        if ours is None or theirs is None:
            return self._present(path, base, ours, theirs)
        if len({side.dtype for side in (base, ours, theirs) if side is not None}) > 1:
            seen = [None if side is None else side.visible() for side in (base, ours, theirs)]
            if agreed(*seen) is Disagreement:
                answer = self.referee.ask(Clash(path, "schema"))
                return theirs if answer == "theirs" else ours
            return theirs if seen[0] == seen[1] else ours
        before = {} if base is None else base.attributes
        sides = before, ours.attributes, theirs.attributes
        made = Array(ours.dtype, list(ours.values), merge_attributes(path, sides, self.referee))
        for i, values in enumerate(zip(ours.values, theirs.values, strict=True)):
            old = ABSENT if base is None else base.values[i]
            value = agreed(old, *values)
            if value is Disagreement:
                clash = Clash(path, "changed", (i,), old, *values, is_value=True)
                value = self.referee.settle(clash)
            made.values[i] = value
        return made

    def _present(self, path: str, base: N | None, ours: N | None, theirs: N | None) -> N | None:
        """Return a node that at most one side has."""
        known = ours or theirs
        if known is None or base is None:
            return known
        side = "ours" if theirs is None else "theirs"
        if known.visible() == base.visible():
            return None
        return known if (self.referee.ask(Clash(path, "deleted")) or "ours") == side else None

    def _groups(self, made: World) -> dict[str, Node]:
        def merged(
            path: str, base: Group | None, ours: Group | None, theirs: Group | None
        ) -> Group | None:
            if ours is not None and theirs is not None:
                sides = (
                    ({} if base is None else base.attributes),
                    ours.attributes,
                    theirs.attributes,
                )
                return Group(merge_attributes(path, sides, self.referee))
            if any(f"{each}/".startswith(f"{path}/") for each in made.nodes):
                return ours or theirs
            return self._present(path, base, ours, theirs)

        return self._each("groups", merged)


def _may_be_lost(base: Table | None, ours: Table, theirs: Table) -> bool:
    """Return whether history may not tell any more which samples without keys are which."""
    layouts = {side.layout for side in (base, ours, theirs) if side is not None}
    return len(layouts) > 1 or ours.is_uncertain or theirs.is_uncertain


def is_table_changed(base: Table, side: Any) -> bool:
    """Return whether a side changed anything of a table but how its rows are stored."""
    names = {c.id: n for n, c in base.columns.items()}, {c.id: n for n, c in side.columns.items()}
    attributes = [
        {n: exact(c.attributes) for n, c in table.columns.items()} for table in (base, side)
    ]
    return (
        base.visible() != side.visible()
        or list(base.rows) != list(side.rows)
        or names[0] != names[1]
        or attributes[0] != attributes[1]
    )
