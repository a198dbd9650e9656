"""Packs that are mostly dead are repacked, and every commit is read as before."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pytest

import vstore
from tests.format.second_reader import SecondReader
from tests.maintenance.gc.test_gc_threads import keep_reading
from tests.maintenance.scenes import CHUNK, LENGTH, new_repository
from tests.maintenance.stores import DAY, Killed, MortalStore, age, contents, pass_grace
from vstore import ConflictError, FormatError, Repository
from vstore.exporters.references import export_refs
from vstore.faces import internals
from vstore.format import document, forwarding, object_keys
from vstore.format.digest import Digest, digest_of
from vstore.format.forwarding import MovedDocument
from vstore.format.nodes import ArrayNode
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.reader import Reader
from vstore.reading.array import StoredArray, read
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectStore

CHUNKS = LENGTH // CHUNK
NONE = timedelta(0)
REPACK = GcOptions(expire=NONE, repack=0.5)
NOW = GcOptions(grace=NONE, expire=NONE, repack=0.5, take_over=True)
FULL = FsckOptions(mode="full", decode=True)


def values(seed: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.random.default_rng(seed).integers(0, 2**60, LENGTH)


def rewrite(repository: Repository, seed: int, *, keep: int) -> str:
    """Write all chunks into one pack, then all but `keep` again; forget what was between."""
    before = repository.branches["main"]
    for first in (0, keep):
        with repository.transaction("main", message="Write") as tx:
            tx["x"][first * CHUNK :] = values(seed + first)[first * CHUNK :]
    return repository.squash("main", since=before, message=f"Write {seed}").id


@pytest.fixture
def repository() -> Repository:
    """Return a repository with a pack of which two chunks of ten are needed."""
    made = new_repository()
    rewrite(made, 1, keep=2)
    return made


def everything(store: ObjectStore) -> dict[str, bytes]:
    """Return what every commit on the branches holds, read by a fresh handle."""
    repository = Repository(store)
    return {
        commit.id: repository.checkout(commit.id)["x"][:].tobytes()
        for name in repository.branches
        for commit in repository.log(name)
    }


def packs(store: ObjectStore) -> set[Key]:
    return {info.key for info in store.list_prefix(object_keys.PACKS)}


def thinned(repository: Repository, options: GcOptions = REPACK) -> Digest:
    """Collect garbage twice, with the grace period in between; return the pack that went."""
    before = packs(repository.store)
    age(repository.store, 3 * DAY)
    first = collect(repository.store, options)
    assert first.repacked is not None
    assert first.repacked.packs == 1
    pass_grace(repository.store)
    collect(repository.store, options)
    (pack,) = {
        digest
        for info in repository.store.list_prefix(object_keys.MOVED)
        if (digest := object_keys.moved_at(info.key)) and object_keys.pack(digest) in before
    } - set(map(object_keys.digest_at, packs(repository.store)))
    assert pack is not None
    return pack


def test_a_pack_that_is_mostly_dead_is_repacked(repository: Repository) -> None:
    store = repository.store
    before, nbytes = (
        everything(store),
        sum(info.nbytes for info in store.list_prefix(object_keys.PACKS)),
    )
    age(store, 3 * DAY)
    report = collect(store, REPACK)
    assert report.repacked is not None
    assert report.repacked.packs == 1
    assert report.repacked.dead_nbytes == 4 * report.repacked.kept_nbytes > 8 * CHUNK * 8
    assert f"{report.repacked.packs} pack" in str(report)
    assert report.to_dict()["repacked"]["packs"] == 1
    assert everything(store) == before
    assert fsck(store, FULL).is_sound
    pass_grace(store)
    freed = collect(store, REPACK).freed
    assert freed.nbytes > report.repacked.dead_nbytes
    assert everything(store) == before
    left = sum(info.nbytes for info in store.list_prefix(object_keys.PACKS))
    assert left <= nbytes - report.repacked.dead_nbytes
    sound = fsck(store, FULL)
    assert sound.is_sound
    assert sound.unreferenced.objects == 0
    assert sound.chunks_verified > 0
    again = collect(store, NOW)
    assert again.freed.objects == 0
    assert again.repacked is not None
    assert again.repacked.packs == 0


def test_a_dry_run_says_what_would_be_repacked_and_changes_nothing(
    repository: Repository,
) -> None:
    age(repository.store, 3 * DAY)
    before = contents(repository.store)
    report = collect(repository.store, GcOptions(expire=NONE, repack=0.5, dry_run=True))
    assert contents(repository.store) == before
    assert report.repacked == collect(repository.store, REPACK).repacked


@pytest.mark.parametrize(("share", "packs_thinned"), [(0.79, 1), (0.8, 1), (0.81, 0), (1.0, 0)])
def test_the_share_says_how_dead_a_pack_must_be(
    repository: Repository, share: float, packs_thinned: int
) -> None:
    age(repository.store, 3 * DAY)
    report = collect(repository.store, GcOptions(expire=NONE, repack=share))
    assert report.repacked is not None
    assert report.repacked.packs == packs_thinned


def test_packs_stay_whole_unless_it_is_asked_for(repository: Repository) -> None:
    age(repository.store, 3 * DAY)
    report = collect(repository.store, GcOptions(grace=NONE, expire=NONE))
    assert report.repacked is None
    assert not list(repository.store.list_prefix(object_keys.MOVED))
    for share in (0, -1, 1.5):
        with pytest.raises(vstore.InvalidInputError, match="repack"):
            repository.gc(repack=share)


def test_looking_for_chunks_that_moved_costs_two_requests_once(repository: Repository) -> None:
    def cost() -> int:
        store = CountingStore(repository.store)
        array: Any = Repository(store).checkout(head)["x"]
        assert array[0] == values(1)[0]
        first = store.count()
        assert array[CHUNK] == values(1)[CHUNK]
        assert store.count() == first + 1
        return first

    head = repository.branches["main"]
    usual = cost()
    thinned(repository)
    assert cost() == usual + 2


def test_a_reader_that_knows_the_old_place_falls_back(repository: Repository) -> None:
    array: Any = Repository(repository.store).checkout("main")["x"]
    assert array[0] == values(1)[0]
    thinned(repository)
    assert array[:].tolist() == [*values(1)[: 2 * CHUNK], *values(3)[2 * CHUNK :]]


def test_a_pack_is_repacked_again_and_again() -> None:
    """The reader that followed the first step knows a place that goes by the second."""
    repository = new_repository()
    rewrite(repository, 1, keep=6)
    expected = values(1)[: 6 * CHUNK]
    reader: Any = Repository(repository.store).checkout("main")["x"]
    kept = internals(repository.checkout("main")).tree.get("x")
    thinned(repository, GcOptions(expire=NONE, repack=0.3))
    assert reader[0] == expected[0]
    with repository.transaction("main", message="Write all but one of them anew") as tx:
        tx["x"][: 5 * CHUNK] = values(9)[: 5 * CHUNK]
    root = list(repository.log())[-1].id
    repository.squash("main", since=root, message="Forget all that was before")
    before = everything(repository.store)
    age(repository.store, 3 * DAY, prefixes=("packs/", "commits/", "moved/"))
    again = collect(repository.store, NOW).repacked
    assert again is not None
    assert again.packs == 1
    assert everything(repository.store) == before
    assert len(list(repository.store.list_prefix(object_keys.MOVED))) == 2
    assert fsck(repository.store, FULL).is_sound
    assert collect(repository.store, NOW).freed.objects == 0
    assert reader[5 * CHUNK : 6 * CHUNK].tolist() == expected[5 * CHUNK :].tolist()
    assert isinstance(kept, ArrayNode)
    left_out = StoredArray(internals(Repository(repository.store)).fetcher, kept, path="x")
    assert read(left_out, slice(5 * CHUNK, 6 * CHUNK)).tolist() == expected[5 * CHUNK :].tolist()
    with pytest.raises(vstore.CorruptionError, match="missing"):
        read(left_out, 0)


def unreachable_node(repository: Repository) -> Any:
    """Return the array of a commit that no ref leads to, whose chunks lie in the pack."""
    lost = [
        commit
        for info in repository.store.list_prefix(object_keys.COMMITS)
        if (commit := object_keys.digest_at(info.key))
        and commit not in everything(repository.store)
    ]
    found = [internals(repository.checkout(commit)).tree.get("x") for commit in lost]
    return next(
        node for node in found if node != internals(repository.checkout("main")).tree.get("x")
    )


def test_a_commit_that_needs_what_was_left_out_is_refused(repository: Repository) -> None:
    """It began before the collection, and refers to chunks that nothing else does by now."""
    node = unreachable_node(repository)
    tx = repository.transaction("main", message="Bring back the old state")
    internals(tx).staged.put_node("x", node)
    thinned(repository)
    before = everything(repository.store)
    with pytest.raises(ConflictError, match="begin another transaction"):
        tx.commit()
    assert everything(repository.store) == before


def test_a_pack_is_kept_when_a_commit_came_to_need_more_of_it(repository: Repository) -> None:
    node = unreachable_node(repository)
    tx = repository.transaction("main", message="Bring back the old state")
    internals(tx).staged.put_node("x", node)
    age(repository.store, 3 * DAY)
    pack = packs(repository.store)
    collect(repository.store, REPACK)
    assert tx.commit() is not None
    pass_grace(repository.store)
    report = collect(repository.store, REPACK)
    assert report.kept.objects > 0
    assert pack <= packs(repository.store)
    everything(repository.store)
    assert fsck(repository.store, FULL).is_sound


def test_a_pack_is_kept_when_what_was_kept_of_it_is_damaged(repository: Repository) -> None:
    age(repository.store, 3 * DAY)
    before = packs(repository.store)
    collect(repository.store, REPACK)
    (made,) = packs(repository.store) - before
    repository.store.put(made, b"something else")
    pass_grace(repository.store)
    assert collect(repository.store, REPACK).kept.objects == 1
    assert before <= packs(repository.store)
    everything(repository.store)


def test_another_collection_does_not_count_on_what_this_one_left_out(
    repository: Repository,
) -> None:
    """What a pack went into is told anew, of less: the list of before is not followed then."""
    age(repository.store, 3 * DAY)
    collect(repository.store, REPACK)
    (info,) = list(repository.store.list_prefix(object_keys.MOVED))
    pack = object_keys.moved_at(info.key)
    assert pack is not None
    found = forwarding.decode(repository.store.get(info.key), pack)
    runs = [(found.document.runs[0][0], CHUNK)]
    into = repository.store.get(object_keys.pack(found.into.digest))[:CHUNK]
    repository.store.put(object_keys.pack(digest_of(into)), into)
    less = MovedDocument(1, pack, (digest_of(into), len(into)), runs)
    repository.store.put(info.key, forwarding.encode(less))
    pass_grace(repository.store)
    collect(repository.store, REPACK)
    assert object_keys.pack(pack) in packs(repository.store)
    everything(repository.store)


@pytest.mark.parametrize("calls", [1, 2], ids=["listing", "sweeping"])
def test_a_collection_that_is_killed_anywhere_leaves_all_readable(calls: int) -> None:
    points = 0
    while True:
        repository = new_repository()
        rewrite(repository, 1, keep=2)
        before = everything(repository.store)
        age(repository.store, 3 * DAY)
        for _ in range(calls - 1):
            collect(repository.store, REPACK)
            pass_grace(repository.store)
        mortal = MortalStore(repository.store, changes=points)
        try:
            collect(mortal, REPACK)
        except Killed:
            is_over = False
        else:
            is_over = True
        assert everything(repository.store) == before
        assert fsck(repository.store, FULL).is_sound
        for _ in range(3):
            age(repository.store, 3 * DAY, prefixes=("commits/", "index/", "packs/", "moved/"))
            pass_grace(repository.store)
            collect(repository.store, NOW)
        assert everything(repository.store) == before
        report = fsck(repository.store, FULL)
        assert report.is_sound
        assert report.unreferenced.objects == 0
        assert len(list(repository.store.list_prefix(object_keys.MOVED))) == 1
        points += 1
        if is_over:
            break
    assert points > 5


def test_calling_it_off_keeps_the_packs(repository: Repository) -> None:
    age(repository.store, 3 * DAY)
    before = packs(repository.store)
    collect(repository.store, REPACK)
    repository.gc(cancel=True)
    age(repository.store, 3 * DAY, prefixes=("moved/", "packs/"))
    collect(repository.store, GcOptions(grace=NONE, expire=timedelta(days=60)))
    assert packs(repository.store) == before
    assert not list(repository.store.list_prefix(object_keys.MOVED))


def store_of(objects: dict[Key, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in objects.items():
        store.put(key, data)
    return store


def test_a_copy_by_plain_tools_is_whole(repository: Repository) -> None:
    thinned(repository)
    copy = store_of(contents(repository.store))
    assert everything(copy) == everything(repository.store)
    assert fsck(copy, FULL).is_sound


@pytest.mark.parametrize("what", ["document", "pack"])
@pytest.mark.parametrize("harm", ["lost", "damaged"])
@pytest.mark.parametrize("taken", ["before", "afterwards"])
def test_what_is_lost_is_restored_from_a_copy(
    repository: Repository, what: str, harm: str, taken: str
) -> None:
    """A copy from before has the whole pack: what is left of it is made of that."""
    old = contents(repository.store)
    pack = thinned(repository)
    whole = everything(repository.store)
    copy = store_of(old if taken == "before" else contents(repository.store))
    into = forwarding.decode(repository.store.get(object_keys.moved(pack)), pack).into.digest
    key = object_keys.moved(pack) if what == "document" else object_keys.pack(into)
    if harm == "lost":
        repository.store.delete(key)
    else:
        data = repository.store.get(key)
        repository.store.put(key, data[:9] + b"!" + data[10:])
    report = fsck(repository.store, FULL)
    assert not report.is_sound
    reached = {reach.path for problem in report.problems for reach in problem.reaches}
    assert reached == {"x"}
    with pytest.raises(FormatError):
        everything(repository.store)
    repaired = fsck(repository.store, FsckOptions(mode="full", repair_from=copy))
    assert repaired.problems
    assert everything(repository.store) == whole
    assert fsck(repository.store, FULL).is_sound


def test_nothing_is_deleted_while_nobody_can_tell_where_chunks_are(repository: Repository) -> None:
    pack = thinned(repository)
    repository.store.put(object_keys.moved(pack), b"{}")
    before = contents(repository.store)
    with pytest.raises(vstore.CorruptionError, match="nothing was deleted"):
        collect(repository.store, NOW)
    assert {k for k in before if not k.startswith("gc/")} <= set(contents(repository.store))


def test_reference_files_name_the_place_where_chunks_are(tmp_path: Path) -> None:
    repository = new_repository(str(tmp_path / "repository"))
    rewrite(repository, 1, keep=2)
    thinned(repository)
    export_refs(repository.checkout("main"), tmp_path / "refs.json")
    refs = json.loads((tmp_path / "refs.json").read_text())["refs"]
    found = [value for value in refs.values() if isinstance(value, list)]
    assert len(found) == CHUNKS
    for url, offset, nbytes in found:
        data = Path(url.removeprefix("file://")).read_bytes()
        assert len(data[offset : offset + nbytes]) == nbytes


def test_training_reads_chunks_that_moved(tmp_path: Path) -> None:
    repository = vstore.create(str(tmp_path / "repository"))
    with repository.transaction(message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64", rows_per_chunk=16)}
        tx.create_table("t", columns).extend({"n": np.arange(1600)})
    start = repository.branches["main"]
    for first in (0, 320):
        with repository.transaction(message="Change") as tx:
            tx["t"]["n"][first:] = values(first)[:1].item() + np.arange(1600 - first)
    repository.squash("main", since=start, message="Change")
    expected = sorted(repository.checkout()["t"]["n"][:].tolist())
    thinned(repository)
    reader = Reader(repository.checkout()["t"], batch_size=64, shuffle=True, seed=0)
    found = [n for batch in reader for n in batch["n"].tolist()]
    assert sorted(found) == expected


def documents(pack: Digest, into: Digest) -> list[Callable[[dict[str, Any]], Any]]:
    return [
        lambda doc: doc.update(pack=into),
        lambda doc: doc.update(into=[pack, doc["into"][1]]),
        lambda doc: doc.update(into=["../" * 21 + "a", doc["into"][1]]),
        lambda doc: doc.update(into=[into, 10**15]),
        lambda doc: doc.update(runs=[]),
        lambda doc: doc.update(runs=[[-5, doc["into"][1]]]),
        lambda doc: doc.update(runs=[[2**62, doc["into"][1]]]),
        lambda doc: doc.update(runs=[[10, 0], *doc["runs"]]),
        lambda doc: doc.update(runs=[*doc["runs"], *doc["runs"]]),
        lambda doc: doc.update(format=2),
        lambda doc: doc.update(more=1),
    ]


@pytest.mark.parametrize("number", range(len(documents(Digest(""), Digest("")))))
def test_a_document_that_no_vstore_writes_is_refused(number: int, repository: Repository) -> None:
    pack = thinned(repository)
    found = forwarding.decode(repository.store.get(object_keys.moved(pack)), pack)
    value = msgspec.to_builtins(found.document)
    value = msgspec.json.decode(msgspec.json.encode(value))
    documents(pack, found.into.digest)[number](value)
    forged = vstore_sealed(value)
    repository.store.put(object_keys.moved(pack), forged)
    with pytest.raises(FormatError):
        everything(repository.store)
    assert not fsck(repository.store).is_sound


def vstore_sealed(value: dict[str, Any]) -> bytes:
    return document.dumps(value | {"check": digest_of(document.dumps(value))})


def test_packs_that_lead_to_each_other_end_in_an_error(repository: Repository) -> None:
    pack = thinned(repository)
    found = forwarding.decode(repository.store.get(object_keys.moved(pack)), pack)
    nbytes = found.into.nbytes
    repository.store.delete(object_keys.pack(found.into.digest))
    start = found.document.runs[0][0]
    back = MovedDocument(1, found.into.digest, (pack, nbytes), [(0, nbytes)])
    there = MovedDocument(1, pack, (found.into.digest, nbytes), [(start, nbytes)])
    for step in (back, there):
        repository.store.put(object_keys.moved(Digest(step.pack)), forwarding.encode(step))
    with pytest.raises(vstore.CorruptionError, match="missing"):
        everything(repository.store)
    assert not fsck(repository.store, FULL).is_sound


def test_a_second_implementation_follows_chunks_that_moved(tmp_path: Path) -> None:
    repository = new_repository(str(tmp_path / "repository"))
    rewrite(repository, 1, keep=2)
    thinned(repository)
    reader = SecondReader(tmp_path / "repository")
    commit = reader.commit(reader.branch("main")["commit"])
    found = reader.array(commit.root.children["x"])
    assert found.tobytes() == everything(repository.store)[commit.digest]
    assert any(name.startswith("moved/") for name in reader.reached)


def keep_rewriting(store: ObjectStore, old: list[str], stop: threading.Event) -> int:
    """Fill packs and need but a part of them soon; note the commits in between."""
    made = 0
    while not stop.is_set():
        repository = Repository(store, author=vstore.Author("Rewriter"))
        base = repository.branches["own"]
        with suppress(ConflictError):  # marked, or slower than the grace period
            for first in (0, 2):
                with repository.transaction("own", message="Write") as tx:
                    tx["x"][first * CHUNK :] = values(made)[first * CHUNK :] + first
                old.append(internals(tx).commit_made.id)  # type: ignore[union-attr]
            repository.squash("own", since=base, message="Squash")
        made += 1
        time.sleep(0.05)
    return made


def keep_reviving(store: ObjectStore, old: list[str], stop: threading.Event) -> tuple[int, int]:
    """Bring back arrays of commits that are on no branch any more; return what came of it."""
    done = refused = 0
    while not stop.is_set():
        time.sleep(0.01)
        repository = Repository(store, author=vstore.Author("Reviver"))
        tx = repository.transaction("revived", message="Revive")
        try:
            internals(tx).staged.put_node(
                "x", internals(repository.checkout(old[-1])).tree.get("x")
            )
            time.sleep(0.03 * (done % 4))
            done += tx.commit() is not None
        except (IndexError, vstore.NotFoundError, ConflictError):
            tx.discard()
            refused += 1
    return done, refused


def check_beside(repository: Repository, rounds: int) -> None:
    """Repack packs again and again while others read, write, and need what was dead."""
    options = GcOptions(
        grace=timedelta(milliseconds=60), expire=NONE, repack=0.2, wait=True, take_over=True
    )
    for name in ("own", "revived"):
        repository.branches.create(name, at="main")
    store, old, stop, repacked = repository.store, list[str](), threading.Event(), 0
    with ThreadPoolExecutor(3) as pool:
        others: list[Future[Any]] = [
            pool.submit(keep_rewriting, store, old, stop),
            pool.submit(keep_reviving, store, old, stop),
            pool.submit(keep_reading, store, stop),
        ]
        try:
            for number in range(20 * rounds):
                if number >= rounds and repacked:
                    break
                report = collect(store, options)
                repacked += 0 if report.repacked is None else report.repacked.packs
                everything(store)
                for future in others:
                    assert not future.done(), future.result()
        finally:
            stop.set()
    assert all(future.result() for future in others)
    assert repacked > 0
    assert len(everything(store)) > len(old) // 2
    assert fsck(store, FULL).is_sound
    for _ in range(2):
        collect(store, NOW)
    assert fsck(store, FULL).unreferenced.objects == 0
    everything(store)


def test_packs_are_repacked_while_others_read_and_write_them() -> None:
    check_beside(new_repository(), rounds=5)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["memory", "disk"])
def test_packs_are_repacked_many_times(place: str, tmp_path: Path) -> None:
    check_beside(new_repository(None if place == "memory" else str(tmp_path / "r")), rounds=12)


def test_a_tiny_share_means_that_nothing_dead_stays() -> None:
    repository = vstore.create(f"memory://{uuid4()}")
    with repository.transaction("main", message="Start") as tx:
        column = vstore.bytes_(codecs="none", rows_per_chunk=1)
        tx.create_table("t", {"x": column}).extend({"x": [b"first"]})
    with repository.transaction("main", message="A name") as tx:
        tx["t"].extend({"x": [b"a name", b"y" * 5000]})
    with repository.transaction("main", message="Without it") as tx:
        tx["t"]["x"][1] = b"nobody"
    repository.squash("main", since="main~2", message="One")
    now = timedelta(0)
    repository.gc(grace=now, expire=now, repack=0.01)
    assert [trace.key[:6] for trace in repository.find_traces("a name").found] == ["packs/"]
    repository.gc(grace=now, expire=now, repack=0.0001)
    assert repository.find_traces("a name").is_absent
    assert repository.checkout("main").table("t")["x"][:].tolist()[2] == b"y" * 5000
    assert repository.fsck(mode="full").is_sound
