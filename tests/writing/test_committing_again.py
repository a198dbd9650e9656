"""A commit that the store refused can be made again; work that nobody commits is missed."""

import gc
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from zarr.core.buffer import cpu

import vstore
from tests.faults.interposed import InterposedStore
from tests.zarr import repositories
from vstore import Repository, StorageError
from vstore.faces import internals
from vstore.storage.counting import CountingStore
from vstore.storage.store import Key

NOISE = np.random.default_rng(0).integers(0, 256, (300, 64), "uint8")


class Outage:
    """A store that is away for objects whose keys begin with something, until it is mended."""

    def __init__(self, repository: Repository) -> None:
        self.away = ""
        self.repository = Repository(InterposedStore(repository.store, self._pass))

    def _pass(self, verb: str, key: Key, send: Callable[[], Any]) -> Any:
        if self.away and verb in ("put", "put_if_absent") and key.startswith(self.away):
            raise StorageError("the store is away")
        return send()


def filled(repository: Repository) -> vstore.Transaction:
    tx = repository.transaction(message="Hours of work")
    columns = {"a": vstore.ndarray((64,), "uint8", rows_per_chunk=8), "s": vstore.text()}
    tx.create_table("t", columns, keys="int").extend(
        {"a": NOISE, "s": ["text"] * 300}, keys=range(300)
    )
    tx.create_array("x", shape=NOISE.shape, dtype="uint8", chunk_shape=(1, 64))[:] = NOISE
    return tx


def check(repository: Repository) -> None:
    snapshot = repository.checkout("main")
    np.testing.assert_array_equal(snapshot["t"]["a"][:], NOISE)
    np.testing.assert_array_equal(snapshot["x"][:], NOISE)
    assert len(list(repository.log())) == 1
    assert repository.fsck(mode="full").is_sound


@pytest.mark.parametrize("away", ["packs/", "index/", "commits/", "refs/"])
@pytest.mark.parametrize("tries", [1, 3])
def test_a_commit_that_the_store_refused_is_made_again(away: str, tries: int) -> None:
    outage = Outage(repositories.in_memory())
    tx = filled(outage.repository)
    outage.away = away
    for _ in range(tries):
        with pytest.raises(StorageError, match="the store is away"):
            tx.commit()
        assert tx.is_open
        assert tx["t"].loc[7]["s"] == "text"
    outage.away = ""
    assert tx.commit() is not None
    assert not tx.is_open
    check(outage.repository)


def test_a_transaction_goes_on_after_a_commit_that_was_refused() -> None:
    outage = Outage(repositories.in_memory())
    outage.away = "commits/"
    with pytest.raises(StorageError), outage.repository.transaction(message="Work") as tx:
        tx.create_array("x", shape=(4,), dtype="int8")[:] = 1
    outage.away = ""
    tx["x"][1] = 2
    tx.commit()
    assert outage.repository.checkout()["x"][:].tolist() == [1, 2, 1, 1]


def test_an_outage_while_data_come_in_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vstore.writing.packs.PACK_NBYTES", 1024)
    outage = Outage(repositories.in_memory())
    tx = outage.repository.transaction(message="Work")
    array = tx.create_array("x", shape=NOISE.shape, dtype="uint8", chunk_shape=(1, 64))
    outage.away = "packs/"
    written = 0

    def write() -> None:
        nonlocal written
        for written, row in enumerate(NOISE):
            array[written] = row
            tx.diff() if written == 100 else None

    with pytest.raises(StorageError, match="the store is away"):
        write()
    outage.away = ""
    for i in range(written, len(NOISE)):
        array[i] = NOISE[i]
    tx.commit()
    np.testing.assert_array_equal(outage.repository.checkout()["x"][:], NOISE)


def test_a_conflict_finishes_the_transaction() -> None:
    repository = repositories.in_memory()
    with repository.transaction(message="Begin") as tx:
        tx.create_array("x", shape=(4,), dtype="int8")
    ours, theirs = (repository.transaction(message="Change") for _ in range(2))
    ours["x"][0], theirs["x"][0] = 1, 2
    theirs.commit()
    with pytest.raises(vstore.ConflictError):
        ours.commit()
    assert not ours.is_open


