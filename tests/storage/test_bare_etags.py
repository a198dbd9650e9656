"""A server that takes ETags back without their quotes only, as Ceph's gateway does."""

import pickle
from collections.abc import Iterator
from typing import cast

import pytest

from tests.conftest import Bucket
from tests.faults.races import Place, Size, race
from tests.storage.bare_etags import IgnoresBareEtags, LikeCeph
from tests.storage.relay import Relay, RelayedConnection
from vstore.errors import StorageError, UnknownOutcomeError
from vstore.maintenance.probe import probe_checks
from vstore.maintenance.probe.probe import probe
from vstore.storage import Engine, Key, ObjectStore, open_store
from vstore.storage.backoff import Backoff
from vstore.storage.remote import RemoteStore
from vstore.testing.contract import at_once

pytestmark = pytest.mark.s3

REF = Key("refs/main.json")


@pytest.fixture(params=["obstore", "fsspec"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


@pytest.fixture
def ceph(s3_bucket: Bucket) -> Iterator[Relay]:
    with Relay(s3_bucket.storage_options["endpoint_url"], connection=LikeCeph) as relay:
        yield relay


def opened(bucket: Bucket, relay: Relay, engine: Engine) -> RemoteStore:
    options = {**bucket.storage_options, "endpoint_url": relay.url}
    store = open_store(bucket.fresh_url(), storage_options=options, engine=engine)
    opening = cast("RemoteStore", store)._opening
    return RemoteStore(opening, backoff=Backoff(attempts=4, first_seconds=0.001))


@pytest.fixture
def store(s3_bucket: Bucket, ceph: Relay, engine: Engine) -> RemoteStore:
    return opened(s3_bucket, ceph, engine)


def swapped_twice(store: ObjectStore) -> None:
    first = store.put_if_absent(REF, b"1")
    assert first is not None
    second = store.compare_and_swap(REF, b"2", first)
    assert second is not None
    assert store.get_versioned(REF) == (b"2", second)
    assert store.compare_and_swap(REF, b"3", second) is not None


def test_the_form_is_found_out_by_the_first_swap(store: RemoteStore, ceph: Relay) -> None:
    before = store.takes_bare_etags
    swapped_twice(store)
    assert (before, store.takes_bare_etags) == (False, True)
    assert [info.key for info in store.list_prefix("")] == [REF]


def test_the_form_is_found_out_once(store: RemoteStore, ceph: Relay) -> None:
    swapped_twice(store)
    for handle in (store, pickle.loads(pickle.dumps(store))):
        version = handle.get_versioned(REF)[1]
        ceph.requests.clear()
        assert handle.compare_and_swap(REF, b"4", version) is not None
        assert [method for method, _ in ceph.requests] == ["PUT"]


def test_one_of_many_swaps_wins(store: RemoteStore) -> None:
    version = store.put_if_absent(REF, b"start")
    assert version is not None

    def swap(number: int) -> bool:
        try:
            return store.compare_and_swap(REF, b"%d" % number, version) is not None
        except UnknownOutcomeError:  # which a 500 has
            return False

    assert at_once(8, swap).count(True) == 1


def test_a_server_that_ignores_bare_etags_is_not_given_any(
    s3_bucket: Bucket, engine: Engine
) -> None:
    endpoint = s3_bucket.storage_options["endpoint_url"]
    with Relay(endpoint, connection=IgnoresBareEtags) as relay:
        store = opened(s3_bucket, relay, engine)
        version = store.put_if_absent(REF, b"1")
        assert version is not None
        with pytest.raises(StorageError, match="keeps refusing"):
            store.compare_and_swap(REF, b"2", version)
        assert not store.takes_bare_etags
        assert store.get(REF) == b"1"


@pytest.mark.parametrize("kind", [RelayedConnection, LikeCeph])
def test_the_probe_reports_the_form(
    s3_bucket: Bucket,
    engine: Engine,
    kind: type[RelayedConnection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe_checks, "_PAGED", 20)  # listing is tried elsewhere
    with Relay(s3_bucket.storage_options["endpoint_url"], connection=kind) as relay:
        report = str(probe(opened(s3_bucket, relay, engine), threads=2))
    assert ("takes back only without them" in report) == (kind is LikeCeph)
    assert "an ETag in quotes" in report


def test_nothing_is_lost_there(s3_bucket: Bucket, ceph: Relay, engine: Engine) -> None:
    options = {**s3_bucket.storage_options, "endpoint_url": ceph.url}
    found = race(Place(s3_bucket.fresh_url(), options, engine), "appends", Size(3, 4))
    assert found.errors == []
    assert found.is_clean
    assert found.verdict.commits == 12
