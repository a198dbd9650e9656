"""Garbage collection frees nothing because a store hides it, or a clock is wrong."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import vstore
from tests.maintenance.stores import age, contents, pass_grace
from vstore import CorruptionError, Repository, StorageError
from vstore.history import deletion_records, tag_refs
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.maintenance.gc import pending_list, roots
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectInfo, ObjectStore

NOW = GcOptions(grace=timedelta(0), expire=timedelta(0))
DAY = timedelta(days=1)

Change = Callable[[str, list[ObjectInfo]], list[ObjectInfo]]


class Lister(MemoryStore):
    """A store in memory whose listings may lie."""

    change: Change = staticmethod(lambda _, found: found)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from self.change(prefix, list(super().list_prefix(prefix)))


def cut_after(most: int, *, only: str = "") -> Change:
    return lambda prefix, found: found[:most] if prefix.startswith(only) else found


def without(text: str) -> Change:
    return lambda _, found: [info for info in found if text not in info.key]


def commit(repository: Repository, branch: str, value: int) -> None:
    with repository.transaction(branch, message=f"{branch} {value}") as tx:
        if "x" not in tx:
            tx.create_array("x", shape=(4,), dtype="int64", chunk_shape=(1,))
        tx["x"][value % 4] = value


def fill(store: ObjectStore) -> Repository:
    """Return a repository whose branches each need a commit of their own, some garbage in it."""
    repository = vstore.create(store, author="Ann <ann@example.org>")
    for i in range(6):
        commit(repository, "main", i)
    for name in ("b1", "b2", "b3", "z"):
        repository.branches.create(name)
        commit(repository, name, 40 + len(name))
    repository.tags.create("v1", at="b2")
    commit(repository, "main", 50)
    repository.reset("main", to="main~1")
    return repository


def state(store: ObjectStore) -> dict[str, object]:
    """Return what every ref leads to."""
    repository = vstore.open(store)
    names = [*repository.branches, *repository.tags]
    return {name: repository.checkout(name)["x"][:].tolist() for name in names}


def collect_all(store: ObjectStore, options: GcOptions = NOW) -> None:
    collect(store, options)
    collect(store, options)


LIES = {
    "the default branch is hidden": without("branches/main"),
    "all refs are hidden": without("refs/branches"),
    "refs and notes are hidden": without("refs/"),
    "listings end after three": cut_after(3),
    "listings of refs end after one": cut_after(1, only="refs/"),
    "commits are hidden": cut_after(2, only="commits/"),
    "parts are hidden": without("index/"),
    "nothing is listed": without(""),
}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait before listing again: the lies of this store last."""
    monkeypatch.setattr(roots, "_PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("lie", LIES)
def test_a_listing_that_lies_is_refused(lie: str) -> None:
    store = Lister()
    fill(store)
    if lie == "parts are hidden":
        _add_parts(store)
    before, kept = state(store), contents(store)
    store.change = LIES[lie]
    for options in (NOW, GcOptions(grace=timedelta(0), expire=timedelta(0), dry_run=True)):
        with pytest.raises((StorageError, CorruptionError)):
            collect_all(store, options)
    store.change = Lister.change
    assert state(store) == before
    assert {key for key in kept if not key.startswith("gc/")} <= set(contents(store))


def _add_parts(store: ObjectStore) -> None:
    with vstore.open(store, author="Ann <a@b.c>").transaction("main", message="wide") as tx:
        for i in range(300):
            tx.create_array(f"g{i}", shape=(1,), dtype="int8", attributes={"text": "x" * 400})


@pytest.mark.parametrize("hidden", ["b1", "b2", "z", "v1"])
@pytest.mark.parametrize("phase", ["both", "second"])
def test_refs_that_were_seen_before_are_asked_for(hidden: str, phase: str) -> None:
    store = Lister()
    repository = fill(store)
    collect_all(store)
    repository.branches.create("garbage")
    commit(repository, "garbage", 60)
    repository.branches.delete("garbage", force=True)
    commit(repository, "z", 61)
    before = state(store)
    lie = without(f"/{hidden}.json")
    if phase == "second":
        collect(store, GcOptions(grace=DAY, expire=timedelta(0)))
    age(store, 3 * DAY)
    pass_grace(store, 3 * DAY)
    store.change = lie
    with pytest.raises(StorageError, match=f"{hidden}.json") as caught:
        collect_all(store)
    assert caught.value.code == "stale-listing"
    store.change = Lister.change
    assert state(store) == before
    collect_all(store)
    assert state(store) == before
    assert fsck(store, FsckOptions(mode="full")).is_sound


@pytest.mark.parametrize("name", ["refs/branches/z.json", "refs/branches/b1.json"])
def test_a_ref_that_vanished_without_a_note_stops_everything(name: str) -> None:
    store = Lister()
    repository = fill(store)
    at = repository.branches[name.split("/")[-1][:-5]]
    collect_all(store)
    document = store.get(Key(name))
    store.delete(Key(name))
    for _ in range(3):
        with pytest.raises(CorruptionError, match="gone although nobody deleted") as caught:
            collect_all(store)
        assert caught.value.code == "lost-refs"
    store.put(Key(name), document)
    collect_all(store)
    assert vstore.open(store).checkout(at)["x"].shape == (4,)
    store.delete(Key(name))
    report = repository.gc(grace=timedelta(0), expire=timedelta(0), accept_lost_refs=True)
    assert report.freed.objects > 0
    collect_all(store)


def test_commits_without_any_ref_are_not_freed() -> None:
    store = Lister()
    repository = fill(store)
    for info in list(store.list_prefix("refs/")):
        store.delete(info.key)
    with pytest.raises(CorruptionError, match="no branch and no tag"):
        collect_all(store)
    report = repository.gc(grace=timedelta(0), expire=timedelta(0), accept_lost_refs=True)
    assert report.freed.objects > 0


def test_what_is_deleted_renamed_or_moved_in_order_is_collected() -> None:
    store = Lister()
    repository = fill(store)
    collect_all(store)
    repository.branches.rename("b1", "b9")
    repository.branches.delete("z", force=True)
    repository.tags.delete("v1")
    repository.reset("b2", to="main")
    before = state(store)
    collect_all(store)
    collect_all(store)
    assert state(store) == before
    assert not list(store.list_prefix("refs/deleted/"))
    assert fsck(store, FsckOptions(mode="full")).is_sound


@pytest.mark.parametrize("seed", range(3))
def test_listings_need_no_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_list, "PART_OBJECTS", 4)
    chance = random.Random(seed)
    store, ordered = Lister(), Lister()
    for each in (store, ordered):
        fill(each)
        _add_parts(each)
    store.change = lambda _, found: chance.sample(found, len(found))
    before = state(store)
    for each in (store, ordered):
        collect_all(each)
        assert len(list(each.list_prefix("commits/"))) == 11
    assert state(store) == before
    assert sorted(vstore.open(store).branches) == sorted(vstore.open(ordered).branches)
    report = fsck(store, FsckOptions(mode="full", decode=True))
    assert report.is_sound
    assert report.unreferenced.objects == 0
    head = vstore.open(store).branches["z"]
    assert vstore.open(store).commit(head[:12]).id == head


