"""Whoever writes into a transaction, it is as if one had come after the other, or refused."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.core.buffer import cpu

import vstore
from tests.faults.interposed import InterposedStore
from tests.sharing.lending import elsewhere
from tests.zarr import repositories
from vstore import Repository, StorageError, Transaction
from vstore.sharing import looks
from vstore.sharing.borrower import Borrower
from vstore.storage.counting import CountingStore
from vstore.storage.store import Key

open_array: Any = zarr.open_array
open_group: Any = zarr.open_group
create_array: Any = zarr.create_array
da: Any = dask.array
to_zarr: Any = da.to_zarr


def begun(repository: Repository) -> Transaction:
    """Return a transaction on a repository with a table, an array and a group."""
    with repository.transaction(message="Begin") as tx:
        columns = {"v": vstore.ndarray((), "int32"), "s": vstore.text()}
        tx.create_table("t", columns, keys="str").extend(
            {"v": range(4), "s": list("abcd")}, keys=list("abcd")
        )
        create_array(tx.store, name="g/x", data=np.zeros(4, "i8"), chunks=(2,))
        open_group(tx.store, path="g").attrs["made"] = "here"
    return repository.transaction(message="Change")


def replace_values(store: Any) -> None:
    open_array(store, path="t/v")[:] = [7, 7, 7, 7]


def set_attribute(store: Any) -> None:
    open_array(store, path="g/x").attrs["b"] = 2


class TestWhatIsHeldSinceBefore:
    """Tables, columns, arrays and groups that are used after a worker wrote."""

    @pytest.mark.parametrize(
        ("use", "expected"),
        [
            (lambda t: t.extend({"v": [1], "s": ["e"]}, keys=["e"]), [7, 7, 7, 7, 1]),
            (lambda t: t.extend([{"v": [1], "s": ["e"], "sample": ["e"]}]), [7, 7, 7, 7, 1]),
            (lambda t: t.append({"v": 1, "s": "e"}, key="e"), [7, 7, 7, 7, 1]),
            (lambda t: t["v"].__setitem__(0, 1), [1, 7, 7, 7]),
            (lambda t: t.assign(slice(1, 2), {"v": [1]}), [7, 1, 7, 7]),
            (lambda t: t.loc.__setitem__("b", {"v": 1}), [7, 1, 7, 7]),
            (lambda t: t.delete(0), [7, 7, 7]),
            (lambda t: t.delete(keys=["a"]), [7, 7, 7]),
            (lambda t: t.cast("v", "int64"), [7, 7, 7, 7]),
            (lambda t: t.rename_column("s", "w"), [7, 7, 7, 7]),
            (lambda t: t.drop_column("s"), [7, 7, 7, 7]),
            (lambda t: t.add_column("n", vstore.ndarray((), "int8")), [7, 7, 7, 7]),
            (lambda t: t.set_attributes({"a": 1}), [7, 7, 7, 7]),
            (lambda t: t.reindex(), [7, 7, 7, 7]),
            (lambda t: (t.delete(0), t.compact()), [7, 7, 7]),
        ],
        ids=range(15),
    )
    @pytest.mark.parametrize("sent", ["before", "after"])
    def test_a_table(self, use: Callable[[Any], Any], expected: list[int], sent: str) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            table, store = tx.table("t"), elsewhere(tx.store)
            if sent == "before":
                replace_values(store)
                use(table)
            else:
                use(table)
                open_array(store, path="t/v")[:] = 7
                expected = [7] * len(expected)
        assert repository.checkout()["t"]["v"][:].tolist() == expected
        assert repository.fsck(mode="full").is_sound

    @pytest.mark.parametrize(
        ("read", "expected"),
        [
            (lambda t: t["v"][:].tolist(), [7, 7, 7, 7]),
            (lambda t: int(t["v"][1]), 7),
            (lambda t: int(t.loc["c"]["v"]), 7),
            (lambda t: int(t[0]["v"]), 7),
            (lambda t: [int(sample["v"]) for sample in t], [7] * 4),
            (lambda t: [int(value) for value in t["v"]], [7] * 4),
            (lambda t: dict(t.items())["v"][:2].tolist(), [7, 7]),
        ],
        ids=range(7),
    )
    def test_a_table_that_is_read(self, read: Callable[[Any], Any], expected: Any) -> None:
        with begun(repositories.in_memory()) as tx:
            table, column, loc = tx.table("t"), tx["t"]["v"], tx["t"].loc
            replace_values(elsewhere(tx.store))
            assert read(table) == expected
            assert column[:].tolist() == [7] * 4
            assert int(loc["a"]["v"]) == 7

    def test_an_array_and_a_group(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            array, group = tx.array("g/x"), tx.group("g")
            worker = elsewhere(tx.store)
            open_array(worker, path="g/x")[0] = 5
            array[1] = 6
            assert array[:2].tolist() == [5, 6]
            open_array(worker, path="g/x").resize((6,))
            assert array.shape == (6,)
            assert len(array) == 6
            open_array(worker, path="g/x").attrs["a"] = 1
            assert array.attributes == {"a": 1}
            open_group(worker, path="g").attrs["b"] = 2
            assert group.attributes == {"made": "here", "b": 2}
            create_array(worker, name="g/y", shape=(1,), dtype="i1")
            assert list(group) == ["x", "y"]
        assert repository.checkout()["g/x"][:].tolist() == [5, 6, 0, 0, 0, 0]

    def test_what_a_worker_deleted_is_refused(self) -> None:
        with begun(repositories.in_memory()) as tx:
            array, table = tx.array("g/x"), tx.table("t")
            worker = elsewhere(tx.store)
            del open_group(worker)["g"]
            del open_group(worker)["t"]
            with pytest.raises(vstore.ClosedError, match="deleted or replaced"):
                array[0] = 1
            with pytest.raises(vstore.ClosedError, match="deleted or replaced"):
                table.append({"v": 1, "s": "e"}, key="e")


VERBS: list[Callable[[Transaction], Any]] = [
    lambda tx: tx.delete("g/x"),
    lambda tx: tx.copy("g", "h"),
    lambda tx: tx.move("g/x", "y"),
    lambda tx: tx.move("t", "u"),
    lambda tx: tx.copy_from(tx.diff().new, "g/x", "h/z"),
    lambda tx: tx.create_array("g/y", shape=(3,), dtype="int8").__setitem__(0, 1),
    lambda tx: tx.create_table("u", {"v": vstore.ndarray((), "int8")}).extend({"v": [1]}),
    lambda tx: tx.array("g/x").__setitem__(3, 9),
    lambda tx: tx.group("g").set_attributes({"k": 1}),
    lambda tx: tx["t"].append({"v": 5, "s": "e"}, key="e"),
    lambda tx: tx["t"].delete(0),
    lambda tx: tx.merge(forked(tx)),
    lambda tx: open_array(tx.store, path="g/x").resize((8,)),
    lambda tx: open_group(tx.store, path="g").attrs.update({"k": 2}),
    lambda tx: open_group(tx.store).create_array("big", data=np.arange(20_000)),
    lambda tx: set_loose(tx.store),
]


def set_loose(store: Any) -> None:
    store.set_sync("loose", cpu.Buffer.from_bytes(b"1"))


def forked(tx: Transaction) -> Any:
    fork = tx.fork()
    fork["t"].append({"v": 6, "s": "f"}, key="f")
    return fork


def listed(store: Any) -> dict[str, bytes]:
    """Return what a store holds, documents in one form."""
    keys = sorted(store._source.list_prefix(""))
    found = {key: store.get_sync(key).to_bytes() for key in keys}
    return {key: looks.version_of(key, data).encode() for key, data in found.items()}


@pytest.mark.parametrize("verb", VERBS, ids=range(len(VERBS)))
def test_a_store_that_was_lent_before_shows_what_was_done_since(
    verb: Callable[[Transaction], Any],
) -> None:
    repository = repositories.in_memory()
    with begun(repository) as tx:
        worker, other = elsewhere(tx.store), elsewhere(tx.store)
        before = listed(worker)
        set_attribute(other)
        open_array(other, path="t/v")[1] = 8
        verb(tx)
        shown = listed(worker)
        assert before != shown
        assert shown == listed(tx.store) == listed(other) == listed(elsewhere(tx.store))
        open_group(worker).create_array("w", data=np.arange(3))
        assert listed(worker) == listed(tx.store) == listed(other)
    assert listed(repository.checkout().store) == shown | listed_of(repository, "w")
    assert repository.fsck(mode="full").is_sound


def listed_of(repository: Repository, name: str) -> dict[str, bytes]:
    found = listed(repository.checkout().store)
    return {key: value for key, value in found.items() if key.startswith(f"{name}/")}


class TestDocuments:
    def test_both_sides_attributes_stay(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            worker = elsewhere(tx.store)
            open_array(tx.store, path="g/x").attrs["a"] = 1
            open_array(worker, path="g/x").attrs["b"] = 2
            open_array(tx.store, path="g/x").attrs["c"] = 3
        assert repository.checkout()["g/x"].attributes == {"a": 1, "b": 2, "c": 3}

    def test_an_array_held_here_does_not_undo_what_a_worker_changed(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            held = open_array(tx.store, path="g/x")
            open_array(elsewhere(tx.store), path="g/x").resize((8,))
            with pytest.raises(vstore.ConflictError, match="another process changed 'g/x/zarr"):
                held.attrs["a"] = 1
            open_array(tx.store, path="g/x").attrs["a"] = 1
        assert repository.checkout()["g/x"].shape == (8,)
        assert repository.checkout()["g/x"].attributes == {"a": 1}

    @pytest.mark.parametrize("is_at_once", [True, False])
    @pytest.mark.parametrize(
        "change",
        [
            set_attribute,
            lambda store: open_array(store, path="g/x").resize((8,)),
            lambda store: open_group(store).__delitem__("g"),
        ],
        ids=["attribute", "resize", "delete"],
    )
    def test_an_array_held_by_a_worker_does_not_undo_what_was_changed(
        self, change: Callable[[Any], Any], is_at_once: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tx = begun(repositories.in_memory())
        worker = elsewhere(tx.store)
        held = open_array(worker, path="g/x")
        change(tx.store)
        if is_at_once:
            with monkeypatch.context() as patched:
                patched.setattr(Borrower, "take", lambda _: None)
                held.attrs["a"] = 1
            refused: Callable[[], Any] = tx.commit
        else:
            refused = partial(held.attrs.__setitem__, "a", 1)
        with pytest.raises(vstore.ConflictError, match="since it was read here"):
            refused()

    @pytest.mark.parametrize("is_at_once", [True, False])
    def test_two_workers_do_not_undo_what_the_other_changed(
        self, is_at_once: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tx = begun(repositories.in_memory())
        one, two = (open_array(elsewhere(tx.store), path="g/x") for _ in range(2))
        one.append(np.array([1, 2]))
        if is_at_once:
            with monkeypatch.context() as patched:
                patched.setattr(Borrower, "take", lambda _: None)
                two.append(np.array([3, 4]))
            refused: Callable[[], Any] = tx.commit
        else:
            refused = partial(two.append, np.array([3, 4]))
        with pytest.raises(vstore.ConflictError, match=r"changed 'g/x/zarr\.json'"):
            refused()

    def test_two_workers_may_make_the_same(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            workers = [elsewhere(tx.store) for _ in range(2)]
            for worker in workers:
                assert not worker._source.list_prefix("new")
            for worker in workers:
                open_group(worker).require_group("new/one")
                open_group(worker)["g/x"].attrs["a"] = 1
        assert "new/one" in repository.checkout()

    def test_what_one_process_does_with_two_objects_is_its_own(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            for store in (tx.store, elsewhere(tx.store)):
                first, second = (open_array(store, path="g/x") for _ in range(2))
                first.attrs["a"] = 1
                second.attrs["b"] = 2  # as with plain Zarr: the first is undone
                del open_group(store)["g/x"]
                first.attrs["c"] = 3
        assert repository.checkout()["g/x"].attributes == {"a": 1, "c": 3}


class TestThreads:
    @pytest.mark.parametrize(
        "layout",
        [{"chunks": (100,)}, {"chunks": (10,), "shards": (100,)}, {"zarr_format": 3}],
        ids=str,
    )
    @pytest.mark.parametrize("dtype", ["i4", "f8", "U3"])
    @pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
    def test_parts_of_one_chunk(self, layout: dict[str, Any], dtype: str) -> None:
        repository = repositories.in_memory()
        with repository.transaction(message="Write together") as tx:
            array = create_array(tx.store, name="x", shape=(400,), dtype=dtype, **layout)
            run(lambda i: array.__setitem__(slice(10 * i, 10 * i + 10), np.array(i, dtype)), 40)
        found = repository.checkout()["x"][:]
        np.testing.assert_array_equal(found, np.repeat(np.arange(40), 10).astype(dtype))

    @pytest.mark.parametrize("how", [{"chunks": (5, 5)}, {"chunks": (2, 2), "shards": (4, 4)}])
    def test_dask(self, how: dict[str, Any]) -> None:
        values = np.arange(1600).reshape(40, 40)
        repository = repositories.in_memory()
        with (
            dask.config.set(scheduler="threads", num_workers=4),
            repository.transaction(message="Write together") as tx,
        ):
            to_zarr(da.from_array(values, chunks=(3, 3)), tx.store, component="x", **how)
        np.testing.assert_array_equal(repository.checkout()["x"][:], values)

    def test_xarray_without_safe_chunks(self) -> None:
        values = np.arange(1600.0).reshape(40, 40)
        data: Any = xr.Dataset({"a": (("y", "x"), da.from_array(values, chunks=(3, 3)))})
        repository = repositories.in_memory()
        with (
            dask.config.set(scheduler="threads", num_workers=4),
            repository.transaction(message="Write together") as tx,
        ):
            encoding = {"a": {"chunks": (5, 5)}}
            data.to_zarr(tx.store, encoding=encoding, safe_chunks=False)
        np.testing.assert_array_equal(repository.checkout()["a"][:], values)

    def test_native_arrays(self) -> None:
        repository = repositories.in_memory()
        with repository.transaction(message="Write together") as tx:
            array = tx.create_array("x", shape=(400,), dtype="i4", chunk_shape=(100,))
            run(lambda i: array.__setitem__(slice(10 * i, 10 * i + 10), i), 40)
        found = repository.checkout()["x"][:]
        np.testing.assert_array_equal(found, np.repeat(np.arange(40), 10))

    def test_a_chunk_that_is_not_decoded_is_refused(self) -> None:
        tx = begun(repositories.in_memory())
        key, buffer = "g/x/c/0", cpu.Buffer.from_bytes
        tx.store.get_sync(key)
        tx.store.set_sync("".join(["g/x", "/c/0"]), buffer(b"garbage"))
        with pytest.raises(vstore.ConflictError, match="two threads or processes wrote parts"):
            tx.store.set_sync(key, buffer(b"more garbage"))

    def test_more_than_is_remembered_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looks, "_HELD_NBYTES", 10)
        tx = begun(repositories.in_memory())
        key = "g/x/c/0"
        tx["g/x"][0] = 1
        data = tx.store.get_sync(key)
        assert data is not None
        tx["g/x"][1] = 1
        with pytest.raises(vstore.ConflictError, match="would undo what the other wrote"):
            tx.store.set_sync(key, data)
        tx.store.set_sync(key, data)  # which goes by nothing that was read

    def test_whole_chunks_go_by_nothing_that_was_read(self) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            for store in (tx.store, elsewhere(tx.store)):
                array = open_array(store, path="g/x")
                assert array[:].shape == (4,)
                array[0] = 1
                array[:] = 2
                array[:] = 3
        assert repository.checkout()["g/x"][:].tolist() == [3] * 4


def run(task: Callable[[int], Any], count: int) -> None:
    threads = [threading.Thread(target=task, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestClocks:
    def test_what_was_seen_comes_before_whatever_clocks_say(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository = repositories.in_memory()
        with begun(repository) as tx:
            early, late = elsewhere(tx.store), elsewhere(tx.store)
            with monkeypatch.context() as patched:
                patched.setattr("vstore.sharing.journal.time.time_ns", lambda: 2 * 10**18)
                open_array(late, path="g/x")[0] = 1
            with monkeypatch.context() as patched:
                patched.setattr("vstore.sharing.journal.time.time_ns", lambda: 10**18)
                open_array(early, path="g/x")[1] = 2
                assert open_array(late, path="g/x")[:2].tolist() == [1, 2]
        assert repository.checkout()["g/x"][:2].tolist() == [1, 2]


class TestStoresThatFail:
    def test_a_commit_is_tried_again_with_what_workers_wrote(self) -> None:
        inner = repositories.in_memory()
        fails = 0

        def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
            nonlocal fails
            if fails and verb in ("list_prefix", "delete") and key.startswith("journals/"):
                fails -= 1
                raise StorageError("the store is away")
            return send()

        repository = Repository(InterposedStore(inner.store, interpose))
        for number in range(1, 4):
            tx = begun(repository) if number == 1 else repository.transaction(message="Again")
            worker = elsewhere(tx.store, pickles=False)
            open_array(worker, path="g/x")[0] = number
            fails = number
            for _ in range(number):
                with pytest.raises(StorageError):
                    tx.commit()
            open_array(tx.store, path="g/x")[1] = number
            tx.commit()
            assert repository.checkout()["g/x"][:2].tolist() == [number] * 2

    def test_what_others_cannot_be_told_is_not_lost(self) -> None:
        inner, is_away = repositories.in_memory(), False

        def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
            if is_away and verb == "put" and key.startswith("journals/"):
                raise StorageError("the store is away")
            return send()

        repository = Repository(InterposedStore(inner.store, interpose))
        with begun(repository) as tx:
            worker = elsewhere(tx.store, pickles=False)
            is_away = True
            tx["g/x"][0] = 1
            open_array(tx.store, path="g/x")[1] = 1
            open_array(tx.store, path="g/x").attrs["a"] = 1
            is_away = False
            assert open_array(worker, path="g/x")[0] == 0
            tx["g/x"][2] = 1
            open_array(worker, path="g/x")[3] = 1
        assert repository.checkout()["g/x"][:].tolist() == [1] * 4


def test_what_is_not_lent_is_told_to_nobody() -> None:
    inner = repositories.in_memory()
    tx = begun(inner)
    tx.discard()
    counted = Repository(store := CountingStore(inner.store))
    with counted.transaction(message="Change") as tx:
        before = store.count()
        for _ in range(10):
            tx["t"].append({"v": 1, "s": "e"}, key=f"k{store.count()}{_}")
            open_array(tx.store, path="g/x").attrs["a"] = 1
        assert not [r for r in store.requests[before:] if r.key.startswith("journals/")]


def test_chunks_that_are_written_together_here_are_told_of_together() -> None:
    inner = repositories.in_memory()
    begun(inner).discard()
    counted = Repository(store := CountingStore(inner.store))
    with counted.transaction(message="Change") as tx:
        create_array(tx.store, name="many", shape=(64,), chunks=(1,), dtype="i4")
        worker = elsewhere(tx.store)
        store.reset()
        open_array(tx.store, path="many")[:] = np.arange(64)
        puts = [r for r in store.requests if r.verb == "put" and r.key.startswith("journals/")]
        assert len(puts) <= 32  # of 64, as they happen to come together
        assert open_array(worker, path="many")[:].tolist() == list(range(64))


def test_arrays_of_version_2() -> None:
    tx = repositories.in_memory().transaction(message="Write together")
    array = create_array(tx.store, name="x", shape=(4,), chunks=(4,), dtype="i4", zarr_format=2)
    workers = [open_array(elsewhere(tx.store), path="x", zarr_format=2) for _ in range(2)]
    key = "x/0"
    array[0] = 1
    data = tx.store.get_sync(key)
    assert data is not None
    array[1] = 2
    with pytest.raises(vstore.ConflictError, match="wrote parts of the chunk 'x/0'"):
        tx.store.set_sync(key, data)
    for worker in workers:
        worker[2] = 3
    workers[0].attrs["a"] = 1
    assert array[:].tolist() == [1, 2, 3, 0]
    tx.commit()
