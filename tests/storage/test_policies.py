"""A bucket's policy may refuse to replace what never changes."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import vstore
from tests.conftest import Bucket
from tests.storage.relay import Answer, Fault, Relay, RelayedConnection, refusal
from vstore.errors import StorageError
from vstore.storage import Key, ObjectStore, open_store

pytestmark = pytest.mark.s3
KEPT = ("/commits/", "/packs/", "/index/")
DENIED = b"<Error><Code>AccessDenied</Code><Message>an explicit deny</Message></Error>"


class Policy(RelayedConnection):
    """Denies writes of what never changes that are not conditional."""

    def forward(self, body: bytes) -> Answer:
        is_plain = self.command == "PUT" and "If-None-Match" not in self.headers
        if is_plain and any(folder in self.path for folder in KEPT):
            return 403, [("Content-Type", "application/xml")], DENIED
        return super().forward(body)


def random(seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, 2**60, 10_000)


@pytest.fixture
def relay(s3_bucket: Bucket) -> Iterator[Relay]:
    with Relay(s3_bucket.storage_options["endpoint_url"], connection=Policy) as relay:
        yield relay


@pytest.fixture(params=["obstore", "fsspec"])
def store(request: pytest.FixtureRequest, s3_bucket: Bucket, relay: Relay) -> ObjectStore:
    options = {**s3_bucket.storage_options, "endpoint_url": relay.url}
    return open_store(s3_bucket.fresh_url(), storage_options=options, engine=request.param)


@pytest.fixture
def direct(s3_bucket: Bucket, store: ObjectStore) -> ObjectStore:
    return open_store(store.url, storage_options=s3_bucket.storage_options)


def test_commits_are_made_where_nothing_may_be_replaced(store: ObjectStore, relay: Relay) -> None:
    repo = vstore.create(store, author="Ann")
    for number in range(3):
        relay.requests.clear()
        with repo.transaction("main", message="Write") as tx:
            if number == 0:
                tx.create_array("x", shape=(10_000,), dtype="int64")
            tx["x"][:] = random(number)
        kept = [path for method, path in relay.requests if method == "PUT" and "/packs/" in path]
        assert len(kept) == (2 if number == 0 else 1)
    assert (repo.checkout()["x"][:] == random(2)).all()
    assert repo.fsck(mode="full").is_sound


def test_equal_bytes_may_be_written_again_and_no_others(
    store: ObjectStore, direct: ObjectStore
) -> None:
    key = Key("packs/ab/cd")
    store.put(key, b"one")
    store.put(key, b"one")
    with pytest.raises(StorageError):
        store.put(key, b"two")
    assert direct.get(key) == b"one"
    store.put(Key("gc/clock"), b"1")
    store.put(Key("gc/clock"), b"2")
    assert direct.get(Key("gc/clock")) == b"2"


def test_a_lost_response_is_settled(store: ObjectStore, relay: Relay) -> None:
    store.put(Key("packs/ab/first"), b"one")
    relay.fail_next(Fault("PUT", is_after=True))
    store.put(Key("packs/ab/second"), b"two")
    assert store.get(Key("packs/ab/second")) == b"two"


def test_who_may_not_write_at_all_is_told_so(s3_bucket: Bucket) -> None:
    class Nothing(Policy):
        def forward(self, body: bytes) -> Answer:
            if self.command == "PUT":
                return 403, [("Content-Type", "application/xml")], DENIED
            return super().forward(body)

    with Relay(s3_bucket.storage_options["endpoint_url"], connection=Nothing) as relay:
        options = {**s3_bucket.storage_options, "endpoint_url": relay.url}
        store = open_store(s3_bucket.fresh_url(), storage_options=options)
        with pytest.raises(StorageError, match="write") as caught:
            store.put(Key("packs/ab/cd"), b"one")
        assert caught.value.code == "access-denied"


@pytest.mark.parametrize("answers", [None, (501, "NotImplemented"), (400, "InvalidArgument")])
def test_deleting_at_a_version_asks_for_it(
    s3_bucket: Bucket, answers: tuple[int, str] | None
) -> None:
    sent: list[str | None] = []

    class Watched(RelayedConnection):
        def forward(self, body: bytes) -> Answer:
            if self.command == "DELETE":
                sent.append(self.headers.get("If-Match"))
            return super().forward(body)

    with Relay(s3_bucket.storage_options["endpoint_url"], connection=Watched) as relay:
        options = {**s3_bucket.storage_options, "endpoint_url": relay.url}
        store = open_store(s3_bucket.fresh_url(), storage_options=options, engine="fsspec")
        version = store.put_if_absent(Key("refs/x"), b"1")
        assert version is not None
        if answers is not None:
            relay.fail_next(refusal(*answers, method="DELETE"))
        assert store.delete_if_version(Key("refs/x"), version)
        assert not store.delete_if_version(Key("refs/x"), version)
    assert sent == [version] if answers is None else [None]
