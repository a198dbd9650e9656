"""Merging tables by sample: each test is named for the behaviour it holds."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import ConflictError, Repository
from vstore.merging.conflicts import Use
from vstore.writing.transaction import Transaction

Change = Callable[[Transaction], Any]

COLUMNS = {
    "x": vstore.ndarray((2,), "float32"),
    "label": vstore.ndarray((), "int64"),
    "caption": vstore.text(),
    "points": vstore.ndarray((None, 2), "int16"),
}


def samples(*numbers: int) -> dict[str, Any]:
    return {
        "x": np.array([[n, n] for n in numbers], "float32").reshape(len(numbers), 2),
        "label": np.array(numbers, "int64"),
        "caption": [f"sample {n}" for n in numbers],
        "points": [np.full((n % 3, 2), n, "int16") for n in numbers],
    }


def add(tx: Transaction, *keys: str, start: int = 100) -> None:
    tx["t"].extend(samples(*range(start, start + len(keys))), keys=list(keys))


def add_unnamed(tx: Transaction, *numbers: int) -> None:
    tx["u"].extend({"n": np.array(numbers, "int64")})


@pytest.fixture
def repo() -> Repository:
    """A repository with a keyed table `t` of ten samples and an unnamed table `u` of five."""
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", COLUMNS, keys="str", attributes={"source": "camera"})
        table.extend(samples(*range(10)), keys=[f"k{n}" for n in range(10)])
        unnamed = tx.create_table("u", {"n": vstore.ndarray((), "int64")})
        unnamed.extend({"n": np.arange(5)})
        tx.create_array("grid", shape=(6, 6), dtype="int32", chunk_shape=(3, 3))[...] = 1
    return repo


def diverge(repo: Repository, ours: Change, theirs: Change) -> None:
    """Put one change on main and one on side, both on top of what main was."""
    repo.branches.create("side", at="main")
    for branch, change in (("main", ours), ("side", theirs)):
        with repo.transaction(branch, message=f"Change {branch}") as tx:
            change(tx)


def contents(repo: Repository, path: str = "t") -> dict[Any, Any]:
    """Return every sample of a table by key (by position without keys)."""
    table = repo.checkout("main")[path]
    return {
        key: {name: np.asarray(value).tolist() for name, value in sample.items()}
        for key, sample in zip(table.sample_keys().tolist(), table, strict=True)
    }


def refused(repo: Repository, **options: Any) -> ConflictError:
    """Merge side into main, expecting a conflict that changes nothing."""
    head = repo.branches["main"]
    with pytest.raises(ConflictError) as caught:
        repo.merge("side", into="main", **options)
    assert repo.branches["main"] == head
    assert caught.value.conflicts
    return caught.value


def test_different_samples_on_two_branches_are_united(repo: Repository) -> None:
    diverge(repo, lambda tx: add(tx, "a", "b"), lambda tx: add(tx, "c", start=200))
    merged = repo.merge("side", into="main")
    assert merged.kind == "merge"
    assert list(contents(repo)) == [*(f"k{n}" for n in range(10)), "a", "b", "c"]
    assert contents(repo)["c"]["label"] == 200
    assert contents(repo)["c"]["caption"] == "sample 200"
    assert contents(repo)["b"]["points"] == np.full((101 % 3, 2), 101).tolist()
    assert merged.commit is not None
    assert len(merged.commit.parents) == 2


def test_samples_without_keys_are_united_ours_first(repo: Repository) -> None:
    diverge(repo, lambda tx: add_unnamed(tx, 10, 11), lambda tx: add_unnamed(tx, 20))
    repo.merge("side", into="main")
    assert repo.checkout("main")["u"]["n"][:].tolist() == [0, 1, 2, 3, 4, 10, 11, 20]


def test_one_key_with_one_value_on_both_sides_is_no_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: add(tx, "a"), lambda tx: add(tx, "a"))
    repo.merge("side", into="main")
    assert list(contents(repo)).count("a") == 1
    assert len(contents(repo)) == 11


def test_samples_that_both_sides_added_are_one_among_others(repo: Repository) -> None:
    diverge(repo, lambda tx: add(tx, "a", "b"), lambda tx: add(tx, "a", "c"))
    repo.merge("side", into="main")
    names = repo.checkout("main")["t"].sample_keys().tolist()
    assert names == [*(f"k{n}" for n in range(10)), "a", "b", "c"]


def test_one_key_with_two_values_is_a_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: add(tx, "a"), lambda tx: add(tx, "a", start=105))
    error = refused(repo)
    assert {conflict.path for conflict in error.conflicts} >= {"t/x", "t/label", "t/caption"}
    assert {conflict.sample for conflict in error.conflicts} == {"a"}
    repo.merge("side", into="main", resolve="theirs")
    assert contents(repo)["a"]["label"] == 105


def test_one_sample_changed_differently_on_both_sides_is_a_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 30), lambda tx: set_label(tx, 3, 31))
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.sample, conflict.kind) == ("t/label", "k3", "changed")
    assert (conflict.base, conflict.ours, conflict.theirs) == (3, 30, 31)


def set_label(tx: Transaction, position: int, value: int) -> None:
    tx["t"]["label"][position] = value


@pytest.mark.parametrize(
    ("resolve", "expected"),
    [
        ("ours", 30),
        ("theirs", 31),
        (lambda conflict: Use(conflict.ours + conflict.theirs), 61),
        ({"t/label": "theirs"}, 31),
        ({"": "ours", "t": "theirs"}, 31),
    ],
)
def test_conflicts_resolve_by_side_function_or_path(
    repo: Repository, resolve: Any, expected: int
) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 30), lambda tx: set_label(tx, 3, 31))
    merged = repo.merge("side", into="main", resolve=resolve)
    assert contents(repo)["k3"]["label"] == expected
    assert len(merged.conflicts) == 1


def test_a_resolution_of_another_path_leaves_the_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 30), lambda tx: set_label(tx, 3, 31))
    refused(repo, resolve={"t/x": "theirs"})


def test_different_columns_of_one_sample_both_change(repo: Repository) -> None:
    def caption(tx: Transaction) -> None:
        tx["t"].loc["k3"] = {"caption": "new", "points": np.ones((4, 2), "int16")}

    diverge(repo, lambda tx: set_label(tx, 3, 30), caption)
    repo.merge("side", into="main")
    sample = contents(repo)["k3"]
    assert (sample["label"], sample["caption"]) == (30, "new")
    assert sample["points"] == [[1, 1]] * 4


@pytest.mark.parametrize("deleted_in", ["ours", "theirs"])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_deleted_here_and_changed_there_is_a_conflict(
    repo: Repository, deleted_in: str, winner: Any
) -> None:
    def delete(tx: Transaction) -> None:
        tx["t"].delete(keys=["k3"])

    def change(tx: Transaction) -> None:
        set_label(tx, 3, 30)

    sides = (delete, change) if deleted_in == "ours" else (change, delete)
    diverge(repo, *sides)
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.sample, conflict.kind) == ("t", "k3", "deleted")
    repo.merge("side", into="main", resolve=winner)
    if winner == deleted_in:
        assert "k3" not in contents(repo)
    else:
        assert contents(repo)["k3"]["label"] == 30
        assert contents(repo)["k3"]["caption"] == "sample 3"


def test_deleted_on_both_sides_is_gone(repo: Repository) -> None:
    diverge(repo, lambda tx: tx["t"].delete(2), lambda tx: tx["t"].delete(slice(2, 4)))
    repo.merge("side", into="main")
    assert list(contents(repo)) == [f"k{n}" for n in (0, 1, 4, 5, 6, 7, 8, 9)]


def test_a_key_deleted_and_made_again_there_follows_there(repo: Repository) -> None:
    def remake(tx: Transaction) -> None:
        tx["t"].delete(keys=["k3"])
        add(tx, "k3", start=300)

    diverge(repo, lambda tx: set_label(tx, 1, 11), remake)
    repo.merge("side", into="main")
    assert contents(repo)["k3"]["label"] == 300
    assert contents(repo)["k1"]["label"] == 11
    assert len(contents(repo)) == 10


def test_appended_there_and_changed_here_meet_in_one_chunk(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 9, 99), lambda tx: add(tx, "a"))
    repo.merge("side", into="main")
    assert contents(repo)["k9"]["label"] == 99
    assert contents(repo)["a"]["label"] == 100


def test_attributes_merge_by_name(repo: Repository) -> None:
    diverge(
        repo,
        lambda tx: tx["t"].set_attributes({"source": "camera", "licence": "CC0"}),
        lambda tx: tx["t"].set_attributes({"source": "phone"}),
    )
    repo.merge("side", into="main")
    assert repo.checkout("main")["t"].attributes == {"source": "phone", "licence": "CC0"}


def test_one_attribute_set_differently_is_a_conflict(repo: Repository) -> None:
    diverge(
        repo,
        lambda tx: tx["t"].set_attributes({"source": "phone"}),
        lambda tx: tx["t"].set_attributes({"source": "scanner"}),
    )
    (conflict,) = refused(repo).conflicts
    assert (conflict.kind, conflict.ours, conflict.theirs) == ("attribute", "phone", "scanner")
    repo.merge("side", into="main", resolve="theirs")
    assert repo.checkout("main")["t"].attributes == {"source": "scanner"}


def test_column_renamed_here_and_changed_there_keeps_both(repo: Repository) -> None:
    diverge(
        repo, lambda tx: tx["t"].rename_column("label", "class"), lambda tx: set_label(tx, 3, 33)
    )
    repo.merge("side", into="main")
    assert contents(repo)["k3"]["class"] == 33
    assert "label" not in contents(repo)["k3"]


def test_column_renamed_there_and_extended_here_keeps_both(repo: Repository) -> None:
    diverge(
        repo, lambda tx: add(tx, "a", start=7), lambda tx: tx["t"].rename_column("points", "dots")
    )
    repo.merge("side", into="main")
    assert contents(repo)["a"]["dots"] == [[7, 7]]
    assert contents(repo)["k1"]["dots"] == [[1, 1]]


def test_table_moved_here_and_changed_there_keeps_both(repo: Repository) -> None:
    diverge(repo, lambda tx: tx.move("t", "set/train"), lambda tx: set_label(tx, 3, 33))
    repo.merge("side", into="main")
    assert contents(repo, "set/train")["k3"]["label"] == 33
    assert "t" not in repo.checkout("main")


def test_table_moved_there_and_changed_here_keeps_both(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 33), lambda tx: tx.move("t", "set/train"))
    repo.merge("side", into="main")
    assert contents(repo, "set/train")["k3"]["label"] == 33
    assert "t" not in repo.checkout("main")


def test_table_moved_there_to_what_was_made_here_is_a_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: tx.move("u", "train"), lambda tx: tx.move("t", "train"))
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind) == ("train", "schema")
    repo.merge("side", into="main", resolve="ours")
    assert repo.checkout("main")["train"]["n"][:].tolist() == [0, 1, 2, 3, 4]
    assert len(contents(repo)) == 10


def test_table_deleted_here_and_extended_there_is_a_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: tx.delete("t"), lambda tx: add(tx, "a"))
    assert refused(repo).conflicts[0].path == "t"
    repo.merge("side", into="main", resolve="theirs")
    assert contents(repo)["a"]["label"] == 100


def test_table_deleted_there_and_changed_here_is_a_conflict(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 33), lambda tx: tx.delete("t"))
    assert refused(repo).conflicts[0].path == "t"
    repo.merge("side", into="main", resolve="theirs")
    assert "t" not in repo.checkout("main")


def test_table_made_on_both_sides_with_one_schema_is_united(repo: Repository) -> None:
    def make(*keys: str) -> Change:
        def change(tx: Transaction) -> None:
            table = tx.create_table("new", {"n": vstore.ndarray((), "int64")}, keys="str")
            table.extend({"n": np.arange(len(keys))}, keys=list(keys))

        return change

    diverge(repo, make("a", "b"), make("c"))
    repo.merge("side", into="main")
    assert {key: sample["n"] for key, sample in contents(repo, "new").items()} == {
        "a": 0,
        "b": 1,
        "c": 0,
    }


def test_table_made_on_both_sides_with_other_schemas_is_a_conflict(repo: Repository) -> None:
    def make(dtype: str) -> Change:
        def change(tx: Transaction) -> None:
            tx.create_table("new", {"n": vstore.ndarray((), dtype)}).extend({"n": [1]})

        return change

    diverge(repo, make("int64"), make("float64"))
    assert refused(repo).conflicts[0].path == "new/n"


def test_only_the_target_moves_and_a_fast_forward_makes_no_commit(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    with repo.transaction("side", message="Ahead") as tx:
        set_label(tx, 0, 5)
    side = repo.branches["side"]
    merged = repo.merge("side", into="main")
    assert (merged.kind, repo.branches["main"], repo.branches["side"]) == (
        "fast-forward",
        side,
        side,
    )


def test_merging_twice_changes_nothing(repo: Repository) -> None:
    diverge(repo, lambda tx: add(tx, "a"), lambda tx: add(tx, "b"))
    first = repo.merge("side", into="main")
    second = repo.merge("side", into="main")
    assert second.kind == "up-to-date"
    assert second.commit == first.commit


def test_a_merge_and_its_mirror_hold_the_same_samples(repo: Repository) -> None:
    def ours(tx: Transaction) -> None:
        add(tx, "a")
        set_label(tx, 2, 22)

    def theirs(tx: Transaction) -> None:
        add(tx, "b", start=200)
        tx["t"].delete(keys=["k7"])

    diverge(repo, ours, theirs)
    repo.branches.create("mirror", at="side")
    repo.merge("main", into="mirror")
    repo.merge("side", into="main")
    mirror, main = repo.checkout("mirror")["t"], repo.checkout("main")["t"]
    assert sorted(mirror.sample_keys().tolist()) == sorted(main.sample_keys().tolist())
    for key in main.sample_keys().tolist():
        assert main.loc[key]["label"] == mirror.loc[key]["label"]


def test_a_dry_run_reports_and_changes_nothing(repo: Repository) -> None:
    diverge(repo, lambda tx: set_label(tx, 3, 30), lambda tx: set_label(tx, 3, 31))
    head = repo.branches["main"]
    preview = repo.merge("side", into="main", dry_run=True)
    assert (preview.kind, preview.commit, len(preview.unresolved)) == ("merge", None, 1)
    assert repo.branches["main"] == head


def test_criss_cross_merges_have_a_right_base(repo: Repository) -> None:
    diverge(repo, lambda tx: add_unnamed(tx, 10), lambda tx: add_unnamed(tx, 20))
    repo.branches.create("old-main", at="main")
    repo.merge("side", into="main")
    repo.merge("old-main", into="side")
    for branch, number in (("main", 30), ("side", 40)):
        with repo.transaction(branch, message="More") as tx:
            add_unnamed(tx, number)
    repo.merge("side", into="main")
    assert sorted(repo.checkout("main")["u"]["n"][:].tolist()) == [0, 1, 2, 3, 4, 10, 20, 30, 40]


def test_plain_arrays_merge_by_chunk_and_within_one_by_element(repo: Repository) -> None:
    def ours(tx: Transaction) -> None:
        tx["grid"][0, 0] = 7
        tx["grid"][5, 5] = 8

    def theirs(tx: Transaction) -> None:
        tx["grid"][0, 1] = 9
        tx["grid"][0, 5] = 6

    diverge(repo, ours, theirs)
    repo.merge("side", into="main")
    grid = repo.checkout("main")["grid"][...]
    assert (grid[0, 0], grid[5, 5], grid[0, 1], grid[0, 5]) == (7, 8, 9, 6)
    assert (grid == 1).sum() == 32


def test_one_element_of_an_array_changed_differently_is_a_conflict(repo: Repository) -> None:
    def put(value: int) -> Change:
        def change(tx: Transaction) -> None:
            tx["grid"][4, 2] = value

        return change

    diverge(repo, put(5), put(6))
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.sample) == ("grid", (4, 2))
    assert (conflict.base, conflict.ours, conflict.theirs) == (1, 5, 6)
    repo.merge("side", into="main", resolve="theirs")
    assert repo.checkout("main")["grid"][4, 2] == 6


def test_nodes_that_one_side_alone_changed_are_taken_whole(repo: Repository) -> None:
    def theirs(tx: Transaction) -> None:
        tx.create_array("deep/er/new", shape=(2,), dtype="int8")[:] = 5
        tx.delete("grid")

    diverge(repo, lambda tx: set_label(tx, 0, 1), theirs)
    repo.merge("side", into="main")
    snapshot = repo.checkout("main")
    assert snapshot["deep/er/new"][:].tolist() == [5, 5]
    assert "grid" not in snapshot
    assert snapshot["t"]["label"][0] == 1
