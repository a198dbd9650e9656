"""Merging tables without keys whose rows were rewritten: a change goes to its sample or nowhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

import vstore
from vstore import Repository

Rows = dict[int, int]
"""The value of each sample by its number, which nothing but the model knows it by."""

Step = tuple[str, int]

steps = st.lists(
    st.tuples(st.sampled_from(["delete", "change", "append", "compact"]), st.integers(0, 9)),
    max_size=4,
)


@dataclass
class Pair:
    """A repository, and by branch the samples that it should hold."""

    repo: Repository = field(default_factory=lambda: vstore.create(f"memory://{uuid4().hex}"))
    rows: dict[str, Rows] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    """The branches on which samples were deleted or added, and then compacted."""
    numbers: Any = field(default_factory=count)

    def begin(self, dead: Sequence[int]) -> None:
        with self.repo.transaction("main", message="Start") as tx:
            columns = {name: vstore.ndarray((), "int64", rows_per_chunk=4) for name in ("id", "n")}
            tx.create_table("u", columns)
        self.rows["main"] = {}
        self.do("main", [("append", 0)] * 6)
        self.do("main", [("delete", place) for place in dead])
        self.repo.branches.create("side", at="main")
        self.rows["side"] = self.rows["main"]

    def do(self, branch: str, edits: Sequence[Step]) -> None:
        """Make a commit of some steps, each on whatever sample its number falls."""
        rows = dict(self.rows[branch])
        has_others = False
        with self.repo.transaction(branch, message="Change") as tx:
            table = tx["u"]
            for verb, number in edits:
                place = number % max(1, len(rows))
                if verb == "append":
                    name = next(self.numbers)
                    table.append({"id": name, "n": number % 2})
                    rows[name] = number % 2
                    has_others = True
                elif verb == "compact":
                    if table.compact() and (has_others or branch in self.unsure):
                        self.unsure.add(branch)
                elif rows and verb == "delete":
                    table.delete(place)
                    del rows[list(rows)[place]]
                    has_others = True
                elif rows:
                    table["n"][place] = number
                    rows[list(rows)[place]] = number
        self.rows[branch] = rows
        assert self.held(branch) == rows

    def held(self, branch: str) -> Rows:
        table = self.repo.checkout(branch)["u"]
        return dict(zip(table["id"][:].tolist(), table["n"][:].tolist(), strict=True))

    def refuses(self, verb: Callable[..., Any]) -> bool:
        try:
            verb("side", into="main")
        except vstore.ConflictError as error:
            return bool(error.conflicts)  # none where the changes are there already
        return False


def merged(base: Rows, ours: Rows, theirs: Rows) -> Rows | None:
    """Return the samples united; None where the sides exclude each other."""
    result = {}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        b, o, t = (side.get(name) for side in (base, ours, theirs))
        if o not in (b, t) and t != b:
            return None
        value = t if o == b else o
        if value is not None:
            result[name] = value
    for name in base.keys() - ours.keys():
        if theirs.get(name) not in (None, base[name]):
            return None
    return result


FAST = settings(deadline=None, max_examples=12, derandomize=True, phases=[Phase.generate])


@FAST
@given(dead=st.lists(st.integers(0, 5), max_size=2), ours=steps, theirs=steps)
def test_a_merge_across_rewrites_is_right_or_refused(
    dead: list[int], ours: list[Step], theirs: list[Step]
) -> None:
    pair = Pair()
    pair.begin(dead)
    base = pair.rows["main"]
    pair.do("main", ours)
    pair.do("side", theirs)
    expected = merged(base, pair.rows["main"], pair.rows["side"])
    refused = pair.refuses(pair.repo.merge)
    event(f"refused: {refused}, unsure: {len(pair.unsure)}")
    if refused:
        assert expected is None or pair.unsure
        assert pair.held("main") == pair.rows["main"]
    else:
        assert pair.held("main") == expected


@pytest.mark.parametrize("verb", ["cherry_pick", "revert"])
@FAST
@given(dead=st.lists(st.integers(0, 5), max_size=2), ours=steps, before=steps, last=steps)
def test_a_commit_made_again_across_rewrites_is_right_or_refused(
    verb: str, dead: list[int], ours: list[Step], before: list[Step], last: list[Step]
) -> None:
    pair = Pair()
    pair.begin(dead)
    pair.do("main", [step for step in ours if step[0] != "append"])
    pair.do("side", [step for step in before if step[0] != "append"])
    base = pair.rows["side"]
    pair.do("side", [*last, ("append", 0)])
    theirs = pair.rows["side"]
    if verb == "revert":
        base, theirs = theirs, base
    expected = merged(base, pair.rows["main"], theirs)
    if not pair.refuses(getattr(pair.repo, verb)):
        assert pair.held("main") == expected


def test_compacted_here_and_changed_deleted_and_added_there_keeps_all() -> None:
    pair = Pair()
    pair.begin([1])
    pair.do("main", [("compact", 0), ("append", 1)])
    pair.do("side", [("change", 2), ("delete", 3), ("append", 0)])
    pair.repo.merge("side", into="main")
    assert list(pair.held("main").items()) == [(0, 0), (2, 0), (3, 2), (5, 0), (6, 1), (7, 0)]


def test_the_same_rewrite_on_both_sides_is_no_obstacle() -> None:
    pair = Pair()
    pair.begin([1])
    pair.do("main", [("compact", 0), ("change", 3)])
    pair.do("side", [("change", 2), ("compact", 0), ("delete", 0)])
    pair.repo.merge("side", into="main")
    assert pair.held("main") == {2: 0, 3: 2, 4: 3, 5: 0}


@pytest.mark.parametrize("verb", ["merge", "rebase"])
def test_deleted_and_rewritten_here_is_a_conflict_with_a_change_there(verb: str) -> None:
    pair = Pair()
    pair.begin([])
    pair.do("main", [("delete", 0), ("compact", 0)])
    pair.do("side", [("change", 2)])
    options = {"into": "main"} if verb == "merge" else {"onto": "main"}
    with pytest.raises(vstore.ConflictError) as caught:
        getattr(pair.repo, verb)("side", **options)
    (conflict,) = caught.value.conflicts
    assert (conflict.path, conflict.sample) == ("u", None)
    pair.repo.merge("side", into="main", resolve="theirs")
    assert pair.held("main") == pair.rows["side"]


def test_deleted_and_rewritten_here_takes_what_was_added_there() -> None:
    pair = Pair()
    pair.begin([])
    pair.do("main", [("delete", 0), ("compact", 0)])
    pair.do("side", [("append", 1)])
    pair.repo.merge("side", into="main")
    assert pair.held("main") == {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 1}


def table_of_two_columns(x: Sequence[int]) -> Repository:
    """Make a repository whose samples are numbered from 1 on, with two branches."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    columns = {name: vstore.ndarray((), "int64") for name in ("n", "x")}
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("u", columns).extend({"n": range(1, len(x) + 1), "x": x})
    return repo


