"""Verification finds every damaged object, says what that reaches, and restores from a copy."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.maintenance.scenes import abandon, new_repository
from tests.maintenance.stores import MortalStore, contents
from tests.repositories import new_repository as empty_repository
from vstore import Repository, VstoreError
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format import document, object_keys
from vstore.format.digest import Digest, digest_of
from vstore.format.nodes import ArrayNode
from vstore.maintenance.fsck import fsck as fscks
from vstore.maintenance.fsck.fsck import FsckCursor, FsckOptions, fsck
from vstore.maintenance.fsck.fsck_report import FsckReport
from vstore.reading.array import StoredArray, read
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectStore

FULL = FsckOptions(mode="full")


def repository_with_everything() -> Repository:
    """Return a repository with every kind of object: nodes, buckets, pages, packs, refs."""
    repository = new_repository()
    rng = np.random.default_rng(0)
    with repository.transaction("main", message="Add a table") as tx:
        table = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((4, 4), "uint8", rows_per_chunk=16),
                "caption": vstore.text(rows_per_chunk=16),
            },
            keys="str",
        )
        images = rng.integers(0, 255, (50, 4, 4), dtype="uint8")
        captions = [f"number {n}" for n in range(50)]
        table.extend({"image": images, "caption": captions}, keys=[f"k{n}" for n in range(50)])
    with repository.transaction("main", message="Add many chunks") as tx:
        many = tx.create_array("many", shape=(600,), dtype="int32", chunk_shape=(1,))
        many[:] = np.arange(600) + 1
    with repository.transaction("main", message="Add many arrays") as tx:
        for number in range(4):
            tx.create_array(
                f"wide/a{number}", shape=(3,), dtype="int8", attributes={"note": "x" * 20_000}
            )[:] = number + 1
    repository.tags.create("v1", at="main~1", message="one")
    repository.branches.create("side", at="main~2")
    return repository


@pytest.fixture(scope="module")
def whole() -> dict[Key, bytes]:
    return contents(repository_with_everything().store)


def store_of(objects: dict[Key, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in objects.items():
        store.put(key, data)
    return store


def faults(report: FsckReport) -> dict[str, str]:
    return {problem.key: problem.fault for problem in report.problems}


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def test_a_sound_repository_is_found_sound(whole: dict[Key, bytes]) -> None:
    store = store_of(whole)
    report = fsck(store)
    for options in (FsckOptions(), FULL, FsckOptions(mode="full", decode=True)):
        report = fsck(store, options)
        assert report.is_sound, str(report)
        assert report.problems == ()
        assert report.unreferenced.objects == 0
        assert report.foreign == ()
        assert (report.refs, report.commits) == (3, 7)
    assert contents(store) == whole
    kinds = {key.split("/")[0] for key in whole}
    assert kinds == {"commits", "index", "packs", "refs", "vstore.json"}
    assert report.packs == sum(key.startswith("packs/") for key in whole)
    assert report.chunks_verified > 600


def test_verifying_changes_nothing_and_needs_no_permission_to(whole: dict[Key, bytes]) -> None:
    store = MortalStore(store_of(whole), changes=0)
    assert fsck(store, FULL).is_sound


def damages(data: bytes, positions: int) -> Iterator[bytes]:
    step = max(1, len(data) // positions)
    for at in range(0, len(data), step):
        yield flipped(data, at, at % 8)
    yield flipped(data, len(data) - 1, 7)
    yield data[: len(data) // 2]
    yield data[:-1]
    yield data + b"\0"
    yield b""


def check_every_object(whole: dict[Key, bytes], positions: int) -> int:
    """Damage each object in many ways; the report must name it each time."""
    tried = 0
    store = store_of(whole)
    for key, data in whole.items():
        for damaged in damages(data, positions):
            store.put(key, damaged)
            report = fsck(store, FULL)
            assert not report.is_sound, (key, damaged[:100])
            assert key in faults(report), (key, faults(report))
            tried += 1
        store.put(key, data)
    assert fsck(store, FULL).is_sound
    return tried


def test_damage_to_any_object_is_found(whole: dict[Key, bytes]) -> None:
    assert check_every_object(whole, positions=1) > 100


@pytest.mark.slow
def test_a_flip_in_any_byte_of_a_small_repository_is_found() -> None:
    small = contents(new_repository().store)
    assert check_every_object(small, positions=2**20) > 5_000


def test_the_loss_of_any_object_is_found(whole: dict[Key, bytes]) -> None:
    store = store_of(whole)
    for key, data in whole.items():
        store.delete(key)
        found = faults(fsck(store))
        if key in (object_keys.branch("side"), object_keys.tag("v1")):
            assert found == {}  # nothing says that they ever were
        else:
            assert found[key] == "missing"
        store.put(key, data)


def test_swapped_objects_are_found(whole: dict[Key, bytes]) -> None:
    ordered = sorted(whole)
    for one, other in pairwise(ordered):
        swapped = whole | {one: whole[other], other: whole[one]}
        found = faults(fsck(store_of(swapped), FULL))
        assert {one, other} <= found.keys()


def test_a_quick_run_finds_a_truncated_pack_and_reads_no_other(whole: dict[Key, bytes]) -> None:
    key = max((key for key in whole if key.startswith("packs/")), key=lambda k: len(whole[k]))
    report = fsck(store_of(whole | {key: whole[key][:-40]}))
    assert faults(report) == {key: "size"}
    (reach,) = report.problems[0].reaches
    assert reach.path in ("many", "train/image", "train/caption", "train/sample")
    assert 0 < sum(stop - first for first, stop in reach.samples) < 600


def unreadable(store: ObjectStore, commit: str) -> dict[str, set[int]]:
    """Return, by path, the rows that cannot be read; {-1} where nothing below can."""
    repository = Repository(store)
    try:
        snapshot = repository.checkout(commit)
    except VstoreError:
        return {"": {-1}}
    found: dict[str, set[int]] = {}
    for path in list_paths(snapshot):
        try:
            node = internals(snapshot).tree.get(path)
        except VstoreError:
            found[path] = {-1}
            continue
        assert isinstance(node, ArrayNode)
        source = StoredArray(internals(snapshot).fetcher, node, path=path)
        if not can_read(source, slice(None)):
            rows = range(source.metadata.shape[0])
            found[path] = {row for row in rows if not can_read(source, row)}
    return found


def list_paths(snapshot: vstore.Snapshot) -> Iterator[str]:
    for path in ("x", "many", "train/image", "train/caption", "train/sample", "wide/a0", "wide/a3"):
        try:
            if internals(snapshot).tree.find(path) is not None:
                yield path
        except VstoreError:
            yield path


def can_read(source: StoredArray, row: int | slice) -> bool:
    try:
        read(source, row)
    except VstoreError:
        return False
    return True


def reached(report: FsckReport, commit: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for problem in report.problems:
        for reach in problem.reaches:
            if commit in reach.commits:
                rows = {row for first, stop in reach.samples for row in range(first, stop)}
                found.setdefault(reach.path, set()).update(rows or {-1})
    return found


def test_the_report_names_exactly_what_cannot_be_read(whole: dict[Key, bytes]) -> None:
    commits = [commit.id for commit in Repository(store_of(whole)).log("main")]
    rng = np.random.default_rng(1)
    victims = [key for key in whole if key.startswith(("commits/", "index/", "packs/"))]
    for key in victims:
        store = store_of(whole | {key: flipped(whole[key], int(rng.integers(len(whole[key]))))})
        report = fsck(store, FULL)
        assert not report.is_sound
        for commit in (commits[0], commits[2]):
            expected = unreadable(store, commit)
            found = reached(report, commit)
            for path, rows in expected.items():
                covering = [name for name in found if path == name or path.startswith(f"{name}/")]
                assert covering or "" in found, (key, path, found)
                if path in found and rows != {-1}:
                    assert found[path] in (rows, {-1}), (key, path)
            for path, rows in found.items():
                if rows != {-1}:
                    assert path not in list(expected) or expected[path] == rows


def test_positions_are_those_that_readers_see() -> None:
    repository = vstore.create("memory://fsck-positions", author="Ann")
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64", rows_per_chunk=16)})
        table.extend({"n": np.arange(64)})
    with repository.transaction("main", message="Drop the first ten") as tx:
        tx["t"].delete(slice(0, 10))
    packs = [info.key for info in repository.store.list_prefix("packs/")]
    victim = max(packs, key=lambda key: len(repository.store.get(key)))
    data = repository.store.get(victim)
    repository.store.put(victim, flipped(data, 0))
    report = fsck(repository.store, FULL)
    by_commit = {
        commit: reach.samples
        for problem in report.problems
        for reach in problem.reaches
        for commit in reach.commits
    }
    assert by_commit == {
        repository.resolve("main"): ((0, 6),),
        repository.resolve("main~1"): ((0, 16),),
    }


def test_everything_is_restored_from_a_copy(whole: dict[Key, bytes]) -> None:
    copy = store_of(whole)
    rng = np.random.default_rng(2)
    damaged = {
        key: flipped(data, int(rng.integers(len(data)))) if rng.random() < 0.5 else data[:-1]
        for key, data in whole.items()
    }
    store = store_of(damaged)
    report = fsck(store, FsckOptions(mode="full", repair_from=copy))
    assert report.is_sound, str(report)
    assert faults(report).keys() == whole.keys()
    assert contents(store) == whole
    assert "restored" in str(report)
    assert fsck(store, FULL).problems == ()


def test_what_is_missing_is_restored_from_a_copy(whole: dict[Key, bytes]) -> None:
    store = store_of({key: data for key, data in whole.items() if key.startswith("refs/")})
    report = fsck(store, FsckOptions(repair_from=store_of(whole)))
    assert report.is_sound
    assert contents(store) == whole


def test_a_copy_that_is_damaged_too_restores_nothing(whole: dict[Key, bytes]) -> None:
    key = next(key for key in whole if key.startswith("packs/"))
    broken = whole | {key: flipped(whole[key], 3)}
    store = store_of(broken)
    copy = MortalStore(store_of(broken), changes=0)
    report = fsck(store, FsckOptions(mode="full", repair_from=copy))
    assert not report.is_sound
    assert "damaged too" in report.problems[0].detail
    assert contents(store) == broken


def test_a_branch_is_restored_to_where_the_copy_has_it() -> None:
    repository = new_repository()
    copy = store_of(contents(repository.store))
    older = repository.resolve("main")
    with repository.transaction("main", message="Newer") as tx:
        tx["x"][0] = -1
    newer = repository.resolve("main")
    repository.store.put(object_keys.branch("main"), b"{}")
    report = fsck(repository.store, FsckOptions(repair_from=copy))
    assert report.is_sound
    assert Repository(repository.store).resolve("main") == older
    assert report.lost_heads == (newer,)
    assert newer[:12] in str(report)


def test_shares_together_read_every_pack(whole: dict[Key, bytes]) -> None:
    key = max((key for key in whole if key.startswith("packs/")), key=lambda k: len(whole[k]))
    store = store_of(whole | {key: flipped(whole[key], 9)})
    reports = [fsck(store, FsckOptions(share=(n, 3))) for n in (1, 2, 3)]
    packs = [report.packs_verified for report in reports]
    assert sum(packs) == reports[0].packs
    assert sorted(report.is_sound for report in reports) == [False, True, True]


def test_an_interrupted_run_goes_on_where_it_was(
    whole: dict[Key, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fscks, "_CHECKPOINT_SECONDS", -1.0)
    first = min(key for key in whole if key.startswith("packs/"))
    store = store_of(whole | {first: flipped(whole[first], 5)})
    cursors: list[FsckCursor] = []

    def interrupt(cursor: FsckCursor) -> None:
        cursors.append(FsckCursor.from_json(cursor.to_json()))
        if len(cursors) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fsck(store, FULL, checkpoint=interrupt)
    resumed = fsck(store, FsckOptions(mode="full", resume=cursors[-1]))
    assert resumed == fsck(store, FULL)
    with pytest.raises(InvalidInputError, match="cursor is of a run"):
        FsckOptions(resume=cursors[-1])
    with pytest.raises(InvalidInputError, match="no cursor"):
        FsckCursor.from_json('{"version": 1}')


def test_an_index_that_tells_the_wrong_digest_of_a_chunk_is_found() -> None:
    """Every object is what its name says, and the array still cannot be read."""
    repository = new_repository()

    def lie(value: dict[str, Any]) -> None:
        page = value["tree"]["children"]["x"]["chunks"]["page"]
        page["digests"] = "A" * 44 + page["digests"][44:]

    digest = forged(repository, lie)
    assert fsck(repository.store).is_sound
    report = fsck(repository.store, FULL)
    assert {problem.fault for problem in report.problems} == {"chunk"}
    reaches = [reach for problem in report.problems for reach in problem.reaches]
    assert {(reach.path, reach.commits) for reach in reaches} == {("x", (digest,))}


def forged(repository: Repository, change: Callable[[dict[str, Any]], None]) -> Digest:
    """Commit a document that vstore would not write."""
    head = internals(repository).refs.get_branch("main")
    value = document.parse(repository.store.get(object_keys.commit(head.commit)), what="commit")
    change(value)
    data = document.dumps(value)
    repository.store.put(object_keys.commit(digest_of(data)), data)
    internals(repository).refs.move_branch(head, digest_of(data), action="forge")
    return digest_of(data)


def test_a_commit_whose_bytes_are_right_and_make_no_sense_is_malformed() -> None:
    repository = new_repository()
    digest = forged(repository, lambda value: value.update(generation="many"))
    assert faults(fsck(repository.store)) == {object_keys.commit(digest): "malformed"}


def test_chunks_that_do_not_decode_are_found_if_asked_for() -> None:
    repository = new_repository()

    def claim_another_codec(value: dict[str, Any]) -> None:
        array = value["tree"]["children"]["x"]
        array["metadata"]["codecs"] = [{"name": "bytes", "configuration": {"endian": "little"}}]

    forged(repository, claim_another_codec)
    assert fsck(repository.store, FULL).is_sound
    report = fsck(repository.store, FsckOptions(mode="full", decode=True))
    assert {problem.fault for problem in report.problems} == {"chunk"}


def test_garbage_and_foreign_objects_are_told_apart() -> None:
    repository = new_repository()
    abandon(repository, 1)
    foreign = ["README.txt", "packs/aa/notes", "commits/zz.json", "refs/other"]
    for key in foreign:
        repository.store.put(Key(key), b"mine")
    report = fsck(repository.store)
    assert report.is_sound
    assert sorted(report.foreign) == sorted(foreign)
    assert report.foreign_amount.objects == 4
    assert report.unreferenced.objects == 2
    assert len(report.lost_heads) == 1


def test_what_is_being_written_is_no_problem() -> None:
    repository = new_repository()
    tx = repository.transaction("main", message="Not yet")
    tx["x"][:] = 3
    internals(tx).staged.flush()
    internals(tx)._writer.finish()
    report = fsck(repository.store, FULL)
    assert report.is_sound
    assert report.unreferenced.objects == 1
    tx.commit()
    assert fsck(repository.store, FULL).unreferenced.objects == 0


def test_a_first_commit_that_never_made_its_branch_is_no_problem() -> None:
    repository = empty_repository()
    tx = repository.transaction("main", message="Never there")
    tx.create_array("x", shape=(2,), dtype="int8")[:] = 1
    internals(tx).write()
    report = fsck(repository.store, FULL)
    assert report.problems == ()
    assert len(report.lost_heads) == 1
    for message in ("First", "Second"):
        with repository.transaction("main", message=message, allow_empty=True):
            pass
    repository.store.delete(object_keys.branch("main"))
    (problem,) = fsck(repository.store, FULL).problems
    assert (problem.key, problem.fault) == (object_keys.branch("main"), "missing")


def test_a_local_repository_is_verified_alike(tmp_path: Path) -> None:
    repository = new_repository(str(tmp_path / "repository"))
    assert fsck(repository.store, FULL).is_sound
    pack = next((tmp_path / "repository" / "packs").glob("*/*"))
    pack.write_bytes(flipped(pack.read_bytes(), 1))
    report = fsck(repository.store, FULL)
    assert not report.is_sound
    plain = report.to_dict()
    assert plain["sound"] is False
    assert plain["problems"][0]["reaches"][0]["path"] == "x"
    assert "reaches x [" in str(report)


@pytest.mark.parametrize(
    "options", [{"mode": "deep"}, {"share": (0, 3)}, {"share": (4, 3)}, {"decode": True}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        FsckOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "claim",
    [
        {"generation": 7},
        {"depth": 9, "generation": 9},
        {"ancestors": "another commit"},
        {"time": "1999-01-01T00:00:00.000000Z"},
    ],
)
def test_a_commit_that_lies_about_its_history_is_found(claim: dict[str, Any]) -> None:
    repository = new_repository()
    newest, *_, oldest = [commit.id for commit in repository.log()]
    before = fsck(repository.store)
    assert before.is_sound

    def lie(value: dict[str, Any]) -> None:
        value.update({name: said for name, said in claim.items() if name != "ancestors"})
        if claim.get("ancestors") == "another commit":
            value["ancestors"][0][1] = newest if value["ancestors"][0][1] != newest else oldest

    digest = forged(repository, lie)
    assert faults(fsck(repository.store)) == {object_keys.commit(digest): "malformed"}
    assert repository.checkout(digest).commit.id == digest
