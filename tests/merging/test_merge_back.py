"""Tables and columns that come back: what both sides have is there once."""

from typing import Any
from uuid import uuid4

import pytest

import vstore
from vstore import Repository

X = {"x": vstore.ndarray((), "int64")}


@pytest.fixture
def repo() -> Repository:
    """Three branches of a table without keys, which main deletes once the others have grown."""
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", X).extend({"x": [1, 2, 3]})
    for branch, value in (("side", 10), ("third", 20)):
        repo.branches.create(branch, at="main")
        append(repo, branch, value)
    with repo.transaction("main", message="Delete the table") as tx:
        tx.delete("t")
    for branch in ("side", "third"):
        repo.merge("main", into=branch, resolve="ours")
    return repo


def append(repo: Repository, branch: str, value: int) -> None:
    with repo.transaction(branch, message=f"Add {value}") as tx:
        tx["t"].append({"x": value})


def held(repo: Repository, branch: str) -> list[int]:
    values: list[int] = repo.checkout(branch)["t"]["x"][:].tolist()
    return values


def test_a_table_that_two_branches_kept_has_its_samples_once(repo: Repository) -> None:
    repo.merge("third", into="side")
    assert held(repo, "side") == [1, 2, 3, 10, 20]
    diff = repo.diff("third", "side").tables["t"]
    assert (diff.added, diff.removed, diff.changed) == ([3], [], {})
    assert repo.checkout("side")["t"]["x"][diff.added].tolist() == [10]


def test_it_is_merged_again_as_any_other(repo: Repository) -> None:
    repo.merge("third", into="side")
    append(repo, "third", 21)
    with repo.transaction("third", message="Change") as tx:
        tx["t"]["x"][0] = 7
    repo.merge("third", into="side")
    assert held(repo, "side") == [7, 2, 3, 10, 20, 21]


def test_what_both_changed_is_a_conflict(repo: Repository) -> None:
    for branch, value in (("side", 7), ("third", 8)):
        with repo.transaction(branch, message="Change") as tx:
            tx["t"]["x"][1] = value
    with pytest.raises(vstore.ConflictError) as caught:
        repo.merge("third", into="side")
    assert [(c.path, c.ours, c.theirs) for c in caught.value.conflicts] == [("t/x", 7, 8)]
    repo.merge("third", into="side", resolve="theirs")
    assert held(repo, "side") == [1, 8, 3, 10, 20]


def test_samples_that_are_not_known_any_more_are_a_conflict(repo: Repository) -> None:
    for branch in ("side", "third"):
        with repo.transaction(branch, message="Rewrite") as tx:
            tx["t"].delete([0])
            tx["t"].compact()
    with pytest.raises(vstore.ConflictError) as caught:
        repo.merge("third", into="side")
    assert [(c.path, c.sample) for c in caught.value.conflicts] == [("t", None)]
    repo.merge("third", into="side", resolve="theirs")
    assert held(repo, "side") == [2, 3, 20]


def test_a_deletion_that_is_reverted_doubles_no_sample() -> None:
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", X).extend({"x": [1, 2, 3]})
    repo.branches.create("side", at="main")
    append(repo, "side", 10)
    with repo.transaction("main", message="Delete the table") as tx:
        tx.delete("t")
    deleted = repo.branches["main"]
    repo.merge("side", into="main", resolve="theirs")
    with pytest.raises(vstore.ConflictError, match="undone already"):
        repo.revert(deleted, into="main")
    assert held(repo, "main") == [1, 2, 3, 10]


@pytest.mark.parametrize("keys", [None, "str"])
@pytest.mark.parametrize("deletes", ["ours", "theirs"])
def test_a_group_that_holds_something_again_keeps_its_attributes(deletes: str, keys: Any) -> None:
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", X, keys=keys)
        tx.create_array("g/a", shape=(1,), dtype="int8")
        tx.group("g").set_attributes({"from": 1})
    repo.branches.create("side", at="main")
    deleter, mover = ("main", "side") if deletes == "ours" else ("side", "main")
    with repo.transaction(deleter, message="Delete the group") as tx:
        tx.delete("g")
    with repo.transaction(mover, message="Move the table into it") as tx:
        tx.move("t", "g/t")
    repo.merge("side", into="main")
    assert dict(repo.checkout("main").group("g").attributes) == {"from": 1}
    assert list(repo.checkout("main").group("g")) == ["t"]


@pytest.mark.parametrize("ours_renames_first", [True, False])
def test_a_column_comes_back_under_the_name_that_another_of_ours_had(
    ours_renames_first: bool,
) -> None:
    """Ours gave its name to a column that gives it up again, and is called as in theirs."""
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    columns = {"x": vstore.ndarray((), "int64"), "y": vstore.text()}
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", columns, keys="str").append({"x": 1, "y": "a"}, key="a")
    repo.branches.create("side", at="main")
    with repo.transaction("main", message="Rename y, drop x") as tx:
        if ours_renames_first:
            tx["t"].rename_column("y", "z")
        tx["t"].drop_column("x")
        if not ours_renames_first:
            tx["t"].rename_column("y", "z")
    with repo.transaction("side", message="Rename x") as tx:
        tx["t"].rename_column("x", "z")
        tx["t"].append({"z": 2, "y": "b"}, key="b")
    repo.merge("side", into="main", resolve="theirs")
    table = repo.checkout("main")["t"]
    assert [dict(each) for each in table] == [{"y": "a", "z": 1}, {"y": "b", "z": 2}]


def test_samples_of_a_table_without_columns_are_iterated() -> None:
    """Each side dropped one of its two columns."""
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {**X, "y": vstore.text()}, keys="str")
        table.extend({"x": [1, 2], "y": ["a", "b"]}, keys=["a", "b"])
    repo.branches.create("side", at="main")
    for branch, name in (("main", "x"), ("side", "y")):
        with repo.transaction(branch, message=f"Drop {name}") as tx:
            tx["t"].drop_column(name)
    repo.merge("side", into="main")
    found = repo.checkout("main")["t"]
    assert (len(found), list(found), [found[0], found[1]]) == (2, [{}, {}], [{}, {}])
    with repo.transaction("main", message="Look") as tx:
        assert list(tx["t"]) == [{}, {}]
        tx.discard()
