"""What versioning costs as tables grow: requests and bytes, counted."""

from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore.faces import internals
from vstore.format.index import locate
from vstore.repository.repository import Repository
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore
from vstore.writing.transaction import Transaction

ROWS_PER_CHUNK = 1024
SIZES = (10_000, 1_000_000, 100_000_000)


def table_of(samples: int) -> CountingStore:
    """Return a store whose repository has a table of so many samples, most chunks being one."""
    store = CountingStore(MemoryStore(uuid4().hex))
    vstore.create(store.inner.url)
    repo = Repository(store)
    with repo.transaction("main", message="First chunk") as tx:
        spec = vstore.ndarray((), "int64", rows_per_chunk=ROWS_PER_CHUNK)
        tx.create_table("t", {"n": spec}).extend({"n": np.arange(ROWS_PER_CHUNK)})
    with repo.transaction("main", message="All others") as tx:
        fill_up(tx, samples)
    return store


def fill_up(tx: Transaction, samples: int) -> None:
    """Let every other chunk of the table be the first one, without writing any."""
    stored = internals(tx["t"]).stored
    array = stored["n"]
    (ref,) = locate(array.node.chunks, np.zeros(1, np.int64), internals(tx).staged.fetcher.pages)
    stored.count = samples
    array.grow(samples)
    for number in range(1, -(-samples // ROWS_PER_CHUNK)):
        array.adopt(number, ref)


def counted(store: CountingStore) -> tuple[int, int]:
    """Return the requests and the bytes since this was last asked."""
    cost = len(store.requests), store.nbytes_sent + store.nbytes_received
    store.reset()
    return cost


def change(store: CountingStore, branch: str, position: int) -> None:
    with Repository(store).transaction(branch, message="Change one") as tx:
        tx["t"]["n"][position] = -1


@pytest.fixture(scope="module")
def costs() -> dict[str, list[tuple[int, int]]]:
    """The cost of each operation at each size."""
    found: dict[str, list[tuple[int, int]]] = {}
    for samples in SIZES:
        store = table_of(samples)
        Repository(store).branches.create("side", at="main")
        counted(store)
        snapshot = Repository(store).checkout("main")
        assert snapshot["t"]["n"][samples // 2] >= 0
        found.setdefault("open", []).append(counted(store))
        change(store, "main", samples // 2)
        found.setdefault("commit", []).append(counted(store))
        change(store, "side", samples // 3)
        counted(store)
        diff = Repository(store).diff("main~1", "main")
        assert diff.tables["t"].changed == {"n": [samples // 2]}
        found.setdefault("diff", []).append(counted(store))
        Repository(store).merge("side", into="main")
        found.setdefault("merge", []).append(counted(store))
        assert Repository(store).checkout("main")["t"]["n"][samples // 3] == -1
    return found


@pytest.mark.parametrize("operation", ["open", "commit", "diff", "merge"])
def test_cost_grows_with_the_levels_of_the_index_only(
    costs: dict[str, list[tuple[int, int]]], operation: str
) -> None:
    requests = [cost[0] for cost in costs[operation]]
    nbytes = [cost[1] for cost in costs[operation]]
    per_level = {"open": 1, "commit": 3, "diff": 2, "merge": 8}[operation]
    # From 10,000 to 1,000,000 samples the index gains one level, to 100,000,000 another.
    assert requests[1] - requests[0] <= per_level, (requests, nbytes)
    assert requests[2] - requests[1] <= per_level, (requests, nbytes)
    pages = {"open": 2, "commit": 5, "diff": 5, "merge": 12}[operation]
    assert max(nbytes) - nbytes[0] <= pages * 40_000, (requests, nbytes)


def merged_often(merges: int, *, back: bool) -> CountingStore:
    """Return branches that both added to a table without keys, merged after each addition."""
    store = CountingStore(MemoryStore(uuid4().hex))
    vstore.create(store.inner.url)
    repo = Repository(store)
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [0]})
    repo.branches.create("side", at="main")
    for i in range(merges):
        for branch in ("main", "side"):
            with repo.transaction(branch, message=f"Add {i}") as tx:
                tx["t"].extend({"n": [i]})
        repo.merge("side", into="main")
        if back:
            repo.merge("main", into="side")
    for branch, position in (("main", 0), ("side", -1)):
        with repo.transaction(branch, message="Change") as tx:
            tx["t"]["n"][position] = -1
    store.reset()
    return store


@pytest.mark.parametrize(("back", "least", "each"), [(False, 10, 3), (True, 12, 0)])
def test_following_samples_through_merges_costs_three_requests_each(
    back: bool, least: int, each: int
) -> None:
    """Only through those since the branches last had all of each other."""
    for merges in (1, 12):
        store = merged_often(merges, back=back)
        Repository(store).merge("side", into="main")
        assert counted(store)[0] <= least + each * merges
