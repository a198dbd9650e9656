"""Probing finds out whether a store keeps its promises, and leaves nothing behind."""

import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import S3, Bucket
from tests.maintenance.stores import contents
from tests.storage.relay import Relay
from vstore.errors import ReadOnlyError, StorageError, UnsupportedStoreError
from vstore.maintenance.probe.probe import probe, require_conditions
from vstore.maintenance.probe.probe_report import ProbeReport
from vstore.storage.client import Engine
from vstore.storage.counting import CountingStore
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.open import open_store
from vstore.storage.store import Key, ObjectInfo, Version


class Faulty(MemoryStore):
    """A store in memory that breaks a promise; it does not pickle, as its faults are its own."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        raise TypeError("one handle only")


class IgnoresIfNoneMatch(Faulty):
    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        self.put(key, data)
        return self.get_versioned(key)[1]


class IgnoresIfMatch(Faulty):
    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        self.put(key, data)
        return self.get_versioned(key)[1]


class TakesUnquotedOnly(Faulty):
    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        version = super().put_if_absent(key, data)
        return None if version is None else Version(f'"{version}"')

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        data, version = super().get_versioned(key)
        return data, Version(f'"{version}"')


class LooksThenWrites(Faulty):
    """Conditions that hold one after the other, and not at once."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = threading.Barrier(2)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        if any(info.key == key for info in self.list_prefix(key)):
            return None
        try:
            self._looked.wait(0.1)  # for another one that looks before this one writes
        except threading.BrokenBarrierError:
            self._looked.reset()
        self.put(key, data)
        return super().get_versioned(key)[1]


