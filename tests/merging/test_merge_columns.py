"""Merging the columns of a table: each test is named for the behaviour it holds."""

from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.merging.test_merge_samples import Change, diverge, refused
from vstore import Repository
from vstore.writing.transaction import Transaction


@pytest.fixture
def repo() -> Repository:
    """A repository with a keyed table `t` of four samples in the columns `n` and `word`."""
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64"), "word": vstore.text()}
        table = tx.create_table("t", columns, keys="str")
        table.extend({"n": np.arange(4), "word": list("wxyz")}, keys=list("abcd"))
    return repo


def make(name: str, dtype: str, values: list[Any] | None = None) -> Change:
    return lambda tx: tx["t"].add_column(name, vstore.ndarray((), dtype), values)


def remake(dtype: str) -> Change:
    def change(tx: Transaction) -> None:
        tx["t"].drop_column("n")
        tx["t"].add_column("n", vstore.ndarray((), dtype), [7, 7, 7, 7])

    return change


def drop(tx: Transaction) -> None:
    tx["t"].drop_column("n")


def change_one(tx: Transaction) -> None:
    tx["t"]["n"][1] = 11


def add_one(tx: Transaction) -> None:
    tx["t"].append({"n": 40, "word": "new"}, key="e")


def column(repo: Repository, name: str = "n") -> list[Any]:
    found: list[Any] = repo.checkout("main")["t"][name][:].tolist()
    return found


def test_a_new_column_here_and_new_samples_there_stay_aligned(repo: Repository) -> None:
    diverge(repo, make("score", "int64", [1, 2, 3, 4]), add_one)
    repo.merge("side", into="main")
    assert column(repo, "score") == [1, 2, 3, 4, 0]
    assert column(repo) == [0, 1, 2, 3, 40]


def test_a_new_column_there_and_new_samples_here_stay_aligned(repo: Repository) -> None:
    diverge(repo, add_one, make("score", "int64", [1, 2, 3, 4]))
    repo.merge("side", into="main")
    assert column(repo, "score") == [1, 2, 3, 4, 0]
    assert column(repo, "word") == ["w", "x", "y", "z", "new"]


def test_one_new_column_with_one_schema_and_equal_values_is_united(repo: Repository) -> None:
    diverge(repo, make("score", "int64", [1, 0, 3, 0]), make("score", "int64", [1, 0, 3, 0]))
    repo.merge("side", into="main")
    assert column(repo, "score") == [1, 0, 3, 0]


def test_one_new_column_with_other_values_on_both_sides_conflicts_there(repo: Repository) -> None:
    diverge(repo, make("score", "int64", [1, 0, 3, 0]), make("score", "int64", [9, 2, 3, 0]))
    found = {c.sample: (c.path, c.kind, c.ours, c.theirs) for c in refused(repo).conflicts}
    assert found == {"a": ("t/score", "added", 1, 9), "b": ("t/score", "added", 0, 2)}


@pytest.mark.parametrize("is_optional", [False, True])
@pytest.mark.parametrize("given_in", ["ours", "theirs"])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_a_new_column_with_values_on_one_side_and_without_on_the_other_is_a_conflict(
    repo: Repository, given_in: str, winner: Any, *, is_optional: bool
) -> None:
    spec = vstore.ndarray((), "int64", fill_value=1)
    spec = spec.as_optional() if is_optional else spec

    def add(values: list[int] | None) -> Change:
        return lambda tx: tx["t"].add_column("score", spec, values)

    values = [5, 6, 7, 1]
    sides = [values if side == given_in else None for side in ("ours", "theirs")]
    diverge(repo, *map(add, sides))
    conflicting = set("abcd") if is_optional else set("abc")
    assert {conflict.sample for conflict in refused(repo).conflicts} == conflicting
    repo.merge("side", into="main", resolve=winner)
    unset = [None] * 4 if is_optional else [1] * 4
    assert column(repo, "score") == (values if winner == given_in else unset)


