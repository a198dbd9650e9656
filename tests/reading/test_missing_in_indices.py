"""What is missing in an index picks nothing: masks are False there, positions are refused."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Reader, Windows, windows

AGES = [70, None, 3, 12, None, 40]
PLACES = [0, None, 3]
ADDRESS: list[str] = []


@pytest.fixture(scope="module")
def people() -> vstore.Table:
    repo = new_repository()
    ADDRESS.append(repo.url)
    columns = {
        "age": vstore.ndarray((), "int64").as_optional(),
        "score": vstore.ndarray((), "float32").as_optional(),
        "name": vstore.text().as_optional(),
        "n": vstore.ndarray((), "int64"),
        "flag": vstore.ndarray((2,), "bool"),
    }
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("people", columns, keys="str").extend(
            {
                "age": AGES,
                "score": AGES,
                "name": [None if age is None else str(age) for age in AGES],
                "n": range(6),
                "flag": np.zeros((6, 2), bool),
            },
            keys=list("abcdef"),
        )
        tx.create_array("grid", shape=(6,), dtype="int64")[:] = range(6)
    return repo.checkout().table("people")


def _masked(values: list[Any]) -> Any:
    absent = [value is None for value in values]
    return np.ma.MaskedArray([value or 0 for value in values], absent)


# Each makes a condition out of ages with missing ones: younger than 18.
CONDITIONS: dict[str, Callable[[], Any]] = {
    "masked array": lambda: _masked(AGES) < 18,
    "the opposite": lambda: ~(_masked(AGES) >= 18),
    "list": lambda: [None if age is None else age < 18 for age in AGES],
    "objects": lambda: np.array([None if age is None else age < 18 for age in AGES], object),
    "pandas": lambda: pandas.array(AGES, dtype="Int64") < 18,
    "pandas series": lambda: pandas.Series(AGES, dtype="Int64") < 18,
    "Arrow": lambda: pyarrow.array([None if age is None else age < 18 for age in AGES]),
    "Arrow, in parts": lambda: pyarrow.chunked_array(
        [[False, None], [True, True, None, False]], pyarrow.bool_()
    ),
}
POSITIONS: dict[str, Callable[[], Any]] = {
    "masked array": lambda: _masked(PLACES),
    "list": lambda: PLACES,
    "objects": lambda: np.array(PLACES, object),
    "pandas": lambda: pandas.array(PLACES, dtype="Int64"),
    "Arrow": lambda: pyarrow.array(PLACES),
}
ONE = {"masked": np.ma.masked, "masked number": _masked([None, 1])[0]}


def _transaction(t: vstore.Table) -> vstore.Transaction:
    return vstore.open(ADDRESS[-1]).transaction("main", message="Change")


def _delete(t: vstore.Table, index: Any) -> list[int]:
    with _transaction(t) as tx:
        tx["people"].delete(index)
        left = tx["people"]["n"][:].tolist()
        tx.discard()
    return [n for n in range(6) if n not in left]


def _assign(t: vstore.Table, index: Any) -> list[int]:
    with _transaction(t) as tx:
        tx["people"]["n"][index] = -1
        after = tx["people"]["n"][:]
        tx.discard()
    return np.flatnonzero(after == -1).tolist()


def _assign_array(t: vstore.Table, index: Any) -> list[int]:
    with _transaction(t) as tx:
        tx["grid"][index] = -1
        after = tx["grid"][:]
        tx.discard()
    return np.flatnonzero(after == -1).tolist()


def _assign_samples(t: vstore.Table, index: Any) -> list[int]:
    with _transaction(t) as tx:
        tx["people"].assign(index, {"n": -1})
        after = tx["people"]["n"][:]
        tx.discard()
    return np.flatnonzero(after == -1).tolist()


def _read(t: vstore.Table, index: Any) -> list[int]:
    batches = [batch["n"] for batch in Reader(t, ["n"], batch_size=2, rows=index)]
    return [n for batch in batches for n in batch.tolist()]


def _load(t: vstore.Table, index: Any) -> list[int]:
    pytest.importorskip("torch")
    loader = import_module("vstore.torch").Loader(t, ["n"], batch_size=2, rows=index)
    return [n for batch in loader for n in batch["n"].tolist()]


def _array(t: vstore.Table, index: Any) -> list[int]:
    grid = vstore.checkout(ADDRESS[-1]).array("grid")
    return grid[index].tolist()  # type: ignore[no-any-return]


USES: dict[str, Callable[[vstore.Table, Any], list[int]]] = {
    "column": lambda t, index: t["n"][index].tolist(),
    "optional column": lambda t, index: [AGES.index(age) for age in t["age"][index].tolist()],
    "text": lambda t, index: [AGES.index(int(name)) for name in t["name"][index]],
    "encoded": lambda t, index: t["n"].encoded(index).tolist(),
    "table": lambda t, index: t[index]["n"].tolist(),
    "array": _array,
    "rows of a reader": _read,
    "rows by a function": lambda t, index: _read(t, lambda columns: index),
    "rows of a loader": _load,
    "delete": _delete,
    "assignment to a column": _assign,
    "assignment to samples": _assign_samples,
    "assignment to an array": _assign_array,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_never_picks_what_is_missing(
    people: vstore.Table, use: str, condition: str
) -> None:
    assert USES[use](people, CONDITIONS[condition]()) == [2, 3]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_positions_that_are_missing_are_refused(
    people: vstore.Table, use: str, positions: str
) -> None:
    with pytest.raises(vstore.InvalidInputError) as raised:
        USES[use](people, POSITIONS[positions]())
    assert raised.value.code == "missing-positions"


@pytest.mark.parametrize("use", ["column", "table", "array", "delete", "assignment to a column"])
@pytest.mark.parametrize("one", ONE)
def test_one_missing_position_is_refused(people: vstore.Table, use: str, one: str) -> None:
    with pytest.raises(vstore.InvalidInputError) as raised:
        USES[use](people, ONE[one])
    assert raised.value.code == "missing-positions"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda t: t["age"][:] >= 0, [0, 2, 3, 5]),
        (lambda t: t["age"][:] == 0, []),
        (lambda t: t["age"][:] != 70, [2, 3, 5]),
        (lambda t: ~(t["age"][:] >= 18), [2, 3]),
        (lambda t: np.isin(t["age"][:], [0, 3]), [2]),
        (lambda t: np.isin(t["age"][:], [3, 70], invert=True), [3, 5]),
        (lambda t: np.isin(t["score"][:], [0, 3]), [2]),
        (lambda t: np.logical_or(t["age"][:] < 5, t["age"][:] > 60), [0, 2]),
        (lambda t: np.logical_not(t["age"][:] >= 18), [2, 3]),
        (lambda t: np.where(t["age"][:] < 18, True, False), [2, 3]),
        (lambda t: np.concatenate([t["age"][:3] < 18, t["age"][3:] < 18]), [2, 3]),
        (lambda t: np.equal(t["age"][:], 0), []),
        (lambda t: np.isclose(t["score"][:], 0), []),
    ],
)
def test_conditions_in_numpy_know_what_is_missing(
    people: vstore.Table, condition: Callable[[vstore.Table], Any], expected: list[int]
) -> None:
    assert people["n"][condition(people)].tolist() == expected


def test_a_mask_on_an_axis_of_samples(people: vstore.Table) -> None:
    axis = np.ma.MaskedArray([True, True], [False, True])
    assert people["flag"][:, axis].shape == (6, 1)


def test_windows_that_are_missing_are_refused(people: vstore.Table) -> None:
    found = windows(people["n"], offsets=[0, 0])
    masked = np.ma.MaskedArray(found.positions, found.positions == 2)
    with pytest.raises(vstore.InvalidInputError, match="missing"):
        Reader(people, ["n"], batch_size=2, rows=masked)
    with pytest.raises(vstore.InvalidInputError, match="missing"):
        Reader(people, ["n"], batch_size=2, rows=Windows(masked, found.valid))


@pytest.mark.parametrize("keys", [["a", None], _masked(["a", None]), pandas.array(["a", None])])
def test_keys_that_are_missing_are_refused(people: vstore.Table, keys: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        people.positions(keys)
    with _transaction(people) as tx, pytest.raises(vstore.InvalidInputError):
        tx["people"].delete(keys=keys)
