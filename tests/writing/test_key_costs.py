"""What keys cost as tables grow: requests and bytes, counted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import DELAY_SECONDS, new_repository
from tests.repositories import counted as counting
from tests.writing.large_keyed_table import large_keyed_table
from vstore.faces import internals
from vstore.format.index import changed, walk
from vstore.format.table.names import KEY_INDEX
from vstore.repository.repository import Repository
from vstore.storage.counting import CountingStore

SIZES = (10_000, 1_000_000, 100_000_000)
Cost = tuple[int, int]


def counted(store: CountingStore) -> Cost:
    """Return the requests and the bytes since this was last asked."""
    cost = len(store.requests), store.nbytes_sent + store.nbytes_received
    store.reset()
    return cost


def costs_of(samples: int) -> dict[str, Cost]:
    """Return what each operation costs on a table of so many samples."""
    here, there, new, other = samples // 2, samples // 3, 2 * samples, 3 * samples
    store = large_keyed_table(samples, [here, there, new, other])
    found: dict[str, Cost] = {}
    Repository(store).branches.create("side", at="main")
    head = Repository(store).resolve("main")
    counted(store)
    table: Any = Repository(store).checkout(head)["t"]
    assert table.loc[here]["n"] >= 0
    found["look up"] = counted(store)
    table = Repository(store).checkout(head)["t"]
    assert new not in table.loc
    found["miss"] = counted(store)
    with Repository(store).transaction("main", message="Change") as tx:
        tx["t"].loc[here] = {"n": -1}
    found["change"] = counted(store)
    with Repository(store).transaction("main", message="Add") as tx:
        tx["t"].append({"n": 5}, key=new)
    found["add"] = counted(store)
    assert Repository(store).diff("main~1", "main").tables["t"].added == [new]
    counted(store)
    diff = Repository(store).diff("main~2", "main").tables["t"]
    assert (diff.added, diff.removed, diff.changed) == ([new], [], {"n": [here]})
    found["diff"] = counted(store)
    with Repository(store).transaction("side", message="Add") as tx:
        tx["t"].append({"n": 6}, key=other)
        tx["t"].loc[there] = {"n": -2}
    counted(store)
    Repository(store).merge("side", into="main")
    found["merge"] = counted(store)
    merged: Any = Repository(store).checkout("main")["t"]
    assert merged.loc[[here, there, new, other]]["n"].tolist() == [-1, -2, 5, 6]
    assert len(merged) == samples + 2
    counted(store)
    with Repository(store).transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=[here])
    found["delete"] = counted(store)
    return found


@pytest.fixture(scope="module")
def costs() -> dict[str, list[Cost]]:
    """The cost of each operation at each size."""
    each = [costs_of(samples) for samples in SIZES]
    return {operation: [cost[operation] for cost in each] for operation in each[0]}


LEVELS = 2
"""From 10,000 to 100,000,000 samples each index of chunks gains two levels."""

PAGE_NBYTES = 30_000

MOST: dict[str, tuple[int, int]] = {
    "look up": (9, 5),
    "miss": (4, 2),
    "change": (15, 7),
    "add": (18, 9),
    "diff": (24, 9),
    "merge": (40, 22),
    "delete": (10, 4),
}
"""By operation: requests at 100,000,000 samples, and pages' worth of bytes."""


@pytest.mark.parametrize("operation", list(MOST))
def test_cost_grows_with_the_levels_of_the_indexes_only(
    costs: dict[str, list[Cost]], operation: str
) -> None:
    requests, nbytes = (list(each) for each in zip(*costs[operation], strict=True))
    most, pages = MOST[operation]
    assert requests[-1] <= most, costs[operation]
    assert nbytes[-1] <= pages * PAGE_NBYTES, costs[operation]
    # A hundred times the samples cost no more than the same again: not in proportion to a root.
    per_level = max(requests[1] - requests[0], requests[2] - requests[1])
    assert per_level <= most / LEVELS, costs[operation]
    assert nbytes[2] - nbytes[1] <= max(nbytes[1] - nbytes[0], 2 * PAGE_NBYTES), costs[operation]


