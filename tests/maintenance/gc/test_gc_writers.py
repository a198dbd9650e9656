"""Writers and a collection side by side: a commit is whole, or it fails and says why."""

import threading
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

import vstore
from tests.maintenance.scenes import CHUNK, abandon, new_repository, read_everything, write
from tests.maintenance.stores import DAY, Killed, MortalStore, age, orphans, pass_grace
from vstore import ConflictError, Repository
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.history import fence
from vstore.history.closure import fresh_objects
from vstore.maintenance.gc import state as states
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.marking import Live, mark
from vstore.maintenance.gc.options import GcOptions
from vstore.maintenance.gc.state import State
from vstore.storage.counting import CountingStore
from vstore.storage.store import Key, ObjectStore
from vstore.writing.transaction import Transaction

NOW = GcOptions(grace=timedelta(0))
AT_ONCE = GcOptions(grace=timedelta(0), expire=timedelta(0))


def begin(repository: Repository, number: int, *, branch: str = "main") -> Transaction:
    """Begin a transaction and upload its pack."""
    tx = repository.transaction(branch, message=f"Late {number}")
    tx["x"][:CHUNK] = np.arange(CHUNK) + 7_000 * number
    internals(tx).staged.flush()
    internals(tx)._writer.finish()
    return tx


def fresh(repository: Repository) -> Repository:
    return Repository(repository.store, author=repository.author)


def test_a_writer_that_commits_past_the_grace_period_fails_cleanly() -> None:
    repository = new_repository()
    tx = begin(repository, 1)
    age(repository.store, 3 * DAY)
    collect(repository.store)
    pass_grace(repository.store)
    assert collect(repository.store).freed.objects == 1
    before = repository.resolve("main")
    with pytest.raises(ConflictError, match="begin another transaction"):
        tx.commit()
    assert fresh(repository).resolve("main") == before
    assert read_everything(repository.store) == 4
    write(fresh(repository), 9)
    age(repository.store, 3 * DAY)
    collect(repository.store, NOW)
    assert read_everything(repository.store) == 5
    assert len(orphans(repository.store)) == 9


def test_a_writer_stopped_between_its_last_look_and_its_move_fails_cleanly() -> None:
    """No clock can tell: only the mark on the branch does."""
    repository = new_repository()
    store = MortalStore(repository.store)
    tx = begin(Repository(store), 1)

    def collect_meanwhile(verb: str, key: Key) -> None:
        if verb == "compare_and_swap" and key == object_keys.branch("main"):
            store.before = lambda *_: None
            age(repository.store, 3 * DAY)
            collect(repository.store, NOW)

    store.before = collect_meanwhile
    with pytest.raises(ConflictError, match="begin another transaction"):
        tx.commit()
    assert read_everything(repository.store) == 4


def test_a_short_transaction_that_meets_a_collection_commits() -> None:
    repository = new_repository()
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    tx = begin(repository, 1)
    collect(repository.store)
    pass_grace(repository.store)
    assert collect(repository.store).freed.objects == 2
    made = tx.commit()
    assert made is not None
    assert made.parents == (repository.resolve("main~1"),)
    assert read_everything(repository.store) == 5


def test_a_long_transaction_that_commits_before_the_sweep_keeps_its_objects() -> None:
    repository = new_repository()
    tx = begin(repository, 1)
    age(repository.store, 3 * DAY)
    assert collect(repository.store).pending.objects == 1
    tx.commit()
    pass_grace(repository.store)
    report = collect(repository.store)
    assert (report.freed.objects, report.kept.objects) == (0, 1)
    assert read_everything(repository.store) == 5


def test_a_transaction_whose_branch_was_deleted_and_collected_fails_cleanly() -> None:
    repository = new_repository()
    repository.branches.create("side", at="main")
    write(repository, 5, branch="side")
    tx = begin(repository, 1, branch="side")
    repository.branches.delete("side", force=True)
    age(repository.store, 3 * DAY)
    collect(repository.store, AT_ONCE)
    with pytest.raises(vstore.VstoreError):
        tx.commit()
    repository.branches.create("side", at="main")
    assert read_everything(repository.store) == 4


def test_a_merge_of_a_branch_that_is_deleted_and_collected_fails_cleanly() -> None:
    repository = new_repository()
    repository.branches.create("side", at="main")
    theirs = write(repository, 5, branch="side")
    main = internals(repository).refs.get_branch("main")
    repository.branches.delete("side", force=True)
    age(repository.store, 3 * DAY)
    collect(repository.store, AT_ONCE)
    # The merge read main before; its first attempt is refused, its second looks closer.
    assert internals(repository).refs.move_branch(main, Digest(theirs), action="merge") is None
    marked = internals(repository).refs.get_branch("main")
    begun = main.document.fence
    with pytest.raises(ConflictError, match="begin another transaction"):
        internals(repository).refs.move_branch(marked, Digest(theirs), action="merge", begun=begun)
    assert read_everything(repository.store) == 4