def commit(repo: Repository, branch: str, *edits: Callable[[Any], Any]) -> None:
    for edit in edits:
        with repo.transaction(branch, message="Change") as tx:
            edit(tx["u"])


def test_a_column_that_comes_back_gives_no_sample_the_value_of_another() -> None:
    repo = table_of_two_columns([10, 20, 30])
    commit(repo, "main", lambda u: u.delete(0))
    repo.branches.create("side", at="main")
    commit(
        repo,
        "side",
        lambda u: u.append({"n": 4, "x": 40}),
        lambda u: u.drop_column("x"),
        lambda u: u.compact(),
    )
    commit(repo, "main", lambda u: u.append({"n": 5, "x": 50}))
    repo.branches.create("third", at="main")
    commit(repo, "third", lambda u: u.append({"n": 6, "x": 60}))
    repo.merge("main", into="side", resolve="ours")
    with pytest.raises(vstore.ConflictError):
        repo.merge("third", into="side")
    repo.merge("third", into="side", resolve="theirs")
    table = repo.checkout("side")["u"]
    held = dict(zip(table["n"][:].tolist(), table["x"][:].tolist(), strict=True))
    assert held.items() <= {n: 10 * n for n in range(1, 7)}.items()


def test_a_column_is_not_dropped_over_changes_that_a_rewrite_hides() -> None:
    """By their order the samples seem unchanged: one was deleted, one set and one added."""
    repo = table_of_two_columns([7, 8])
    repo.branches.create("side", at="main")
    commit(repo, "side", lambda u: u.drop_column("x"))

    def set_x(u: Any) -> None:
        u["x"][0] = 7

    commit(
        repo,
        "main",
        lambda u: u.delete(0),
        set_x,
        lambda u: u.compact(),
        lambda u: u.append({"n": 3, "x": 8}),
    )
    with pytest.raises(vstore.ConflictError):
        repo.merge("side", into="main")
    assert repo.checkout("main")["u"]["x"][:].tolist() == [7, 8]


def sample_back_in_a_row_of_another(x: int, *, is_rewritten_apart: bool) -> Repository:
    """Return a repository in which main has a sample again, in whose row side has another."""
    repo = table_of_two_columns([1, 2, 3])
    commit(repo, "main", lambda u: u.delete(0))
    if not is_rewritten_apart:
        commit(repo, "main", lambda u: u.compact())
    repo.branches.create("side", at="main")
    if is_rewritten_apart:
        commit(repo, "main", lambda u: u.compact())
        commit(repo, "side", lambda u: u.compact())
    commit(repo, "main", lambda u: u.append({"n": 4, "x": x}), lambda u: u.delete(2))
    commit(repo, "side", lambda u: u.append({"n": 4, "x": 7}))
    repo.merge("main", into="side")
    repo.revert("main", into="main")
    return repo


