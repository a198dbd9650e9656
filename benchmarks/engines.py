"""A table that Ray writes while a worker is killed, beside plain Parquet by the same engine.

    python -m benchmarks.engines --gigabytes 5
    python -m benchmarks.engines --gigabytes 1 --rounds 3 --compare

Each sample is 256 floats, a label and a key. With `--compare` nobody is killed, and each engine's
writes go in turns. Prints a line of JSON for each write: seconds, MB/s and how much memory a
worker process took at most. Every value is compared at the end. Needs the extra `ray`, and psutil.
For arrays, see `examples/dask_ingest.py`.
"""

import argparse
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import ray
import ray.data

import vstore
import vstore.ray

WIDTH = 256
ROWS = 16_384
"""Rows of one task, 16 MiB."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="kill nobody, and write Parquet too")
    parser.add_argument("--folder", help="where to make temporary folders")
    options = parser.parse_args()
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    tasks = max(2, round(options.gigabytes * 1e9 / (ROWS * WIDTH * 4)))
    ratios = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for turn in range(options.rounds):
            ways: list[Callable[..., float]] = [write_vstore]
            if options.compare:
                ways = [write_vstore, write_parquet][:: -1 if turn % 2 else 1]
            seconds = {way: way(Path(name), tasks, is_deadly=not options.compare) for way in ways}
            if options.compare:
                ratios.append(seconds[write_parquet] / seconds[write_vstore])
    if ratios:
        print(json.dumps({"speed beside Parquet": round(median(ratios), 2), "rounds": ratios}))
    ray.shutdown()


def samples(batch: dict[str, Any], mark: str, fatal: int) -> dict[str, Any]:
    """Return samples that follow from their numbers; die once, where that is asked for."""
    numbers = batch["id"]
    if (numbers == fatal).any() and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"id": numbers, "label": numbers % 10, "embedding": embeddings(numbers)}


def embeddings(numbers: Any) -> Any:
    """Return noise that is the same each time."""
    seed = int(numbers[0]) // ROWS
    whole = np.random.default_rng(seed).random((ROWS, WIDTH), np.float32)
    return whole[numbers - seed * ROWS]


def dataset(folder: Path, tasks: int, *, is_deadly: bool) -> Any:
    """Return the samples, a block for each task."""
    fatal = tasks // 2 * ROWS if is_deadly else -1
    return ray.data.range(tasks * ROWS, override_num_blocks=tasks).map_batches(
        samples, batch_size=ROWS, fn_args=(str(folder / "killed"), fatal)
    )


def write_vstore(folder: Path, tasks: int, *, is_deadly: bool) -> float:
    """Write into one commit, and compare every value."""
    repo = vstore.create(folder / "repo")
    columns = {
        "label": vstore.ndarray((), "int64"),
        "embedding": vstore.ndarray((WIDTH,), "float32"),
    }

    def work() -> None:
        with repo.transaction("main", message="Write") as tx:
            tx.create_table("t", columns, keys="int")
            given = dataset(folder, tasks, is_deadly=is_deadly)
            vstore.ray.write(given, tx, "t", keys="id")

    seconds = timed("vstore", work, tasks, killed=folder / "killed")
    table = repo.checkout("main")["t"]
    if len(list(repo.log())) != 1 or len(table) != tasks * ROWS:
        raise SystemExit("not one commit of all samples")
    for first in range(0, len(table), ROWS):
        numbers, here = np.arange(first, first + ROWS), slice(first, first + ROWS)
        if not np.array_equal(table["embedding"][here], embeddings(numbers)):
            raise SystemExit(f"a value is wrong from {first} on")
    if not repo.fsck().is_sound:
        raise SystemExit("the repository is damaged")
    shutil.rmtree(folder / "repo")
    return seconds


def write_parquet(folder: Path, tasks: int, *, is_deadly: bool) -> float:
    """Write Parquet files, one for each task."""
    given = dataset(folder, tasks, is_deadly=is_deadly)
    seconds = timed("parquet", lambda: given.write_parquet(str(folder / "parquet")), tasks)
    shutil.rmtree(folder / "parquet")
    return seconds


def timed(name: str, work: Callable[[], None], tasks: int, killed: Path | None = None) -> float:
    """Run something and print how it went."""
    peak, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.1):
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                if " ".join(process.info["cmdline"] or []).startswith("ray::"):
                    peak[0] = max(peak[0], process.info["memory_info"].rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    is_over.set()
    watcher.join()
    nbytes = tasks * ROWS * WIDTH * 4
    print(
        json.dumps(
            {
                name: round(seconds, 1),
                "MB": round(nbytes / 1e6),
                "MB/s": round(nbytes / 1e6 / seconds),
                "MB a worker": round(peak[0] / 1e6),
                "killed": killed is not None and killed.exists(),
            }
        ),
        flush=True,
    )
    return seconds


if __name__ == "__main__":
    main()
