"""However a reading ends no thread stays; and with the reader go its open files."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.patience import PATIENCE_SECONDS, NewThreads
from vstore.faces import internals
from vstore.reader import Mixture, Reader


@pytest.fixture
def threads() -> NewThreads:
    return NewThreads()


def open_files() -> set[str]:
    """Return what the process has open; a file that is being looked at may be gone."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{entry}"))
        except FileNotFoundError:
            continue
    return found


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add rows") as tx:
        spec = {"x": vstore.ndarray((64,), "int64", rows_per_chunk=16)}
        values = np.random.default_rng(0).integers(0, 2**40, (2048, 64))
        tx.create_table("t", spec).extend({"x": values})
    return repo.checkout("main")["t"]


def read_on(reader: Reader) -> None:
    for _ in reader:
        pass


def break_off(reader: Reader) -> None:
    for _ in reader:
        break


def fail(reader: Reader) -> None:
    with suppress(ZeroDivisionError):
        for _ in reader:
            raise ZeroDivisionError


def drop(reader: Reader) -> None:
    batches = iter(reader)
    next(batches)
    del batches


def collect(reader: Reader) -> None:
    batches = iter(reader)
    next(batches)
    cycle: list[Any] = [batches]
    cycle.append(cycle)
    del batches, cycle
    gc.collect()


def never_begin(reader: Reader) -> None:
    iter(reader)


def close_in_another_thread(reader: Reader) -> None:
    batches = [iter(reader)]
    next(batches[0])
    thread = threading.Thread(target=batches.clear)
    thread.start()
    thread.join()


def prefetch(reader: Reader) -> None:
    reader.prefetch(progress=False)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "end",
    [read_on, break_off, fail, drop, collect, never_begin, close_in_another_thread, prefetch],
)
@pytest.mark.parametrize("kind", ["one", "mixture"])
def test_nothing_is_left(
    rows: Any, tmp_path: Path, threads: NewThreads, kind: str, end: Any
) -> None:
    data = rows if kind == "one" else Mixture([rows, rows], [1, 2])
    before = open_files()
    reader = Reader(data, batch_size=32, shuffle=True, window=256, cache_dir=tmp_path / "cache")
    end(reader)
    assert threads.left() == []
    assert sum(len(batch["x"]) for batch in reader) in (2048, 4096)
    del reader
    gc.collect()
    assert open_files() <= before
    assert list((tmp_path / "cache" / "tmp").glob("*")) == []


PROGRAM = """
import signal, sys, threading
import vstore
from vstore.reader import Reader
batches = iter(Reader(vstore.checkout(sys.argv[1])["t"], batch_size=8, shuffle=True, window=64))
next(batches)
print("running", flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("threading.Thread(target=next, args=[batches]).start()", 0),
    ],
    ids=["end", "exit", "thread"],
)
def test_a_program_may_end_in_the_middle_of_an_epoch(
    rows: Any, tmp_path: Path, ending: str, code: int
) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM + ending, str(tmp_path / "repo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "running\n", "")


def test_an_error_in_loading_ends_threads_and_the_next_epoch_works(
    rows: Any, tmp_path: Path, threads: NewThreads
) -> None:
    packs = sorted((tmp_path / "repo" / "packs").rglob("*/*"))
    reader = Reader(rows, batch_size=32, shuffle=True, window=128)
    aside = [pack.rename(pack.with_suffix(".aside")) for pack in packs]
    for _ in range(2):
        with pytest.raises(vstore.VstoreError, match="missing"):
            list(reader)
        assert threads.left() == []
    for pack in aside:
        pack.rename(pack.with_suffix(""))
    assert sum(len(batch["x"]) for batch in reader) == 2048


@pytest.fixture
def stalled(rows: Any) -> Iterator[Any]:
    """A table behind a store that stops answering at some point, until the test is over."""
    go_on = threading.Event()
    inner = internals(rows["x"]).source.fetcher.store
    asked = [0]

    class Stalling:
        is_local = False

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def get_range(self, *request: Any) -> Any:
            asked[0] += 1
            if asked[0] > 12:
                go_on.wait(PATIENCE_SECONDS)
            return inner.get_range(*request)

    store: Any = Stalling()
    yield vstore.Repository(store).checkout("main")["t"], go_on
    go_on.set()


def test_leaving_while_a_store_stalls_waits_for_no_more_than_what_is_under_way(
    stalled: Any, threads: NewThreads
) -> None:
    table, go_on = stalled
    batches = iter(Reader(table, batch_size=32, window=64, requests=4, threads=1))
    next(batches)
    closing = threading.Thread(target=batches.close)  # type: ignore[attr-defined]
    closing.start()
    go_on.set()
    closing.join(PATIENCE_SECONDS)
    assert not closing.is_alive()
    assert threads.left() == []
