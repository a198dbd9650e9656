"""Ingest a large array with Dask workers into one commit, while one of them is killed.

    python examples/dask_ingest.py                   # 320 MB with two worker processes
    python examples/dask_ingest.py --gigabytes 5     # larger than the workers' memory together
    python examples/dask_ingest.py --compare         # nobody killed, against plain Zarr

Nothing is seen before the commit. Killing a worker changes nothing: Dask starts another one and
gives it the tasks again.
"""

import argparse
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

import dask
import dask.array as da
import numpy as np
import psutil
from dask.distributed import Client, LocalCluster

import vstore

BLOCK = (16, 512, 512)
"""Hours, rows and columns of one task, and of one chunk of the array: 16 MiB."""


def main() -> None:
    """Run the example."""
    arguments = parse_arguments()
    array = simulated_rain(40e6 if arguments.quick else arguments.gigabytes * 1e9)
    print(f"{array.nbytes / 1e9:.2f} GB in {array.npartitions} chunks")
    scratch = Path(tempfile.mkdtemp(dir=arguments.folder))
    dask.config.set({"distributed.scheduler.allowed-failures": 10})
    try:
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                memory_limit="1GB",
                dashboard_address=":0",
            ) as cluster,
            Client(cluster) as client,
        ):
            client.wait_for_workers(2)
            url = arguments.url or str(scratch / "rain")
            ingest(array, url, cluster, kill=not arguments.compare)
            check(array, url)
            if arguments.compare:
                compare(array, scratch, cluster)
    finally:
        shutil.rmtree(scratch)


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--url", help="where to make the repository; a temporary folder if not given"
    )
    parser.add_argument("--folder", help="where to make temporary folders")
    parser.add_argument("--gigabytes", type=float, default=0.32, help="how much to ingest")
    parser.add_argument(
        "--compare", action="store_true", help="kill no worker, and time plain Zarr as well"
    )
    parser.add_argument("--quick", action="store_true", help="ingest 40 MB")
    return parser.parse_args()


def simulated_rain(nbytes: float) -> Any:
    """Return an array of about so many bytes that the workers make, block by block."""
    blocks = max(2, round(nbytes / (4 * np.prod(BLOCK))))
    shape = (blocks * BLOCK[0], *BLOCK[1:])
    return da.map_blocks(
        rain,
        chunks=da.core.normalize_chunks(BLOCK, shape),
        dtype="f4",
        meta=np.zeros((0, 0, 0), "f4"),
    )


def rain(block_info: Any) -> Any:
    """Return one block: noise to the tenth of a millimetre, the same each time it is made."""
    place = block_info[None]["array-location"]
    noise = np.random.default_rng(place[0][0]).random(BLOCK, dtype="f4")
    return np.round(noise * 20) / 10


def ingest(array: Any, url: str, cluster: LocalCluster, *, kill: bool) -> float:
    """Commit the array; kill a worker when a third of the chunks is there."""
    repo = vstore.create(url)
    watch = Watch(cluster, repo, kill_after=array.npartitions // 3 if kill else None)
    with watch, repo.transaction("main", message="Ingest rain with Dask") as tx:
        seconds = timed(lambda: da.to_zarr(array, tx.store, component="rain"))
        if list(repo.branches):
            raise AssertionError("something was seen before the commit")
    print(f"{seconds:.1f} s, {array.nbytes / 1e6 / seconds:.0f} MB/s")
    killed = "none was killed" if watch.killed is None else f"{watch.killed} was killed"
    print(f"a worker process held at most {watch.peak_nbytes / 1e6:.0f} MB; {killed}")
    print(repo.checkout("main").summary(), end="\n\n")
    return seconds


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


class Watch(threading.Thread):
    """Measures the memory of the workers, and kills one of them at some point."""

    def __init__(
        self, cluster: LocalCluster, repo: vstore.Repository, kill_after: int | None
    ) -> None:
        super().__init__(daemon=True)
        self.peak_nbytes = 0
        self.killed: int | None = None
        self._cluster, self._repo, self._kill_after = cluster, repo, kill_after
        self._is_over = threading.Event()

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Look twenty times a second."""
        while not self._is_over.wait(0.05):
            pids = [worker.pid for worker in self._cluster.workers.values() if worker.pid]
            self.peak_nbytes = max([self.peak_nbytes, *map(resident, pids)])
            if pids and self._kill_after is not None and self.killed is None:
                packs = sum(1 for _ in self._repo.store.list_prefix("packs/"))
                if packs >= self._kill_after:
                    self.killed = pids[0]
                    os.kill(pids[0], signal.SIGKILL)


def resident(pid: int) -> int:
    """Return how many bytes of memory a process holds."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def compare(array: Any, scratch: Path, cluster: LocalCluster) -> None:
    """Print how fast vstore is beside plain Zarr, in turns, each first as often as the other."""
    ours, plain = scratch / "again", scratch / "plain.zarr"

    def ingest_plain() -> float:
        seconds = timed(lambda: da.to_zarr(array, str(plain), component="rain"))
        print(f"plain Zarr: {seconds:.1f} s\n")
        return seconds

    runs = {
        "vstore": lambda: ingest(array, str(ours), cluster, kill=False),
        "plain": ingest_plain,
    }
    ratios = []
    for turn in range(4):
        names = sorted(runs, reverse=bool(turn % 2))
        seconds = {name: runs[name]() for name in names}
        ratios.append(seconds["plain"] / seconds["vstore"])
        shutil.rmtree(ours)
        shutil.rmtree(plain)
    shown = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    print(f"vstore's speed as a part of plain Zarr's: {shown}; median {median(ratios):.2f}")


def check(array: Any, url: str) -> None:
    """Make sure that one commit holds all of it: compare every block, on the workers."""
    repo = vstore.open(url)
    found = da.from_zarr(repo.checkout("main").store, component="rain")
    if len(list(repo.log())) != 1 or not bool((found == array).all().compute()):
        raise AssertionError("the commit does not hold what was ingested")
    print("one commit, and every value is right")


if __name__ == "__main__":
    main()
