"""Ingest a table with Ray tasks into one commit, while a worker is killed.

    python examples/ray_ingest.py                   # 64 MB with two tasks at a time
    python examples/ray_ingest.py --gigabytes 5

Needs `pip install 'vstore-arrays[ray]'`, and says so where Ray is not installed. Nothing is seen
before the commit. Killing a worker changes nothing: Ray runs its task again, and what a task
stored counts once.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import vstore

WIDTH = 256
"""Elements of one embedding: a row of 1 KiB."""

ROWS = 16_384
"""Rows of one task: whole chunks, so that joining the tasks decodes none."""


def main() -> None:
    """Run the example."""
    arguments = parse_arguments()
    try:
        import ray.data  # noqa: PLC0415 - the example runs where Ray is not installed
    except ImportError:
        print("skipped: Ray is not installed")
        return
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # all of it runs on this machine
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    scratch = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        tasks = round(arguments.gigabytes * 1e9 / (ROWS * WIDTH * 4))
        ingest(ray.data, scratch, 4 if arguments.quick else max(4, tasks))
    finally:
        ray.shutdown()
        shutil.rmtree(scratch)


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", help="where to make temporary folders")
    parser.add_argument("--gigabytes", type=float, default=0.064, help="how much to ingest")
    parser.add_argument("--quick", action="store_true", help="ingest four tasks")
    return parser.parse_args()


def ingest(data: Any, scratch: Path, tasks: int) -> None:
    """Write a dataset into one commit, and check every value."""
    import vstore.ray  # noqa: PLC0415

    mark = str(scratch / "killed")
    repo = vstore.create(scratch / "repo")
    dataset = data.range(tasks * ROWS, override_num_blocks=tasks).map_batches(
        embed, batch_size=ROWS, fn_args=(mark, tasks // 2 * ROWS)
    )
    data.DataContext.get_current().execution_options.preserve_order = True
    started = time.perf_counter()
    with repo.transaction("main", message="Embed with Ray") as tx:
        vstore.ray.write(dataset, tx, "train", keys="id")
        if list(repo.branches):
            raise AssertionError("something was seen before the commit")
    seconds = time.perf_counter() - started
    nbytes = tasks * ROWS * WIDTH * 4
    print(f"{nbytes / 1e6:.0f} MB in {seconds:.1f} s, {nbytes / 1e6 / seconds:.0f} MB/s")
    print("a worker was killed" if Path(mark).exists() else "no worker was killed")
    check(repo, tasks)
    few = vstore.ray.read_table(repo.checkout("main")["train"], columns=["sample", "label"])
    print("read back by Ray:", few.filter(expr="label == 3").count(), "samples of class 3")


def embed(batch: dict[str, Any], mark: str, fatal: int) -> dict[str, Any]:
    """Return samples that follow from their numbers; kill the worker once, in the middle."""
    numbers = batch["id"]
    if (numbers == fatal).any() and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"id": numbers, "label": (numbers % 10).astype("i2"), "embedding": embeddings(numbers)}


def embeddings(numbers: Any) -> Any:
    """Return the embeddings of samples."""
    waves = np.arange(1, WIDTH + 1, dtype="f4")
    return np.sin(numbers[:, np.newaxis].astype("f4") / ROWS * waves)


def check(repo: vstore.Repository, tasks: int) -> None:
    """Make sure that one commit holds all of it."""
    table = repo.checkout("main")["train"]
    if len(list(repo.log())) != 1 or len(table) != tasks * ROWS:
        raise AssertionError("the commit does not hold what was ingested")
    for first in range(0, len(table), ROWS):
        numbers = np.arange(first, first + ROWS)
        here = slice(first, first + ROWS)
        if not np.array_equal(table["embedding"][here], embeddings(numbers)):
            raise AssertionError(f"a value is wrong in the samples from {first}")
        if not np.array_equal(table["label"][here], numbers % 10):
            raise AssertionError(f"a label is wrong in the samples from {first}")
    print("one commit, and every value is right")


if __name__ == "__main__":
    sys.exit(main())
