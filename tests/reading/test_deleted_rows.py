"""Deleted rows in blocks: positions and places, against lists, and read no more than needed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import committed_table, table_of
from tests.writing.large_keyed_table import large_keyed_table
from vstore.errors import FormatError
from vstore.faces import internals
from vstore.format import deleted_rows
from vstore.format.deleted_rows import DeletedRows
from vstore.format.table import rows
from vstore.format.table.rows import Rows
from vstore.reading import deleted_samples
from vstore.repository.repository import Repository
from vstore.storage.counting import CountingStore
from vstore.writing import deletions, table_arrays
from vstore.writing.deletions import Deletions

X = {"x": vstore.ndarray((), "int64")}
SETS = st.sets(st.integers(0, 39))


MODULES = (deleted_rows, rows, deletions, deleted_samples, table_arrays)


@pytest.fixture
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "BLOCK_ROWS", 8)
        yield


def ints(values: Any) -> Any:
    return np.array(sorted(values), np.int64)


def assert_like(found: Rows, stored: int, dead: set[int]) -> None:
    live = [row for row in range(stored) if row not in dead]
    assert len(found) == len(live)
    assert found.deleted.tolist() == sorted(dead)
    assert found.live().tolist() == live
    assert found.position(np.array(live, np.int64)).tolist() == list(range(len(live)))
    assert found.are_live(np.arange(stored)).tolist() == [row not in dead for row in range(stored)]
    for position, row in enumerate(live):
        assert found.locate(position) == row
        assert found.position(np.array([row])).tolist() == [position]
    assert found.locate(np.array(range(len(live))[::-3], np.int64)).tolist() == live[::-3]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.integers(0, 40), dead=SETS)
def test_rows_are_where_a_list_says(small_blocks: None, stored: int, dead: set[int]) -> None:
    dead = {row for row in dead if row < stored}
    assert_like(Rows(stored, ints(dead)), stored, dead)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=SETS, steps=st.lists(st.tuples(st.booleans(), SETS), max_size=5))
def test_deletions_are_what_a_set_says(
    small_blocks: None, before: set[int], steps: list[tuple[bool, set[int]]]
) -> None:
    changed, dead = Deletions(DeletedRows.of(ints(before))), set(before)
    for is_deletion, chosen in steps:
        (changed.add if is_deletion else changed.restore)(ints(chosen))
        dead = dead | chosen if is_deletion else dead - chosen
        assert changed.added.tolist() == sorted(dead - before)
        assert changed.restored.tolist() == sorted(before - dead)
        assert_like(Rows(40, changed.rows), 40, dead)


def test_counts_that_are_wrong_are_refused(small_blocks: None) -> None:
    held = Rows(20, DeletedRows([1, 2], lambda blocks: [ints([3]) for _ in blocks]))
    assert held.are_live(np.array([3, 4])).tolist() == [False, True]
    with pytest.raises(FormatError, match="1 of the rows from 8 on are deleted, not 2"):
        held.are_live(np.array([9]))


SAMPLES = 100_000_000
KEY = 50_000_000


@pytest.fixture(scope="module")
def large() -> CountingStore:
    return large_keyed_table(SAMPLES, [KEY, SAMPLES + 5], deleted=True)


def cost_of(store: CountingStore) -> tuple[int, int]:
    cost = len(store.requests), store.nbytes_sent + store.nbytes_received
    store.reset()
    return cost


def test_the_length_is_known_without_the_marks(large: CountingStore) -> None:
    head = Repository(large).resolve("main")
    large.reset()
    table: Any = Repository(large).checkout(head)["t"]
    assert len(table) == SAMPLES - 96
    assert cost_of(large)[0] == 1


def test_a_look_up_reads_one_block_of_marks(large: CountingStore) -> None:
    head = Repository(large).resolve("main")
    large.reset()
    table: Any = Repository(large).checkout(head)["t"]
    assert table.loc[KEY]["n"] >= 0
    requests, nbytes = cost_of(large)
    assert requests <= 11
    assert nbytes <= 200_000
    assert table.position(KEY) == KEY - 1 - KEY // 2**20


def test_a_commit_and_its_diff_read_few_blocks(large: CountingStore) -> None:
    large.reset()
    with Repository(large).transaction("main", message="Change") as tx:
        tx["t"].append({"n": 1}, key=SAMPLES + 5)
        tx["t"].delete(keys=[KEY])
    requests, nbytes = cost_of(large)
    assert requests <= 25
    assert nbytes <= 350_000
    diff = Repository(large).diff("main~1", "main").tables["t"]
    assert (diff.added, diff.removed) == ([SAMPLES + 5], [KEY])
    requests, nbytes = cost_of(large)
    assert requests <= 30
    assert nbytes <= 400_000


def test_a_table_counts_what_is_deleted(small_blocks: None) -> None:
    repository, _ = committed_table(X, {"x": np.arange(30)})
    with repository.transaction("main", message="Delete") as tx:
        tx["t"].delete([3, 4, 20])
    info = internals(table_of(repository)).node.table
    assert info is not None
    assert info.deleted == (2, 0, 1)
    with repository.transaction("main", message="Compact") as tx:
        tx["t"].compact()
    info = internals(table_of(repository)).node.table
    assert info is not None
    assert info.deleted == ()
