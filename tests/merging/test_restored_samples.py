"""A sample that one side brings back while the other makes a new one under its key."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table, table_of
from vstore import Repository

X = {"x": vstore.ndarray((), "int64")}


def restored_and_made_again(value: int) -> Repository:
    """Return a repository in which `side` restores b, and `main` has a new b of some value."""
    repository, _ = committed_table(X, {"x": [1, 2]}, keys="str", sample_keys=["a", "b"])
    with repository.transaction("main", message="Delete b") as tx:
        tx["t"].delete(keys=["b"])
    repository.branches.create("side", at="main")
    repository.revert("main", into="side")
    assert table_of(repository, "side").sample_keys().tolist() == ["a", "b"]
    with repository.transaction("main", message="Make b again") as tx:
        tx["t"].append({"x": value}, key="b")
    return repository


def test_another_value_is_a_conflict() -> None:
    repository = restored_and_made_again(7)
    with pytest.raises(vstore.ConflictError):
        repository.merge("side", into="main")
    repository.merge("side", into="main", resolve="theirs")
    table = table_of(repository)
    assert table.sample_keys().tolist() == ["a", "b"]
    assert table["x"][:].tolist() == [1, 2]


def test_the_same_value_is_one_sample() -> None:
    repository = restored_and_made_again(2)
    repository.merge("side", into="main")
    assert table_of(repository).sample_keys().tolist() == ["a", "b"]


def test_a_sample_restored_on_one_side_comes_back_in_its_place() -> None:
    repository, _ = committed_table(X, {"x": [1, 2]}, keys="str", sample_keys=["a", "b"])
    with repository.transaction("main", message="Delete a") as tx:
        tx["t"].delete(keys=["a"])
    repository.branches.create("side", at="main")
    repository.revert("main", into="side")
    with repository.transaction("main", message="Add c") as tx:
        tx["t"].append({"x": 3}, key="c")
    repository.merge("side", into="main")
    found: Any = table_of(repository)
    assert found.sample_keys().tolist() == ["a", "b", "c"]
    assert (found["x"][:] == np.array([1, 2, 3])).all()


def test_samples_without_keys_that_are_there_already_are_not_picked_again() -> None:
    repository, _ = committed_table(X, {"x": [1]})
    with repository.transaction("main", message="Add") as tx:
        tx["t"].append({"x": 2})
    with pytest.raises(vstore.ConflictError) as caught:
        repository.cherry_pick("main", into="main")
    assert caught.value.code == "nothing-to-do"
    repository.branches.create("side", at="main~1")
    with repository.transaction("side", message="Add more") as tx:
        tx["t"].append({"x": 3})
    repository.merge("main", into="side")
    with pytest.raises(vstore.ConflictError) as caught:
        repository.cherry_pick("main", into="side")
    assert caught.value.code == "nothing-to-do"
    assert table_of(repository, "side")["x"][:].tolist() == [1, 3, 2]
