"""Samples that are missing, unset or filled on one side and not on the other."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.merging.test_merge_samples import Change, diverge, refused
from tests.repositories import committed_table, table_of
from vstore.writing.transaction import Transaction

SOUNDS = [np.full((3, 1), value, "int16") for value in (1, 2)]
PIXELS = [np.full((2, 3), value, "uint8") for value in (1, 2)]

KINDS: dict[str, tuple[vstore.ColumnSpec, Any, Any]] = {
    "number": (vstore.ndarray((), "int64"), 1, 2),
    "float": (vstore.ndarray((), "float64"), 1.0, -0.0),
    "vector": (vstore.ndarray((2,), "float32"), [1, 1], [2, 2]),
    "nothing": (vstore.ndarray((0,), "float32"), [], []),
    "time": (vstore.ndarray((), "datetime64[s]"), np.datetime64(1, "s"), np.datetime64(0, "s")),
    "text": (vstore.text(), "a", ""),
    "bytes": (vstore.bytes_(), b"a", b""),
    "ragged": (vstore.ndarray((None, 2), "int8"), [[1, 1]], np.zeros((0, 2), "int8")),
    "image": (vstore.image(), PIXELS[0], PIXELS[1]),
    "audio": (vstore.audio(rate=8000), SOUNDS[0], SOUNDS[1]),
}


def plain(value: Any) -> Any:
    """Return a sample as something that equals itself."""
    array = np.asarray(value)
    return (
        None
        if value is None
        else (array.shape, array.tobytes() if array.dtype != object else value)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing_in", ["ours", "theirs"])
@pytest.mark.parametrize("winner", ["ours", "theirs"])
def test_missing_on_one_side_and_changed_on_the_other(
    kind: str, missing_in: str, winner: Any
) -> None:
    spec, before, after = KINDS[kind]
    repo, _ = committed_table(
        {"x": spec.as_optional()}, {"x": [before]}, keys="int", sample_keys=[1]
    )

    def put(value: Any) -> Change:
        def change(tx: Transaction) -> None:
            tx["t"].loc[1] = {"x": value}
            tx["t"].set_attributes({"by": repr(value)[:9]})

        return change

    if kind == "nothing":
        before = after
    sides = {"ours": after, "theirs": after} | {missing_in: None}
    with repo.transaction("main", message="Set") as tx:
        expected = {}
        for side, value in sides.items():
            tx["t"].loc[1] = {"x": value}
            expected[side] = plain(tx["t"].loc[1]["x"])
        tx["t"].loc[1] = {"x": before}
    diverge(repo, put(sides["ours"]), put(sides["theirs"]))
    found = {c.kind: c for c in refused(repo).conflicts}
    if kind == "nothing":
        assert set(found) == {"attribute"}
        return
    repo.merge("side", into="main", resolve=winner)
    assert plain(table_of(repo).loc[1]["x"]) == expected[winner]
    assert plain(found["changed"].ours) == expected["ours"]
    assert plain(found["changed"].theirs) == expected["theirs"]


@pytest.mark.parametrize("is_ours", [False, True])
@pytest.mark.parametrize("given", [None, [5, 6]])
def test_a_new_column_that_is_optional_on_one_side(*, is_ours: bool, given: Any) -> None:
    repo, _ = committed_table(
        {"x": vstore.ndarray((), "int8")}, {"x": [1, 2]}, keys="str", sample_keys=["a", "b"]
    )
    spec = vstore.ndarray((), "int64")

    def optional(tx: Transaction) -> None:
        tx["t"].add_column("w", spec.as_optional(), given)
        tx["t"].append({"x": 3}, key="c")

    def needed(tx: Transaction) -> None:
        tx["t"].add_column("w", spec, [5, 6])
        tx["t"].append({"x": 4, "w": 7}, key="d")

    diverge(repo, *((optional, needed) if is_ours else (needed, optional)))
    if given is None:
        assert {c.sample for c in refused(repo).conflicts} == {"a", "b"}
    repo.merge("side", into="main", resolve=None if given else "ours" if is_ours else "theirs")
    table = table_of(repo)
    found = {key: table.loc[key]["w"] for key in table.sample_keys().tolist()}
    values = (None, None) if given is None else (5, 6)
    assert found == {"a": values[0], "b": values[1], "c": None, "d": 7}
    assert repo.fsck(mode="full", decode=True).is_sound


UNSET: list[tuple[vstore.ColumnSpec, Any, tuple[int, ...]]] = [
    (vstore.ndarray((None, 4), "float32"), np.ones((1, 4), "float32"), (0, 4)),
    (vstore.ndarray((3, None), "int8"), np.ones((3, 2), "int8"), (3, 0)),
    (vstore.ndarray((0,), "int8"), np.ones(0, "int8"), (0,)),
    (vstore.image(), PIXELS[0], (0, 0)),
]


@pytest.mark.parametrize(("spec", "value", "expected"), UNSET)
@pytest.mark.parametrize("is_given", [False, True])
def test_samples_that_a_new_column_leaves_unset_can_be_read(
    spec: vstore.ColumnSpec, value: Any, expected: tuple[int, ...], *, is_given: bool
) -> None:
    repo, _ = committed_table({"x": vstore.ndarray((), "int8")}, {"x": [1]})
    repo.branches.create("side", at="main")
    with repo.transaction("side", message="Add a sample") as tx:
        tx["t"].append({"x": 2})
    with repo.transaction("main", message="Add a column") as tx:
        tx["t"].add_column("w", spec, [value] if is_given else None)
    repo.merge("side", into="main")
    table = table_of(repo)
    shapes = [np.shape(value) if is_given else expected, expected]
    assert [np.shape(sample["w"]) for sample in table] == shapes
    assert [np.shape(table["w"][i]) for i in range(2)] == shapes
    assert repo.fsck(mode="full", decode=True).is_sound


def test_new_columns_whose_fill_values_differ_in_a_sign_are_a_conflict() -> None:
    repo, _ = committed_table({"x": vstore.ndarray((), "int8")}, {"x": [1]})

    def add(fill: float) -> Change:
        spec = vstore.ndarray((), "float32", fill_value=fill)
        return lambda tx: tx["t"].add_column("w", spec)

    diverge(repo, add(0.0), add(-0.0))
    assert [(c.path, c.kind) for c in refused(repo).conflicts] == [("t/w", "schema")]
    repo.merge("side", into="main", resolve="theirs")
    assert np.signbit(table_of(repo)["w"][0])
