"""Clients whose requests are ordered, lost, delayed and cut short by a seed."""

import pytest

from tests.faults.scheduler import Chances
from tests.faults.simulation import simulate

ROUGH = Chances(dies=0.03, loses_request=0.05, loses_response=0.08, late=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_acknowledged_commits_stay_and_heads_follow_one_another(seed: int) -> None:
    assert simulate(seed).commits


@pytest.mark.parametrize("seed", range(100, 106))
def test_they_do_where_much_goes_wrong(seed: int) -> None:
    simulate(seed, clients=6, operations=5, chances=ROUGH)


@pytest.mark.parametrize("seed", range(200, 206))
def test_they_do_beside_garbage_collections_without_a_grace_period(seed: int) -> None:
    simulate(seed, collects=True, chances=ROUGH)


def test_a_seed_repeats_exactly() -> None:
    assert simulate(7, chances=ROUGH) == simulate(7, chances=ROUGH)