@pytest.fixture(params=["a year behind", "a year ahead"])
def wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that sets this process's clock wrong, until the test ends."""
    by = timedelta(days=-365 if "behind" in request.param else 365)

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "datetime":  # type: ignore[override]
            return datetime.now(UTC) + by

    def set_wrong() -> None:
        for module in (tag_refs, deletion_records):
            monkeypatch.setattr(module, "datetime", Wrong)

    return set_wrong


def test_a_deleters_clock_does_not_shorten_what_is_kept(
    tmp_path: Path, wrong: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    repository = fill(store)
    at = repository.branches["z"]
    wrong()
    repository.branches.delete("z", force=True)
    repository.tags.delete("v1")
    monkeypatch.undo()
    for _ in range(2):
        collect_all(store, GcOptions(grace=timedelta(0)))
    repository.branches.restore("z")
    repository.tags.restore("v1")
    assert repository.branches["z"] == at
    assert fsck(store, FsckOptions(mode="full")).is_sound


def test_the_latest_deletion_is_undone_whatever_clocks_say(
    tmp_path: Path, wrong: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    repository = fill(store)
    wrong()
    repository.branches.delete("z", force=True)
    monkeypatch.undo()
    repository.branches.create("z")
    commit(repository, "z", 70)
    at = repository.branches["z"]
    repository.branches.delete("z", force=True)
    assert repository.branches.restore("z") == at


def test_a_writers_clock_does_not_shorten_what_a_log_keeps(
    tmp_path: Path, wrong: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    repository = fill(store)
    wrong()
    left = []
    for value in (71, 72):
        commit(repository, "z", value)
        left.append(repository.branches["z"])
        repository.reset("z", to="z~1")
    monkeypatch.undo()
    for _ in range(3):
        collect_all(store, GcOptions(grace=timedelta(0)))
    repository.undo("z")
    assert repository.branches["z"] == left[-1]
    assert [vstore.open(store).commit(at).id for at in left] == left


def test_what_a_writer_with_a_clock_behind_left_is_freed_in_the_end(
    tmp_path: Path, wrong: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    repository = fill(store)
    wrong()
    commit(repository, "z", 71)
    at = repository.branches["z"]
    repository.reset("z", to="z~1")
    monkeypatch.undo()
    collect_all(store, GcOptions(grace=timedelta(0)))
    assert repository.commit(at).id == at
    collect_all(store)
    assert f"commits/{at}.json" not in {info.key for info in store.list_prefix("commits/")}
