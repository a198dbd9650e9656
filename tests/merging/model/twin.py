"""A repository of vstore and its model, kept alike; whatever tells them apart is raised."""

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeVar

from tests.merging.model.agreement import lost
from tests.merging.model.answers import answering, place_of, resolution, values_apart
from tests.merging.model.both import Both
from tests.merging.model.history import History, Made
from tests.merging.model.reading import adopt_order, differences, read
from tests.merging.model.rules import Clash
from tests.merging.model.state import Group, Name, Table, World
from tests.merging.model.three_way import Outcome, merge
from vstore import Author, Commit, Conflict, ConflictError, Repository, VstoreError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.merging.merge import common_base
from vstore.writing.commit_options import CommitOptions

T = TypeVar("T")
Act = Callable[[Both], None]
Attempt = Callable[[Any], T]
"""Do something in vstore with a resolution of conflicts."""

EMPTY = World({"": Group()})
AUTHOR = Author("Ann", "ann@example.org")


class DifferenceError(AssertionError):
    """vstore and the model do not agree."""


@dataclass(frozen=True)
class Three:
    """What a merge is made of, in the model; the marks say what the sides did."""

    base: World
    ours: World
    theirs: World
    marks: tuple[set[str], set[str]] = (frozenset(), frozenset())  # type: ignore[assignment]
    is_certain: bool = True
    """Whether the base is a commit, and none that had to be made of several."""