def half_swept(*, deletions: int) -> tuple[Repository, MortalStore]:
    """Return a repository in which a collection died after some deletions."""
    repository = new_repository()
    for number in range(4):
        abandon(repository, number)
    age(repository.store, 3 * DAY)
    collect(repository.store)
    pass_grace(repository.store)
    store = MortalStore(repository.store)
    died = 0

    def die(verb: str, key: Key) -> None:
        nonlocal died
        if verb == "delete" and not key.startswith("gc/"):
            died += 1
            if died > deletions:
                raise Killed

    store.before = die
    with pytest.raises(Killed):
        collect(store)
    found = State.read(repository.store).document
    assert found is not None
    assert found.is_sweeping
    return repository, store


@pytest.mark.parametrize("deletions", range(8))
def test_a_commit_that_a_killed_collection_left_lacks_nothing(deletions: int) -> None:
    repository, _ = half_swept(deletions=deletions)
    left = [key for key in orphans(repository.store) if key.startswith("commits/")]
    digests = [digest for key in left if (digest := object_keys.digest_at(key)) is not None]
    for key in fresh_objects_of(repository.store, digests):
        assert repository.store.get(key)


def fresh_objects_of(store: ObjectStore, digests: list[Digest]) -> set[Key]:
    return {need.key for digest in digests for need in fresh_objects(store, digest, None)}


def test_a_writer_commits_what_is_not_pending_after_a_collection_died() -> None:
    repository, _ = half_swept(deletions=1)
    write(fresh(repository), 8)
    assert read_everything(repository.store) == 5