@pytest.fixture
def collected() -> Iterator[Callable[[], list[str]]]:
    """Collects garbage, and returns what was warned of meanwhile."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def messages() -> list[str]:
            gc.collect()
            return [str(w.message) for w in caught if w.category is ResourceWarning]

        yield messages


class TestForgetting:
    def test_work_that_is_forgotten_is_missed(self, collected: Callable[[], list[str]]) -> None:
        tx = filled(repositories.in_memory())
        del tx
        (message,) = collected()
        assert "was forgotten, and what it holds is lost" in message

    def test_all_that_may_be_changed_counts(self, collected: Callable[[], list[str]]) -> None:
        repository = repositories.in_memory()
        filled(repository).commit()
        changes: list[Callable[[vstore.Transaction], Any]] = [
            lambda tx: tx["x"].__setitem__(0, 1),
            lambda tx: tx["t"].delete(0),
            lambda tx: tx["t"].assign(0, {"s": "new"}),
            lambda tx: tx["t"].rename_column("a", "b"),
            lambda tx: tx["t"].set_attributes({"a": 1}),
            lambda tx: tx.delete("x"),
            lambda tx: tx.move("x", "y"),
            lambda tx: tx.copy("x", "y"),
            lambda tx: tx.group("").set_attributes({"a": 1}),
        ]
        for change in changes:
            change(repository.transaction(message="Forgotten"))
        assert len(collected()) == len(changes)

    def test_nothing_else_is(self, collected: Callable[[], list[str]]) -> None:
        repository = repositories.in_memory()
        filled(repository).commit()
        repository.transaction(message="Unchanged")["x"][0]
        tx = filled(repositories.in_memory())
        tx.discard()
        with pytest.raises(ZeroDivisionError), repository.transaction(message="Error") as tx:
            tx["x"][0] = 1 // 0
        outage = Outage(repositories.in_memory())
        tx = filled(outage.repository)
        outage.away = "packs/"
        with pytest.raises(StorageError):
            tx.commit()
        del tx
        assert collected() == []


class Ahead(datetime):
    """A clock that is a year ahead."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return cls.fromtimestamp(datetime.now(tz).timestamp() + 365 * 86400, tz)


class TestClocks:
    def test_a_clock_that_is_far_ahead_dates_no_commit(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        repository = repositories.on_disk(tmp_path)
        filled(repository).commit()
        with repository.transaction(message="Begin") as tx:
            tx["x"][1] = 9
        with monkeypatch.context() as patched:
            patched.setattr("vstore.writing.committing.datetime", Ahead)
            tx = repository.transaction(message="Change")
            tx["x"][0] = 7
            with pytest.warns(UserWarning, match="the commit is dated by the store's"):
                tx.commit()
        soon = datetime.now(UTC) + timedelta(minutes=1)
        assert repository.commit("main").time < soon
        with repository.transaction(message="Again") as tx:
            tx["x"][0] = 8
        assert repository.commit("main").time < soon
        assert repository.fsck(mode="full").is_sound

    def test_not_the_first_either(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        repository = repositories.on_disk(tmp_path)
        monkeypatch.setattr("vstore.writing.committing.datetime", Ahead)
        with pytest.warns(UserWarning, match="the commit is dated by the store's"):
            filled(repository).commit()
        assert repository.commit("main").time < datetime.now(UTC) + timedelta(minutes=1)

    def test_a_date_to_come_that_was_asked_for_is_spoken_of(self) -> None:
        repository = repositories.in_memory()
        future = datetime.now(UTC) + timedelta(days=400)
        with repository.transaction(message="1", time=future, allow_empty=True):
            pass
        tx = repository.transaction(message="2", allow_empty=True)
        with pytest.warns(UserWarning, match="which is still to come"):
            tx.commit()
        assert repository.commit("main").time == future

    def test_commits_that_follow_soon_ask_for_no_time(self) -> None:
        filled(repository := repositories.in_memory()).commit()
        counted = Repository(store := CountingStore(repository.store))
        with counted.transaction(message="Soon") as tx:
            tx["x"][0] = 7
        assert [request.verb for request in store.requests].count("list_prefix") == 0


def test_a_fork_that_could_not_be_stored_is_stored_again() -> None:
    outage = Outage(repositories.in_memory())
    with outage.repository.transaction(message="Write together") as tx:
        fork = tx.fork()
        fork.store.set_sync("loose", cpu.Buffer.from_bytes(b"1"))
        outage.away = "commits/"
        with pytest.raises(StorageError, match="the store is away"):
            internals(fork).flush()
        outage.away = ""
        fork.store.set_sync("loose too", cpu.Buffer.from_bytes(b"2"))
        tx.merge(fork)
    keys = sorted(outage.repository.checkout().store._source.list_prefix(""))
    assert keys == ["loose", "loose too"]
