"""Commits through a network and a server that fail at random: none lost, doubled or refused."""

from collections import Counter

import pytest

from tests.conftest import Bucket
from tests.faults.proxy import FaultProxy, Faults
from tests.faults.races import Place, Race, Size, race
from vstore.storage import Engine

pytestmark = pytest.mark.s3
MORE = Faults(
    busy=0.08, reset=0.04, lost=0.06, contended=0.03, slow=0.02, truncated=0.04, corrupted=0.04
)


def race_through_faults(
    bucket: Bucket, engine: Engine, size: Size, *, seed: int, faults: Faults, workload: str
) -> tuple[Race, Counter[str]]:
    """Race through a proxy, and check the result past it; return what the proxy did, too."""
    url, options = bucket.fresh_url(), dict(bucket.storage_options)
    with FaultProxy(options["endpoint_url"], seed=seed, faults=faults) as proxy:
        through = Place(url, {**options, "endpoint_url": proxy.url}, engine)
        found = race(Place(url, options), workload, size, through=through)
    return found, proxy.counted


@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
def test_commits_through_a_failing_network_are_made_once(s3_bucket: Bucket, engine: Engine) -> None:
    total: Counter[str] = Counter()
    for seed in range(1, 6):  # which requests meet which fault depends on who comes first
        found, counted = race_through_faults(
            s3_bucket, engine, Size(4, 5), seed=seed, faults=MORE, workload="appends"
        )
        assert found.errors == []
        assert found.verdict.is_clean
        # Faults may come so close that a commit is told of as uncertain; it is then there or not.
        assert found.verdict.acknowledged <= found.verdict.commits <= 20
        assert found.verdict.acknowledged + len(found.uncertain) == 20
        assert len(found.uncertain) <= 2
        total += counted
        if total["lost"] and total["corrupted"]:
            break
    assert total["lost"] > 0
    assert total["corrupted"] > 0
