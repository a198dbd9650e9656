"""Garbage collection frees what nothing needs, in two phases, and nothing else."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.conftest import Bucket
from tests.maintenance.scenes import (
    CHUNK,
    abandon,
    fill,
    new_repository,
    read_everything,
    write,
)
from tests.maintenance.stores import DAY, HOUR, MortalStore, age, contents, orphans, pass_grace
from vstore import ConflictError, CorruptionError, FormatError, NotFoundError, Repository
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format import collection, object_keys
from vstore.format.digest import Digest
from vstore.maintenance.gc.collecting import cancel, collect
from vstore.maintenance.gc.gc_report import GcReport
from vstore.maintenance.gc.options import GcOptions
from vstore.maintenance.progress import ProgressStep
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key
from vstore.writing import lease

NOW = GcOptions(grace=timedelta(0))
DAILY = GcOptions()


def old_orphans() -> tuple[Repository, set[str]]:
    """Return a repository with garbage that is old, and the keys that are needed."""
    repository = new_repository()
    needed = orphans(repository.store)
    abandon(repository, 1)
    abandon(repository, 2)
    age(repository.store, 3 * DAY)
    return repository, set(needed)


def collect_twice(repository: Repository, options: GcOptions = DAILY) -> GcReport:
    """List, wait out the grace period, delete."""
    collect(repository.store, options)
    pass_grace(repository.store)
    return collect(repository.store, options)


def test_garbage_is_listed_first_and_deleted_a_day_later() -> None:
    repository, needed = old_orphans()
    before = orphans(repository.store)
    first = collect(repository.store)
    assert orphans(repository.store) == before
    assert first.freed.objects == 0
    assert first.pending.objects == len(before) - len(needed) == 4
    assert first.live.objects == len(needed)
    assert first.due is not None

    pass_grace(repository.store)
    second = collect(repository.store)
    assert second.freed == first.pending
    assert orphans(repository.store) == needed
    assert second.pending.objects == 0
    assert read_everything(repository.store) == 4


def test_nothing_is_deleted_before_the_grace_period_is_over() -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    pass_grace(repository.store, timedelta(hours=23))
    before = contents(repository.store)
    report = collect(repository.store)
    assert report.freed.objects == 0
    assert report.pending.objects == 4
    assert before.items() <= (
        contents(repository.store) | {object_keys.COLLECTION_CLOCK: b""}
    ).items() | {(object_keys.COLLECTION_CLOCK, before[object_keys.COLLECTION_CLOCK])}


def test_what_was_stored_just_now_is_not_listed() -> None:
    repository = new_repository()
    abandon(repository, 1)
    report = collect(repository.store)
    assert report.pending.objects == 0
    # The commit is young, and so keeps what it needs.
    assert report.live.objects == len(orphans(repository.store))


def test_an_uncommitted_pack_counts_as_young() -> None:
    repository = new_repository()
    data = b"a pack that is on its way"
    repository.store.put(object_keys.pack(Digest("ab" * 32)), data)
    report = collect(repository.store)
    assert (report.young.objects, report.young.nbytes) == (1, len(data))


def test_a_repository_without_garbage_stays_as_it_is() -> None:
    repository = new_repository()
    age(repository.store, 3 * DAY)
    before = contents(repository.store)
    report = collect(repository.store)
    assert report.pending.objects == report.freed.objects == 0
    assert report.commits == 4
    after = contents(repository.store)
    made = {object_keys.COLLECTION_CLOCK, object_keys.COLLECTION_REFS}
    assert after.keys() - before.keys() == made


def test_without_grace_one_call_does_both() -> None:
    repository, needed = old_orphans()
    report = collect(repository.store, NOW)
    assert report.freed.objects == 4
    assert report.pending.objects == 0
    assert orphans(repository.store) == needed


def test_waiting_out_a_short_grace_period_does_both() -> None:
    repository, needed = old_orphans()
    grace = timedelta(milliseconds=50)
    report = collect(repository.store, GcOptions(grace=grace, wait=True))
    assert report.freed.objects == 4
    assert orphans(repository.store) == needed


def test_a_dry_run_sends_no_change() -> None:
    repository, _ = old_orphans()
    store = MortalStore(repository.store)
    report = collect(store, GcOptions(dry_run=True, measure=True))
    assert store.changes == 0
    assert "to free    0 objects" in str(report)
    assert "freed" not in str(report)
    assert report.dry_run
    assert report.pending.objects == 4
    assert "nothing was changed" in str(report)


def test_tags_branches_and_their_ancestors_keep_what_they_need() -> None:
    repository, _ = old_orphans()
    repository.branches.create("side", at="main~1")
    write(repository, 7, branch="side")
    repository.tags.create("v1", at="side")
    repository.branches.delete("side", force=True)
    age(repository.store, 3 * DAY)
    assert collect_twice(repository).freed.objects == 4
    assert read_everything(repository.store) == 5


def test_a_deleted_branch_is_garbage_once_its_deletion_expires() -> None:
    repository = new_repository()
    repository.branches.create("side", at="main")
    lost = write(repository, 7, branch="side")
    repository.branches.delete("side", force=True)
    age(repository.store, 3 * DAY)
    assert collect_twice(repository).freed.objects == 0
    assert collect_twice(repository, GcOptions(expire=timedelta(0))).freed.objects == 2
    with pytest.raises(NotFoundError):
        Repository(repository.store).checkout(lost)


def test_the_log_of_a_branch_keeps_what_it_left_until_that_expires() -> None:
    repository = new_repository()
    left = write(repository, 7)
    branch = internals(repository).refs.get_branch("main")
    internals(repository).refs.move_branch(branch, repository.resolve("main~1"), action="reset")
    age(repository.store, 3 * DAY)
    assert collect_twice(repository).freed.objects == 0
    repository.checkout(left)

    collect(repository.store, GcOptions(expire=timedelta(0)))
    pass_grace(repository.store)
    report = collect(repository.store, GcOptions(expire=timedelta(0)))
    assert report.freed.objects == 2
    assert read_everything(repository.store) == 4
    # What the log still names is gone, which is no reason to refuse.
    assert collect(repository.store).pending.objects == 0


def test_what_is_written_again_while_pending_is_kept() -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    pass_grace(repository.store)
    tx = repository.transaction("main", message="Write what an abandoned one wrote")
    tx["x"][:CHUNK] = np.arange(CHUNK) - 2000  # the very pack of `abandon(1)`
    tx.commit()
    report = collect(repository.store)
    assert report.kept.objects == 1
    assert report.freed.objects == 3
    assert read_everything(repository.store) == 5


def test_a_commit_that_refers_to_pending_objects_saves_them() -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    pass_grace(repository.store)
    key = next(key for key in orphans(repository.store) if _is_orphan_commit(repository, key))
    branch = internals(repository).refs.get_branch("main")
    digest = object_keys.digest_at(key)
    assert digest is not None
    internals(repository).refs.move_branch(branch, digest, action="reset")
    report = collect(repository.store)
    assert (report.freed.objects, report.kept.objects) == (2, 2)
    assert read_everything(repository.store) == 5


def _is_orphan_commit(repository: Repository, key: str) -> bool:
    reached = {commit.id for commit in repository.log("main")}
    return key.startswith(object_keys.COMMITS) and object_keys.digest_at(key) not in reached


def pending_commit(repository: Repository) -> str:
    found = [key for key in orphans(repository.store) if _is_orphan_commit(repository, key)]
    return str(object_keys.digest_at(found[0]))


def test_a_pending_commit_gets_no_name_unless_collecting_is_cancelled() -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    lost = pending_commit(repository)
    with pytest.raises(ConflictError, match="about to delete it"):
        repository.branches.create("rescue", at=lost)
    assert "nothing is pending" in str(cancel(repository.store))
    repository.branches.create("rescue", at=lost)
    pass_grace(repository.store)
    assert collect_twice(repository).freed.objects == 2
    assert read_everything(repository.store) == 5


def test_lists_of_collections_that_are_over_go_away() -> None:
    repository, _ = old_orphans()
    collect_twice(repository)
    left = {key for key in contents(repository.store) if key.startswith("gc/")}
    kept = (object_keys.COLLECTION_STATE, object_keys.COLLECTION_CLOCK, object_keys.COLLECTION_REFS)
    assert left == set(kept)


def test_a_list_that_nobody_published_goes_away_when_it_is_old() -> None:
    repository = new_repository()
    stray = object_keys.pending_part("00ff", 0)
    repository.store.put(stray, b"{}")
    collect(repository.store)
    assert stray in contents(repository.store)
    pass_grace(repository.store, 2 * DAY)
    collect(repository.store)
    assert stray not in contents(repository.store)


def test_a_list_that_was_lost_ends_the_collection() -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    pass_grace(repository.store)
    for key in contents(repository.store):
        if object_keys.pending_epoch(key):
            repository.store.delete(key)
    before = orphans(repository.store)
    report = collect(repository.store)
    assert orphans(repository.store) == before
    assert report.freed.objects == 0
    assert report.pending.objects == 4  # a new list


@pytest.mark.parametrize("prefix", ["commits/", "index/"])
def test_nothing_is_listed_where_something_needed_is_missing(prefix: str) -> None:
    repository = big_index()
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    needed = [key for key in contents(repository.store) if key.startswith(prefix)]
    live = {object_keys.commit(Digest(commit.id)) for commit in repository.log("main")}
    victim = next(key for key in needed if prefix == "index/" or key in live)
    repository.store.delete(victim)
    with pytest.raises(CorruptionError, match="repair_from"):
        collect(repository.store)
    repository.store.put(victim, b"not what it was")
    with pytest.raises(CorruptionError, match="repair_from"):
        collect(repository.store)


def big_index() -> Repository:
    """Return a repository whose array needs index pages of its own."""
    repository = new_repository()
    with repository.transaction("main", message="Many chunks") as tx:
        many = tx.create_array("many", shape=(2000,), dtype="int64", chunk_shape=(1,))
        many[:] = np.arange(2000) + 1
    with repository.transaction("main", message="One of them") as tx:
        tx["many"][700] = -5
    return repository


def test_pages_that_only_garbage_needs_go_and_shared_ones_stay() -> None:
    repository = big_index()
    tx = repository.transaction("main", message="Lost")
    tx["many"][3] = -3
    internals(tx).write()
    needed = orphans(repository.store) - collectable(repository)
    age(repository.store, 3 * DAY)
    assert collect_twice(repository).freed.objects == 3  # commit, page, pack
    assert orphans(repository.store) == needed
    array = Repository(repository.store).checkout("main")["many"]
    assert isinstance(array, vstore.Array)
    assert np.array_equal(array[:], np.where(np.arange(2000) == 700, -5, np.arange(2000) + 1))


def collectable(repository: Repository) -> set[str]:
    copy = MemoryStore()
    for key, data in contents(repository.store).items():
        copy.put(key, data)
    age(copy, 3 * DAY)
    before = orphans(copy)
    collect(copy, NOW)
    return set(before - orphans(copy))


def test_something_unknown_among_the_refs_stops_everything() -> None:
    repository, _ = old_orphans()
    repository.store.put(Key("refs/stashes/x.json"), b"{}")
    with pytest.raises(FormatError, match="neither a branch nor a tag"):
        collect(repository.store)


def test_what_is_not_vstores_is_left_alone() -> None:
    repository, _ = old_orphans()
    foreign = Key("packs/README.txt")
    repository.store.put(foreign, b"mine")
    age(repository.store, 3 * DAY)
    collect_twice(repository)
    assert contents(repository.store)[foreign] == b"mine"


def test_a_place_without_a_repository_is_refused_untouched() -> None:
    store = MemoryStore()
    with pytest.raises(NotFoundError, match="no vstore repository"):
        collect(store)
    assert contents(store) == {}


def test_a_lease_spares_what_a_long_transaction_uploaded(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = new_repository()
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.0)
    tx = repository.transaction("main", message="A long import")
    tx["x"][:CHUNK] = np.arange(CHUNK) + 77
    internals(tx).staged.flush()
    internals(tx)._writer.finish()
    assert [info.key for info in repository.store.list_prefix(object_keys.LEASES)]
    before = orphans(repository.store)
    # The pack is three days old, the transaction older; its lease was renewed just now.
    age(repository.store, 3 * DAY, prefixes=("packs/",))
    pretend_age(repository, 4 * DAY)
    report = collect(repository.store)
    assert report.pending.objects == 0
    assert report.young.objects == 1
    assert orphans(repository.store) == before
    tx.discard()
    assert not [info.key for info in repository.store.list_prefix(object_keys.LEASES)]


def pretend_age(repository: Repository, by: timedelta) -> None:
    for info in list(repository.store.list_prefix(object_keys.LEASES)):
        found = collection.LeaseDocument(1, "t", by.total_seconds())
        repository.store.put(info.key, collection.encode(found))


def test_a_lease_that_lapsed_spares_nothing_and_goes_away() -> None:
    repository, needed = old_orphans()
    dead = collection.LeaseDocument(1, "t", (9 * DAY).total_seconds())
    repository.store.put(object_keys.lease("t"), collection.encode(dead))
    assert collect(repository.store).pending.objects == 0
    age(repository.store, 25 * HOUR, prefixes=(object_keys.LEASES,))
    assert collect(repository.store).pending.objects == 4
    pass_grace(repository.store)
    collect(repository.store)
    assert orphans(repository.store) == needed
    assert not list(repository.store.list_prefix(object_keys.LEASES))


def test_dead_space_inside_live_packs_is_measured() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Two chunks in one pack") as tx:
        tx["x"][:] = np.random.default_rng(0).integers(0, 2**60, 100)
    repository.tags.create("whole")
    report = collect(repository.store, GcOptions(measure=True))
    assert report.dead is not None
    assert report.dead.nbytes == 0
    with repository.transaction("main", message="Keep one") as tx:
        tx["x"][CHUNK:] = 1
    report = collect(repository.store, GcOptions(measure=True))
    assert report.dead is not None
    assert (report.dead.nbytes, report.dead.mostly_dead) == (0, 0)  # history needs it all


def test_progress_is_told_and_may_stop_it() -> None:
    repository, _ = old_orphans()
    steps: list[ProgressStep] = []
    collect(repository.store, NOW, progress=steps.append)
    assert {"walking commits", "deleting"} <= {step.phase for step in steps}

    def stop(_: ProgressStep) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(repository.store, NOW, progress=stop)


def test_impossible_durations_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="grace"):
        GcOptions(grace=-DAY)


def test_a_local_repository_is_collected_alike(tmp_path: Path) -> None:
    repository = new_repository(str(tmp_path / "repository"))
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    collect(repository.store)
    pass_grace(repository.store)
    report = collect(repository.store)
    assert report.freed.objects == 2
    assert read_everything(repository.store) == 4
    plain = report.to_dict()
    assert plain["freed"]["objects"] == 2
    assert plain["examined"]["commits"] >= 4


def test_the_front_door_collects(tmp_path: Path) -> None:
    repository = new_repository(str(tmp_path / "repository"))
    abandon(repository, 1)
    assert repository.gc(dry_run=True).live.objects == 9
    age(repository.store, 3 * DAY)
    assert repository.gc(grace=HOUR).pending.objects == 2
    assert repository.gc(cancel=True).cancelled
    assert repository.gc(grace=timedelta(0)).freed.objects == 2
    assert repository.fsck(mode="full").is_sound


NAMINGS: dict[str, Callable[[Repository, str], object]] = {
    "branch": lambda repository, lost: repository.branches.create("late", at=lost),
    "tag": lambda repository, lost: repository.tags.create("late", at=lost),
    "prefix": lambda repository, lost: repository.tags.create("late", at=lost[:12]),
    "reset": lambda repository, lost: repository.reset("main", to=lost),
    "merge": lambda repository, lost: repository.merge(lost),
    "cherry-pick": lambda repository, lost: repository.cherry_pick(lost),
    "revert": lambda repository, lost: repository.revert(lost),
    "rebase": lambda repository, lost: repository.rebase("main", onto=lost),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_nothing_is_built_on_a_pending_commit(naming: str) -> None:
    repository, _ = old_orphans()
    collect(repository.store)
    lost = pending_commit(repository)
    before = repository.resolve("main")
    with pytest.raises(ConflictError, match="about to delete it"):
        NAMINGS[naming](repository, lost)
    assert repository.resolve("main") == before
    assert list(repository.tags) == []
    assert list(repository.branches) == ["main"]


@pytest.mark.parametrize("naming", NAMINGS)
def test_nothing_is_built_on_a_commit_that_only_a_cache_remembers(naming: str) -> None:
    repository, _ = old_orphans()
    lost = pending_commit(repository)
    repository.checkout(lost)  # now the handle has it
    collect(repository.store, NOW)
    with pytest.raises((ConflictError, NotFoundError)):
        NAMINGS[naming](repository, lost)
    assert read_everything(repository.store) == 4


@pytest.mark.s3
def test_a_bucket_is_collected_by_its_own_clock(s3_bucket: Bucket) -> None:
    url, options = s3_bucket.fresh_url(), s3_bucket.storage_options
    repository = vstore.create(url, storage_options=options, author="Ann")
    fill(repository)
    abandon(repository, 1)
    time.sleep(1.1)  # the clock of S3 ticks in seconds
    report = repository.gc(grace=timedelta(seconds=1), wait=True)
    assert report.freed.objects == 2
    write(repository, 5)
    assert read_everything(repository.store) == 5
    assert repository.fsck(mode="full").unreferenced.objects == 0
