"""What transfers cost, in requests and rounds of them, on each side."""

import threading
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.interposed import InterposedStore
from tests.repositories import DELAY_SECONDS
from tests.transfer.places import (
    AUTHOR,
    append,
    copy_of,
    counted,
    fresh_url,
    is_sound,
    new_repository,
    pushing,
)
from vstore.errors import StorageError
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


def test_many_commits_are_pushed_side_by_side() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    for i in range(60):
        append(copy, f"new {i}")
    report, here, there = counted(
        copy, origin, lambda a, b: push(a, b, pushing("main")), delay_seconds=DELAY_SECONDS
    )
    assert report.objects <= 180
    assert here.count() <= report.objects + 10
    assert there.count() == report.objects + 2
    assert here.depth <= 40
    assert there.depth <= 30


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


def test_the_documents_of_a_large_repository_are_few(large: vstore.Repository) -> None:
    plan = ClonePlan(options=TransferOptions(packs=False))
    to = fresh_url()
    report, _, there = counted(to, large, lambda a, b: clone(b, a, large.url, plan))
    assert there.count() <= 30
    assert report.nbytes <= 500_000
