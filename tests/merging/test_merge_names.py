"""Columns and tables that both sides give names: nothing is lost, whoever gets a name."""

from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import ConflictError, Repository
from vstore.faces import internals
from vstore.merging.moves import settle
from vstore.writing.transaction import Transaction

Change = Callable[[Transaction], Any]
Choice = Literal["ours", "theirs"]

SPEC = {"a": vstore.ndarray((), "int64"), "b": vstore.ndarray((), "int64")}
A, B, SET, UNSET = [1, 2], [3, 4], [9, 2], [0, 0]
TABLE = {"a": A, "b": B}
CHANGED = {"a": SET, "b": B}


@pytest.fixture
def repo() -> Repository:
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        for name in ("t", "u"):
            tx.create_table(name, SPEC, keys="int").extend(TABLE, keys=[1, 2])
    repo.branches.create("side", at="main")
    return repo


def change(repo: Repository, ours: Change, theirs: Change) -> None:
    for branch, make in (("main", ours), ("side", theirs)):
        with repo.transaction(branch, message=f"Change {branch}") as tx:
            make(tx)


def held(repo: Repository) -> dict[str, Any]:
    """Return what main holds, tables as the values of their columns."""
    assert repo.fsck().is_sound
    snapshot = repo.checkout("main")
    found: dict[str, Any] = {}
    for path, node in internals(snapshot).tree.walk():
        if getattr(node, "table", None) is not None:
            table = snapshot.table(path)
            found[path] = {name: table[name][:].tolist() for name in table.columns}
            assert all(len(values) == len(table) for values in found[path].values())
    return found


def rename(old: str, new: str) -> Change:
    return lambda tx: tx["t"].rename_column(old, new)


def swap(tx: Transaction) -> None:
    for old, new in (("a", "x"), ("b", "a"), ("x", "b")):
        tx["t"].rename_column(old, new)


def set_one(name: str = "a") -> Change:
    def set_it(tx: Transaction) -> None:
        tx["t"][name][0] = 9

    return set_it


def make(name: str) -> Change:
    return lambda tx: tx["t"].add_column(name, vstore.ndarray((), "int64"))


def both(*changes: Change) -> Change:
    return lambda tx: [each(tx) for each in changes]


def drop(name: str) -> Change:
    return lambda tx: tx["t"].drop_column(name)


def move(old: str, new: str) -> Change:
    return lambda tx: tx.move(old, new)


SWAPPED = {"a": B, "b": SET}

AGREEING: dict[str, tuple[Change, Change, dict[str, Any]]] = {
    "swapped / set": (swap, set_one(), SWAPPED),
    "set / swapped": (set_one(), swap, SWAPPED),
    "swapped on both": (swap, swap, {"a": B, "b": A}),
    "renamed, made anew / set": (
        both(rename("a", "z"), make("a")),
        set_one(),
        {"a": UNSET, "b": B, "z": SET},
    ),
    "set / renamed, made anew": (
        set_one(),
        both(rename("a", "z"), make("a")),
        {"a": UNSET, "b": B, "z": SET},
    ),
    "set / dropped, another renamed to it": (
        set_one("b"),
        both(drop("a"), rename("b", "a")),
        {"a": [9, 4]},
    ),
}


@pytest.mark.parametrize("case", AGREEING.values(), ids=AGREEING.keys())
def test_columns_that_change_names_are_followed(repo: Repository, case: Any) -> None:
    ours, theirs, expected = case
    change(repo, ours, theirs)
    repo.merge("side", into="main")
    assert held(repo)["t"] == expected


DISAGREEING: dict[str, tuple[Change, Change, dict[str, Any], dict[str, Any]]] = {
    "two renamed to one": (
        rename("a", "z"),
        rename("b", "z"),
        {"b": B, "z": A},
        {"a": A, "z": B},
    ),
    "renamed / made": (rename("a", "z"), make("z"), {"b": B, "z": A}, TABLE | {"z": UNSET}),
    "made / renamed": (make("z"), rename("a", "z"), TABLE | {"z": UNSET}, {"b": B, "z": A}),
    "swapped / renamed": (swap, rename("a", "z"), {"a": B, "b": A}, {"a": B, "z": A}),
    "set / dropped, another renamed to it": (
        set_one(),
        both(drop("a"), rename("b", "a")),
        CHANGED,
        {"a": B},
    ),
    "dropped, another renamed to it / set": (
        both(drop("a"), rename("b", "a")),
        set_one(),
        {"a": B},
        CHANGED,
    ),
}


