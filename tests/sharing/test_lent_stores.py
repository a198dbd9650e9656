"""The store of a transaction in other processes: what is written there is in the commit."""

import multiprocessing
import os
import pickle
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.core.buffer import cpu

import vstore
from tests.conftest import Bucket
from tests.sharing.lending import elsewhere
from tests.zarr import repositories
from vstore import Repository
from vstore.faces import internals
from vstore.format import object_keys
from vstore.sharing.journal import Journal
from vstore.storage.counting import CountingStore
from vstore.zarr_store import ZarrStore

open_array: Any = zarr.open_array
open_group: Any = zarr.open_group
create_array: Any = zarr.create_array

ROWS = np.arange(40)[:, np.newaxis] * np.ones((1, 6))


def stored(store: ZarrStore, key: str) -> bytes:
    found = store.get_sync(key)
    assert found is not None
    return found.to_bytes()


def write_rows(store: ZarrStore, start: int) -> int:
    """Write ten rows, and return which process did."""
    open_array(store, path="t2m")[start : start + 10] = ROWS[start : start + 10]
    return os.getpid()


def prepare(tx: vstore.Transaction, *, chunks: tuple[int, int] = (10, 3)) -> None:
    open_group(tx.store).create_array(
        "t2m", shape=(40, 6), chunks=chunks, dtype="f8", fill_value=-1
    )


def journal(repository: Repository) -> list[str]:
    return [info.key for info in repository.store.list_prefix(object_keys.JOURNALS)]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repositories.on_disk(tmp_path)


def pool(method: str) -> Executor:
    if method == "threads":
        return ThreadPoolExecutor(2)
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


@pytest.mark.parametrize("method", ["fork", "spawn", "threads"])
def test_workers_write_into_the_commit(repository: Repository, method: str) -> None:
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        with pool(method) as workers:
            pids = list(workers.map(partial(write_rows, tx.store), (0, 10, 20, 30)))
        assert (os.getpid() in pids) == (method == "threads")
        assert internals(repository).refs.find_branch("main") is None
        np.testing.assert_array_equal(tx["t2m"][:], ROWS)
        np.testing.assert_array_equal(open_array(tx.store, path="t2m")[:], ROWS)
    np.testing.assert_array_equal(repository.checkout()["t2m"][:], ROWS)
    assert len(list(repository.log())) == 1
    assert journal(repository) == []


@pytest.mark.s3
def test_workers_write_into_a_commit_in_a_bucket(s3_bucket: Bucket) -> None:
    repository = repositories.on_s3(s3_bucket)
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        with pool("spawn") as workers:
            list(workers.map(partial(write_rows, tx.store), (0, 10, 20, 30)))
    np.testing.assert_array_equal(repository.checkout()["t2m"][:], ROWS)
    assert journal(repository) == []


def test_large_chunks_are_stored_once_and_adopted() -> None:
    repository = repositories.in_memory()
    data = np.random.default_rng(0).integers(0, 2**60, (4, 20_000))
    tx = repository.transaction(message="Write together")
    open_group(tx.store).create_array("x", shape=data.shape, chunks=(1, 20_000), dtype="i8")
    away = elsewhere(tx.store)
    open_array(away, path="x")[:] = data
    packs = {info.key for info in repository.store.list_prefix(object_keys.PACKS)}
    np.testing.assert_array_equal(open_array(away, path="x")[2:], data[2:])
    tx.commit()
    assert {info.key for info in repository.store.list_prefix(object_keys.PACKS)} == packs
    np.testing.assert_array_equal(repository.checkout()["x"][:], data)


def test_workers_see_what_others_wrote() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        left, right = elsewhere(tx.store), elsewhere(tx.store)
        open_array(left, path="t2m")[:5] = ROWS[:5]
        open_array(right, path="t2m")[5:10] = ROWS[5:10]
        np.testing.assert_array_equal(open_array(left, path="t2m")[:10], ROWS[:10])
    np.testing.assert_array_equal(repository.checkout()["t2m"][:10], ROWS[:10])


def test_workers_make_and_delete_arrays() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        left, right = elsewhere(tx.store), elsewhere(tx.store)
        create_array(left, name="new/a", data=np.arange(5))
        open_group(right)["new/a"][2] = 7
        del open_group(right)["t2m"]
        assert sorted(open_group(left)) == ["new"]
    root = open_group(repository.checkout().store, mode="r")
    assert sorted(root) == ["new"]
    assert root["new/a"][:].tolist() == [0, 1, 7, 3, 4]


@pytest.mark.parametrize("by_worker", [True, False])
def test_what_workers_wrote_before_is_deleted_with_the_rest(by_worker: bool) -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        if not by_worker:
            prepare(tx)
        worker = elsewhere(tx.store)
        if by_worker:
            create_array(worker, name="t2m", shape=(40, 6), chunks=(10, 3), dtype="f8")
        write_rows(worker, 0)
        tx.delete("t2m")
        assert "t2m" not in tx
        tx.create_array("kept", shape=(1,), dtype="int8")[:] = 1
    store = repository.checkout().store
    assert sorted(store._source.list_prefix("")) == ["kept/c/0", "kept/zarr.json", "zarr.json"]


def test_the_transaction_and_a_worker_take_turns() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        away = elsewhere(tx.store)
        open_array(away, path="t2m")[0] = 1
        tx["t2m"][1] = 2
        assert tx["t2m"][:3, 0].tolist() == [1, 2, -1]
        open_array(elsewhere(tx.store), path="t2m")[2] = 3
    assert repository.checkout()["t2m"][:4, 0].tolist() == [1, 2, 3, -1]


