"""What means harm at the doors, a few times: `benchmarks.reliability` tries far more often."""

import pytest

from tests.conftest import Bucket
from tests.faults import doors
from tests.faults.races import Place


@pytest.mark.parametrize("name", ["links", "listings", "sizes", "clocks", "threads"])
def test_nothing_is_lost(name: str) -> None:
    assert getattr(doors, name)(2).total() > 0


@pytest.mark.s3
@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
def test_servers_that_stop_to_heed_conditions(s3_bucket: Bucket, engine: str) -> None:
    place = Place(s3_bucket.fresh_url(), s3_bucket.storage_options, engine)  # type: ignore[arg-type]
    assert doors.conditions(2, place)["noticed"] == 2