@pytest.mark.parametrize("case", DISAGREEING.values(), ids=DISAGREEING.keys())
def test_columns_that_want_one_name_are_a_conflict(repo: Repository, case: Any) -> None:
    ours, theirs, *results = case
    change(repo, ours, theirs)
    before = held(repo)
    with pytest.raises(ConflictError):
        repo.merge("side", into="main")
    assert held(repo) == before
    choices: list[Choice] = ["ours", "theirs"]
    for choice, expected in zip(choices, results, strict=True):
        repo.merge("side", into="main", resolve=choice)
        assert held(repo)["t"] == expected, choice
        repo.undo("main")


def test_a_column_that_gives_up_its_name_takes_no_other_column_along(repo: Repository) -> None:
    change(repo, both(rename("a", "z"), make("a")), make("z"))
    asked = []

    def answer(conflict: vstore.Conflict) -> Literal["ours", "theirs"]:
        asked.append(conflict.path)
        return "theirs"

    repo.merge("side", into="main", resolve=answer)
    assert asked == ["t/z", "t/a"]
    assert held(repo)["t"] == {"a": A, "b": B, "z": UNSET}


@pytest.mark.parametrize("attempt", range(3))
def test_a_name_that_a_base_of_several_gave_back_is_taken(repo: Repository, attempt: int) -> None:
    describe: Change = lambda tx: tx["t"].set_attributes({"attempt": attempt})  # noqa: E731
    renamed = both(rename("a", "z"), rename("b", "a"))
    change(repo, both(drop("a"), describe), renamed)
    before = repo.branches["main"]
    repo.merge("side", into="main", resolve="theirs")
    repo.merge(before, into="side", resolve="ours")
    with repo.transaction("main", message="More") as tx:
        tx["t"]["z"][1] = 5
    repo.merge("side", into="main", resolve="ours")
    assert held(repo)["t"] == {"a": B, "z": [1, 5]}


def swap_tables(tx: Transaction) -> None:
    for old, new in (("t", "x"), ("u", "t"), ("x", "u")):
        tx.move(old, new)


def test_tables_that_exchange_their_paths_are_followed(repo: Repository) -> None:
    change(repo, set_one(), swap_tables)
    repo.merge("side", into="main")
    assert held(repo) == {"t": TABLE, "u": CHANGED}


def test_tables_that_exchanged_their_paths_get_changes(repo: Repository) -> None:
    change(repo, swap_tables, set_one())
    repo.merge("side", into="main")
    assert held(repo) == {"t": TABLE, "u": CHANGED}


def test_a_table_made_where_another_was(repo: Repository) -> None:
    def remake(tx: Transaction) -> None:
        tx.move("t", "old/t")
        tx.create_table("t", SPEC, keys="int").extend({"a": [7], "b": [7]}, keys=[7])

    change(repo, set_one(), remake)
    repo.merge("side", into="main")
    assert held(repo) == {"t": {"a": [7], "b": [7]}, "old/t": CHANGED, "u": TABLE}


def test_a_table_moved_to_where_theirs_makes_another_and_changed_there(repo: Repository) -> None:
    def make_another(tx: Transaction) -> None:
        tx.create_table("g/t", SPEC, keys="str").extend({"a": [7], "b": [7]}, keys=["x"])

    change(repo, move("t", "g/t"), both(set_one(), make_another))
    with pytest.raises(ConflictError):
        repo.merge("side", into="main")
    repo.merge("side", into="main", resolve="ours")
    assert held(repo) == {"g/t": CHANGED, "u": TABLE}
    repo.undo("main")
    repo.merge("side", into="main", resolve="theirs")
    assert held(repo) == {"t": CHANGED, "g/t": {"a": [7], "b": [7]}, "u": TABLE}


def test_a_table_that_theirs_brings_back_is_not_put_over_one_that_was_moved_there(
    repo: Repository,
) -> None:
    change(repo, both(lambda tx: tx.delete("u"), move("t", "u")), set_u)
    asked = []

    def answer(conflict: vstore.Conflict) -> Literal["theirs"]:
        asked.append((conflict.path, conflict.kind))
        return "theirs"

    repo.merge("side", into="main", resolve=answer)
    assert asked == [("u", "deleted"), ("u", "schema")]
    assert held(repo) == {"t": TABLE, "u": CHANGED}


def copy_back(tx: Transaction) -> None:
    """Move a table and make a copy of it at its old path, and then change the table."""
    tx.move("t", "g/t")
    tx.copy("g/t", "t")
    tx["g/t"]["a"][0] = 9


def test_a_table_that_must_go_back_to_where_ours_made_a_copy_is_not_lost(repo: Repository) -> None:
    change(repo, copy_back, lambda tx: tx.copy("u", "g/t"))
    with pytest.raises(ConflictError):
        repo.merge("side", into="main")
    asked = []

    def answer(conflict: vstore.Conflict) -> Literal["theirs"]:
        asked.append((conflict.path, conflict.kind))
        return "theirs"

    repo.merge("side", into="main", resolve=answer)
    assert asked == [("g/t", "schema"), ("t", "schema")]
    assert held(repo) == {"t": CHANGED, "g/t": TABLE, "u": TABLE}


