"""A request that stalls is sent a second time: once, counted, and seldom."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vstore
from tests.patience import PATIENCE_SECONDS, NewThreads, wait_until
from vstore.reader import Reader
from vstore.reader.load.hedging import HedgedStore, Meter
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Data, Key, ObjectStore

KEY, OTHER = Key("packs/a"), Key("packs/b")
STALLING: list["Stalling"] = []
"""The stores that the running test made."""


class Stalling:
    """A store of which some requests, by number, wait until they may go on, or fail then."""

    is_local = False

    def __init__(self, inner: ObjectStore, stalled: Any, *, fails: bool = False) -> None:
        self.inner = inner
        self.stalled = stalled
        self.fails = fails
        self.go_on = threading.Event()
        self.ranges: list[tuple[str, int, int]] = []
        self._lock = threading.Lock()
        STALLING.append(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        with self._lock:
            number = len(self.ranges)
            self.ranges.append((key, start, nbytes))
        if number in self.stalled:
            self.go_on.wait(PATIENCE_SECONDS)
            if self.fails:
                raise vstore.StorageError("the connection was reset")
        return self.inner.get_range(key, start, nbytes)


MANY = 10_000
"""So many requests before that none is refused a second one, should the machine be slow."""


def written() -> MemoryStore:
    store = MemoryStore()
    store.put(KEY, bytes(range(256)))
    return store


def hedged(stalled: Any, *, fails: bool = False) -> tuple[Stalling, HedgedStore]:
    store = Stalling(written(), stalled, fails=fails)
    return store, HedgedStore(store, Meter())


@pytest.fixture(autouse=True)
def go_on() -> Iterator[None]:
    """Let nothing stall any more when a test is over, however it ended."""
    yield
    while STALLING:
        STALLING.pop().go_on.set()


def go_on_after(store: Stalling, requests: int) -> None:
    """Let a store go on once it was asked for so many ranges."""
    try:
        wait_until(lambda: len(store.ranges) >= requests)
    finally:
        store.go_on.set()


def test_a_stalled_request_is_sent_again() -> None:
    store, reading = hedged({10})
    reading.meter.requests = MANY
    for i in range(30):
        assert reading.get_range(KEY, i, 3) == bytes([i, i + 1, i + 2])
    assert store.ranges.count((KEY, 10, 3)) == 2
    assert len(store.ranges) == 30 + reading.meter.hedged
    store.go_on.set()


def test_the_second_answer_counts_where_the_first_is_an_error() -> None:
    store, reading = hedged({9, 10}, fails=True)
    for i in range(9):
        reading.get_range(KEY, i, 1)
    waiting = threading.Thread(target=go_on_after, args=[store, 11])
    waiting.start()
    with pytest.raises(vstore.StorageError, match="reset"):
        reading.get_range(KEY, 9, 1)
    waiting.join()
    assert reading.get_range(KEY, 9, 1) == b"\t"


def test_few_requests_are_sent_again_however_many_stall() -> None:
    store, reading = hedged(range(8, 10_000))
    for i in range(8):
        reading.get_range(KEY, i, 1)
    answers: list[Data] = []
    threads = [
        threading.Thread(target=lambda: answers.append(reading.get_range(KEY, 7, 1)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    go_on_after(store, 8 + 12 + 1)
    for thread in threads:
        thread.join()
    assert answers == [b"\x07"] * 12
    assert reading.meter.hedged == 1


def test_errors_pass_and_local_stores_are_left_alone(tmp_path: Any) -> None:
    _, reading = hedged(())
    for _ in range(20):
        with pytest.raises(vstore.NotFoundError):
            reading.get(OTHER)
        assert reading.get(KEY)[0] == 0
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="x") as tx:
        spec = {"x": vstore.ndarray((), "int64", rows_per_chunk=8)}
        tx.create_table("t", spec).extend({"x": np.arange(400)})
    reader = Reader(repo.checkout("main")["t"], batch_size=8)
    asking = NewThreads("vstore-ask")
    for batch in reader:
        assert len(batch["x"]) == 8
        assert asking.running() == []
    assert reader.statistics.requests >= 50
    assert reader.statistics.nbytes > 0
    assert reader.statistics.hedged == 0


def test_a_reader_does_not_wait_for_a_straggler() -> None:
    made = vstore.create("memory://stalling")
    with made.transaction("main", message="x") as tx:
        spec = {"x": vstore.ndarray((64,), "int64", rows_per_chunk=16)}
        values = np.random.default_rng(0).integers(0, 2**62, (1024, 64))
        tx.create_table("t", spec).extend({"x": values})
    store = Stalling(made.store, {14})
    table = vstore.Repository(store).checkout("main")["t"]
    reader = Reader(table, batch_size=64, shuffle=True, window=128)
    reader._stream._costs.meter.requests = MANY  # type: ignore[union-attr]
    seen = np.concatenate([batch["x"] for batch in reader])
    assert (np.sort(seen[:, 0]) == np.sort(values[:, 0])).all()
    hedged = reader.statistics.hedged
    assert hedged >= 1
    assert f"({hedged} sent twice)" in str(reader.statistics)
    assert len(set(store.ranges)) == len(store.ranges) - hedged
    store.go_on.set()
