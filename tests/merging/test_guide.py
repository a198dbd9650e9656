"""The table in the guide about versioning: it has no gap, and each pair of changes keeps to it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import vstore
from tests.repositories import new_repository
from vstore import Repository
from vstore.writing.transaction import Transaction

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "versioning.md"
SPEC = {"x": vstore.ndarray((), "int32").as_optional(), "y": vstore.ndarray((), "int32")}

Act = Callable[[Repository, str], Any]


def within(change: Callable[[Transaction], Any]) -> Act:
    """Return what makes a change on a branch, in a commit of its own."""

    def act(repo: Repository, branch: str) -> None:
        with repo.transaction(branch, message="Change") as tx:
            change(tx)

    return act


def put(value: Any) -> Act:
    return within(lambda tx: tx["t"].loc.__setitem__("a", {"x": value}))


def restore(value: int | None) -> Act:
    def act(repo: Repository, branch: str) -> None:
        repo.revert("deletes-d", into=branch)
        if value is not None:
            within(lambda tx: tx["t"].loc.__setitem__("d", {"x": value}))(repo, branch)

    return act


def add(value: int) -> Act:
    return within(lambda tx: tx["t"].append({"x": value, "y": 0}, key="e"))


def add_column(values: list[int] | None) -> Act:
    return within(lambda tx: tx["t"].add_column("w", vstore.ndarray((), "int8"), values))


def remake_column(value: int) -> Act:
    def change(tx: Transaction) -> None:
        tx["t"].drop_column("x")
        tx["t"].add_column("x", vstore.ndarray((), "int32"), [value, value])

    return within(change)


def describe(**attributes: Any) -> Act:
    return within(lambda tx: tx["t"].set_attributes(attributes, column="x"))


def remake_table(value: int) -> Act:
    def change(tx: Transaction) -> None:
        tx.delete("t")
        tx.create_table("t", SPEC, keys="str").extend({"x": [value], "y": [0]}, keys=["a"])

    return within(change)


def squash(repo: Repository, branch: str) -> None:
    for _ in range(2):
        within(lambda tx: tx["other"].append({"y": 1}))(repo, branch)
    repo.squash(branch, since=f"{branch}~2", message="Squashed")


@dataclass(frozen=True)
class Change:
    """A row of the table: a change, and one like it that comes to something else."""

    words: str
    one: Act
    other: Act | None = None


CHANGES = (
    Change("changed the value of a sample in a column", put(7), put(8)),
    Change("set that value missing", put(None)),
    Change("deleted that sample", within(lambda tx: tx["t"].delete(keys=["a"]))),
    Change("brought a deleted sample back", restore(None), restore(9)),
    Change("added a sample", add(1), add(2)),
    Change("added a column", add_column([1, 2]), add_column(None)),
    Change(
        "gave the column another type",
        within(lambda tx: tx["t"].cast("x", "int64")),
        within(lambda tx: tx["t"].cast("x", "float64")),
    ),
    Change(
        "renamed the column",
        within(lambda tx: tx["t"].rename_column("x", "one")),
        within(lambda tx: tx["t"].rename_column("x", "other")),
    ),
    Change("dropped the column", within(lambda tx: tx["t"].drop_column("x"))),
    Change("dropped it and added one of its name", remake_column(1), remake_column(2)),
    Change("set, changed or removed an attribute of the column", describe(n=1), describe()),
    Change(
        "moved the table",
        within(lambda tx: tx.move("t", "moved")),
        within(lambda tx: tx.move("t", "another")),
    ),
    Change("deleted the table", within(lambda tx: tx.delete("t"))),
    Change("deleted it and created one of its name", remake_table(1), remake_table(2)),
    Change("compacted the table", within(lambda tx: tx["t"].compact())),
    Change("squashed commits", squash),
    Change("copied the table", within(lambda tx: tx.copy("t", "copy"))),
)


def table() -> dict[str, list[str]]:
    """Return the cells of the guide's table, by what their row says."""
    lines = re.findall(r"^\| (\d+) (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [line.strip(" |").split(" | ") for _, line in lines]
    return {words: cells for words, *cells in rows}


def test_the_table_has_a_cell_for_each_pair_of_changes() -> None:
    found = table()
    assert list(found) == [change.words for change in CHANGES]
    cells = list(found.values())
    assert all(len(row) == len(cells) for row in cells)
    assert {cell for row in cells for cell in row} == {"✓", "✗", "="}
    assert cells == [list(column) for column in zip(*cells, strict=True)]


def begun() -> Repository:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        samples = {"x": [1, 2, 3], "y": [1, 2, 3]}
        made = tx.create_table("t", SPEC, keys="str")
        made.extend(samples, keys=["a", "b", "d"])
        made.set_attributes({"n": 0}, column="x")
        tx.create_table("other", {"y": vstore.ndarray((), "int8")})
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["d"])
    repo.tags.create("deletes-d", at="main")
    repo.branches.create("side", at="main")
    return repo


def meet(ours: Act, theirs: list[Act]) -> list[bool]:
    """Return which of some changes conflict with one; nothing is committed where they do."""
    repo = begun()
    branches = [f"their-{j}" for j in range(len(theirs))]
    for branch, change in zip(branches, theirs, strict=True):
        repo.branches.create(branch, at="side")
        change(repo, branch)
    ours(repo, "main")
    found = [_conflicts(repo, branch) for branch in branches]
    assert repo.fsck().is_sound
    return found


def _conflicts(repo: Repository, theirs: str) -> bool:
    into = f"with-{theirs}"
    before = repo.branches.create(into, at="main")
    try:
        repo.merge(theirs, into=into)
    except vstore.ConflictError:
        assert repo.branches[into] == before
        return True
    return False


@pytest.mark.parametrize("ours", CHANGES, ids=lambda change: change.words)
def test_changes_meet_as_the_table_says(ours: Change) -> None:
    cells = table()[ours.words]
    found = meet(ours.one, [theirs.one for theirs in CHANGES])
    said = dict(zip([theirs.words for theirs in CHANGES], cells, strict=True))
    assert dict(zip(said, found, strict=True)) == {words: said[words] == "✗" for words in said}
    if ours.other is not None:
        assert said[ours.words] == "="
        assert meet(ours.one, [ours.other]) == [True]
        assert meet(ours.other, [ours.one]) == [True]
