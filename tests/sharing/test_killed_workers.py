"""Workers that are killed while they write, and those that take their place."""

import multiprocessing
import os
import pickle
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import vstore
from tests.sharing.lending import elsewhere
from tests.zarr import repositories

open_array: Any = zarr.open_array

ROWS, WIDTH = 60, 50


def fill(sent: bytes, mark: str) -> None:
    """Write every row, one after the other, with attributes between, and say so at the end."""
    store: Any = pickle.loads(sent)
    array = open_array(store, path="x")
    for row in range(ROWS):
        array[row] = np.arange(WIDTH) + row
        if row % 20 == 0:
            open_array(store, path="x").attrs[f"row {row}"] = row
    Path(mark).touch()


@pytest.mark.parametrize("rows_per_chunk", [1, 7])
def test_workers_that_are_killed_and_started_again(tmp_path: Path, rows_per_chunk: int) -> None:
    repository = repositories.on_disk(tmp_path)
    chance = random.Random(rows_per_chunk)
    context = multiprocessing.get_context("spawn")
    with repository.transaction(message="Write") as tx:
        zarr.create_array(
            tx.store, name="x", shape=(ROWS, WIDTH), chunks=(rows_per_chunk, WIDTH), dtype="i8"
        )
        mark, killed = tmp_path / "done", 0
        while not mark.exists():
            worker = context.Process(target=fill, args=(pickle.dumps(tx.store), str(mark)))
            worker.start()
            while killed < 3 and not tx["x"][killed, -1] and worker.is_alive():
                time.sleep(0.05)
            if killed < 3:
                time.sleep(chance.random() / 2)
                os.kill(worker.pid or 0, signal.SIGKILL)
                killed += 1
            worker.join()
    found = repository.checkout()["x"]
    expected = np.arange(WIDTH) + np.arange(ROWS)[:, np.newaxis]
    np.testing.assert_array_equal(found[:], expected)
    assert found.attributes == {f"row {row}": row for row in range(0, ROWS, 20)}
    assert repository.fsck(mode="full").is_sound


def test_a_worker_that_was_given_up_writes_late() -> None:
    """Its successor wrote the same by then: whole chunks again, and parts of one too."""
    repository = repositories.in_memory()
    with repository.transaction(message="Write") as tx:
        zarr.create_array(tx.store, name="x", shape=(8,), chunks=(4,), dtype="i8")
        late, next_one = elsewhere(tx.store), elsewhere(tx.store)
        slow = open_array(late, path="x")
        open_array(next_one, path="x")[:6] = 5
        assert tx["x"][:].tolist() == [5] * 6 + [0, 0]
        slow[:6] = 5
        assert tx["x"][:].tolist() == [5] * 6 + [0, 0]
    with pytest.raises(vstore.ClosedError, match="committed or discarded"):
        slow[:6] = 7
    assert repository.checkout()["x"][:].tolist() == [5] * 6 + [0, 0]
