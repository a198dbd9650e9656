import json
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest

from tests.conftest import Bucket
from tests.storage import gcs_xml
from tests.storage.relay import LOST_REQUEST, LOST_RESPONSE, Fault, Relay
from vstore.errors import CorruptionError, NotFoundError, StorageError
from vstore.storage import Key, ObjectStore, open_store
from vstore.storage.backoff import Backoff
from vstore.storage.remote import RemoteStore
from vstore.testing.contract import SharedStoreContract, at_once, keys

pytestmark = pytest.mark.gcs


class TestGcsWithFsspec(SharedStoreContract):
    @pytest.fixture
    def store(self, gcs_bucket: Bucket) -> ObjectStore:
        return open_store(gcs_bucket.fresh_url(), storage_options=gcs_bucket.storage_options)


@pytest.fixture
def direct(gcs_bucket: Bucket) -> ObjectStore:
    return open_store(gcs_bucket.fresh_url(), storage_options=gcs_bucket.storage_options)


def _throttled(method: str) -> Fault:
    body = json.dumps({"error": {"code": 429, "message": "rateLimitExceeded"}}).encode()
    return Fault(method, status=429, body=body)


@pytest.mark.parametrize(
    "fault",
    [
        replace(LOST_RESPONSE, method="POST"),
        replace(LOST_REQUEST, method="POST"),
        _throttled("POST"),
        Fault("POST", status=503, is_after=True, body=b"{}"),
    ],
    ids=["response lost", "request lost", "throttled", "unavailable after writing"],
)
def test_a_swap_is_known_to_have_won(gcs_bucket: Bucket, direct: ObjectStore, fault: Fault) -> None:
    version = direct.put_if_absent(Key("ref"), b"old")
    assert version is not None
    with Relay(gcs_bucket.storage_options["endpoint_url"], fault) as relay:
        opened = cast(
            "RemoteStore",
            open_store(
                direct.url,
                storage_options={**gcs_bucket.storage_options, "endpoint_url": relay.url},
            ),
        )
        store = RemoteStore(opened._opening, backoff=Backoff(attempts=4, first_seconds=0.001))
        swapped = store.compare_and_swap(Key("ref"), b"mine", version)
        assert swapped is not None
        relay.fail_next(_throttled("GET"), replace(LOST_REQUEST, method="GET"))
        assert store.get_versioned(Key("ref")) == (b"mine", swapped)


def test_a_missing_bucket_is_said(gcs_bucket: Bucket) -> None:
    store = open_store("gs://no-such-bucket-here/x", storage_options=gcs_bucket.storage_options)
    for act in (
        lambda: store.put(Key("k"), b""),
        lambda: store.put_if_absent(Key("k"), b""),
        lambda: list(store.list_prefix("")),
    ):
        with pytest.raises(StorageError, match="bucket does not exist"):
            act()


def test_a_refused_connection_is_said() -> None:
    store = open_store(
        "gs://bucket/x", storage_options={"endpoint_url": "http://127.0.0.1:9", "token": "anon"},
        engine="fsspec",
    )  # fmt: skip
    with pytest.raises(StorageError, match="cannot be reached"):
        store.get(Key("k"))


def test_the_emulator_of_the_environment_is_used(
    gcs_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_bucket.storage_options["endpoint_url"])
    store = open_store(gcs_bucket.fresh_url(), storage_options={"token": "anon"})
    store.put(Key("k"), b"1")
    assert store.get(Key("k")) == b"1"


@pytest.fixture
def by_obstore() -> Iterator[ObjectStore]:
    with gcs_xml.serving() as url:
        account = {
            "type": "service_account",
            "gcs_base_url": url,
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        yield open_store("gs://bucket/x", storage_options={"token": account}, engine="obstore")


class TestGcsWithObstore:
    def test_versions_are_generations(self, by_obstore: ObjectStore) -> None:
        version = by_obstore.put_if_absent(Key("ref"), b"1")
        assert version is not None
        assert version.isdigit()
        assert by_obstore.put_if_absent(Key("ref"), b"2") is None
        swapped = by_obstore.compare_and_swap(Key("ref"), b"3", version)
        assert swapped == str(int(version) + 1)
        assert by_obstore.compare_and_swap(Key("ref"), b"4", version) is None
        assert by_obstore.get_versioned(Key("ref")) == (b"3", swapped)
        assert not by_obstore.delete_if_version(Key("ref"), version)
        assert by_obstore.delete_if_version(Key("ref"), swapped)
        assert by_obstore.compare_and_swap(Key("ref"), b"5", swapped) is None

    def test_reading(self, by_obstore: ObjectStore) -> None:
        by_obstore.put(Key("a/%25 ü"), b"hello")
        assert by_obstore.get(Key("a/%25 ü")) == b"hello"
        assert by_obstore.get_range(Key("a/%25 ü"), 1, 3) == b"ell"
        for start in (3, 50):
            with pytest.raises(CorruptionError):
                by_obstore.get_range(Key("a/%25 ü"), start, 3)
        with pytest.raises(NotFoundError):
            by_obstore.get(Key("b"))
        by_obstore.put(Key("a-b"), b"")
        assert keys(by_obstore) == ["a-b", "a/%25 ü"]
        assert keys(by_obstore, "a/") == ["a/%25 ü"]
        by_obstore.delete(Key("a-b"))
        by_obstore.delete(Key("a-b"))
        assert keys(by_obstore, "a-") == []

    def test_one_of_many_swaps_wins(self, by_obstore: ObjectStore) -> None:
        version = by_obstore.put_if_absent(Key("ref"), b"start")
        assert version is not None
        wins = at_once(16, lambda n: by_obstore.compare_and_swap(Key("ref"), b"%d" % n, version))
        assert len([won for won in wins if won]) == 1
