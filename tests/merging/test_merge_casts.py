"""Columns that were cast: what the other side did goes through the cast."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.merging.test_merge_samples import Change, diverge, refused
from tests.repositories import committed_table, new_repository, table_of
from vstore import Repository
from vstore.writing.transaction import Transaction

COLUMNS = {"x": vstore.ndarray((), "int32"), "y": vstore.ndarray((), "int32").as_optional()}


@pytest.fixture(params=["str", None])
def repo(request: Any) -> Repository:
    """A repository with a table `t` of three samples, with keys and without."""
    names = list("abc") if request.param else None
    values = {"x": [1, 2, 3], "y": [1, None, 3]}
    return committed_table(COLUMNS, values, keys=request.param, sample_keys=names)[0]


def cast(dtype: str = "int64", column: str = "x") -> Change:
    return lambda tx: tx["t"].cast(column, dtype)


def put(position: int, value: Any, column: str = "x") -> Change:
    def change(tx: Transaction) -> None:
        tx["t"][column][position] = value

    return change


def both(*changes: Change) -> Change:
    return lambda tx: [change(tx) for change in changes]


def delete(position: int) -> Change:
    return lambda tx: tx["t"].delete(position)


def describe(**attributes: Any) -> Change:
    return lambda tx: tx["t"].set_attributes(attributes, column="x")


def values(repo: Repository, column: str = "x") -> list[Any]:
    return list(table_of(repo)[column])


def mirrored(repo: Repository, sides: tuple[Change, Change], *, swap: bool) -> None:
    diverge(repo, *(sides[::-1] if swap else sides))


@pytest.mark.parametrize("swap", [False, True])
def test_a_changed_value_goes_through_the_cast_of_the_other_side(
    repo: Repository, *, swap: bool
) -> None:
    mirrored(
        repo, (both(cast(), cast("int64", "y")), both(put(1, 7), put(0, None, "y"))), swap=swap
    )
    repo.merge("side", into="main")
    assert table_of(repo)["x"].dtype == table_of(repo)["y"].dtype == np.int64
    assert values(repo) == [1, 7, 3]
    assert values(repo, "y") == [None, None, 3]


@pytest.mark.parametrize("swap", [False, True])
def test_changes_of_both_sides_meet_in_the_form_of_the_cast(
    repo: Repository, *, swap: bool
) -> None:
    mirrored(repo, (both(cast(), put(0, 5), put(1, 7)), both(put(1, 8), put(2, 9))), swap=swap)
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind, conflict.base) == ("t/x", "changed", 2)
    repo.merge("side", into="main", resolve="theirs")
    assert values(repo) == [5, 7 if swap else 8, 9]


def test_casts_of_both_sides_to_one_type_are_one(repo: Repository) -> None:
    diverge(repo, both(cast(), put(0, 5)), both(cast(), put(2, 9)))
    repo.merge("side", into="main")
    assert values(repo) == [5, 2, 9]


@pytest.mark.parametrize(("winner", "dtype"), [("ours", "int64"), ("theirs", "float64")])
def test_casts_to_different_types_are_a_conflict(repo: Repository, winner: Any, dtype: str) -> None:
    diverge(repo, both(cast(), put(0, 5)), both(cast("float64"), put(0, 6)))
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("t/x", "schema")
    repo.merge("side", into="main", resolve=winner)
    assert table_of(repo)["x"].dtype == dtype
    assert values(repo) == [5 if winner == "ours" else 6, 2, 3]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_a_value_that_the_cast_cannot_hold_is_a_conflict(
    repo: Repository, winner: Any, *, swap: bool
) -> None:
    with repo.transaction("main", message="Widen") as tx:
        tx["t"].cast("x", "int64")
    mirrored(repo, (cast("float64"), put(1, 2**53 + 1)), swap=swap)
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("t/x", "schema")
    repo.merge("side", into="main", resolve=winner)
    is_cast = (winner == "ours") != swap
    assert values(repo) == ([1, 2, 3] if is_cast else [1, 2**53 + 1, 3])


@pytest.mark.parametrize("swap", [False, True])
def test_a_sample_that_was_cast_and_changed_conflicts_with_its_deletion(
    repo: Repository, *, swap: bool
) -> None:
    mirrored(repo, (both(cast(), put(0, 7)), delete(0)), swap=swap)
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("t", "deleted")
    repo.merge("side", into="main", resolve="theirs")
    assert values(repo) == ([7, 2, 3] if swap else [2, 3])


@pytest.mark.parametrize("swap", [False, True])
def test_a_sample_that_was_cast_alone_goes_with_its_deletion(
    repo: Repository, *, swap: bool
) -> None:
    mirrored(repo, (cast(), delete(0)), swap=swap)
    repo.merge("side", into="main")
    assert values(repo) == [2, 3]


@pytest.mark.parametrize("swap", [False, True])
def test_attributes_of_a_column_that_was_cast_are_kept(repo: Repository, *, swap: bool) -> None:
    with repo.transaction("main", message="Describe") as tx:
        tx["t"].set_attributes({"a": 1, "b": 2}, column="x")
    mirrored(repo, (both(cast(), describe(a=1, b=2, c=3)), describe(a=1.0)), swap=swap)
    repo.merge("side", into="main")
    found = table_of(repo)["x"].attributes
    assert found == {"a": 1.0, "c": 3}
    assert isinstance(found["a"], float)


def test_a_sample_that_one_side_brings_back_goes_through_the_cast_of_either(
    repo: Repository,
) -> None:
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(1)
    repo.branches.create("side", at="main")
    repo.revert("side", into="side")
    with repo.transaction("side", message="Cast x") as tx:
        tx["t"].cast("x", "int64")
    with repo.transaction("main", message="Cast y") as tx:
        tx["t"].cast("y", "int64")
        tx["t"]["y"][0] = 9
    repo.merge("side", into="main")
    found = dict(zip(values(repo), values(repo, "y"), strict=True))
    assert found == {1: 9, 2: None, 3: 3}


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_sample_deleted_since_the_cast_is_no_conflict_where_the_cast_is_undone(
    repo: Repository, *, is_changed: bool
) -> None:
    with repo.transaction("main", message="Cast") as tx:
        cast("float64")(tx)
        if is_changed:
            tx["t"]["x"][2] = 9.0
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(2)
    if is_changed:
        with pytest.raises(vstore.ConflictError, match="deleted"):
            repo.revert("main~1")
        return
    repo.revert("main~1")
    assert table_of(repo)["x"].dtype == np.int32
    assert values(repo) == [1, 2]


@pytest.mark.parametrize("swap", [False, True])
def test_samples_added_go_through_the_cast(repo: Repository, *, swap: bool) -> None:
    is_keyed = table_of(repo).key_kind is not None

    def add(tx: Transaction) -> None:
        tx["t"].append({"x": 4}, key="d" if is_keyed else None)

    mirrored(repo, (cast(), add), swap=swap)
    repo.merge("side", into="main")
    assert table_of(repo)["x"].dtype == np.int64
    assert (values(repo), values(repo, "y")) == ([1, 2, 3, 4], [1, None, 3, None])


def test_another_encoding_of_a_column_is_no_change() -> None:
    """The first samples choose how long the chunks of a column of texts are."""
    repo = new_repository()
    with repo.transaction("main", message="Make") as tx:
        tx.create_table("t", {"s": vstore.text()}, keys="str")
    texts = {"main": ["x" * 60_000] * 20, "side": ["y" * 5_000] * 300}
    repo.branches.create("side", at="main")
    for branch, added in texts.items():
        with repo.transaction(branch, message="Add") as tx:
            tx["t"].extend({"s": added}, keys=[f"{branch}{i}" for i in range(len(added))])
    repo.merge("side", into="main")
    assert values(repo, "s") == texts["main"] + texts["side"]


WIDER = ["int64", "float64", "complex128"]


@pytest.mark.parametrize("dtype", WIDER)
def test_a_cast_that_is_undone_takes_along_what_fits(repo: Repository, dtype: str) -> None:
    with repo.transaction("main", message="Cast") as tx:
        tx["t"].cast("x", dtype)
    with repo.transaction("main", message="Change") as tx:
        tx["t"].delete(2)
        tx["t"]["x"][0] = 7
    repo.revert("main~1")
    assert table_of(repo)["x"].dtype == np.int32
    assert values(repo) == [7, 2]


@pytest.mark.parametrize("value", [2.5, -0.0, float("nan"), 2.0**40])
def test_a_cast_that_is_undone_conflicts_with_what_does_not_fit(
    repo: Repository, value: float
) -> None:
    with repo.transaction("main", message="Cast") as tx:
        tx["t"].cast("x", "float64")
    with repo.transaction("main", message="Change") as tx:
        tx["t"]["x"][0] = value
    with pytest.raises(vstore.ConflictError, match="cannot hold"):
        repo.revert("main~1")


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("of_one", [None, 7])
def test_a_sample_that_both_added_is_compared_through_a_cast(
    of_one: int | None, *, swap: bool
) -> None:
    repo = committed_table(COLUMNS, {"x": [1], "y": [1]}, keys="str", sample_keys=["a"])[0]

    def add(value: int | None) -> Change:
        return lambda tx: tx["t"].append({"x": 5, "y": value}, key="b")

    mirrored(repo, (add(of_one), both(cast(column="y"), add(8))), swap=swap)
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.sample) == ("t/y", "b")
    repo.merge("side", into="main", resolve="ours")
    assert values(repo, "y") == [1, 8 if swap else of_one]
    assert table_of(repo)["y"].dtype == "int64"