@pytest.mark.parametrize("choice", [{"g/t": "theirs", "t": "ours"}, {"g/t": "ours"}])
def test_ours_keeps_its_tables_where_one_of_them_may_not_go_back(
    repo: Repository, choice: dict[str, Choice]
) -> None:
    change(repo, copy_back, lambda tx: tx.copy("u", "g/t"))
    repo.merge("side", into="main", resolve=choice)
    assert held(repo) == {"t": TABLE, "g/t": CHANGED, "u": TABLE}


def test_a_table_that_may_go_back_or_not_is_a_conflict_of_its_own(repo: Repository) -> None:
    change(repo, copy_back, lambda tx: tx.copy("u", "g/t"))
    before = repo.branches["main"]
    with pytest.raises(ConflictError) as caught:
        repo.merge("side", into="main", resolve={"g/t": "theirs"})
    assert [conflict.path for conflict in caught.value.conflicts] == ["t"]
    assert repo.branches["main"] == before


def test_tables_that_go_back_make_room_for_each_other(repo: Repository) -> None:
    def move_both(tx: Transaction) -> None:
        tx.move("t", "g/t")
        tx.move("u", "t")
        tx["g/t"]["a"][0] = 9

    change(repo, move_both, lambda tx: tx.copy("u", "g/t"))
    repo.merge("side", into="main", resolve="theirs")
    assert held(repo) == {"t": CHANGED, "g/t": TABLE, "u": TABLE}


def set_u(tx: Transaction) -> None:
    tx["u"]["a"][0] = 9


def resolved(repo: Repository, choice: Choice) -> dict[str, Any]:
    with pytest.raises(ConflictError):
        repo.merge("side", into="main")
    repo.merge("side", into="main", resolve=choice)
    return held(repo)


@pytest.mark.parametrize(("choice", "kept"), [("ours", ["u", "w"]), ("theirs", ["t", "w"])])
def test_two_tables_moved_to_one_path(repo: Repository, choice: Choice, kept: list[str]) -> None:
    change(repo, both(move("t", "w"), lambda tx: tx["w"].delete(keys=[1])), move("u", "w"))
    found = resolved(repo, choice)
    assert sorted(found) == kept
    moved = "w" if choice == "ours" else "t"
    assert found[moved] == {"a": [2], "b": [4]}


@pytest.mark.parametrize(("choice", "kept"), [("ours", {"n"}), ("theirs", {"n/m"})])
def test_a_table_where_theirs_has_a_group(repo: Repository, choice: Choice, kept: set[str]) -> None:
    change(repo, lambda tx: tx.create_table("n", SPEC), lambda tx: tx.create_table("n/m", SPEC))
    assert set(resolved(repo, choice)) == {"t", "u"} | kept


@pytest.mark.parametrize(("choice", "kept"), [("ours", {"n/m"}), ("theirs", {"n"})])
def test_a_group_where_theirs_has_a_table(repo: Repository, choice: Choice, kept: set[str]) -> None:
    change(repo, lambda tx: tx.create_table("n/m", SPEC), lambda tx: tx.create_table("n", SPEC))
    assert set(resolved(repo, choice)) == {"t", "u"} | kept


@pytest.mark.parametrize(("choice", "kept"), [("ours", {"g"}), ("theirs", {"g/s", "g/n"})])
def test_a_group_that_ours_replaced_by_a_table(
    repo: Repository, choice: Choice, kept: set[str]
) -> None:
    repo.branches.delete("side")
    with repo.transaction("main", message="Make a group") as tx:
        tx.create_table("g/s", SPEC, keys="int")
    repo.branches.create("side", at="main")

    def replace(tx: Transaction) -> None:
        tx.delete("g")
        tx.create_table("g", SPEC)

    def extend(tx: Transaction) -> None:
        tx["g/s"].extend({"a": np.array([1]), "b": np.array([1])}, keys=[1])
        tx.create_table("g/n", SPEC)

    change(repo, replace, extend)
    assert set(resolved(repo, choice)) == {"t", "u"} | kept


def test_names_that_go_round_and_names_that_are_stuck() -> None:
    taken = {"a", "b", "c", "d", "e"}.__contains__
    wanted = {"a": "b", "b": "c", "c": "a", "d": "e"}
    assert settle(wanted, taken, lambda *_: None) == {"a": "b", "b": "c", "c": "a"}
    assert settle({"a": "b", "b": "e"}, taken, lambda *_: None) == {}
    assert settle({"a": "z", "b": "z"}, taken, lambda *_: None) == {"a": "z"}
    assert settle({"a": "b"}, taken, lambda _, new: {new: "c"}) == {}
    assert settle({"a": "b"}, taken, lambda _, new: {new: "z"}) == {"a": "b", "b": "z"}
