"""What reading costs: requests, rounds of them, memory, and how it ends when interrupted."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

import vstore
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.repositories import DELAY_SECONDS
from vstore.reader import Reader
from vstore.storage.counting import CountingStore
from vstore.storage.store import Data, Key, ObjectStore


def write_images(repo: vstore.Repository, samples: int) -> str:
    with repo.transaction("main", message="Add images") as tx:
        columns = {
            "image": vstore.ndarray((64, 64), "uint8", rows_per_chunk=64),
            "label": vstore.ndarray((), "int64", rows_per_chunk=1024),
        }
        images = np.random.default_rng(0).integers(0, 3, (samples, 64, 64), dtype="uint8")
        tx.create_table("train", columns).extend({"image": images, "label": np.arange(samples)})
    return repo.resolve("main")


def test_the_first_batch_of_a_cold_reader_takes_few_rounds_of_requests() -> None:
    made = vstore.create("memory://cold-rounds")
    commit = write_images(made, 4096)
    store = CountingStore(made.store, delay_seconds=DELAY_SECONDS)
    table = vstore.Repository(store).checkout(commit)["train"]
    batches = iter(Reader(table, batch_size=64, shuffle=True, window_nbytes=2**22))
    next(batches)
    assert store.depth <= 6
    del batches


def test_neighbouring_chunks_come_with_one_request() -> None:
    made = vstore.create("memory://coalesced")
    commit = write_images(made, 4096)
    store = CountingStore(made.store)
    table = vstore.Repository(store).checkout(commit)["train"]
    store.reset()
    assert sum(len(batch["label"]) for batch in Reader(table, batch_size=64)) == 4096
    assert store.count("get_range") < 20


class Stalling:
    """A store that answers so many requests for images, and keeps the others waiting."""

    is_local = False

    def __init__(self, inner: ObjectStore, answered: int) -> None:
        self.inner = inner
        self._tickets = threading.Semaphore(answered)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        if nbytes > 20_000:
            assert self._tickets.acquire(timeout=PATIENCE_SECONDS)
        return self.inner.get_range(key, start, nbytes)

    def answer(self, requests: int) -> None:
        self._tickets.release(requests)


def test_the_next_window_is_loaded_once_the_first_leaves_threads_idle() -> None:
    made = vstore.create("memory://ahead")
    commit = write_images(made, 4096)
    store = Stalling(made.store, 2)
    table = vstore.Repository(cast("ObjectStore", store)).checkout(commit)["train"]
    reader = Reader(
        table, ["image"], batch_size=64, shuffle=True, window=256, threads=1, requests=16
    )
    batches = iter(reader)
    first = threading.Thread(target=next, args=[batches])
    first.start()
    try:
        wait_until(lambda: reader.statistics.chunks_loaded == 4)
        time.sleep(0.2)  # two of four are missing: that is enough to do
        assert reader.statistics.chunks_loaded == 4
        store.answer(1)
        wait_until(lambda: reader.statistics.chunks_loaded > 4)
        assert first.is_alive()
    finally:
        store.answer(10_000)
        first.join()
    assert sum(len(batch["image"]) for batch in batches) == 4096 - 64


def test_small_windows_are_loaded_far_ahead_from_the_first_batch_on() -> None:
    made = vstore.create("memory://far-ahead")
    commit = write_images(made, 4096)
    table = vstore.Repository(made.store).checkout(commit)["train"]
    reader = Reader(table, ["image"], batch_size=64, window=64)
    batches = iter(reader)
    next(batches)
    wait_until(lambda: reader.statistics.chunks_loaded == 64)
    del batches


def test_larger_windows_get_larger_blocks_each_with_one_request() -> None:
    made = vstore.create("memory://blocks")
    commit = write_images(made, 64 * 64 * 4)
    counts = []
    for window in (64 * 64, 64 * 64 * 3):
        store = CountingStore(made.store)
        table = vstore.Repository(store).checkout(commit)["train"]
        reader = Reader(table, ["image"], batch_size=64, shuffle=True, window=window)
        store.reset()
        assert sum(len(batch["image"]) for batch in reader) == 64 * 64 * 4
        counts.append(store.count("get_range"))
    assert counts[1] < counts[0] * 3 // 4


def test_a_slow_consumer_holds_loading_back() -> None:
    made = vstore.create("memory://back-pressure")
    commit = write_images(made, 16_384)
    store = CountingStore(made.store)
    table = vstore.Repository(store).checkout(commit)["train"]
    reader = Reader(
        table, batch_size=64, shuffle=True, window_nbytes=2**20, memory_nbytes=8 * 2**20
    )
    batches = iter(reader)
    next(batches)
    wait_until(lambda: is_at_rest(lambda: reader.statistics.chunks_loaded))
    assert reader.statistics.chunks_loaded < 16_384 // 64
    del batches


def is_at_rest(count: Callable[[], int]) -> bool:
    """Return whether a count stays what it is for a while."""
    before = count()
    time.sleep(0.2)
    return count() == before


INTERRUPTED = """
import signal, sys, threading, time, vstore
from vstore.reader import Reader
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
reader = Reader(vstore.checkout(sys.argv[1])["train"], batch_size=64, shuffle=True)
try:
    while True:
        for batch in reader:
            print("running", flush=True)
except KeyboardInterrupt:
    del batch
deadline = time.monotonic() + 60  # one that was interrupted while it started ends by itself
while True:
    names = [t.name for t in threading.enumerate() if t.name.startswith("vstore-")]
    if not names or time.monotonic() > deadline:
        break
    time.sleep(0.001)
print("left:", names, flush=True)
"""


def test_an_interrupt_ends_the_threads_at_once(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    write_images(repo, 4096)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "repo")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        begun = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert begun == "running\n"
    assert process.returncode == 0
    assert output.endswith("left: []\n")


def test_readers_in_several_threads(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    write_images(repo, 1024)
    table = repo.checkout("main")["train"]
    totals: list[int] = []

    def read() -> None:
        reader = Reader(table, batch_size=50, shuffle=True)
        totals.append(sum(int(batch["label"].sum()) for batch in reader))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [1024 * 1023 // 2] * 3
