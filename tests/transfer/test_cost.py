"""What transfers cost, in requests and rounds of them, on each side."""

import threading
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.interposed import InterposedStore
from tests.repositories import DELAY_SECONDS, counted_rounds
from tests.transfer.places import (
    AUTHOR,
    append,
    copy_of,
    counted,
    fresh_url,
    is_sound,
    keys,
    new_repository,
    pushing,
)
from vstore.errors import ConflictError, StorageError
from vstore.storage.memory import MemoryStore
from vstore.storage.store import ObjectStore
from vstore.transfer import copying
from vstore.transfer.cloning import ClonePlan, clone
from vstore.transfer.exchange import TransferOptions
from vstore.transfer.fetching import FetchPlan, fetch
from vstore.transfer.pushing import push

SAMPLES = 1_000_000


@pytest.fixture(scope="module")
def large() -> vstore.Repository:
    """A table of a million samples, of two columns with a thousand chunks each."""
    repository = vstore.create(fresh_url(), author=AUTHOR)
    with repository.transaction("main", message="Start") as tx:
        spec = vstore.ndarray((), "int64", rows_per_chunk=1024)
        table = tx.create_table("t", {"x": spec, "y": spec}, keys="int")
        numbers = np.arange(SAMPLES)
        table.extend({"x": numbers, "y": numbers}, keys=numbers.tolist())
    return repository


def relabel(repository: vstore.Repository, number: int) -> None:
    with repository.transaction("main", message=f"Relabel {number}") as tx:
        tx["t"].loc[number] = {"x": -number}


def test_pushing_or_fetching_nothing_takes_a_request_on_each_side() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    _, here, there = counted(copy, origin, lambda a, b: push(a, b, pushing("main")))
    assert (here.count(), there.count()) == (1, 1)
    plan = FetchPlan("origin/", ["main"])
    _, here, there = counted(copy, origin, lambda a, b: fetch(a, b, plan))
    assert (here.count(), there.count()) == (1, 1)


def test_one_sample_of_a_million_is_pushed_with_few_requests(large: vstore.Repository) -> None:
    copy = copy_of(large)
    relabel(copy, 500_000)
    report, here, there = counted(
        copy, large, lambda a, b: push(a, b, pushing("main")), delay_seconds=DELAY_SECONDS
    )
    assert report.refs[0].outcome == "updated"
    assert here.count() <= 6
    assert there.count() <= 5
    assert here.depth <= 6
    assert there.depth <= 7
    assert there.nbytes_sent <= 100_000


def test_a_hundred_commits_are_pushed_in_twenty_rounds() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    for i in range(100):
        append(copy, f"new {i}")
    most = 0
    for attempt in range(3):  # a busy machine makes more rounds, never fewer
        report, here, there = counted(
            copy,
            copy_of(origin),
            lambda a, b: push(a, b, pushing("main")),
            delay_seconds=DELAY_SECONDS * (1 + attempt),
        )
        assert report.objects <= 300
        assert here.count() <= 310
        assert there.count() <= 302
        most = max(here.depth, there.depth)
        if most <= 20:
            break
    assert most <= 20


def test_a_first_push_asks_no_more_than_there_are_objects() -> None:
    source = new_repository()
    for i in range(20):
        append(source, f"new {i}")
    report, here, there = counted(source, fresh_url(), lambda a, b: push(a, b, pushing("main")))
    assert report.objects >= 40
    assert here.count() <= report.objects + 6
    assert there.count() <= report.objects + 14


def test_a_push_that_is_refused_asks_twice_here_and_once_there() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(origin, "theirs")
    append(copy, "ours")

    def refused(here: ObjectStore, there: ObjectStore) -> None:
        with pytest.raises(ConflictError, match="nothing was changed"):
            push(here, there, pushing("main"))

    _, here, there = counted(copy, origin, refused)
    assert here.count() <= 2
    assert there.count() <= 2


def test_a_fetch_brings_what_is_new_alone() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(origin, "new")
    plan = FetchPlan("origin/", ["main"])
    report, here, there = counted(copy, origin, lambda a, b: fetch(a, b, plan))
    assert report.objects <= 3
    assert there.count() <= 6
    assert here.count() <= 6


def test_a_fetch_of_a_branch_that_is_new_here_sends_nothing_that_is_here() -> None:
    origin = new_repository()
    for i in range(10):
        append(origin, f"old {i}")
    copy = copy_of(origin)
    origin.branches.create("dev")
    append(origin, "new", "dev")
    plan = FetchPlan("origin/", ["dev"])
    report, _, there = counted(copy, origin, lambda a, b: fetch(a, b, plan))
    assert report.objects <= 3
    assert there.count() <= 6


