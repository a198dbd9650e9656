"""Writers that commit equal things: each commit is in the history, each row in the table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.audit import open_at
from tests.repositories import new_repository
from vstore import Repository
from vstore.writing.transaction import Transaction

Change = Callable[[Transaction], Any]


@pytest.fixture
def repository() -> Repository:
    made = new_repository()
    with made.transaction("main", message="Start") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [1, 2, 3]})
        keyed = tx.create_table("k", {"n": vstore.ndarray((), "int64")}, keys="str")
        keyed.extend({"n": [1]}, keys=["a"])
        tx.create_array("x", shape=(4,), dtype="int64")[:] = 1
    return made


def race(repository: Repository, *changes: Change) -> list[str]:
    """Begin a transaction for each change, then commit them in turn; return the ids."""
    begun = [repository.transaction("main", message=f"Writer {i}") for i in range(len(changes))]
    for tx, change in zip(begun, changes, strict=True):
        change(tx)
    made = [tx.commit() for tx in begun]
    return [commit.id for commit in made if commit is not None]


def append(tx: Transaction) -> None:
    tx["t"].extend({"n": [7]})


def append_keyed(tx: Transaction) -> None:
    tx["k"].extend({"n": [7]}, keys=["b"])


def assign(tx: Transaction) -> None:
    tx["t"]["n"][0] = 9


def fill(tx: Transaction) -> None:
    tx["x"][0] = 9


def rename(tx: Transaction) -> None:
    tx["t"].rename_column("n", "m")


@pytest.mark.parametrize("change", [append, append_keyed, assign, fill, rename])
def test_equal_commits_are_both_in_the_history(repository: Repository, change: Change) -> None:
    made = race(repository, change, change, change)
    messages = [commit.message for commit in repository.log("main")]
    assert messages == ["Writer 2", "Writer 1", "Writer 0", "Start"]
    assert len(set(made)) == 3
    assert {commit.id for commit in repository.log("main")} >= set(made)


def test_equal_rows_without_keys_are_all_kept(repository: Repository) -> None:
    race(repository, append, append, append)
    assert open_at(repository, "t")["n"][:].tolist() == [1, 2, 3, 7, 7, 7]


def test_equal_samples_under_one_key_are_one(repository: Repository) -> None:
    race(repository, append_keyed, append_keyed)
    assert open_at(repository, "k").sample_keys().tolist() == ["a", "b"]


def test_equal_schema_changes_meet(repository: Repository) -> None:
    def rename_and_append(tx: Transaction) -> None:
        rename(tx)
        tx["t"].extend({"m": [7]})

    race(repository, rename_and_append, rename_and_append)
    assert open_at(repository, "t")["m"][:].tolist() == [1, 2, 3, 7, 7]


def test_equal_deletions_meet(repository: Repository) -> None:
    race(repository, lambda tx: tx["t"].delete(1), lambda tx: tx["t"].delete(1))
    assert open_at(repository, "t")["n"][:].tolist() == [1, 3]


def test_rows_equal_to_many_that_others_added_are_all_kept(repository: Repository) -> None:
    def extend(tx: Transaction) -> None:
        tx["t"].extend({"n": np.zeros(50_000, np.int64)})

    race(repository, extend, extend)
    assert len(open_at(repository, "t")) == 100_003
