"""What keys cost as tables grow: requests and bytes, counted."""

from typing import Any

import pytest

from tests.core.large_keyed_table import large_keyed_table
from vstore.repository import Repository
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
