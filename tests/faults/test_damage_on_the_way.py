"""Bytes damaged between the store and here, once: they are read again, and nobody notices."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.audit import open_at
from tests.faults.interposed import InterposedStore
from tests.repositories import new_repository
from vstore import CorruptionError, FormatError, Repository
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.digest import READS
from vstore.maintenance.fsck import pack_check
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key

VERBS = ("get", "get_versioned", "get_range")


@pytest.fixture
def repository() -> Repository:
    made = new_repository()
    with made.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64", rows_per_chunk=16)})
        table.extend({"n": np.random.default_rng(0).integers(0, 2**40, 20_000)})
        for i in range(8):
            noise = {"note": str(i) * 10_000}
            tx.create_array(f"a{i}", shape=(2,), dtype="int8", attributes=noise)[:] = i
    made.tags.create("v1")
    return made


def damaged(
    repository: Repository, *, times: int, varied: bool = True
) -> tuple[Repository, Counter[Key]]:
    """Return a handle that sees each object damaged the first times that it reads it."""
    seen: Counter[Key] = Counter()

    def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
        found = send()
        if verb not in VERBS:
            return found
        seen[key] += 1
        if seen[key] > times:
            return found
        data = bytearray(found[0] if verb == "get_versioned" else found)
        data[len(data) // 2] ^= 1 << (seen[key] % 8 if varied else 2)
        return (bytes(data), found[1]) if verb == "get_versioned" else bytes(data)

    store = MemoryStore(repository.url.removeprefix("memory://"))
    return Repository(InterposedStore(store, interpose), author=repository.author), seen


def use(repository: Repository) -> list[int]:
    assert repository.default_branch == "main"
    assert "v1" in repository.tags
    with repository.transaction("main", message="Add") as tx:
        tx["t"].extend({"n": [7]})
        tx["a3"][:] = 1
    found: list[int] = open_at(repository, "t")["n"][:].tolist()
    assert open_at(repository, "a5")[:].tolist() == [5, 5]
    return found


@pytest.mark.parametrize("times", [1, READS - 1])
def test_what_was_damaged_on_its_way_is_read_again(repository: Repository, times: int) -> None:
    expected = [*open_at(repository, "t")["n"][:].tolist(), 7]
    faulty, seen = damaged(repository, times=times)
    assert use(faulty) == expected
    assert {key.partition("/")[0] for key in seen} >= {"refs", "commits", "index", "packs"}


@pytest.mark.parametrize("varied", [False, True])
def test_what_is_damaged_every_time_is_refused(repository: Repository, varied: bool) -> None:
    faulty, seen = damaged(repository, times=1_000_000, varied=varied)
    for access in (
        lambda: faulty.default_branch,
        lambda: faulty.branches["main"],
        lambda: faulty.tags["v1"],
        lambda: faulty.checkout(repository.branches["main"]),
    ):
        with pytest.raises(FormatError):
            access()
    assert max(seen.values()) <= (READS if varied else 2) * 2


def test_what_lies_damaged_is_read_twice_only(repository: Repository) -> None:
    faulty, seen = damaged(repository, times=1_000_000, varied=False)
    with pytest.raises(CorruptionError):
        _ = faulty.checkout(repository.branches["main"])
    assert set(seen.values()) == {2}


@pytest.mark.parametrize("times", [1, READS - 1])
@pytest.mark.parametrize("whole_nbytes", [1 << 20, 100], ids=["whole packs", "packs in parts"])
def test_fsck_reports_no_damage_that_happened_on_the_way(
    repository: Repository, times: int, whole_nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_check, "WHOLE_NBYTES", whole_nbytes)
    faulty, seen = damaged(repository, times=times)
    report = faulty.fsck(mode="full", decode=True)
    assert report.problems == ()
    assert report.packs_verified == report.packs > 0
    assert {key.partition("/")[0] for key in seen} >= {"refs", "commits", "index", "packs"}


@pytest.mark.parametrize("whole_nbytes", [1 << 20, 100], ids=["whole packs", "packs in parts"])
def test_fsck_reports_what_comes_damaged_every_time(
    repository: Repository, whole_nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_check, "WHOLE_NBYTES", whole_nbytes)
    store = repository.store
    for info in store.list_prefix("packs/"):
        data = bytearray(store.get(info.key))
        data[len(data) // 2] ^= 1
        store.put(info.key, bytes(data))
    report = repository.fsck(mode="full")
    assert {problem.key for problem in report.problems} == {
        info.key for info in store.list_prefix("packs/")
    }


def test_garbage_is_collected_though_documents_come_damaged(repository: Repository) -> None:
    """Each with its own digest or check: those of a collection itself too."""
    seen: Counter[Key] = Counter()
    for value in range(2):
        tx = repository.transaction("main", message="Abandon")
        tx["a1"][:] = 9 + value
        internals(tx).write()
        faulty, seen = damaged(repository, times=1)
        report = faulty.gc(grace=timedelta(0))
        assert report.freed.objects > 0
    assert object_keys.COLLECTION_STATE in seen
    assert repository.fsck(mode="full").unreferenced.objects == 0
