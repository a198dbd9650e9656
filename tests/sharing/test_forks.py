"""One transaction written by many workers: processes, threads, tables and arrays."""

import multiprocessing
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import vstore
from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.faces import internals
from vstore.sharing.forks import Fork

open_array: Any = zarr.open_array

Pool = Callable[[], Executor]


def processes(method: str) -> Pool:
    context = multiprocessing.get_context(method)
    return lambda: ProcessPoolExecutor(2, mp_context=context)


POOLS = [processes("spawn"), processes("fork"), lambda: ThreadPoolExecutor(2)]


def write_region(fork: Fork, start: int) -> Fork:
    """Write ten rows through zarr and return the fork."""
    array = open_array(fork.store, path="climate/t2m")
    rows = np.arange(start, start + 10)
    array[start : start + 10] = np.repeat(rows[:, np.newaxis], 6, axis=1)
    return fork


def append_samples(fork: Fork, first: int) -> Fork:
    """Append five samples and return the fork."""
    labels = np.arange(first, first + 5)
    fork["train"].extend({"label": labels}, keys=[f"k{label}" for label in labels])
    return fork


def run(pool: Pool, task: Callable[[Fork, int], Fork], forks: Sequence[Fork]) -> list[Fork]:
    with pool() as workers:
        starts = [10 * i for i in range(len(forks))]
        return list(workers.map(task, forks, starts))


def prepare(tx: vstore.Transaction) -> None:
    """Make an array of four regions, and a table with one sample."""
    root = zarr.open_group(tx.store)
    root.create_array("climate/t2m", shape=(40, 6), chunks=(10, 3), dtype="f4")
    tx.create_table("train", {"label": vstore.ndarray((), "int64")}, keys="str").append(
        {"label": -1}, key="first"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repositories.on_disk(tmp_path)


@pytest.mark.parametrize("pool", POOLS, ids=["spawn", "fork", "threads"])
def test_workers_write_regions_and_samples(repository: Repository, pool: Pool) -> None:
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        tx.merge(*run(pool, write_region, [tx.fork() for _ in range(4)]))
        tx.merge(*run(pool, append_samples, [tx.fork() for _ in range(3)]))
        assert internals(repository).refs.find_branch("main") is None
    snapshot = repository.checkout()
    expected = np.broadcast_to(np.arange(40)[:, np.newaxis], (40, 6))
    np.testing.assert_array_equal(snapshot["climate/t2m"][:], expected)
    labels = [-1, 0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24]
    assert snapshot["train"]["label"][:].tolist() == labels
    assert snapshot["train"].loc["k12"]["label"] == 12
    assert len(list(repository.log())) == 1


@pytest.mark.s3
def test_workers_write_to_a_bucket(s3_bucket: Bucket) -> None:
    repository = repositories.on_s3(s3_bucket)
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        tx.merge(*run(processes("spawn"), write_region, [tx.fork() for _ in range(4)]))
    assert repository.checkout()["climate/t2m"][39, 5] == 39


def test_the_order_of_the_rows_is_that_of_the_forks() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        forks = [append_samples(tx.fork(), first) for first in (20, 0, 10)]
        tx.merge(*sorted(forks, key=lambda fork: len(internals(fork).token)))
    labels = repository.checkout()["train"]["label"][1::5].tolist()
    assert labels == [20, 0, 10]


def test_a_worker_that_dies_is_tried_again() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        fork = tx.fork()
        lost = write_region(pickle.loads(pickle.dumps(fork)), 0)
        internals(lost).flush()
        tx.merge(write_region(pickle.loads(pickle.dumps(fork)), 0))
    found = repository.checkout()["climate/t2m"]
    assert found[:12, 0].tolist() == [*range(10), 0, 0]


def test_forks_see_what_the_transaction_held() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        tx["climate/t2m"][0, 0] = 7
        fork = pickle.loads(pickle.dumps(tx.fork()))
        assert fork["climate/t2m"][0, 0] == 7
        tx["climate/t2m"][0, 1] = 8
        assert fork["climate/t2m"][0, 1] == 0
        fork["climate/t2m"][0, 2] = 9
        tx.merge(fork)
        assert tx["climate/t2m"][0, :3].tolist() == [7, 8, 9]
    assert repository.checkout()["climate/t2m"][0, :3].tolist() == [7, 8, 9]


def test_two_forks_may_write_into_one_chunk() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        left, right = tx.fork(), tx.fork()
        left["climate/t2m"][0, 0] = 1
        right["climate/t2m"][0, 1] = 2
        tx.merge(left, right)
    assert repository.checkout()["climate/t2m"][0, :3].tolist() == [1, 2, 0]


def test_what_two_forks_write_differently_is_refused_whole() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        first, second, third = tx.fork(), tx.fork(), tx.fork()
        first["climate/t2m"][5] = 1
        second["climate/t2m"][5] = 2
        third["climate/t2m"][6] = 3
        with pytest.raises(vstore.ConflictError, match="climate/t2m"):
            tx.merge(first, second)
        assert tx["climate/t2m"][5].max() == 0
        tx.merge(second, third)
    assert repository.checkout()["climate/t2m"][4:7, 0].tolist() == [0, 2, 3]


def test_new_nodes_of_forks_are_taken() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        forks = [tx.fork() for _ in range(3)]
        for i, fork in enumerate(forks):
            root = zarr.open_group(fork.store)
            root.create_array(f"part-{i}", data=np.arange(i + 1))
        tx.merge(*forks)
    root = zarr.open_group(repository.checkout().store, mode="r")
    assert sorted(root) == ["part-0", "part-1", "part-2"]


def test_bad_forks() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        fork = write_region(tx.fork(), 0)
        no_fork: Any = "fork"
        tx.merge(fork)
        with pytest.raises(vstore.InvalidInputError, match="merged already"):
            tx.merge(pickle.loads(pickle.dumps(fork)))
        with pytest.raises(vstore.InvalidInputError, match="merge takes forks"):
            tx.merge(no_fork)
        twice = tx.fork()
        with pytest.raises(vstore.InvalidInputError, match="merged already"):
            tx.merge(twice, twice)
        late = tx.fork()
    other = repository.transaction(message="Another")
    with pytest.raises(vstore.InvalidInputError, match="another transaction"):
        other.merge(late)
    with pytest.raises(vstore.ClosedError):
        tx.merge(late)
    with pytest.raises(vstore.ClosedError):
        tx.fork()


def test_forking_many_times_stores_what_is_there_once() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        forks = [tx.fork() for _ in range(5)]
        assert len({internals(fork).begun for fork in forks}) == 1


def test_only_what_moves_a_branch_names_one() -> None:
    repository = repositories.in_memory()
    with repository.transaction("main", message="Start") as tx:
        assert tx.branch == "main"
        assert repr(tx) == "<vstore.Transaction on 'main', open>"
        part = internals(tx.fork()).transaction
        assert part.branch is None
        assert repr(part) == "<vstore.Transaction of a fork, open>"
