"""What each answer to a conflict gives, and what is taken where several bases are merged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from tests.merging.test_merge_samples import Change, diverge, refused
from tests.repositories import committed_table, new_repository, table_of
from vstore import Repository
from vstore.writing.transaction import Transaction

COLUMNS = {"x": vstore.ndarray((), "int32"), "y": vstore.ndarray((), "int32").as_optional()}


def begun() -> Repository:
    values = {"x": [1, 2], "y": [1, None]}
    return committed_table(COLUMNS, values, keys="str", sample_keys=["a", "b"])[0]


def put(**values: Any) -> Change:
    return lambda tx: tx["t"].loc.__setitem__("a", values)


NO_VALUES: dict[str, tuple[Change, Change]] = {
    "sample deleted": (lambda tx: tx["t"].delete(keys=["a"]), put(x=7)),
    "column dropped": (lambda tx: tx["t"].drop_column("x"), put(x=7)),
    "table deleted": (lambda tx: tx.delete("t"), put(x=7)),
    "other types": (lambda tx: tx["t"].cast("x", "int64"), lambda tx: tx["t"].cast("x", "f8")),
    "name taken": (
        lambda tx: tx["t"].rename_column("x", "z"),
        lambda tx: tx["t"].add_column("z", vstore.text()),
    ),
}


@pytest.mark.parametrize("sides", NO_VALUES.values(), ids=NO_VALUES)
def test_a_value_is_refused_where_the_conflict_is_not_about_one(
    sides: tuple[Change, Change],
) -> None:
    repo = begun()
    diverge(repo, *sides)
    head = repo.branches["main"]
    with pytest.raises(vstore.InvalidInputError, match="not about a value"):
        repo.merge("side", into="main", resolve=lambda _: vstore.Use(5))
    assert repo.branches["main"] == head


def test_a_function_gives_values_missing_samples_and_names() -> None:
    repo = begun()

    def ours(tx: Transaction) -> None:
        put(x=7, y=7)(tx)
        tx["t"].rename_column("x", "one")
        tx.move("t", "one")

    def theirs(tx: Transaction) -> None:
        put(x=8, y=8)(tx)
        tx["t"].rename_column("x", "two")
        tx.move("t", "two")

    diverge(repo, ours, theirs)
    answers = {"t": "three", "three/x": "w", "three/w": 9, "three/y": None}
    repo.merge("side", into="main", resolve=lambda conflict: vstore.Use(answers[conflict.path]))
    sample = repo.checkout("main").table("three").loc["a"]
    assert sample == {"w": 9, "y": None}


def test_a_sample_of_one_side_has_no_value_in_a_column_that_it_dropped() -> None:
    """What lies in the row of a sample that was deleted is not what the sample has."""
    repo = begun()
    with repo.transaction("main", message="Delete b") as tx:
        tx["t"].loc["b"] = {"y": 5}
        tx["t"].delete(keys=["b"])
    repo.branches.create("side", at="main")
    repo.revert("side", into="side")
    with repo.transaction("side", message="Drop") as tx:
        tx["t"].drop_column("y")
    with repo.transaction("main", message="Set") as tx:
        tx["t"].loc["a"] = {"y": 9}
    repo.merge("side", into="main", resolve="ours")
    table = table_of(repo)
    assert {key: table.loc[key]["y"] for key in table.sample_keys().tolist()} == {"a": 9, "b": None}


def crossed(ours: Change, theirs: Change, *, answer: str = "ours") -> Repository:
    """Return a repository whose branches both merged the other, each with its own side's answer."""
    repo = begun()
    diverge(repo, ours, theirs)
    repo.branches.create("old", at="main")
    choice: Any = answer
    repo.merge("side", into="main", resolve=choice)
    repo.merge("old", into="side", resolve=choice)
    return repo


CROSSED: dict[str, tuple[Callable[[int], Change], str]] = {
    "a value": (lambda n: put(x=n + 5), "t/x"),
    "a sample": (lambda n: lambda tx: tx["t"].append({"x": n}, key="c"), "t/x"),
    "a column": (
        lambda n: lambda tx: tx["t"].add_column("w", vstore.ndarray((), "int8"), [n, 0]),
        "t/w",
    ),
    "a column of other types": (
        lambda n: lambda tx: tx["t"].add_column("w", vstore.ndarray((), f"int{8 * n}")),
        "t/w",
    ),
    "a cast": (lambda n: lambda tx: tx["t"].cast("x", "int64" if n == 1 else "float64"), "t/x"),
    "a name": (lambda n: lambda tx: tx["t"].rename_column("x", f"x{n}"), "t/x"),
    "an attribute": (lambda n: lambda tx: tx["t"].set_attributes({"n": n}), "t"),
    "an array": (
        lambda n: lambda tx: tx.create_array("c", shape=(2,), dtype="int8").__setitem__(0, n),
        "c",
    ),
    "a place": (lambda n: lambda tx: tx.move("t", f"t{n}"), "t"),
}


@pytest.mark.parametrize("case", CROSSED.values(), ids=CROSSED)
def test_what_two_bases_disagree_about_is_a_conflict_again(case: Any) -> None:
    """Neither side's answer is taken for what both had before."""
    change, path = case
    repo = crossed(change(1), change(2))
    assert path in {conflict.path for conflict in refused(repo).conflicts}


def test_a_deletion_that_two_bases_disagree_about_is_a_conflict_again() -> None:
    repo = crossed(lambda tx: tx["t"].delete(keys=["a"]), put(x=7))
    assert [(c.path, c.kind) for c in refused(repo).conflicts] == [("t", "deleted")]


def test_arrays_that_both_sides_made_are_compared_where_one_stores_nothing() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("other", shape=(1,), dtype="int8")

    def make(value: int) -> Change:
        return lambda tx: tx.create_array("c", shape=(2,), dtype="int8").__setitem__(0, value)

    diverge(repo, make(1), make(0))
    (conflict,) = refused(repo).conflicts
    assert (conflict.kind, conflict.sample, conflict.ours, conflict.theirs) == ("added", (0,), 1, 0)
    repo.merge("side", into="main", resolve="theirs")
    assert np.asarray(repo.checkout("main")["c"][:]).tolist() == [0, 0]
