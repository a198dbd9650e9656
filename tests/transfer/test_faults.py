"""Transfers beside other writers and collectors, interrupted ones, and what is damaged or gone."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.interposed import InterposedStore
from tests.transfer.places import (
    append,
    copy_of,
    fresh_url,
    is_sound,
    keys,
    new_repository,
    pushing,
)
from vstore.errors import ConflictError, CorruptionError, NotFoundError, StorageError
from vstore.format import forwarding, object_keys
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest, digest_of
from vstore.format.forwarding import MovedDocument
from vstore.history.forwarding import find_moved
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.memory import MemoryStore
from vstore.transfer.cloning import ClonePlan, clone
from vstore.transfer.fetching import FetchPlan, fetch
from vstore.transfer.pushing import push
from vstore.transfer.thinned import copy_thinned

AT_ONCE = GcOptions(grace=timedelta(0), expire=timedelta(0), take_over=True)


def push_merging(copy: vstore.Repository) -> None:
    """Push, merging what others pushed first, until it goes through."""
    while True:
        with suppress(ConflictError):
            copy.remotes["origin"].push("main")
            return
        copy.pull("main")


@contextmanager
def collecting(repository: vstore.Repository) -> Iterator[None]:
    """Collect garbage without a grace period all the time."""
    is_over = threading.Event()

    def collect_on() -> None:
        while not is_over.is_set():
            with suppress(ConflictError):
                collect(vstore.open(repository.url).store, AT_ONCE)

    collector = threading.Thread(target=collect_on)
    collector.start()
    try:
        yield
    finally:
        is_over.set()
        collector.join()


@pytest.mark.parametrize(
    "pushes", [3, pytest.param(100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_clones_that_push_to_one_branch_beside_a_collector_lose_nothing(pushes: int) -> None:
    origin = new_repository()
    copies = [copy_of(origin) for _ in range(3)]

    def work(number: int) -> None:
        for i in range(pushes):
            append(copies[number], f"{number}-{i}")
            push_merging(copies[number])

    with collecting(origin), ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    made = {f"{number}-{i}" for number in range(3) for i in range(pushes)}
    assert keys(vstore.open(origin.url)) == made | {f"k{i}" for i in range(100)}
    assert is_sound(origin)


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("kind", ["push", "fetch"])
def test_a_collection_at_any_step_costs_nothing_but_time(kind: str, step: int) -> None:
    origin = new_repository()
    append(origin, "garbage")
    origin.reset("main", to="main~1")
    copy = copy_of(origin)
    source, target = (copy, origin) if kind == "push" else (origin, copy)
    for i in range(3):
        append(source, f"new {i}")
    writes, lock = 0, threading.Lock()

    def collect_between(verb: str, key: str, send: Any) -> Any:
        nonlocal writes
        if verb in {"put", "put_if_absent", "compare_and_swap"}:
            with lock:
                writes += 1
                if writes == step + 1:
                    collect(target.store, AT_ONCE)
                    collect(target.store, AT_ONCE)
        return send()

    store = InterposedStore(target.store, collect_between)
    if kind == "push":
        push(source.store, store, pushing("main"))
    else:
        fetch(store, source.store, FetchPlan("origin/", ["main"]))
    name = "main" if kind == "push" else "origin/main"
    assert vstore.open(target.url).resolve(name) == source.resolve("main")
    assert is_sound(target)


@pytest.mark.parametrize("step", range(0, 24, 3))
def test_a_collection_at_any_step_of_a_clone_leaves_it_sound(step: int) -> None:
    origin = new_repository()
    for i in range(4):
        append(origin, f"new {i}")
    url = fresh_url()
    inner = MemoryStore(url.removeprefix("memory://"))
    writes, lock = 0, threading.Lock()

    def collect_between(verb: str, key: str, send: Any) -> Any:
        nonlocal writes
        if verb in {"put", "put_if_absent", "compare_and_swap"}:
            with lock:
                writes += 1
                if writes == step + 1:
                    with suppress(NotFoundError, CorruptionError):  # none yet, or without refs
                        collect(inner, AT_ONCE)
                        collect(inner, AT_ONCE)
        return send()

    clone(origin.store, InterposedStore(inner, collect_between), origin.url, ClonePlan())
    copy = vstore.open(url)
    assert keys(copy) == keys(origin)
    assert is_sound(copy)


@pytest.mark.parametrize("after", range(0, 30, 3))
def test_a_clone_that_was_interrupted_is_finished_by_the_same_call(after: int) -> None:
    origin = new_repository()
    for i in range(5):
        append(origin, f"new {i}")
    origin.tags.create("v1")
    url = fresh_url()
    left, lock = after, threading.Lock()

    def fail_later(verb: str, key: str, send: Any) -> Any:
        nonlocal left
        if verb in {"put", "put_if_absent", "compare_and_swap"}:
            with lock:
                left -= 1
                if left < 0:
                    raise StorageError("the disk is full")
        return send()

    target = InterposedStore(MemoryStore(url.removeprefix("memory://")), fail_later)
    try:
        clone(origin.store, target, origin.url, ClonePlan())
    except StorageError:
        copy = vstore.clone(origin.url, url)
    else:
        copy = vstore.open(url)
    assert list(copy.branches) == ["main", "origin/main"]
    assert copy.tags["v1"] == origin.tags["v1"]
    assert is_sound(copy)


def test_damage_at_the_source_is_told_and_nothing_moves(tmp_path: Path) -> None:
    source = vstore.clone(new_repository().url, str(tmp_path / "source"), author="Ann")
    there = copy_of(source)
    append(source, "new")
    head = there.resolve("main")
    files = [path for path in (tmp_path / "source" / "packs").rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o600)
        path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    with pytest.raises(CorruptionError):
        source.remotes.open(there.url).push("main")
    assert there.resolve("main") == head
    assert is_sound(there)


def test_a_pack_that_is_gone_at_the_source_is_told(tmp_path: Path) -> None:
    source = vstore.clone(new_repository().url, str(tmp_path / "source"), author="Ann")
    for path in (tmp_path / "source" / "packs").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises((CorruptionError, NotFoundError)):
        vstore.clone(source.url, str(tmp_path / "copy"))
    source.remotes.set_url("origin", fresh_url())
    with pytest.raises(vstore.VstoreError):
        vstore.clone(source.url, str(tmp_path / "other"))


def test_parts_of_packs_that_both_sides_thinned_are_joined() -> None:
    here, there = new_store("here"), new_store("there")
    data = bytes(range(256)) * 8
    pack = digest_of(data)
    for store, runs in ((here, [(0, 100), (500, 100)]), (there, [(80, 40), (1000, 48)])):
        put_thinned(store, pack, data, runs)
    assert copy_thinned(here, there, pack) > 0
    moved = find_moved(there, pack)
    assert moved is not None
    assert moved.document.runs == [(0, 120), (500, 100), (1000, 48)]
    left = there.get(object_keys.pack(moved.into.digest))
    assert left == data[0:120] + data[500:600] + data[1000:1048]
    assert copy_thinned(here, there, pack) == 0
    there.put(object_keys.pack(pack), data)
    assert copy_thinned(here, there, pack) == 0
    with pytest.raises(CorruptionError):
        copy_thinned(here, there, digest_of(b"another"))


def new_store(name: str) -> MemoryStore:
    return MemoryStore(f"{name}-{fresh_url().removeprefix('memory://')}")


def put_thinned(store: MemoryStore, pack: Digest, data: bytes, runs: list[tuple[int, int]]) -> None:
    """Store some runs of a pack, as a repacking collection would leave them."""
    rest = b"".join(data[offset : offset + nbytes] for offset, nbytes in runs)
    into = digest_of(rest)
    store.put(object_keys.pack(into), rest)
    document = MovedDocument(FORMAT, pack, (into, len(rest)), runs)
    store.put(object_keys.moved(pack), forwarding.encode(document))


def test_a_clone_may_hold_some_paths_only() -> None:
    origin = new_repository()
    with origin.transaction("main", message="Add noise") as tx:
        noise = np.random.default_rng(0).integers(0, 256, 2**20, dtype="uint8")
        tx.create_array("noise", shape=noise.shape, dtype="uint8")[:] = noise
    part = copy_of(origin, only=["t/n"])
    assert sum(info.nbytes for info in part.store.list_prefix("packs/")) < 2**16
    closed = vstore.open(part.url, offline=True).checkout()["t"]
    assert closed["n"][5].tolist() == [20, 21, 22, 23]
    with pytest.raises(vstore.NotHereError):
        vstore.open(part.url, offline=True).checkout()["noise"][0]
    assert part.checkout()["t"]["text"][5] == "text 5"
    append(origin, "later")
    part.remotes["origin"].fetch("main")
    closed = vstore.open(part.url, offline=True).checkout("origin/main")["t"]
    assert len(closed["n"][:]) == 101
    assert part.fsck().is_sound
    with pytest.raises(vstore.InvalidInputError):
        copy_of(origin, only="t")
    with pytest.raises(vstore.NotFoundError):
        copy_of(origin, only=["nope"])


def test_a_partial_clone_can_be_cloned_whole() -> None:
    origin = new_repository()
    part = copy_of(origin, metadata_only=True)
    append(part, "new")
    whole = copy_of(part)
    assert keys(whole) == keys(part)
    assert is_sound(whole)
    part.remotes["origin"].push("main")
    assert keys(origin) == keys(part)
    assert is_sound(origin)