@pytest.mark.parametrize("after", [0, 1, 2, 15, 25, 39])
def test_a_push_that_was_interrupted_sends_nothing_twice(after: int) -> None:
    origin = new_repository()
    copy = copy_of(origin)
    for i in range(20):
        append(copy, f"new {i}")
    sent: list[str] = []
    lock = threading.Lock()

    def fail_later(verb: str, key: str, send: Any) -> Any:
        if verb in {"put", "put_if_absent"} and not key.startswith("refs/"):
            with lock:
                if len(sent) == after:
                    raise StorageError("the network is gone")
                sent.append(key)
        return send()

    with pytest.raises(StorageError):
        push(copy.store, InterposedStore(origin.store, fail_later), pushing("main"))
    assert origin.fsck(mode="full").is_sound
    report, _, there = counted(copy, origin, lambda a, b: push(a, b, pushing("main")))
    again = {each.key for each in there.requests if each.verb in {"put", "put_if_absent"}}
    assert not again & set(sent[1:])
    assert len(sent) == after
    assert report.objects + report.skipped == 40
    assert copy.resolve("main") == origin.resolve("main")
    assert is_sound(origin)


@pytest.mark.parametrize("after", [1, 5, 30])
def test_a_first_push_that_was_interrupted_sends_nothing_twice(after: int) -> None:
    source, url = new_repository(), fresh_url()
    for i in range(20):
        append(source, f"new {i}")
    inner = MemoryStore(url.removeprefix("memory://"))
    sent, lock = list[str](), threading.Lock()

    def fail_later(verb: str, key: str, send: Any) -> Any:
        if verb in {"put", "put_if_absent"} and key.startswith(("packs/", "index/", "commits/")):
            with lock:
                if len(sent) == after:
                    raise StorageError("the network is gone")
                sent.append(key)
        return send()

    with pytest.raises(StorageError):
        push(source.store, InterposedStore(inner, fail_later), pushing("main"))
    _, _, there = counted(source, url, lambda a, b: push(a, b, pushing("main")))
    again = {each.key for each in there.requests if each.verb in {"put", "put_if_absent"}}
    assert not again & set(sent[1:])
    assert keys(vstore.open(url)) == keys(source)


@pytest.fixture(scope="module")
def many() -> vstore.Repository:
    """An array of ten thousand chunks: its documents are those of one of 10 GB."""
    repository = vstore.create(fresh_url(), author=AUTHOR)
    with repository.transaction("main", message="Start") as tx:
        array = tx.create_array("x", shape=(10_000, 16), dtype="int64", chunk_shape=(1, 16))
        array[:] = np.arange(160_000).reshape(10_000, 16)
    return repository


def without_data(depth: int | None = None) -> ClonePlan:
    return ClonePlan(options=TransferOptions(packs=False, depth=depth))


def test_a_clone_without_data_of_ten_thousand_chunks_is_half_a_megabyte(
    many: vstore.Repository,
) -> None:
    report, _, there = counted(
        fresh_url(),
        many,
        lambda a, b: clone(b, a, many.url, without_data()),
        delay_seconds=DELAY_SECONDS,
    )
    assert there.count() <= 30
    assert report.nbytes <= 500_000
    assert there.depth <= 10


def test_the_documents_of_a_large_repository_are_few(large: vstore.Repository) -> None:
    report, _, there = counted(
        fresh_url(), large, lambda a, b: clone(b, a, large.url, without_data())
    )
    assert there.count() <= 30
    assert report.nbytes <= 500_000


def test_a_shallow_clone_costs_the_same_however_many_commits_there_are(
    many: vstore.Repository,
) -> None:
    origin = copy_of(many)
    for i in range(30):
        with origin.transaction("main", message=f"Change {i}") as tx:
            tx["x"][i] = 0
    report, _, there = counted(
        fresh_url(), origin, lambda a, b: clone(b, a, origin.url, without_data(depth=1))
    )
    assert there.count() <= 40
    assert report.nbytes <= 500_000


def test_the_newest_commits_and_the_summary_of_a_remote_take_few_rounds() -> None:
    origin = new_repository()
    for i in range(40):
        append(origin, f"new {i}")

    def newest(repository: vstore.Repository) -> object:
        return list(repository.log(limit=20))

    assert counted_rounds(origin, newest, most=6).depth <= 6
    for ask in (
        lambda repository: list(repository.checkout()),
        lambda repository: repository.checkout().summary(),
    ):
        assert counted_rounds(origin, ask, most=2).depth <= 2


def test_packs_that_are_on_their_way_take_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MEMORY_NBYTES", 200_000)
    origin = vstore.create(fresh_url(), author=AUTHOR)
    noise = np.random.default_rng(0)
    for i in range(24):
        with origin.transaction("main", message=f"Write {i}") as tx:
            array = tx.create_array(f"a{i}", shape=(50_000,), dtype="uint8")
            array[:] = noise.integers(0, 256, 50_000, dtype="uint8")
    held, most, lock = 0, 0, threading.Lock()

    def note(change: int) -> None:
        nonlocal held, most
        with lock:
            held += change
            most = max(most, held)

    def taken(verb: str, key: str, send: Any) -> Any:
        if key.startswith("packs/") and verb == "get":
            note(1)
        return send()

    def given(verb: str, key: str, send: Any) -> Any:
        found = send()
        if key.startswith("packs/") and verb in {"put", "put_if_absent"}:
            note(-1)
        return found

    target = InterposedStore(MemoryStore(fresh_url().removeprefix("memory://")), given)
    clone(InterposedStore(origin.store, taken), target, origin.url, ClonePlan())
    assert held == 0
    assert most <= 4
