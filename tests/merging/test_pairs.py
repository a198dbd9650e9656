"""Every pair of changes, in both orders, to a table of two samples, to arrays and to groups.

Each is merged in vstore and in the model, unanswered and with every answer to its conflicts.
"""

from functools import cache
from itertools import count
from typing import Any

import pytest

from tests.merging.model.answers import MODES
from tests.merging.model.sides import Pairs, Side, branch_of, shares
from tests.merging.model.twin import DifferenceError

NUMBERS = count()
TABLES = list(Pairs("str").of_tables())
NODES = list(Pairs("str").of_nodes())

SHARES = [pytest.param(12, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]


@cache
def begun(keys: Any, of_nodes: bool) -> Pairs:
    """Return a repository with a branch for each side."""
    pairs = Pairs(keys)
    sides: dict[str, Side] = pairs.of_nodes() if of_nodes else pairs.of_tables()
    for name, side in sides.items():
        pairs.twin.repo.branches.create(branch_of(name), at="main")
        side(pairs.twin, branch_of(name))
    return pairs


def differences(pairs: Pairs, ours: str, theirs: str) -> str | None:
    """Merge with every answer; return what vstore and the model do not agree on."""
    twin = pairs.twin
    for mode in MODES[1:]:
        branch = f"merge-{next(NUMBERS)}"
        twin.repo.branches.create(branch, at=branch_of(ours))
        try:
            twin.merge(branch_of(theirs), branch, mode)
        except DifferenceError as difference:
            return f"{ours} / {theirs} (resolved by {mode}): {difference}"
        if not twin.conflicts:
            break
    return None


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("keys", ["str", None])
@pytest.mark.parametrize("ours", TABLES)
def test_changes_of_tables(ours: str, keys: Any, share: int) -> None:
    pairs = begun(keys, of_nodes=False)
    told = [differences(pairs, ours, theirs) for theirs in shares(TABLES, ours, share)]
    assert not any(told), "\n\n".join(filter(None, told))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("ours", NODES)
def test_changes_of_arrays_and_groups(ours: str, share: int) -> None:
    pairs = begun("str", of_nodes=True)
    told = [differences(pairs, ours, theirs) for theirs in shares(NODES, ours, share)]
    assert not any(told), "\n\n".join(filter(None, told))
