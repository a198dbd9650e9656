"""A server that stops to heed conditions, or to list, is noticed before it does harm."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Bucket
from tests.storage.relay import Relay
from vstore.errors import StorageError, UnsupportedStoreError
from vstore.storage import Key, ObjectInfo, ObjectStore, open_store
from vstore.storage.location import Location
from vstore.storage.remote import RemoteStore

if TYPE_CHECKING:
    from vstore.storage.client import Engine

pytestmark = pytest.mark.s3
KEY = Key("refs/main.json")


@pytest.fixture
def relay(s3_bucket: Bucket) -> Iterator[Relay]:
    with Relay(s3_bucket.storage_options["endpoint_url"]) as relay:
        yield relay


@pytest.fixture(params=["obstore", "fsspec"])
def store(request: pytest.FixtureRequest, s3_bucket: Bucket, relay: Relay) -> ObjectStore:
    options = {**s3_bucket.storage_options, "endpoint_url": relay.url}
    engine: Engine = request.param
    return open_store(s3_bucket.fresh_url(), storage_options=options, engine=engine)


@pytest.fixture
def direct(s3_bucket: Bucket, store: ObjectStore) -> ObjectStore:
    return open_store(store.url, storage_options=s3_bucket.storage_options)


@pytest.mark.parametrize("ignored", ["If-Match", "If-None-Match"])
def test_the_first_conditional_write_of_a_handle_finds_out(
    store: ObjectStore, direct: ObjectStore, relay: Relay, ignored: str
) -> None:
    version = direct.put_if_absent(KEY, b"mine")
    assert version is not None
    relay.dropped.add(ignored.lower())
    with pytest.raises(UnsupportedStoreError, match=f"ignores {ignored}") as caught:
        store.compare_and_swap(KEY, b"yours", version)
    assert caught.value.code == "no-guarantee"
    with pytest.raises(UnsupportedStoreError, match=f"ignores {ignored}"):
        store.put_if_absent(Key("refs/new.json"), b"yours")
    assert direct.get(KEY) == b"mine"
    relay.dropped.discard(ignored.lower())
    assert store.compare_and_swap(KEY, b"yours", version) is not None


def test_it_asks_again_after_a_while(
    store: ObjectStore, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("vstore.storage.conditions.time.monotonic", lambda: now)
    version = store.put_if_absent(KEY, b"1")
    assert version is not None
    relay.dropped.add("if-match")
    version = store.compare_and_swap(KEY, b"2", version)
    assert version is not None
    now += 601
    with pytest.raises(UnsupportedStoreError):
        store.compare_and_swap(KEY, b"3", version)
    assert store.get(KEY) == b"2"


class _Repeating:
    """A client whose server gives the same page whenever it is asked for the next one."""

    def pages(self, prefix: str) -> object:
        page = [ObjectInfo(Key(f"r/{prefix}1"), 1, datetime.now(UTC))]
        return lambda: list(page)


class _Opening:
    location = Location("s3", "b", "r", "s3://b/r")

    def connect(self) -> object:
        return _Repeating()


def test_a_listing_without_end_is_an_error() -> None:
    store = RemoteStore(_Opening())  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="same page") as caught:
        list(store.list_prefix("refs/"))
    assert caught.value.code == "stale-listing"
