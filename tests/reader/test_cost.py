"""What reading costs: requests, rounds of them, memory, and how it ends when interrupted."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import vstore
from tests.core.repositories import DELAY_SECONDS
from vstore.reader import Reader
from vstore.storage.counting import CountingStore


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
    time.sleep(0.2)
    before = reader.statistics.chunks_loaded
    time.sleep(0.2)
    assert reader.statistics.chunks_loaded == before < 16_384 // 64
    del batches


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
deadline = time.monotonic() + 2  # one that was interrupted while it started ends by itself
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
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    output = process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=30) == 0
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
