"""A cache keeps what was used last, never beyond its limit, whichever thread or child uses it."""

import multiprocessing
import os
import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstore.reading.caches import LruCache

NAMES = st.sampled_from("abcdefgh")


def model(limit: int, steps: list[tuple[str, int | None]]) -> OrderedDict[str, int]:
    """Return what should be kept after values of these weights were put, or found if None."""
    kept: OrderedDict[str, int] = OrderedDict()
    for name, weight in steps:
        if weight is None:
            if name in kept:
                kept.move_to_end(name)
            continue
        kept.pop(name, None)
        kept[name] = weight
        while sum(kept.values()) > limit and len(kept) > 1:
            kept.popitem(last=False)
    return kept


@given(st.lists(st.tuples(NAMES, st.none() | st.integers(0, 12))), st.integers(1, 30))
def test_what_was_used_last_is_kept_up_to_the_limit(
    steps: list[tuple[str, int | None]], limit: int
) -> None:
    cache = LruCache[str, bytes](limit, len)
    for name, weight in steps:
        if weight is None:
            cache.find(name)
        else:
            assert cache.put(name, bytes(weight))
    kept = model(limit, steps)
    assert cache.weight == sum(kept.values())
    assert len(cache) == len(kept)
    found = {name: cache.find(name) for name in "abcdefgh"}
    assert {name: len(data) for name, data in found.items() if data is not None} == kept


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    cache = LruCache[str, bytes](10, len, largest=5)
    assert cache.put("a", bytes(5))
    assert not cache.put("b", bytes(6))
    assert (cache.find("a"), cache.find("b"), cache.weight) == (bytes(5), None, 5)


def test_the_newest_is_kept_however_large() -> None:
    cache = LruCache[str, bytes](10, len)
    cache.put("a", bytes(5))
    cache.put("b", bytes(50))
    assert (cache.find("a"), cache.find("b")) == (None, bytes(50))
    cache.put("c", bytes(1))
    assert (cache.find("b"), cache.weight) == (None, 1)


def test_what_is_added_never_pushes_anything_out() -> None:
    cache = LruCache[int, bytes](10, len)
    assert [cache.add(i, bytes(4)) for i in (0, 1, 2, 0)] == [True, True, False, True]
    assert [cache.find(i) is not None for i in range(3)] == [True, True, False]
    assert cache.weight == 8


def test_hits_and_misses_are_counted() -> None:
    cache = LruCache[str, bytes](10, len)
    cache.put("a", b"1")
    for name in "aab":
        cache.find(name)
    assert (cache.hits, cache.misses) == (2, 1)


@contextmanager
def busy(act: Callable[[], object], threads: int) -> Iterator[None]:
    """Act all the time on several threads, which change places as often as they can."""
    stop = threading.Event()
    interval = sys.getswitchinterval()

    def run() -> None:
        while not stop.is_set():
            act()

    running = [threading.Thread(target=run) for _ in range(threads)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in running:
            thread.start()
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()
        sys.setswitchinterval(interval)


def used(cache: LruCache[int, bytes]) -> None:
    number = random.randrange(40)
    data = cache.find(number)
    assert data is None or data == bytes([number]) * len(data)
    cache.put(number, bytes([number]) * random.randrange(12))


def check(cache: LruCache[int, bytes], limit: int) -> None:
    """Check that the weight is exact: whatever remains adds up to it."""
    kept = [data for number in range(40) if (data := cache.find(number)) is not None]
    assert cache.weight == sum(map(len, kept)) <= limit


def test_threads_share_it() -> None:
    cache = LruCache[int, bytes](100, len)
    with busy(lambda: used(cache), threads=4):
        for _ in range(2000):
            used(cache)
            assert cache.weight <= 100
    check(cache, 100)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_was_forked_at_any_moment_uses_it() -> None:
    cache = LruCache[int, bytes](100, len)

    def use() -> None:
        for _ in range(200):
            used(cache)
        check(cache, 100)

    processes = multiprocessing.get_context("fork")
    children = []
    with busy(lambda: used(cache), threads=3):
        for _ in range(20):
            child = processes.Process(target=use)
            child.start()
            children.append(child)
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
