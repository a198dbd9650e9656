"""How the cost of operations grows: with nodes, commits, branches, keys and rows.

    python -m benchmarks.scale [--sizes 0.01,0.1,1] [--only nodes,commits,branches,keys,rows]

At size 1 a repository has 16,000 arrays, 10,000 commits, 10,000 branches, a table of 1,000,000
samples with keys, or of 100,000,000 rows. Each is made in memory, and every operation is done by
a fresh handle. Shown are requests, rounds of requests that wait for each other, what was moved,
and the processor's time of all threads; then how many times larger each is than at the size before.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

import vstore
from vstore.storage import CountingStore
from vstore.storage.memory import MemoryStore

DELAY_SECONDS = 0.02
"""How long a request takes at least, so that those of one round overlap."""

Work = Callable[[vstore.Repository], object]
Steps = Iterable[tuple[str, Work]]


@dataclass(frozen=True)
class Cost:
    """What one operation took."""

    requests: int
    rounds: int
    nbytes: int
    seconds: float

    def line(self, name: str, before: "Cost | None") -> str:
        """Return a line of the table."""
        values = self.requests, self.rounds, self.nbytes / 1e3, 1e3 * self.seconds
        cells = [f"{value:,.0f}" for value in values]
        if before is not None:
            pairs = (
                (self.requests, before.requests),
                (self.rounds, before.rounds),
                (self.nbytes, before.nbytes),
                (self.seconds, before.seconds),
            )
            growth = [new / max(old, 1e-9) for new, old in pairs]
            cells = [f"{cell} ({times:.1f})" for cell, times in zip(cells, growth, strict=True)]
        return f"| {name} | {' | '.join(cells)} |"


def nodes(repo: vstore.Repository, count: int) -> Steps:
    """Return operations on a tree of many small arrays in twenty groups."""
    with repo.transaction("main", message="Add") as tx:
        for i in range(count):
            path = f"group {i % 20}/array {i}"
            tx.create_array(path, shape=(4,), dtype="int64")[:] = [i, i, i, i + 1]
    path = "group 7/array 7"

    def change(repo: vstore.Repository) -> None:
        with repo.transaction("main", message="Change") as tx:
            tx[path][0] = 99

    return [
        ("open one", lambda repo: repo.checkout("main")[path][0]),
        ("change one", change),
        ("diff", lambda repo: repo.diff("main~1", "main").to_dict()),
        ("summary", lambda repo: str(repo.checkout("main").summary())),
        *maintenance(),
    ]


def commits(repo: vstore.Repository, count: int) -> Steps:
    """Return operations on a long history of a small table."""
    with repo.transaction("main", message="Add") as tx:
        column = vstore.ndarray((), "int64")
        tx.create_table("t", {"x": column}).extend({"x": np.arange(64)})
    for i in range(count):
        with repo.transaction("main", message=f"Change {i}") as tx:
            tx["t"]["x"][i % 63] = -2 - i
            if i == 0:
                tx["t"]["x"][63] = -1

    def change(repo: vstore.Repository) -> None:
        with repo.transaction("main", message="Change") as tx:
            tx["t"]["x"][0] = 5

    return [
        ("open, read one", lambda repo: repo.checkout("main")["t"]["x"][0]),
        ("change one", change),
        ("diff of the last", lambda repo: repo.diff("main~1", "main").to_dict()),
        ("diff of all", lambda repo: repo.diff(f"main~{count}", "main").to_dict()),
        ("log of 100", lambda repo: list(repo.log(limit=100))),
        ("blame of the oldest", lambda repo: repo.blame("t", 63)),
        *maintenance(),
    ]


def branches(repo: vstore.Repository, count: int) -> Steps:
    """Return operations on a repository with many branches."""
    with repo.transaction("main", message="Add") as tx:
        column = vstore.ndarray((), "int64")
        tx.create_table("t", {"x": column}).extend({"x": np.arange(64)})
    for i in range(count):
        repo.branches.create(f"branch {i}".replace(" ", "-"))
    return [
        ("list", lambda repo: list(repo.branches)),
        ("make one", lambda repo: repo.branches.create("one-more")),
        ("delete one", lambda repo: repo.branches.delete("branch-3")),
        *maintenance(),
    ]


def keys(repo: vstore.Repository, count: int) -> Steps:
    """Return operations on a table whose samples have keys."""
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="int")
        table.extend({"x": np.arange(count)}, keys=np.arange(count) * 7)
    repo.branches.create("side")
    for branch, key in (("main", 14), ("side", 7 * (count - 2))):
        with repo.transaction(branch, message="Change") as tx:
            tx["t"].loc[key] = {"x": -1}
    return [
        ("find one", lambda repo: repo.checkout("main")["t"].loc[21]),
        ("diff", lambda repo: repo.diff("main~1", "main").to_dict()),
        ("merge", lambda repo: repo.merge("side", into="main")),
        ("blame", lambda repo: repo.blame("t", 14)),
        ("summary", lambda repo: str(repo.checkout("main").summary())),
        *maintenance(),
    ]


def rows(repo: vstore.Repository, count: int) -> Steps:
    """Return operations on a long column of bytes that compress well."""
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "uint8", codecs="fast")})
        for start in range(0, count, 2**24):
            table.extend({"x": np.arange(start, min(start + 2**24, count)) // 4096 % 251})

    def change(repo: vstore.Repository) -> None:
        with repo.transaction("main", message="Change") as tx:
            tx["t"]["x"][count // 2] = 252

    return [
        ("open, read one", lambda repo: repo.checkout("main")["t"]["x"][count // 3]),
        ("change one", change),
        ("diff", lambda repo: repo.diff("main~1", "main").to_dict()),
        ("summary", lambda repo: str(repo.checkout("main").summary())),
        *maintenance(),
    ]


def maintenance() -> Steps:
    """Return what must list everything."""
    return [("gc", lambda repo: repo.gc(dry_run=True)), ("fsck", lambda repo: repo.fsck())]


KINDS: dict[str, tuple[Callable[[vstore.Repository, int], Steps], int]] = {
    "nodes": (nodes, 16_000),
    "commits": (commits, 10_000),
    "branches": (branches, 10_000),
    "keys": (keys, 1_000_000),
    "rows": (rows, 100_000_000),
}


def measured(name: str, work: Work) -> Cost:
    """Do something by a fresh handle, and return what it took."""
    store = CountingStore(MemoryStore(name), delay_seconds=DELAY_SECONDS)
    fresh = vstore.open(store)
    started = time.process_time()
    work(fresh)
    spent = time.process_time() - started
    moved = store.nbytes_received + store.nbytes_sent
    return Cost(store.count(), store.depth, moved, spent)


def compare(kind: str, sizes: list[float]) -> None:
    """Print a table for each size."""
    make, whole = KINDS[kind]
    before: dict[str, Any] = {}
    for size in sizes:
        count = max(8, round(size * whole))
        name = uuid4().hex
        steps = make(vstore.create(f"memory://{name}"), count)
        print(f"\n| {count:,} {kind} | requests | rounds | kB | CPU ms |", flush=True)
        print("|---|---|---|---|---|")
        for step, work in steps:
            cost = measured(name, work)
            print(cost.line(step, before.get(step)), flush=True)
            before[step] = cost


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="0.01,0.1,1")
    parser.add_argument("--only", default=",".join(KINDS))
    options = parser.parse_args()
    for kind in options.only.split(","):
        compare(kind, [float(size) for size in options.sizes.split(",")])


if __name__ == "__main__":
    main()
