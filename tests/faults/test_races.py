"""Processes that race for one branch: nothing is lost, doubled or out of line."""

from pathlib import Path

import pytest

from tests.conftest import Bucket
from tests.faults.races import WORKLOADS, Place, Size, race


@pytest.mark.parametrize("workload", WORKLOADS)
def test_processes_that_race_on_a_local_disk_lose_nothing(tmp_path: Path, workload: str) -> None:
    size = Size(writers=6, commits=5)
    result = race(Place(str(tmp_path / "repository")), workload, size)
    assert result.errors == []
    assert result.is_clean
    assert result.verdict.commits == result.verdict.acknowledged == 30


def test_processes_that_race_on_s3_lose_nothing(s3_bucket: Bucket) -> None:
    place = Place(s3_bucket.fresh_url(), s3_bucket.storage_options)
    result = race(place, "appends", Size(writers=4, commits=4))
    assert result.errors == []
    assert result.is_clean
    assert result.verdict.commits == result.verdict.acknowledged == 16