def test_a_writer_does_not_reuse_what_is_being_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pack has the digest of a pending one, which may vanish at any moment."""
    monkeypatch.setattr(fence, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(fence, "_POLL_SECONDS", 0.01)
    repository, _ = half_swept(deletions=1)
    with (
        pytest.raises(ConflictError, match="garbage collection has been deleting"),
        fresh(repository).transaction("main", message="The same") as tx,
    ):
        tx["x"][:CHUNK] = np.arange(CHUNK) - 2000
    assert read_everything(repository.store) == 4


def test_a_writer_waits_until_the_deletions_that_concern_it_are_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fence, "_POLL_SECONDS", 0.01)
    repository, _ = half_swept(deletions=1)
    tx = fresh(repository).transaction("main", message="The same")
    tx["x"][:CHUNK] = np.arange(CHUNK) - 2000
    internals(tx).staged.flush()
    internals(tx)._writer.finish()
    ending = threading.Timer(0.2, lambda: collect(repository.store, GcOptions(take_over=True)))
    ending.start()
    made = tx.commit()
    ending.join()
    assert made is not None
    assert read_everything(repository.store) == 5


def test_a_branch_made_while_something_is_pending_is_fenced() -> None:
    repository = new_repository()
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    collect(repository.store)
    repository.branches.create("side", at="main")
    mark = internals(repository).refs.get_branch("side").document.fence
    assert mark is not None
    assert mark.open


def test_marks_tell_a_collection_that_waits_from_one_that_is_over() -> None:
    """A branch made while one waits is moved once before and once after it deletes."""
    repository = new_repository()
    tx = begin(repository, 1)  # the garbage, of a transaction that never ends
    age(repository.store, 3 * DAY)
    collect(repository.store)
    repository.branches.create("side", at="main")
    write(repository, 5, branch="side")
    late = fresh(repository).transaction("side", message="Late")
    late["x"][:CHUNK] = np.arange(CHUNK) + 7_000  # the very pack of `tx`
    internals(late).staged.flush()
    internals(late)._writer.finish()
    pass_grace(repository.store)
    assert collect(repository.store).kept.objects == 1
    for info in list(repository.store.list_prefix("packs/")):
        if info.key not in reachable_packs(repository):
            repository.store.delete(info.key)  # as if it had been listed before it was rewritten
    write(fresh(repository), 6, branch="side")
    with pytest.raises(ConflictError, match="begin another transaction"):
        late.commit()
    tx.discard()
    assert read_everything(repository.store) == 6


def reachable_packs(repository: Repository) -> set[str]:
    live = Live()
    names = [*repository.branches]
    mark(repository.store, {repository.branches[name] for name in names}, live)
    return {
        info.key
        for info in repository.store.list_prefix("packs/")
        if Digest(info.key.rpartition("/")[2]) in live.digests
    }


def test_the_first_commit_of_all_looks_for_what_was_taken() -> None:
    repository = vstore.create("memory://first-of-all", author="Ann")
    tx = repository.transaction("main", message="First")
    tx.create_array("x", shape=(100,), dtype="int64", chunk_shape=(10,))[:] = 5
    internals(tx).staged.flush()
    internals(tx)._writer.finish()
    age(repository.store, 3 * DAY)
    assert collect(repository.store, NOW).freed.objects == 1
    with pytest.raises(ConflictError, match="begin another transaction"):
        tx.commit()
    assert list(repository.branches) == []


def test_a_slow_creation_of_a_branch_is_taken_back_if_its_commit_was_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fence, "SLOW_SECONDS", -1.0)
    repository = new_repository()
    abandon(repository, 1)
    lost = next(
        digest
        for key in orphans(repository.store)
        if key.startswith("commits/")
        and (digest := object_keys.digest_at(key)) is not None
        and digest not in {commit.id for commit in repository.log()}
    )
    store = MortalStore(repository.store)

    def collect_meanwhile(verb: str, key: Key) -> None:
        if verb == "put_if_absent" and key == object_keys.branch("late"):
            store.before = lambda *_: None
            age(repository.store, 3 * DAY)
            collect(repository.store, NOW)

    store.before = collect_meanwhile
    with pytest.raises(ConflictError, match="not in"):
        Repository(store).branches.create("late", at=lost)
    assert list(repository.branches) == ["main"]


def requests_of(store: ObjectStore, act: Callable[[Repository], object]) -> int:
    counting = CountingStore(store)
    act(Repository(counting))
    return len(counting.requests)


def test_transactions_pay_only_for_the_collection_that_they_meet() -> None:
    repository = new_repository()
    usual = requests_of(repository.store, lambda found: write(found, 11))
    assert usual == 4
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    collect(repository.store, NOW)
    assert requests_of(repository.store, lambda found: write(found, 12)) <= usual + 8
    assert requests_of(repository.store, lambda found: write(found, 13)) == usual
    collect(repository.store, NOW)  # finds nothing, and so marks nothing
    assert requests_of(repository.store, lambda found: write(found, 14)) == usual


def test_two_collections_do_not_delete_at_once() -> None:
    repository, _ = half_swept(deletions=1)
    with pytest.raises(ConflictError, match="another garbage collection is deleting"):
        collect(repository.store)
    assert collect(repository.store, GcOptions(take_over=True)).freed.objects == 7
    assert read_everything(repository.store) == 4


def test_a_collection_that_died_is_taken_over_once_it_has_been_silent() -> None:
    repository, _ = half_swept(deletions=2)
    pass_grace(repository.store, timedelta(minutes=11))
    assert collect(repository.store).freed.objects == 6


def test_a_collection_that_was_taken_over_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "BEAT_SECONDS", -1.0)
    repository = new_repository()
    for number in range(4):
        abandon(repository, number)
    age(repository.store, 3 * DAY)
    store = MortalStore(repository.store)
    taken_over = False

    def take_over(verb: str, key: Key) -> None:
        nonlocal taken_over
        if verb == "delete" and key.startswith("commits/") and not taken_over:
            taken_over = True
            State.read(repository.store).entering("sweeping")

    store.before = take_over
    with pytest.raises(ConflictError, match="so this one ended"):
        collect(store, NOW)
    collect(repository.store, GcOptions(take_over=True))
    assert read_everything(repository.store) == 4


def test_a_collection_that_was_stopped_for_long_deletes_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository = new_repository()
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    before = orphans(repository.store)
    monkeypatch.setattr(states, "TAKE_OVER_SECONDS", -1.0)
    with pytest.raises(ConflictError, match="stopped for minutes"):
        collect(repository.store, NOW)
    assert orphans(repository.store) == before


@pytest.mark.parametrize("changes", range(14))
def test_a_collection_killed_before_any_change_is_finished_by_the_next(changes: int) -> None:
    repository = new_repository()
    needed = set(orphans(repository.store))
    for number in range(2):
        abandon(repository, number)
    age(repository.store, 3 * DAY)
    dying = MortalStore(repository.store, changes)
    try:
        collect(dying, NOW)
    except Killed:
        pass
    else:
        assert changes >= 12
    assert read_everything(repository.store) == 4
    write(fresh(repository), 20)
    collect(repository.store, GcOptions(grace=timedelta(0), take_over=True))
    collect(repository.store, NOW)
    assert needed <= orphans(repository.store)
    assert len(orphans(repository.store)) == len(needed) + 2
    assert read_everything(repository.store) == 5


MOVES: dict[str, Callable[[Repository], object]] = {
    "delete": lambda repository: repository.branches.delete("side", force=True),
    "rename": lambda repository: repository.branches.rename("side", "aside"),
    "reset": lambda repository: repository.reset("side", to="main~2"),
    "undo": lambda repository: repository.undo("side"),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_branch_is_moved_and_deleted_though_a_collection_marks_it_just_then(name: str) -> None:
    repository = new_repository()
    repository.branches.create("side", at="main")
    write(repository, 5, branch="side")
    abandon(repository, 1)
    age(repository.store, 3 * DAY)
    store = MortalStore(repository.store)
    before = repository.resolve("side")

    def collect_meanwhile(verb: str, key: Key) -> None:
        if verb == "compare_and_swap" and key == object_keys.branch("side"):
            store.before = lambda *_: None
            assert collect(repository.store, NOW).freed.objects > 0

    store.before = collect_meanwhile
    MOVES[name](Repository(store, author=repository.author))
    after = internals(fresh(repository)).refs.find_branch("side")
    assert after is None or after.commit != before
    read_everything(repository.store)
