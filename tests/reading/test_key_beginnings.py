"""The beginning of tuple keys stands for all samples below it."""

from typing import Any

import pytest

import vstore
from vstore.reader import Reader


def test_the_beginning_of_tuple_keys_chooses_all_samples_below_it() -> None:
    repo = vstore.create("memory://beginnings")
    keys = [(f"p{i % 3}", i % 2, i) for i in range(12)]
    with repo.transaction("main", message="Add") as tx:
        for name, order in (("a", range(12)), ("b", range(11, -1, -1))):
            table = tx.create_table(name, {name: vstore.ndarray((), "int64")}, keys="tuple")
            table.extend({name: list(order)}, keys=[keys[i] for i in order])
    with repo.transaction("main", message="Delete") as tx:
        for name in "ab":
            tx[name].delete(keys=[("p1", 1, 7)])
    snap = repo.checkout("main")
    wanted = ["p1", ("p2", 0), ("p0", 1, 3)]
    (batch,) = Reader([snap["a"]["a"], snap["b"]["b"]], batch_size=12, keys=wanted)
    assert batch["a"].tolist() == batch["b"].tolist() == [1, 4, 10, 2, 8, 3]
    with pytest.raises(vstore.NotFoundError, match="no sample below"):
        Reader(snap["a"], batch_size=2, keys=["p1", ("p1", 1, 7)])


def test_the_history_of_all_samples_below_a_beginning() -> None:
    repo = vstore.create("memory://beginnings-history")
    keys = [("p1", 0), ("p1", 1), ("p2", 0)]
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="tuple")
        table.extend({"x": [0, 1, 2]}, keys=keys)
    with repo.transaction("main", message="Change the first") as tx:
        tx["t"].extend({"x": [3]}, keys=[("p3", 0)])
        tx["t"]["x"][0] = 9
    with repo.transaction("main", message="Add to the second") as tx:
        tx["t"].extend({"x": [4]}, keys=[("p2", 1)])
    with repo.transaction("main", message="Delete of the third") as tx:
        tx["t"].delete(keys=[("p3", 0)])

    def log(sample: Any) -> list[str]:
        return [commit.message for commit in repo.log(path="t", sample=sample)]

    assert log("p1") == log(("p1",)) == ["Change the first", "Add"]
    assert log("p2") == ["Add to the second", "Add"]
    assert log("p3") == ["Delete of the third", "Change the first"]
    assert log(("p1", 1)) == ["Add"]


def test_each_sample_below_a_beginning_is_blamed_on_a_commit_of_its_own() -> None:
    repo = vstore.create("memory://beginnings-blame")
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="tuple")
        table.extend({"x": range(5)}, keys=[("p1", 0), ("p2", 0), ("p1", 1), ("p1", 2), ("p3",)])
    repo.branches.create("side", at="main")
    for branch, position in (("main", 0), ("side", 2)):
        with repo.transaction(branch, message=f"Change on {branch}") as tx:
            tx["t"]["x"][position] = 9
    repo.merge("side", into="main")
    with repo.transaction("main", message="Add one and delete one") as tx:
        tx["t"].extend({"x": [4]}, keys=[("p1", 9)])
        tx["t"].delete(keys=[("p1", 2)])

    def blame(sample: Any, path: str = "t") -> list[str]:
        commits = repo.blame(path, sample)
        assert isinstance(commits, list)
        return [commit.message for commit in commits]

    each = ["Change on main", "Change on side", "Add one and delete one"]
    assert blame("p1") == blame(("p1",)) == blame("p1", "t/x") == each
    assert blame("p2") == ["Add"]
    assert repo.blame("t", ("p1", 1)).message == "Change on side"
    assert repo.blame("t", ("p3",)).message == "Add"
    with pytest.raises(vstore.NotFoundError, match="no sample"):
        repo.blame("t", "p4")
