"""What a store makes of a network and a server that fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from tests.conftest import Bucket
from tests.storage.relay import LOST_REQUEST, LOST_RESPONSE, Fault, Relay, refusal
from vstore.errors import NotFoundError, StorageError, UnknownOutcomeError
from vstore.storage import Key, ObjectStore, Version, open_store
from vstore.storage.backoff import Backoff
from vstore.storage.remote import RemoteStore

if TYPE_CHECKING:
    from vstore.storage.engines import BucketOpening

pytestmark = pytest.mark.s3

REF = Key("refs/main.json")
CONFLICT = refusal(409, "ConditionalRequestConflict")
SLOW_DOWN = refusal(503, "SlowDown")
BROKEN = refusal(500, "InternalError")


@pytest.fixture(params=["obstore", "fsspec"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def direct(s3_bucket: Bucket) -> ObjectStore:
    """The same objects, by a connection on which nothing fails."""
    return open_store(s3_bucket.fresh_url(), storage_options=s3_bucket.storage_options)


@pytest.fixture
def relay(s3_bucket: Bucket) -> Iterator[Relay]:
    with Relay(s3_bucket.storage_options["endpoint_url"]) as relay:
        yield relay


@pytest.fixture
def store(direct: ObjectStore, relay: Relay, engine: str) -> ObjectStore:
    opening = cast("BucketOpening", cast("RemoteStore", direct)._opening)
    options = {**opening.options, "endpoint_url": relay.url}
    opening = replace(opening, options=options, engine=engine)  # type: ignore[arg-type]
    return RemoteStore(opening, backoff=Backoff(attempts=4, first_seconds=0.001))


@pytest.fixture
def version(direct: ObjectStore) -> Version:
    """The version of the ref, which is at "old"."""
    version = direct.put_if_absent(REF, b"old")
    assert version is not None
    return version


FAULTS = [
    LOST_RESPONSE,
    LOST_REQUEST,
    CONFLICT,
    SLOW_DOWN,
    BROKEN,
    refusal(429, "TooManyRequests"),
    refusal(500, "InternalError", is_after=True),
    refusal(412, "PreconditionFailed", is_after=True),
    refusal(412, "PreconditionFailed"),
]
NAMES = [
    "response lost",
    "request lost",
    "conflict",
    "slow down",
    "broken",
    "throttled",
    "broken after writing",
    "refused after writing",
    "refused without reason",
]


class TestConditionalWrites:
    @pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
    def test_a_creation_is_known_to_have_won(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay, fault: Fault
    ) -> None:
        relay.fail_next(fault)
        version = store.put_if_absent(REF, b"mine")
        assert version is not None
        assert direct.get_versioned(REF) == (b"mine", version)

    @pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
    def test_a_swap_is_known_to_have_won(
        self,
        store: ObjectStore,
        direct: ObjectStore,
        relay: Relay,
        version: Version,
        fault: Fault,
    ) -> None:
        relay.fail_next(fault)
        swapped = store.compare_and_swap(REF, b"mine", version)
        assert swapped is not None
        assert direct.get_versioned(REF) == (b"mine", swapped)

    @pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
    def test_faults_may_come_one_after_another(
        self,
        store: ObjectStore,
        direct: ObjectStore,
        relay: Relay,
        version: Version,
        fault: Fault,
    ) -> None:
        relay.fail_next(SLOW_DOWN, replace(SLOW_DOWN, method="GET"), LOST_REQUEST, fault)
        swapped = store.compare_and_swap(REF, b"mine", version)
        assert swapped is not None
        assert direct.get_versioned(REF) == (b"mine", swapped)

    def test_a_rival_that_won_is_seen(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay, version: Version
    ) -> None:
        relay.fail_next(
            replace(CONFLICT, then=lambda: direct.compare_and_swap(REF, b"theirs", version))
        )
        assert store.compare_and_swap(REF, b"mine", version) is None
        assert direct.get(REF) == b"theirs"

    def test_a_rival_that_created_is_seen(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay
    ) -> None:
        relay.fail_next(replace(CONFLICT, then=lambda: direct.put_if_absent(REF, b"theirs")))
        assert store.put_if_absent(REF, b"mine") is None
        assert direct.get(REF) == b"theirs"

    @pytest.mark.parametrize("fault", [LOST_RESPONSE, LOST_REQUEST], ids=["response", "request"])
    def test_what_was_lost_before_a_rival_won_is_unknown(
        self,
        store: ObjectStore,
        direct: ObjectStore,
        relay: Relay,
        version: Version,
        fault: Fault,
    ) -> None:
        def rival() -> None:
            _, now = direct.get_versioned(REF)
            assert direct.compare_and_swap(REF, b"theirs", now) is not None

        relay.fail_next(replace(fault, then=rival))
        with pytest.raises(UnknownOutcomeError, match="may or may not"):
            store.compare_and_swap(REF, b"mine", version)
        assert direct.get(REF) == b"theirs"

    def test_what_cannot_be_read_back_is_unknown(
        self, store: ObjectStore, relay: Relay, version: Version
    ) -> None:
        relay.fail_next(LOST_RESPONSE, *[replace(SLOW_DOWN, method="GET")] * 4)
        with pytest.raises(UnknownOutcomeError):
            store.compare_and_swap(REF, b"mine", version)

    def test_a_server_that_keeps_failing_leaves_it_unknown(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay
    ) -> None:
        relay.fail_next(*[BROKEN] * 4)
        with pytest.raises(UnknownOutcomeError):
            store.put_if_absent(REF, b"mine")
        with pytest.raises(NotFoundError):
            direct.get(REF)

    def test_a_server_that_refuses_for_ever_is_reported(
        self, store: ObjectStore, relay: Relay
    ) -> None:
        relay.fail_next(*[CONFLICT] * 4)
        with pytest.raises(StorageError, match="keeps refusing"):
            store.put_if_absent(REF, b"mine")

    def test_a_denied_write_is_final(self, store: ObjectStore, relay: Relay) -> None:
        relay.fail_next(refusal(403, "AccessDenied"))
        with pytest.raises(StorageError, match="access was denied"):
            store.put_if_absent(REF, b"mine")
        assert len(relay.requests) == 1


class TestOtherRequests:
    @pytest.mark.parametrize("fault", [LOST_RESPONSE, LOST_REQUEST, SLOW_DOWN, CONFLICT])
    def test_writes_are_repeated(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay, fault: Fault
    ) -> None:
        relay.fail_next(fault, fault)
        store.put(Key("packs/1"), b"body")
        assert direct.get(Key("packs/1")) == b"body"

    @pytest.mark.parametrize(
        "fault", [LOST_RESPONSE, LOST_REQUEST, SLOW_DOWN, Fault(is_after=True, keep=2)]
    )
    def test_reads_are_repeated(
        self, store: ObjectStore, relay: Relay, version: Version, fault: Fault
    ) -> None:
        for _ in range(2):
            relay.fail_next(replace(fault, method="GET"))
            assert store.get(REF) == b"old"
            relay.fail_next(replace(fault, method="GET"))
            assert store.get_range(REF, 0, 3) == b"old"
            relay.fail_next(replace(fault, method="GET"))
            assert store.get_versioned(REF) == (b"old", version)

    def test_a_listing_goes_on_where_it_failed(
        self, store: ObjectStore, direct: ObjectStore, relay: Relay
    ) -> None:
        expected = [f"k/{number:04}" for number in range(1005)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: direct.put(Key(key), b""), expected))
        listing = store.list_prefix("k/")
        found = [next(listing).key]
        slow, lost = (replace(fault, method="GET") for fault in (SLOW_DOWN, LOST_RESPONSE))
        relay.fail_next(slow, slow, lost)
        found += [info.key for info in listing]
        assert found == expected

    def test_attempts_are_bounded(self, store: ObjectStore, relay: Relay) -> None:
        relay.fail_next(*[replace(SLOW_DOWN, method="GET")] * 10)
        with pytest.raises(StorageError, match="kept failing"):
            store.get(REF)
        assert len(relay.requests) == 4

    def test_what_will_not_change_is_not_repeated(self, store: ObjectStore, relay: Relay) -> None:
        for fault, said in (
            (refusal(403, "SignatureDoesNotMatch"), "credentials were refused"),
            (refusal(400, "ExpiredToken"), "expired"),
            (refusal(404, "NoSuchBucket"), "does not exist"),
            (refusal(501, "NotImplemented"), "NotImplemented"),
        ):
            relay.requests.clear()
            relay.fail_next(fault)
            with pytest.raises(StorageError, match=said):
                store.put(REF, b"")
            assert len(relay.requests) == 1, said

    @pytest.mark.parametrize("engine", ["obstore"])  # botocore follows the bucket
    def test_a_bucket_elsewhere_is_said(self, store: ObjectStore, relay: Relay) -> None:
        relay.fail_next(refusal(301, "PermanentRedirect"))
        with pytest.raises(StorageError, match=r"(?s)another region.*AWS_DEFAULT_REGION"):
            store.put(REF, b"")


class TestBackoff:
    def test_waits_double_with_jitter_up_to_a_limit(self) -> None:
        waits: list[float] = []
        backoff = Backoff(attempts=8, first_seconds=1, longest_seconds=10, sleep=waits.append)
        assert list(backoff.attempts_left()) == [7, 6, 5, 4, 3, 2, 1, 0]
        limits = [1, 2, 4, 8, 10, 10, 10]
        for wait, limit in zip(waits, limits, strict=True):
            assert limit / 2 <= wait <= limit

    def test_time_is_bounded(self) -> None:
        waits: list[float] = []
        backoff = Backoff(first_seconds=4, total_seconds=1, sleep=waits.append)
        assert list(backoff.attempts_left()) == [7]
        assert waits == []


def test_what_is_sent_again_is_logged(
    store: ObjectStore, relay: Relay, version: Version, caplog: pytest.LogCaptureFixture
) -> None:
    relay.fail_next(replace(SLOW_DOWN, method="GET"))
    with caplog.at_level("INFO", logger="vstore"):
        assert store.get(REF) == b"old"
    assert [record.name for record in caplog.records] == ["vstore.storage"]
    assert caplog.messages[0].startswith(f"read '{REF}' at {store.url} failed (TRANSIENT): ")
    caplog.clear()
    with caplog.at_level("DEBUG", logger="vstore"):
        store.get(REF)
    assert caplog.messages[0].startswith(f"read '{REF}': ")
    assert caplog.messages[0].endswith(" s, 3 bytes")