def keyed(count: int) -> Repository:
    """Return a repository whose table `t` has the keys 0, 10, 20 and so on."""
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        spec = vstore.ndarray((), "int64")
        table = tx.create_table("t", {"n": spec}, keys="int")
        table.extend({"n": np.arange(count)}, keys=range(0, 10 * count, 10))
    return repository


def buckets_written(repository: Repository, keys: Sequence[int]) -> int:
    """Add samples; return how many buckets of the index that changed."""
    with repository.transaction("main", message="Add") as tx:
        tx["t"].extend({"n": np.zeros(len(keys), int)}, keys=keys)
    sides: list[Any] = [
        internals(repository.checkout(revision)).tree.get(f"t/{KEY_INDEX}")
        for revision in ("main~1", "main")
    ]
    return len(list(changed(sides[0].chunks, sides[1].chunks, internals(repository).fetcher.pages)))


def test_keys_counted_up_go_into_few_buckets() -> None:
    repository = keyed(100_000)  # 98 buckets
    assert buckets_written(repository, range(10**7, 10**7 + 1000)) <= 10 + 2
    scattered = np.random.default_rng(0).permutation(10**6)[:1000] * 10 + 3
    assert buckets_written(repository, scattered.tolist()) > 90


def test_a_new_bucket_takes_from_one_other() -> None:
    repository = keyed(20 * 1024)
    assert buckets_written(repository, [7]) <= 3
    assert buckets_written(repository, [17]) == 1


def test_the_index_is_the_same_whatever_the_history() -> None:
    """In one go, or sample by sample with deletions between: the same bytes."""
    at_once = keyed(20_000)
    by_parts = new_repository()
    with by_parts.transaction("main", message="Create") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="int")
    for start, stop in ((0, 5), (5, 16_384), (16_384, 16_385), (16_385, 18_000), (18_000, 20_000)):
        with by_parts.transaction("main", message="Add") as tx:
            keys = range(10 * start, 10 * stop, 10)
            tx["t"].extend({"n": np.arange(start, stop)}, keys=keys)
    with by_parts.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=[0, 50_000])
    digests = []
    for repository in (at_once, by_parts):
        node: Any = internals(repository.checkout("main")).tree.get(f"t/{KEY_INDEX}")
        found = walk(node.chunks, internals(repository).fetcher.pages)
        digests.append([(number, ref.digest) for number, ref in found])
    assert digests[0] == digests[1]


def test_all_samples_below_a_key_are_read_alone() -> None:
    repository = new_repository()
    names = [(f"patient-{i // 40}", i % 40) for i in range(60_000)]
    with repository.transaction("main", message="Add") as tx:
        spec = vstore.ndarray((), "int64", rows_per_chunk=1024)
        table = tx.create_table("t", {"n": spec}, keys="tuple")
        table.extend({"n": np.arange(60_000)}, keys=names)
    head = repository.resolve("main")
    fresh, store = counting(repository)
    found: Any = fresh.checkout(head)["t"]
    assert found.loc["patient-1234"]["n"].tolist() == list(range(49_360, 49_400))
    # The commit, a page of the index, a bucket, one or two chunks of keys, the samples.
    assert store.count() <= 5
    assert store.nbytes_received <= 80_000


def test_many_keys_are_looked_up_together() -> None:
    repository = keyed(100_000)
    head = repository.resolve("main")
    fresh, store = counting(repository, delay_seconds=DELAY_SECONDS)
    table: Any = fresh.checkout(head)["t"]
    wanted = np.random.default_rng(0).permutation(100_000)[:2000]
    assert (table.loc[10 * wanted]["n"] == wanted).all()
    assert store.count() <= 12
    assert store.depth <= 6


def test_asking_when_a_sample_changed_reads_few_parts_of_each_commit() -> None:
    repository = keyed(100_000)
    for number in range(10):
        with repository.transaction("main", message=f"{number}") as tx:
            tx["t"].loc[10 * number] = {"n": -1}
    fresh, store = counting(repository)
    assert fresh.blame("t", 40).message == "4"
    # The branch; then of each commit itself, a page of an index or two, and the parts that differ.
    assert store.count() <= 7 * 5 + 5
