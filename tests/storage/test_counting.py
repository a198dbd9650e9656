import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from vstore.errors import NotFoundError
from vstore.storage import CountingStore, Key, MemoryStore, ObjectStore, Version
from vstore.testing.contract import ObjectStoreContract


class TestCountingStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return CountingStore(MemoryStore())


def test_counts_requests_and_bytes() -> None:
    store = CountingStore(MemoryStore())
    version = store.put_if_absent(Key("ref"), b"123")
    assert version is not None
    assert store.compare_and_swap(Key("ref"), b"12345", version) is not None
    store.put(Key("pack"), b"1234567")
    store.get(Key("pack"))
    store.get_range(Key("pack"), 2, 3)
    store.get_versioned(Key("ref"))
    assert [found.key for found in store.list_prefix("")] == ["pack", "ref"]
    assert not store.delete_if_version(Key("ref"), Version("no"))
    store.delete(Key("ref"))
    assert store.count() == 9
    assert store.count("get", "get_range", "get_versioned") == 3
    assert store.nbytes_sent == 3 + 5 + 7
    assert store.nbytes_received == 7 + 3 + 5
    assert store.depth == 9
    assert [request.verb for request in store.requests][:2] == ["put_if_absent", "compare_and_swap"]


def test_failures_are_counted() -> None:
    store = CountingStore(MemoryStore())
    with pytest.raises(NotFoundError):
        store.get(Key("k"))
    (request,) = store.requests
    assert (request.verb, request.key, request.error) == ("get", "k", "NotFoundError")


def test_depth_is_what_had_to_wait() -> None:
    store = CountingStore(MemoryStore(), delay_seconds=0.05)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(Key(f"packs/{number}"), b""), range(8)))
    assert store.depth == 1
    store.put_if_absent(Key("ref"), b"")
    assert store.depth == 2
    assert store.count() == 9


def test_reset_and_summary() -> None:
    store = CountingStore(MemoryStore())
    assert store.summary() == "0 requests, depth 0, 0 bytes sent, 0 received"
    store.put(Key("k"), b"x" * 2000)
    assert store.summary() == "1 request (1 put), depth 1, 2,000 bytes sent, 0 received"
    store.reset()
    assert store.requests == ()
    store.get(Key("k"))
    assert store.depth == 1


def test_a_listing_counts_once_when_asked_for() -> None:
    store = CountingStore(MemoryStore())
    listing = store.list_prefix("")
    assert store.count() == 0
    assert list(listing) == []
    assert store.count("list_prefix") == 1


def test_a_copy_counts_for_itself() -> None:
    store = CountingStore(MemoryStore("counted"))
    store.put(Key("k"), b"")
    copy = pickle.loads(pickle.dumps(store))
    assert copy.count() == 0
    assert copy.get(Key("k")) == b""