class ReadsLate(Faulty):
    """Shows each object as it was before the last write."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[Key, bytes] = {}

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        self._before[key] = super().get(key)
        return super().compare_and_swap(key, data, expected)

    def get(self, key: Key) -> bytes:
        return self._before.get(key) or super().get(key)


class ListsWhatWasDeleted(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self._ghosts: dict[Key, ObjectInfo] = {}

    def delete(self, key: Key) -> None:
        self._ghosts |= {info.key: info for info in super().list_prefix(key)}
        super().delete(key)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        found = {info.key: info for info in super().list_prefix(prefix)}
        found |= {key: info for key, info in self._ghosts.items() if key.startswith(prefix)}
        yield from (found[key] for key in sorted(found))


class InexactRanges(Faulty):
    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        return self.get(key)[start : start + nbytes]


class ReadOnly(Faulty):
    def put(self, key: Key, data: bytes) -> None:
        raise ReadOnlyError(f"{key} may not be written, nor its {len(data)} bytes")


class CannotDelete(Faulty):
    def delete(self, key: Key) -> None:
        raise StorageError(f"{key} may not be deleted")


class SkewedClock(Faulty):
    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        for info in super().list_prefix(prefix):
            yield replace(info, modified=info.modified - timedelta(hours=2))


class HidesClock(Faulty):
    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from [] if prefix.endswith("clock") else super().list_prefix(prefix)


class RaisesItsOwnErrors(Faulty):
    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        raise KeyError(f"{key}: {start}+{nbytes}")


def failed(report: ProbeReport) -> set[str]:
    return {check.name for check in report.checks if check.outcome == "fails"}


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_known_stores_keep_every_promise(place: str, tmp_path: Path) -> None:
    store = MemoryStore() if place == "memory" else LocalStore(tmp_path)
    report = probe(store, threads=4)
    assert failed(report) == set()
    assert report.verdict == "suitable"
    assert contents(store) == {}


BROKEN = [
    (IgnoresIfNoneMatch, "creates an object once"),
    (IgnoresIfMatch, "refuses stale versions"),
    (TakesUnquotedOnly, "swaps at its version"),
    (LooksThenWrites, "creates once in a race"),
    (ReadsLate, "reads follow writes"),
    (ListsWhatWasDeleted, "lists what is there"),
    (InexactRanges, "reads exact ranges"),
    (HidesClock, "tells the time"),
    (RaisesItsOwnErrors, "reads exact ranges"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN)
def test_a_broken_promise_is_named(kind: type[Faulty], name: str) -> None:
    store = kind()
    report = probe(store, threads=4)
    assert name in failed(report)
    assert report.verdict == "unsuitable"
    assert any(reason.startswith(name) for reason in report.reasons)
    assert "FAILS" in str(report)
    assert report.to_dict()["verdict"] == "unsuitable"
    assert contents(MemoryStore(store._name)) == {}


def test_unquoted_etags_are_recognised() -> None:
    assert "without their quotes" in str(probe(TakesUnquotedOnly(), threads=2))


def test_what_can_only_be_read_is_called_so() -> None:
    report = probe(ReadOnly())
    assert report.verdict == "read-only"
    assert failed(report) == {"may write"}
    assert "ReadOnlyError" in report.reasons[0]


def test_a_missing_permission_to_delete_is_named() -> None:
    report = probe(CannotDelete())
    assert "may delete" in failed(report)
    assert report.verdict == "unsuitable"


def test_a_clock_that_is_wrong_is_worth_a_note() -> None:
    report = probe(SkewedClock(), threads=2)
    assert report.verdict == "suitable"
    (check,) = [check for check in report.checks if check.outcome == "doubtful"]
    assert check.name == "tells the time"
    assert "behind" in check.detail


class InPairs(CountingStore):
    """Lets requests through two at a time, but for the fifth, which comes alone."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.pairs = threading.Barrier(2, timeout=60)
        self.started = itertools.count(1)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        self.wait()
        return super().put_if_absent(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        self.wait()
        return super().compare_and_swap(key, data, expected)

    def delete(self, key: Key) -> None:
        self.wait()
        super().delete(key)

    def wait(self) -> None:
        if next(self.started) != 5:
            self.pairs.wait()


def test_creating_tries_a_store_in_four_rounds() -> None:
    store = InPairs(MemoryStore())
    require_conditions(store)
    assert len(store.requests) == 7
    assert contents(store.inner) == {}


def test_creating_sends_nothing_to_stores_that_are_known(tmp_path: Path) -> None:
    require_conditions(MemoryStore())
    require_conditions(LocalStore(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", [IgnoresIfNoneMatch, IgnoresIfMatch, TakesUnquotedOnly])
def test_a_store_that_ignores_conditions_is_refused(kind: type[Faulty]) -> None:
    inner = kind()
    with pytest.raises(UnsupportedStoreError, match="cannot hold a repository"):
        require_conditions(CountingStore(inner))
    assert contents(MemoryStore(inner._name)) == {}


@pytest.mark.s3
@pytest.mark.skipif(
    "://" in os.environ.get(S3, ""),
    reason="a server that verifies signatures refuses requests that lack a signed header",
)
@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
@pytest.mark.parametrize("ignored", ["If-None-Match", "If-Match"])
def test_a_server_that_ignores_conditions_is_refused(
    s3_bucket: Bucket, engine: Engine, ignored: str
) -> None:
    url, options = s3_bucket.fresh_url(), dict(s3_bucket.storage_options)
    with Relay(options["endpoint_url"], without=ignored) as relay:
        ignorant = options | {"endpoint_url": relay.url}
        store = open_store(url, storage_options=ignorant, engine=engine)
        with pytest.raises(UnsupportedStoreError, match="cannot hold a repository"):
            require_conditions(store)
        assert contents(store) == {}
    require_conditions(open_store(url, storage_options=options))


def test_a_store_for_reading_only_cannot_hold_one(tmp_path: Path) -> None:
    with pytest.raises(ReadOnlyError):
        require_conditions(open_store(f"dir://repo::file://{tmp_path}"))


@pytest.mark.s3
def test_a_real_server_keeps_every_promise(s3_bucket: Bucket) -> None:
    store = open_store(f"{s3_bucket.url}/{uuid4().hex}", storage_options=s3_bucket.storage_options)
    report = probe(store, threads=4)
    assert report.verdict == "suitable", str(report)
    assert list(store.list_prefix("")) == []
