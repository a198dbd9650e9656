"""Groups of thousands of arrays: one is opened, changed and compared without the others."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.repositories import counted, new_repository
from vstore import Array, Repository
from vstore.faces import internals
from vstore.format.nodes import NodeRef
from vstore.reading.fetch import Fetcher
from vstore.storage.counting import CountingStore

ARRAYS = 3000


@pytest.fixture(scope="module")
def wide() -> Repository:
    """Return a repository with arrays in one group, and as many in 20 groups."""
    repository = new_repository()
    with repository.transaction("main", message="Add arrays") as tx:
        for i in range(ARRAYS):
            note = {"note": f"{i:07}" * 20}
            for path in (f"wide/{i}", f"groups/{i % 20}/{i}"):
                tx.create_array(path, shape=(4,), dtype="int32", attributes=note)
    return repository


def opened(repository: Repository) -> tuple[Repository, CountingStore]:
    fresh, store = counted(repository)
    fresh.branches["main"]
    store.reset()
    return fresh, store


def test_small_nodes_are_stored_together(wide: Repository) -> None:
    nbytes = [info.nbytes for info in wide.store.list_prefix("index/")]
    assert len(nbytes) < 16 * 16 + 16 + 20 * 16 + 30
    assert sum(nbytes) < 2 * ARRAYS * 900


@pytest.mark.parametrize("path", ["wide/77", "groups/17/77"])
def test_one_array_is_opened_by_its_name(wide: Repository, path: str) -> None:
    repository, store = opened(wide)
    array = repository.checkout("main")[path]
    assert isinstance(array, Array)
    assert array.attributes["note"].startswith("0000077")
    assert store.count() <= 4


@pytest.mark.parametrize("path", ["wide/78", "groups/18/78"])
def test_one_array_is_changed_and_compared_without_the_others(wide: Repository, path: str) -> None:
    before = wide.branches["main"]
    repository, store = opened(wide)
    with repository.transaction("main", message="Change one") as tx:
        tx.array(path)[1] = 7
    assert store.count() <= 8
    repository, store = opened(wide)
    assert list(repository.diff(before, "main").arrays) == [path]
    assert store.count() <= 10
    np.testing.assert_array_equal(repository.checkout("main")[path][:], [0, 7, 0, 0])


def test_a_commit_of_many_changes_tells_them_by_group(wide: Repository) -> None:
    *_, first = wide.log("main")
    assert first.changes.keys() == {f"groups/{i}/" for i in range(20)} | {"wide/"} or (
        first.changes.keys() == {"groups/", "wide/"}
    )
    assert all(change.schema for change in first.changes.values())


def test_a_group_that_shrinks_has_the_form_of_a_small_one() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Start") as tx:
        tx.create_array("wide/1", shape=(4,), dtype="int32")
    small = repository.checkout("main")
    with repository.transaction("main", message="Grow") as tx:
        for i in range(2, 900):
            note = {"note": f"{i:07}" * 20}
            tx.create_array(f"wide/{i}", shape=(4,), dtype="int32", attributes=note)
    with repository.transaction("main", message="Shrink") as tx:
        for i in range(2, 900):
            tx.delete(f"wide/{i}")
    fetcher = internals(small).fetcher
    trees = [fetcher.commit(s.commit.id).tree for s in (small, repository.checkout("main"))]
    assert trees[0] == trees[1]


def test_a_summary_reads_groups_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add arrays") as tx:
        for i in range(1200):
            note = {"note": f"{i:07}" * 60}
            tx.create_array(f"groups/{i % 10}/{i}", shape=(4,), dtype="int32", attributes=note)
    rounds: list[int] = []
    read = Fetcher.node_documents

    def counting(fetcher: Fetcher, refs: Sequence[NodeRef]) -> Sequence[bytes]:
        rounds.append(len(refs))
        return read(fetcher, refs)

    fresh, _ = counted(repository)
    monkeypatch.setattr(Fetcher, "node_documents", counting)
    assert len(fresh.checkout("main").summary().arrays) == 1200
    assert sum(rounds) > 100  # each group has buckets
    assert len(rounds) <= 4