@dataclass
class Twin:
    """Both of them, and what happened."""

    repo: Repository
    history: History = field(default_factory=History)
    fresh: "count[int]" = field(default_factory=lambda: count(1))
    told: list[str] = field(default_factory=list)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often merges met what two sides did."""
    notes: Counter[str] = field(default_factory=Counter)
    """What else happened, and what was let pass."""

    workers: Executor | None = None
    """Where forks are written into; this process when None."""
    conflicts: list[Conflict] = field(default_factory=list)
    """Those that the last merge met."""

    def head(self, branch: str) -> str:
        """Return the commit that a branch is at."""
        return self.repo.branches[branch]

    def world(self, commit: str | None) -> World:
        """Return what the model says that a commit holds."""
        return EMPTY if commit is None else self.history.commits[commit].world

    # Commits

    def commit(self, branch: str, act: Act, *, allow_empty: bool = False) -> str | None:
        """Commit changes to a branch; return the commit, None where nothing was changed."""
        begun = self.head(branch) if branch in self.repo.branches else None
        tx = self.repo.transaction(branch, message="Change", allow_empty=allow_empty)
        both = self.both(tx, begun)
        with tx:
            act(both)
            made = tx.commit()
        if made is None:
            self.check(branch, both.world)
            return None
        self.record(made.id, (begun,) if begun else (), both.world, both.marks)
        return made.id

    def both(self, tx: Any, begun: str | None, world: World | None = None) -> Both:
        """Return a transaction and what the model says that it holds."""
        world = self.world(begun) if world is None else world
        return Both(tx, world.copy(), begun or "", self.fresh, self.told)

    def record(
        self,
        commit: str,
        parents: Sequence[str],
        world: World,
        marks: set[str] | frozenset[str] = frozenset(),
        *,
        ours: World | None = None,
        theirs: World | None = None,
    ) -> None:
        """Take note of a commit, after checking that it holds what the model says.

        Samples may be in another order than the model has them, but those of `ours` stay in
        the order that they had.
        """
        snapshot = self.repo.checkout(commit)
        told = [] if ours is None else adopt_order(snapshot, world, ours, theirs)
        told += differences(snapshot, world, by_rows=ours is not None)
        if told:
            raise DifferenceError("\n".join(["it reads otherwise than the model says:", *told]))
        self.history.commits[commit] = Made(tuple(parents), world, frozenset(marks))

    def check(self, branch: str, world: World) -> None:
        """Check what a branch holds."""
        told = differences(self.repo.checkout(branch), world)
        if told:
            raise DifferenceError("\n".join(["it reads otherwise than the model says:", *told]))

    # Merges

    def merging(
        self, three: Three, mode: str | None, attempt: Attempt[T]
    ) -> tuple[T, World] | None:
        """Merge in vstore and in the model; return what both came to, None if it was refused.

        It is tried without an answer first, so that all conflicts are seen.
        """
        self._count(three)
        self.conflicts = []
        expected = merge(three.base, three.ours, three.theirs)
        try:
            made = attempt(None)
        except ConflictError as error:
            if error.code == "nothing-to-do":
                self._nothing(three, expected)
                return None
            self.conflicts = list(error.conflicts)
        except Exception as error:
            raise DifferenceError(f"an error of vstore:\n{traceback.format_exc()}") from error
        else:
            if expected.unresolved:
                raise DifferenceError(f"merged silently; expected {_listed(expected.unresolved)}")
            _check_commutes(three, expected)
            return made, expected.world
        return self._resolved(three, mode, attempt, self.conflicts)

    def _count(self, three: Three) -> None:
        for ours in three.marks[0]:
            for theirs in three.marks[1]:
                self.cells[ours, theirs] += 1

    def _nothing(self, three: Three, expected: Outcome) -> None:
        if expected.unresolved or expected.world.visible() != three.ours.visible():
            raise DifferenceError("vstore says that there is nothing to do")

    def _resolved(
        self, three: Three, mode: str | None, attempt: Attempt[T], conflicts: list[Conflict]
    ) -> tuple[T, World] | None:
        whole = self._lost(three, conflicts)
        self._compare(merge(three.base, three.ours, three.theirs, whole=whole), conflicts)
        if mode is None:
            return None
        expected = merge(three.base, three.ours, three.theirs, answering(mode), whole=whole)
        try:
            made = attempt(resolution(mode, expected.answers))
        except ConflictError as error:
            if error.code == "nothing-to-do":
                self._nothing(three, expected)
                return None
            raise DifferenceError(f"resolved by {mode}, it is refused: {error}") from error
        except Exception as error:
            told = f"an error of vstore, resolved by {mode}:\n{traceback.format_exc()}"
            raise DifferenceError(told) from error
        return made, expected.world

    def _lost(self, three: Three, conflicts: list[Conflict]) -> frozenset[str]:
        """Return the tables without keys of which vstore may say that samples are not known."""
        lost = merge(three.base, three.ours, three.theirs).lost
        found = {c.path for c in conflicts if c.kind == "changed" and c.sample is None}
        whole = frozenset(found & lost)
        self.notes["tables whose samples were not known any more"] += len(whole)
        return whole

    def _compare(self, expected: Outcome, conflicts: list[Conflict]) -> None:
        clashes = {clash.place: clash for clash in expected.unresolved}
        found = {place_of(conflict): conflict for conflict in conflicts}
        if clashes.keys() != found.keys():
            silent = [clash for place, clash in clashes.items() if place not in found]
            more = [str(c) for place, c in found.items() if place not in clashes]
            raise DifferenceError(
                f"not in conflict: {_listed(silent)}\nunexpected conflicts: {more}"
            )
        for place, conflict in found.items():
            if values_apart(conflict, clashes[place]):
                raise DifferenceError(
                    f"the conflict {conflict!r} has other values: {clashes[place]}"
                )

    def merge(self, source: str, into: str, mode: str | None = None) -> str | None:
        """Merge a revision into a branch; return the new head, None if it was refused."""
        ours, theirs = self.head(into), self.repo.resolve(source)
        bases = self.history.bases(ours, theirs)
        if bases in ([ours], [theirs]):
            return self._move(source, into, theirs if bases == [ours] else ours)
        three = self.three(ours, theirs, bases)
        if not three.is_certain:
            self.notes["merges above a base with conflicts, of which little is known"] += 1
            self._try((into, source), three, mode or "ours")
            return None
        found = self.merging(
            three, mode, lambda resolve: self.repo.merge(source, into=into, resolve=resolve)
        )
        if found is None:
            self.unchanged(into, ours)
            return None
        merged, world = found
        assert merged.commit is not None
        self.record(merged.commit.id, (ours, theirs), world, ours=three.ours, theirs=three.theirs)
        return merged.commit.id

    def _try(self, branches: tuple[str, str], three: Three, mode: str) -> None:
        """Merge on a branch that is thrown away, and see that what both sides have is kept."""
        branch, (into, source) = "tried", branches
        self.repo.branches.create(branch, at=into)
        try:
            answer: Literal["ours", "theirs"] = "theirs" if mode == "theirs" else "ours"
            self.repo.merge(source, into=branch, resolve=answer)
            gone = lost(three.ours, three.theirs, dict(read(self.repo.checkout(branch))))
        except VstoreError as error:
            told = f"an error of vstore, resolved by {mode}:\n{traceback.format_exc()}"
            raise DifferenceError(told) from error
        finally:
            self.repo.branches.delete(branch, force=True)
        if gone:
            raise DifferenceError(
                f"resolved by {mode}, both sides have and the result lacks {gone}"
            )

    def _move(self, source: str, into: str, head: str) -> str:
        """Merge where one side has all of the other."""
        self.repo.merge(source, into=into)
        if self.head(into) != head:
            raise DifferenceError(f"the branch is at {self.head(into)}, not at {head}")
        return head

    def three(self, ours: str, theirs: str, bases: Sequence[str]) -> Three:
        """Return what the merge of two commits is made of."""
        base, is_certain = self.virtual_base(bases)
        if len(bases) > 1 and is_certain:
            self._adopt_base(base, ours, theirs)
        marks = self.history.marks(ours, bases), self.history.marks(theirs, bases)
        return Three(base, self.world(ours), self.world(theirs), marks, is_certain)

    def _adopt_base(self, base: World, ours: str, theirs: str) -> None:
        """Take over where samples that came back are in a base that was made of several."""
        fetcher = internals(self.repo).fetcher
        made = common_base(
            fetcher, Digest(ours), Digest(theirs), CommitOptions(message="Base", author=AUTHOR)
        )
        if made is not None:
            told = adopt_order(self.repo.checkout(made), base, World())
            told += differences(self.repo.checkout(made), base, by_rows=False)
            if told:
                raise DifferenceError("\n".join(["the base made of several:", *told]))

    def virtual_base(self, bases: Sequence[str]) -> tuple[World, bool]:
        """Return the base of a merge, and whether it is a commit or as good as one."""
        if not bases:
            return EMPTY, True
        world, is_certain = self.world(bases[0]), True
        for i, other in enumerate(bases[1:]):
            self.notes["bases made of several"] += 1
            below, below_is_certain = self.virtual_base(self._bases_of(bases[: i + 1], other))
            outcome = merge(below, world, self.world(other), answering("base"))
            is_certain &= below_is_certain and not outcome.answers
            world = outcome.world
        return world, is_certain

    def _bases_of(self, ones: Sequence[str], other: str) -> list[str]:
        return self.history.bases(ones[0], other)

    def unchanged(self, branch: str, head: str) -> None:
        """Check that what was refused changed nothing."""
        if self.head(branch) != head:
            raise DifferenceError(f"the branch {branch} moved, though nothing was to change")


def _check_commutes(three: Three, outcome: Outcome) -> None:
    """Check that sides without conflicts come to the same the other way round, but for order."""
    other = merge(three.base, three.theirs, three.ours)
    if other.unresolved or other.world.unordered() != outcome.world.unordered():
        raise DifferenceError("it does not come to the same the other way round")


def renewed(
    world: World, known: World, fresh: "count[int]", names: dict[Name, Name] | None = None
) -> None:
    """Give samples without keys that a replay added names of their own.

    `known` is what it was replayed on: what was deleted there may be back. `names` are those
    given already.
    """
    names = {} if names is None else names
    before = {table.id: {*table.rows, *table.dead} for table in known.tables().values()}
    for table in world.tables().values():
        if table.keys is None:
            table.is_uncertain = True
            for name in [*table.rows, *table.dead]:
                if name not in before.get(table.id, ()):
                    names.setdefault(name, next(fresh))
            table.rows = {names.get(name, name): row for name, row in table.rows.items()}
            table.dead = [names.get(name, name) for name in table.dead]


def _listed(clashes: Sequence[Clash]) -> str:
    return "; ".join(f"{c.place} ({c.base}, {c.ours}, {c.theirs})" for c in clashes)


__all__ = ["Commit", "DifferenceError", "Table", "Three", "Twin", "renewed"]
