"""What an auditor's questions cost: a history, a blame of a column, and a purge.

    python -m benchmarks.audit [--quick]

Prints seconds, requests and memory. The history is compared with the walk that diffs each
commit with its parent once.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from uuid import uuid4

import numpy as np

import vstore


@contextmanager
def timed(what: str) -> Iterator[Callable[[], float]]:
    """Print how long something took, and give that to who asks afterwards."""
    begun = time.perf_counter()
    ended: list[float] = []
    yield lambda: ended[0]
    ended.append(time.perf_counter() - begun)
    print(f"{what:<60} {ended[0]:8.2f} s")


def labelled(samples: int, commits: int, each: int) -> vstore.Repository:
    """Return a repository whose commits change some labels each."""
    rng = np.random.default_rng(0)
    repo = vstore.create(f"memory://{uuid4()}", author="Ann <ann@example.org>")
    with repo.transaction(message="Start") as tx:
        columns = {"label": vstore.ndarray((), "int64"), "x": vstore.ndarray((8,), "float32")}
        table = tx.create_table("t", columns, keys="str")
        zeros = {"label": np.zeros(samples, "int64"), "x": np.zeros((samples, 8), "float32")}
        table.extend(zeros, keys=[f"p{i:07}" for i in range(samples)])
    for number in range(commits):
        with repo.transaction(message=f"{number}") as tx:
            rows = np.sort(rng.choice(samples, each, replace=False))
            tx["t"]["label"][rows] = rng.integers(0, 1000, each)
    return repo


def fresh(repo: vstore.Repository) -> tuple[vstore.Repository, vstore.storage.CountingStore]:
    """Return a repository as one who comes to it opens it, and what counts its requests."""
    store = vstore.storage.CountingStore(repo.store)
    return vstore.Repository(store), store


def history(samples: int, commits: int) -> None:
    """Compare a history with the walk that diffs each commit once."""
    repo = labelled(samples, commits, 50)
    reader, _ = fresh(repo)
    with timed(f"diffs of {commits} commits, {samples:,} samples") as walk:
        ids = [commit.id for commit in reader.log()]
        for new, old in pairwise(ids):
            for table in reader.diff(old, new).tables.values():
                _ = table.changed
    reader, store = fresh(repo)
    with timed("history of all samples, with values") as whole:
        changes = sum(1 for _ in reader.history("t"))
    print(f"  {changes:,} changes, {store.count():,} requests; {whole() / walk():.2f} x the walk")
    reader, _ = fresh(repo)
    with timed("history of one sample") as one:
        changes = sum(1 for _ in reader.history("t", samples=["p0000017"]))
    print(f"  {changes:,} changes; {one() / walk():.2f} x the walk")


def blame(samples: int, commits: int) -> None:
    """Find the last change of each sample of a column."""
    repo = labelled(samples, commits, 50)
    reader, store = fresh(repo)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with timed(f"blame of {samples:,} samples over {commits} commits"):
        found = reader.blame_all("t/label")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  {len(found.commits):,} commits, {store.count():,} requests, {grown:.0f} MiB more")


def purge(samples: int, commits: int, nbytes: int) -> None:
    """Erase one sample of a repository."""
    repo = vstore.create(f"memory://{uuid4()}", author="Ann <ann@example.org>")
    rng = np.random.default_rng(0)
    with repo.transaction(message="Start") as tx:
        columns = {
            "scan": vstore.ndarray((nbytes,), "uint8", codecs="none"),
            "label": vstore.ndarray((), "int64"),
        }
        table = tx.create_table("t", columns, keys="int")
        for start in range(0, samples, 1024):
            keys = list(range(start, min(start + 1024, samples)))
            scans = rng.integers(0, 255, (len(keys), nbytes), dtype=np.uint8)
            table.extend({"scan": scans, "label": np.zeros(len(keys), "int64")}, keys=keys)
    for number in range(commits):
        with repo.transaction(message=f"{number}") as tx:
            tx["t"]["label"][int(rng.integers(samples))] = number
    stored = repo.nbytes
    with timed(f"purge of one sample of {stored / 2**20:,.0f} MiB, {commits} commits"):
        report = repo.purge("t", [samples // 2], columns=["scan"])
    print(
        f"  {report.commits:,} commits rewritten, {report.nbytes_written / 2**20:.2f} MiB of "
        f"chunks written, {len(report.left)} objects left"
    )


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, in seconds")
    is_quick = parser.parse_args().quick
    history(*((2_000, 20) if is_quick else (20_000, 400)))
    blame(*((10_000, 20) if is_quick else (1_000_000, 1_000)))
    purge(*((1_000, 20, 1024) if is_quick else (10_240, 1_000, 100 * 1024)))


if __name__ == "__main__":
    main()
