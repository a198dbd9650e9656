"""Attributes of groups, tables, columns and arrays are merged by name, as JSON values."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import vstore
from tests.merging.test_merge_samples import diverge, refused
from tests.repositories import new_repository
from vstore import Repository
from vstore.faces import internals
from vstore.writing.transaction import Transaction

Set = Callable[[Transaction, dict[str, Any]], None]

OWNERS: dict[str, Set] = {
    "g": lambda tx, found: tx.group("g").set_attributes(found),
    "t": lambda tx, found: tx["t"].set_attributes(found),
    "t/x": lambda tx, found: tx["t"].set_attributes(found, column="x"),
    "a": lambda tx, found: internals(tx).staged.array("a").set_attributes(found),
}


@pytest.fixture(params=OWNERS)
def path(request: Any) -> str:
    """Where the thing is whose attributes are merged."""
    return str(request.param)


def begun(path: str, attributes: dict[str, Any]) -> Repository:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("g/b", shape=(2,), dtype="int8")
        tx.create_table("t", {"x": vstore.ndarray((), "int8")}).extend({"x": [1]})
        tx.create_array("a", shape=(2,), dtype="int8")
        OWNERS[path](tx, attributes)
    return repo


def change(repo: Repository, path: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    diverge(repo, lambda tx: OWNERS[path](tx, ours), lambda tx: OWNERS[path](tx, theirs))


def attributes(repo: Repository, path: str) -> dict[str, Any]:
    snapshot = repo.checkout("main")
    node: Any = snapshot["t"]["x"] if path == "t/x" else snapshot[path]
    found: dict[str, Any] = node.attributes
    return found


def as_text(found: dict[str, Any]) -> str:
    """Return attributes as something that tells 1 from 1.0, and equals itself with NaN in it."""
    return repr(sorted(found.items()))


SAME_BUT = [(1, 1.0), (1, True), (0, False), (0.0, -0.0), ("1", 1), ([1], [1.0]), (None, False)]


@pytest.mark.parametrize(("one", "other"), SAME_BUT)
def test_values_of_different_types_are_different(path: str, one: Any, other: Any) -> None:
    repo = begun(path, {"n": "before"})
    change(repo, path, {"n": one}, {"n": other})
    (conflict,) = refused(repo).conflicts
    assert (conflict.path, conflict.kind, conflict.sample) == (path, "attribute", "n")
    repo.merge("side", into="main", resolve="theirs")
    assert as_text(attributes(repo, path)) == as_text({"n": other})


@pytest.mark.parametrize(("one", "other"), SAME_BUT)
def test_a_change_of_the_type_alone_is_a_change(path: str, one: Any, other: Any) -> None:
    repo = begun(path, {"n": one})
    change(repo, path, {"n": one, "more": 1}, {"n": other})
    shown = repo.diff("main...side").to_dict()
    assert repr([one, other]) in repr(shown)
    repo.merge("side", into="main")
    assert as_text(attributes(repo, path)) == as_text({"more": 1, "n": other})


@pytest.mark.parametrize("removed_in", ["ours", "theirs"])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_removed_and_changed_is_a_conflict(path: str, removed_in: str, winner: Any) -> None:
    repo = begun(path, {"n": 1, "rest": 2})
    sides = {"ours": {"n": None, "rest": 2}, "theirs": {"n": None, "rest": 2}}
    sides[removed_in] = {"rest": 2}
    change(repo, path, sides["ours"], sides["theirs"])
    (conflict,) = refused(repo).conflicts
    assert f"removed in {removed_in}" in str(conflict)
    repo.merge("side", into="main", resolve=winner)
    assert attributes(repo, path) == sides[winner]


def test_removed_on_one_side_or_both_is_removed(path: str) -> None:
    repo = begun(path, {"a": 1, "b": 2, "c": 3})
    change(repo, path, {"b": 2, "c": 3}, {"a": 1, "c": 3})
    repo.merge("side", into="main")
    assert attributes(repo, path) == {"c": 3}


def test_a_function_gives_a_value_of_its_own(path: str) -> None:
    repo = begun(path, {})
    change(repo, path, {"n": 1}, {"n": 2})
    repo.merge("side", into="main", resolve=lambda conflict: vstore.Use([conflict.theirs, None]))
    assert attributes(repo, path) == {"n": [2, None]}


NOT_FINITE = {"nan": math.nan, "below": [-math.inf, {"nan": math.nan}], "text": "NaN"}


def test_numbers_that_json_lacks_are_attributes_like_others(path: str) -> None:
    repo = begun(path, NOT_FINITE)
    assert as_text(attributes(repo, path)) == as_text(NOT_FINITE)
    change(repo, path, NOT_FINITE | {"more": math.inf}, NOT_FINITE | {"nan": 1})
    repo.merge("side", into="main")
    expected = NOT_FINITE | {"more": math.inf, "nan": 1}
    assert as_text(attributes(repo, path)) == as_text(expected)


def test_nan_set_on_both_sides_is_one_value(path: str) -> None:
    repo = begun(path, {})
    change(repo, path, {"n": math.nan, "more": 1}, {"n": math.nan})
    repo.merge("side", into="main")
    assert as_text(attributes(repo, path)) == as_text({"more": 1, "n": math.nan})
