"""What the tasks of any engine do: write parts, more than planned, twice, or not to the end."""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.faces import internals

pa = pytest.importorskip("pyarrow")
parts_module = pytest.importorskip("vstore.arrow.parts")


def batch(task: int, rows: int = 3) -> Any:
    """Return the samples of a task, whose numbers tell which it is."""
    numbers = np.arange(rows) + 100 * task
    return pa.table({"id": [f"k{n}" for n in numbers], "x": numbers})


def attempt(parts: Any, task: int, batches: Sequence[Any]) -> Any:
    """Write a task as a worker does, which gets everything as bytes and sends bytes back."""
    return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(parts)).write(task, batches)))


def numbers(repo: vstore.Repository) -> list[int]:
    found: list[int] = repo.checkout("main")["t"]["x"][:].tolist()
    return found


@pytest.mark.parametrize("is_known", [True, False], ids=["schema", "no schema"])
def test_parts_in_the_order_of_their_tasks(is_known: bool) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Write together") as tx:
        parts = parts_module.TableParts(tx, "t", keys="id")
        parts.begin(batch(0).schema if is_known else None)
        attempt(parts, 1, [batch(7)])  # killed before it could hand its part over
        found = [attempt(parts, task, [batch(task)]) for task in (11, 2, 1, 0)]
        found += [attempt(parts, 2, [batch(2, 2), batch(5, 1)]), attempt(parts, 3, [])]
        assert internals(repo).refs.find_branch("main") is None
        parts.finish(found)
    table = repo.checkout("main")["t"]
    assert numbers(repo) == [0, 1, 2, 100, 101, 102, 200, 201, 500, 1100, 1101, 1102]
    assert table.loc["k500"]["x"] == 500
    assert len(list(repo.log("main"))) == 1
    assert repo.fsck(mode="full").is_sound


def test_parts_of_a_table_that_is_there() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64", rows_per_chunk=2)}, keys="str")
        tx["t"].extend({"x": [-1]}, keys=["first"])
    with repo.transaction("main", message="Write together") as tx:
        parts = parts_module.TableParts(tx, "t", keys="id")
        parts.begin()
        keyed = {"id": ["a", "b"], "x": [1, 2]}
        parts.finish([attempt(parts, 1, [batch(1)]), attempt(parts, 0, [keyed])])
    assert numbers(repo) == [-1, 1, 2, 100, 101, 102]


def test_nothing_is_left_of_a_job_that_fails() -> None:
    repo = new_repository()
    tx = repo.transaction("main", message="Write")
    parts = parts_module.TableParts(tx, "t", keys="id")
    parts.begin(batch(0).schema)
    attempt(parts, 0, [batch(0)])
    with pytest.raises(vstore.InvalidInputError, match="column"):
        attempt(parts, 1, [pa.table({"id": ["a"], "other": [1]})])
    tx.discard()
    assert not list(repo.branches)


def test_tasks_that_make_other_tables_are_refused() -> None:
    repo = new_repository()
    tx = repo.transaction("main", message="Write")
    parts = parts_module.TableParts(tx, "t")
    parts.begin()
    found = [
        attempt(parts, 0, [pa.table({"x": [1]})]),
        attempt(parts, 1, [pa.table({"x": ["text"]})]),
    ]
    with pytest.raises(vstore.ConflictError):
        parts.finish(found)
    tx.discard()


def test_what_is_written_elsewhere_needs_a_beginning() -> None:
    tx = new_repository().transaction("main", message="Write")
    parts = parts_module.TableParts(tx, "t")
    with pytest.raises(vstore.InvalidInputError, match="begin"):
        parts.write(0, [batch(0)])
    parts.begin()
    with pytest.raises(vstore.InvalidInputError, match="process"):
        pickle.loads(pickle.dumps(parts)).finish([])
    tx.discard()