@pytest.mark.parametrize("x", [7, 8])
def test_a_sample_that_comes_back_is_not_taken_for_another_in_its_row(x: int) -> None:
    """Each branch rewrote its rows by itself."""
    repo = sample_back_in_a_row_of_another(x, is_rewritten_apart=True)
    with pytest.raises(vstore.ConflictError) as caught:
        repo.merge("main", into="side")
    assert [(each.path, each.sample) for each in caught.value.conflicts] == [("u", None)]
    assert repo.checkout("side")["u"]["x"][:].tolist() == [2, 3, 7]


@pytest.mark.parametrize("x", [7, 8])
def test_a_sample_that_comes_back_above_a_rewrite_is_one_more(x: int) -> None:
    repo = sample_back_in_a_row_of_another(x, is_rewritten_apart=False)
    repo.merge("main", into="side")
    assert repo.checkout("side")["u"]["x"][:].tolist() == [2, 3, 7, x]


def appended(n: int) -> Callable[[Any], Any]:
    return lambda u: u.append({"n": n, "x": n})


def crosswise(repo: Repository) -> None:
    before = repo.branches["main"]
    repo.merge("side", into="main")
    repo.merge(before, into="side")


def test_crosswise_merges_above_a_rewrite_know_the_samples() -> None:
    """Nothing is read of what was before the rewrite, whichever base is looked at first."""
    repo = table_of_two_columns([1, 2, 3])
    commit(repo, "main", lambda u: u.delete(2), lambda u: u.compact())
    repo.branches.create("side", at="main")
    for n in (4, 6):
        commit(repo, "main", appended(n))
        commit(repo, "side", appended(n + 1))
        crosswise(repo)
    commit(repo, "main", lambda u: u.delete(0))
    at = int(np.flatnonzero(repo.checkout("side")["u"]["n"][:] == 4)[0])
    commit(repo, "side", lambda u: u["x"].__setitem__(at, 40))
    crosswise(repo)
    for branch in ("main", "side"):
        table = repo.checkout(branch)["u"]
        found = dict(zip(table["n"][:].tolist(), table["x"][:].tolist(), strict=True))
        assert found == {2: 2, 4: 40, 5: 5, 6: 6, 7: 7}


def test_two_branches_that_took_over_one_rewrite_know_the_samples() -> None:
    """They parted before it, where the rows were laid out otherwise."""
    repo = table_of_two_columns([1, 2, 3])
    commit(repo, "main", lambda u: u.delete(0))
    for branch in ("side", "third"):
        repo.branches.create(branch, at="main")
        with repo.transaction(branch, message="Say something") as tx:
            tx.create_array(branch, shape=(1,), dtype="int8")
    commit(repo, "main", lambda u: u.compact())
    for branch in ("side", "third"):
        repo.merge("main", into=branch)
    commit(repo, "side", lambda u: u.append({"n": 4, "x": 4}))
    commit(repo, "third", lambda u: u.append({"n": 5, "x": 5}))
    repo.merge("third", into="side")
    commit(repo, "third", lambda u: u["x"].__setitem__(2, 50))
    repo.merge("third", into="side")
    assert repo.checkout("side")["u"]["x"][:].tolist() == [2, 3, 4, 50]


def test_equal_rows_are_no_change_though_history_cannot_tell_which_they_are() -> None:
    """Each branch took over the other, and keeps its own way of storing the same rows."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("u", {"n": vstore.ndarray((), "int64")}).extend({"n": [1, 2, 3]})
    with repo.transaction("main", message="Delete") as tx:
        tx["u"].delete(0)
    repo.branches.create("side", at="main")
    with repo.transaction("side", message="Compact") as tx:
        assert tx["u"].compact()
    with repo.transaction("main", message="Add a column") as tx:
        tx["u"].add_column("m", vstore.ndarray((), "int64"), [5, 6])
    before = repo.branches["main"]
    repo.merge("side", into="main")
    repo.merge(before, into="side")
    for ours, theirs in (("main", "side"), ("side", "main")):
        repo.branches.create(f"without-{ours}", at=ours)
        with repo.transaction(f"without-{ours}", message="Delete the table") as tx:
            tx.delete("u")
        repo.merge(theirs, into=f"without-{ours}")
        assert list(repo.checkout(f"without-{ours}").tables) == []


def test_a_diff_across_a_rewrite_tells_the_samples_that_changed() -> None:
    pair = Pair()
    pair.begin([1])
    pair.do("main", [("compact", 0), ("delete", 0), ("change", 3)])
    diff = pair.repo.diff("side", "main").tables["u"]
    assert (diff.removed, diff.changed, len(diff.added)) == ([0], {"n": [3]}, 0)
    back = pair.repo.diff("main", "side").tables["u"]
    assert (back.added, back.changed, len(back.removed)) == ([0], {"n": [4]}, 0)
