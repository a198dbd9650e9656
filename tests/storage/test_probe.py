import os
from pathlib import Path

import pytest

from tests.conftest import S3, Bucket
from tests.storage.contract import keys
from tests.storage.relay import Relay
from vstore.errors import ReadOnlyError, UnsupportedStoreError
from vstore.storage import CountingStore, LocalStore, MemoryStore, open_store
from vstore.storage.probe import check_conditional_writes


def test_stores_that_keep_their_promises_pass(tmp_path: Path) -> None:
    for store in (MemoryStore(), LocalStore(tmp_path)):
        counting = CountingStore(store)
        check_conditional_writes(counting)
        assert keys(store) == []
        assert counting.count() == 5


@pytest.mark.s3
@pytest.mark.skipif(
    "://" in os.environ.get(S3, ""),
    reason="a server that verifies signatures refuses requests that lack a signed header",
)
@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
@pytest.mark.parametrize("ignored", ["If-None-Match", "If-Match"])
def test_a_server_that_ignores_conditions_is_found_out(
    s3_bucket: Bucket, engine: str, ignored: str
) -> None:
    url, options = s3_bucket.fresh_url(), s3_bucket.storage_options
    with Relay(options["endpoint_url"], without=ignored) as relay:
        store = open_store(
            url,
            storage_options={**options, "endpoint_url": relay.url},
            engine=engine,  # type: ignore[arg-type]
        )
        with pytest.raises(UnsupportedStoreError, match="does not keep"):
            check_conditional_writes(store)
        assert keys(store) == []
    check_conditional_writes(open_store(url, storage_options=options))


def test_a_store_for_reading_only_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReadOnlyError):
        check_conditional_writes(open_store(f"dir://repo::file://{tmp_path}"))