def test_a_worker_that_is_tried_again_changes_nothing() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        for _ in range(2):
            write_rows(elsewhere(tx.store), 0)
    np.testing.assert_array_equal(repository.checkout()["t2m"][:10], ROWS[:10])


def test_parts_of_one_chunk_that_would_undo_each_other_are_refused() -> None:
    repository = repositories.in_memory()
    tx = repository.transaction(message="Write together")
    prepare(tx)
    left, right = elsewhere(tx.store), elsewhere(tx.store)
    key = "t2m/c/0/0"
    before = left.get_sync(key), right.get_sync(key)
    assert before == (None, None)
    for store, value in ((left, b"left"), (right, b"right")):
        store.set_sync(key, cpu.Buffer.from_bytes(value))
    with pytest.raises(vstore.ConflictError, match="undo what the other wrote"):
        tx.commit()
    assert internals(repository).refs.find_branch("main") is None


def test_whole_chunks_may_be_written_twice() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        left, right = elsewhere(tx.store), elsewhere(tx.store)
        open_array(left, path="t2m")[:10] = 1
        open_array(right, path="t2m")[:10] = 2
    assert set(repository.checkout()["t2m"][:10, 0]) == {2}


def test_writing_after_the_commit_is_refused() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        away = elsewhere(tx.store)
        write_rows(away, 0)
    with pytest.raises(vstore.ClosedError, match="committed or discarded"):
        write_rows(away, 10)
    with pytest.raises(vstore.ClosedError, match="is finished"):
        pickle.dumps(tx.store)


def test_a_write_during_which_the_transaction_ends_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository = repositories.in_memory()
    tx = repository.transaction(message="Write together")
    prepare(tx)
    away = elsewhere(tx.store)
    add = Journal.add

    def add_too_late(journal: Journal, *args: Any, **options: Any) -> None:
        monkeypatch.setattr(Journal, "add", add)
        tx.commit()
        add(journal, *args, **options)

    monkeypatch.setattr(Journal, "add", add_too_late)
    with pytest.raises(vstore.ClosedError, match="committed or discarded"):
        away.set_sync("t2m/c/0/0", cpu.Buffer.from_bytes(ROWS[:10, :3].tobytes()))
    assert (repository.checkout()["t2m"][:] == -1).all()


def test_discarding_removes_what_workers_wrote() -> None:
    repository = repositories.in_memory()
    tx = repository.transaction(message="Write together")
    prepare(tx)
    away = elsewhere(tx.store)
    write_rows(away, 0)
    assert journal(repository)
    tx.discard()
    assert journal(repository) == []
    with pytest.raises(vstore.ClosedError, match="committed or discarded"):
        open_array(away, path="t2m")


def test_bad_input_is_refused_where_it_is_written() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        away = elsewhere(tx.store)
        document = stored(away, "t2m/zarr.json")
        bad = document.replace(b'"name": "bytes"', b'"name": "numcodecs.pickle"')
        with pytest.raises(ValueError, match="codec"):
            away.set_sync("bad/zarr.json", cpu.Buffer.from_bytes(bad))
        with pytest.raises(IndexError):
            open_array(away, path="t2m").set_basic_selection((50, 0), 1)
        read_only = away.with_read_only(read_only=True)
        with pytest.raises(ValueError, match="read-only"):
            open_array(read_only, path="t2m")[0] = 1
        with pytest.raises(vstore.InvalidInputError, match="another process holds"):
            _ = away.source
    assert sorted(open_group(repository.checkout().store, mode="r")) == ["t2m"]


def inherited(store: ZarrStore, answers: Any) -> None:
    try:
        open_array(store, path="t2m")[:] = 0
    except vstore.InvalidInputError as exc:
        answers.put(str(exc))
    else:
        answers.put("written")


def test_a_forked_process_cannot_write_what_would_be_lost() -> None:
    repository = repositories.in_memory()
    context = multiprocessing.get_context("fork")
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        answers = context.SimpleQueue()
        child = context.Process(target=inherited, args=(tx.store, answers))
        child.start()  # without pickling anything
        child.join()
        assert "would be lost" in answers.get()


def test_garbage_collection_spares_open_transactions_and_removes_what_dead_ones_left() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Begin") as tx:
        prepare(tx)
    dead = repository.transaction(message="Dies")
    write_rows(elsewhere(dead.store), 10)
    repository.gc()
    assert len(journal(repository)) > 1
    repository.gc(grace=timedelta(0))
    assert journal(repository) == []
    with pytest.raises(vstore.ClosedError, match="removed what other processes wrote"):
        dead.commit()
    assert len(list(repository.log())) == 1


def test_what_is_never_lent_costs_no_request() -> None:
    store = CountingStore(repositories.in_memory().store)
    repository = Repository(store)
    with repository.transaction(message="Write") as tx:
        prepare(tx)
        before = store.count()
        open_array(tx.store, path="t2m")[:] = ROWS
        np.testing.assert_array_equal(open_array(tx.store, path="t2m")[:], ROWS)
        assert store.count() == before


def test_a_fork_of_a_transaction_lends_its_store() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Write together") as tx:
        prepare(tx)
        forks = [tx.fork(), tx.fork()]
        for i, fork in enumerate(forks):
            write_rows(elsewhere(fork.store), 10 * i)
        tx.merge(*forks)
    np.testing.assert_array_equal(repository.checkout()["t2m"][:20], ROWS[:20])