def test_one_new_column_with_two_schemas_is_a_conflict(repo: Repository) -> None:
    diverge(repo, make("score", "int64"), make("score", "float32"))
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("t/score", "schema")
    repo.merge("side", into="main", resolve="theirs")
    assert repo.checkout("main")["t"]["score"].dtype == np.float32


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (drop, change_one),
        (change_one, drop),
        (drop, add_one),
        (add_one, drop),
    ],
    ids=["drop-change", "change-drop", "drop-add", "add-drop"],
)
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_a_column_deleted_here_and_changed_or_extended_there_is_a_conflict(
    repo: Repository, ours: Change, theirs: Change, winner: Any
) -> None:
    diverge(repo, ours, theirs)
    assert ("t/n", "deleted") in {(c.path, c.kind) for c in refused(repo).conflicts}
    repo.merge("side", into="main", resolve=winner)
    table = repo.checkout("main")["t"]
    assert ("n" not in table) == ((ours if winner == "ours" else theirs) is drop)
    if "n" in table and add_one in (ours, theirs):
        assert column(repo) == [0, 1, 2, 3, 40]
    elif "n" in table:
        assert column(repo) == [0, 11, 2, 3]
    assert column(repo, "word")[:4] == list("wxyz")


def rename(tx: Transaction) -> None:
    tx["t"].rename_column("n", "number")


def describe(tx: Transaction) -> None:
    tx["t"].set_attributes({"unit": "m"}, column="n")


@pytest.mark.parametrize("other", [rename, describe])
@pytest.mark.parametrize("is_dropped_here", [True, False])
@pytest.mark.parametrize("remade", [False, True])
def test_a_column_deleted_here_and_renamed_or_described_there_is_a_conflict(
    repo: Repository, other: Change, *, is_dropped_here: bool, remade: bool
) -> None:
    gone: Change = remake("int64") if remade else drop
    diverge(repo, *((gone, other) if is_dropped_here else (other, gone)))
    assert ("t/n", "deleted") in {(c.path, c.kind) for c in refused(repo).conflicts}
    name = "number" if other is rename else "n"
    repo.merge("side", into="main", resolve="theirs" if is_dropped_here else "ours")
    if not (remade and other is describe):
        assert column(repo, name) == [0, 1, 2, 3]


def test_a_column_deleted_here_and_left_alone_there_goes(repo: Repository) -> None:
    diverge(repo, drop, lambda tx: tx["t"].loc.__setitem__("a", {"word": "new"}))
    repo.merge("side", into="main")
    assert list(repo.checkout("main")["t"].columns) == ["word"]
    assert column(repo, "word")[0] == "new"


def test_a_column_deleted_on_both_sides_goes(repo: Repository) -> None:
    diverge(repo, drop, drop)
    repo.merge("side", into="main")
    assert list(repo.checkout("main")["t"].columns) == ["word"]


def test_a_column_made_anew_differently_on_both_sides_is_a_conflict(repo: Repository) -> None:
    diverge(repo, remake("int16"), remake("float32"))
    assert refused(repo).conflicts[0].path == "t/n"


def test_a_column_made_anew_here_and_changed_there_is_a_conflict(repo: Repository) -> None:
    diverge(repo, remake("int64"), change_one)
    assert "t/n" in {conflict.path for conflict in refused(repo).conflicts}
    repo.merge("side", into="main", resolve="ours")
    assert column(repo) == [7, 7, 7, 7]


def test_a_wider_type_here_and_nothing_there_is_kept(repo: Repository) -> None:
    diverge(repo, lambda tx: tx["t"].cast("n", "float64"), make("other", "int8"))
    repo.merge("side", into="main")
    table = repo.checkout("main")["t"]
    assert table["n"].dtype == np.float64
    assert sorted(table.columns) == ["n", "other", "word"]


def test_a_wider_type_there_and_nothing_here_is_taken(repo: Repository) -> None:
    diverge(repo, make("other", "int8"), lambda tx: tx["t"].cast("n", "float64"))
    repo.merge("side", into="main")
    assert repo.checkout("main")["t"]["n"].dtype == np.float64
    assert column(repo) == [0, 1, 2, 3]


def test_a_change_goes_through_a_wider_type_of_the_other_side(repo: Repository) -> None:
    diverge(repo, lambda tx: tx["t"].cast("n", "float64"), change_one)
    repo.merge("side", into="main")
    assert repo.checkout("main")["t"]["n"].dtype == np.float64
    assert column(repo) == [0, 11, 2, 3]


def test_columns_renamed_differently_are_a_conflict(repo: Repository) -> None:
    diverge(
        repo,
        lambda tx: tx["t"].rename_column("n", "mine"),
        lambda tx: tx["t"].rename_column("n", "yours"),
    )
    (conflict,) = refused(repo).conflicts
    assert (conflict.ours, conflict.theirs) == ("mine", "yours")
    repo.merge("side", into="main", resolve="theirs")
    assert column(repo, "yours") == [0, 1, 2, 3]


def test_a_column_renamed_here_to_what_was_made_there_is_a_conflict(repo: Repository) -> None:
    diverge(
        repo,
        lambda tx: tx["t"].rename_column("n", "score"),
        make("score", "int64", [5, 5, 5, 5]),
    )
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("t/score", "schema")
    repo.merge("side", into="main", resolve="ours")
    assert column(repo, "score") == [0, 1, 2, 3]


def test_attributes_of_a_column_merge_by_name(repo: Repository) -> None:
    diverge(
        repo,
        lambda tx: tx["t"].set_attributes({"unit": "m"}, column="n"),
        lambda tx: tx["t"].set_attributes({"from": "tape"}, column="n"),
    )
    repo.merge("side", into="main")
    assert repo.checkout("main")["t"]["n"].attributes == {"unit": "m", "from": "tape"}


def test_compacted_here_and_changed_there_keeps_both(repo: Repository) -> None:
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["a"])

    def change(tx: Transaction) -> None:
        tx["t"].loc["c"] = {"n": 22}
        tx["t"].delete(keys=["d"])

    diverge(repo, lambda tx: tx["t"].compact(), change)
    repo.merge("side", into="main")
    table = repo.checkout("main")["t"]
    assert dict(zip(table.sample_keys().tolist(), table["n"][:].tolist(), strict=True)) == {
        "b": 1,
        "c": 22,
    }


def test_picking_what_made_a_column_that_was_renamed_since_makes_no_second_one() -> None:
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    with repo.transaction("main", message="Make") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"n": [1, 2]}, keys=["a", "b"])
    with repo.transaction("main", message="Rename") as tx:
        tx["t"].rename_column("n", "m")
        tx["t"]["m"][0] = 7
    with pytest.raises(vstore.ConflictError, match="t/m"):
        repo.cherry_pick("main~1", into="main")
    repo.cherry_pick("main~1", into="main", resolve="theirs")
    found = repo.checkout("main")["t"]
    assert list(found.columns) == ["n"]
    assert found["n"][:].tolist() == [1, 2]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_a_column_that_both_made_and_one_renamed_is_a_conflict(
    repo: Repository, winner: Any, *, swap: bool
) -> None:
    sides = [["score"], ["score", "points"]][:: -1 if swap else 1]
    repo.branches.create("side", at="main")
    for branch, names in zip(("main", "side"), sides, strict=True):
        with repo.transaction(branch, message="Make") as tx:
            make("score", "int64", [1, 2, 3, 4])(tx)
        for old, new in pairwise(names):
            with repo.transaction(branch, message="Rename") as tx:
                tx["t"].rename_column(old, new)
    (conflict,) = refused(repo).conflicts
    assert (conflict.kind, conflict.ours, conflict.theirs) == ("schema", sides[0][-1], sides[1][-1])
    repo.merge("side", into="main", resolve=winner)
    name = sides[winner == "theirs"][-1]
    assert sorted(repo.checkout("main")["t"].columns) == sorted(["n", "word", name])
    assert column(repo, name) == [1, 2, 3, 4]


@pytest.mark.parametrize("is_optional", [False, True])
@pytest.mark.parametrize("value", [0, 5])
def test_samples_added_on_both_sides_get_their_values_in_a_column_of_one_side(
    value: int, is_optional: bool
) -> None:
    repo = vstore.create(f"memory://{uuid4().hex}")
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    repo.branches.create("side")
    more = vstore.ndarray((), "int16")
    columns = {"n": vstore.ndarray((), "int64"), "o": more.as_optional() if is_optional else more}
    batch = {"n": [1, 2], "o": [value, value]}
    with repo.transaction("side", message="Make") as tx:
        tx.create_table("t", columns, keys="str").extend(batch, keys=["a", "b"])
    with repo.transaction("main", message="Make") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"n": [2, 1, 3]}, keys=["b", "a", "c"])
    repo.merge("side", into="main")
    found = repo.checkout("main")["t"]["o"]
    assert [found[0], found[1]] == [value, value]
    assert found[2] is None if is_optional else found[2] == 0


def test_samples_brought_back_on_both_sides_get_their_values_in_a_column_of_one_side(
    repo: Repository,
) -> None:
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["b"])
    repo.branches.create("side")
    for branch in ("main", "side"):
        repo.revert("main" if branch == "main" else "side", into=branch)
    with repo.transaction("side", message="Score") as tx:
        tx["t"].add_column("score", vstore.ndarray((), "int64"), [1, 2, 3, 4])
    repo.merge("side", into="main")
    assert column(repo, "score") == [1, 2, 3, 4]
