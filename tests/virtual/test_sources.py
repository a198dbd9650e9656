"""Arrays whose chunks stay in other files, in every way that a repository is used."""

import json
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.virtual.archives import CHUNK, VALUES, Archive, archive, references
from vstore import AlreadyExistsError, CorruptionError, Repository, StorageError, virtual
from vstore.exporters import export_refs
from vstore.faces import internals
from vstore.format.index import walk
from vstore.format.nodes import ArrayNode
from vstore.format.page import ChunkRef
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions

NONE = timedelta(0)


@pytest.fixture
def made(tmp_path: Path) -> Archive:
    return archive(tmp_path)


def places(repo: Repository, revision: str = "main") -> list[bool]:
    """Return of each chunk of the array whether it stays in a file."""
    node = internals(repo.checkout(revision)).tree.get("x")
    assert isinstance(node, ArrayNode)
    found = walk(node.chunks, internals(repo).fetcher.pages)
    return [isinstance(place, ChunkRef) and place.pack.is_source for _, place in found]


def commit(repo: Repository, change: Any, branch: str = "main") -> str:
    with repo.transaction(branch, message="Change") as tx:
        change(tx)
    return repo.branches[branch]


def packed_nbytes(repo: Repository) -> int:
    return sum(info.nbytes for info in repo.store.list_prefix("packs/"))


def test_values_are_those_of_the_file_and_nothing_is_copied(made: Archive) -> None:
    np.testing.assert_array_equal(made.values(), VALUES)
    assert made.open().checkout()["x"][5, 3] == VALUES[5, 3]
    assert packed_nbytes(made.repo) < VALUES.nbytes + 100
    assert places(made.repo) == [True] * 3
    assert made.open().checkout()["x"].chunks == CHUNK


def test_whoever_does_not_trust_the_place_reads_nothing(made: Archive) -> None:
    made.file.unlink()  # whoever asked for it would learn that
    several: list[Any] = [None, {}, {str(made.folder / "file"): {}}, {"s3://files/": {}}]
    for sources in several:
        with pytest.raises(StorageError, match="no place that may be read") as caught:
            vstore.open(made.repo.url, sources=sources).checkout()["x"][:]
        assert caught.value.code == "source-not-allowed"
        assert str(made.folder / "files") in str(caught.value.hint)


def test_a_changed_file_is_refused_also_with_equal_time_and_size(made: Archive) -> None:
    made.damage()
    np.testing.assert_array_equal(made.open().checkout()["x"][:8], VALUES[:8])
    with pytest.raises(CorruptionError, match="was changed") as caught:
        made.values()
    assert caught.value.code == "source-changed"


@pytest.mark.parametrize("change", ["gone", "short", "empty"])
def test_a_file_that_is_gone_or_short_is_refused(made: Archive, change: str) -> None:
    if change == "gone":
        made.file.unlink()
    else:
        made.file.write_bytes(b"" if change == "empty" else made.file.read_bytes()[:-1])
    with pytest.raises((CorruptionError, StorageError), match=r"data\.bin"):
        made.values()


def test_a_file_that_grew_is_read(made: Archive) -> None:
    made.file.write_bytes(made.file.read_bytes() + b"more")
    np.testing.assert_array_equal(made.values(), VALUES)


def test_chunks_that_are_written_are_here(made: Archive) -> None:
    repo = made.open()
    commit(repo, lambda tx: tx["x"].__setitem__((5, 3), -1))
    expected = VALUES.copy()
    expected[5, 3] = -1
    np.testing.assert_array_equal(repo.checkout()["x"][:], expected)
    assert places(repo) == [True, False, True]
    assert repo.diff("main~1", "main").arrays["x"].chunks == [1]
    repo.branches.create("side", at="main~1")
    commit(repo, lambda tx: tx["x"].__setitem__((0, 0), -2), "side")
    repo.merge("side", into="main")
    expected[0, 0] = -2
    np.testing.assert_array_equal(repo.checkout()["x"][:], expected)
    assert places(repo) == [False, False, True]


def test_what_is_materialized_needs_no_file(made: Archive) -> None:
    repo = made.open()
    with repo.transaction("main", message="Bring it here") as tx:
        tx.move("x", "deep/x")
        assert virtual.materialize(tx, "deep") == 3
        assert virtual.materialize(tx) == 0
    made.file.unlink()
    plain = vstore.open(repo.url)
    np.testing.assert_array_equal(plain.checkout()["deep/x"][:], VALUES)
    assert plain.fsck(mode="full", decode=True).is_sound


def test_materializing_changes_no_value_as_a_diff_sees_it(made: Archive) -> None:
    repo = made.open()
    commit(repo, virtual.materialize)
    assert places(repo) == [False] * 3
    assert not repo.diff("main~1", "main").arrays


def test_materializing_what_changed_is_refused_and_nothing_is_committed(made: Archive) -> None:
    repo, before = made.open(), made.repo.branches["main"]
    made.damage()
    with pytest.raises(CorruptionError, match="was changed"):
        commit(repo, virtual.materialize)
    assert repo.branches["main"] == before


def test_garbage_collection_keeps_sources_that_are_named_and_no_others(made: Archive) -> None:
    repo = made.open()
    commit(repo, lambda tx: tx["x"].__setitem__((5, 3), -1))
    for _ in range(2):
        collect(repo.store, GcOptions(grace=NONE, expire=NONE, take_over=True, repack=0.01))
    assert places(repo) == [True, False, True]
    assert made.values()[0].tolist() == VALUES[0].tolist()
    other = vstore.create(made.folder / "other", author="Ann")
    tx = other.transaction("main", message="Given up")
    virtual.write(tx, references(str(made.file)), sources=made.trusted)
    assert internals(tx).write() is not None
    assert list(other.store.list_prefix("packs/"))
    for _ in range(2):
        collect(other.store, GcOptions(grace=NONE, take_over=True, accept_lost_refs=True))
    assert not list(other.store.list_prefix("packs/"))
    assert made.file.exists()


def test_fsck_checks_files_where_they_may_be_read(made: Archive) -> None:
    assert made.open().fsck(mode="full", decode=True).is_sound
    made.damage()
    assert made.repo.fsck(mode="full").is_sound  # nobody may look
    assert made.open().fsck().is_sound
    report = made.open().fsck(mode="full")
    (problem,) = report.problems
    assert problem.fault == "chunk"
    assert "data.bin" in problem.detail
    assert [(reach.path, reach.samples) for reach in problem.reaches] == [("x", ((8, 12),))]
    made.file.unlink()
    (problem,) = made.open().fsck(mode="full").problems
    assert "3 chunks" in problem.detail


def test_clones_and_pushes_carry_the_addresses(made: Archive) -> None:
    copy = vstore.clone(made.repo.url, made.folder / "copy")
    trusted = vstore.open(copy.url, sources=made.trusted)
    np.testing.assert_array_equal(trusted.checkout()["x"][:], VALUES)
    with pytest.raises(StorageError, match="no place that may be read"):
        copy.checkout()["x"][:]
    target = vstore.create(made.folder / "target")
    made.repo.remotes.add("target", str(made.folder / "target"))
    made.repo.remotes["target"].push("main")
    opened = vstore.open(target.url, sources=made.trusted)
    np.testing.assert_array_equal(opened.checkout()["x"][:], VALUES)


def test_a_clone_without_data_brings_the_addresses_when_they_are_needed(made: Archive) -> None:
    copy = vstore.clone(made.repo.url, made.folder / "copy", metadata_only=True)
    assert not list(copy.store.list_prefix("packs/"))
    trusted = vstore.open(copy.url, sources=made.trusted)
    np.testing.assert_array_equal(trusted.checkout()["x"][:], VALUES)


def test_snapshots_pickle_with_what_their_reader_trusts(made: Archive) -> None:
    snapshot = pickle.loads(pickle.dumps(made.open().checkout()))
    np.testing.assert_array_equal(snapshot["x"][:], VALUES)


def test_reference_files_name_the_file_itself(made: Archive) -> None:
    export_refs(made.repo.checkout(), made.folder / "refs.json")
    refs = json.loads((made.folder / "refs.json").read_text())["refs"]
    assert refs["x/1.0"] == [f"file://{made.file}", 43, 40]
    again = vstore.create(made.folder / "again", author="Ann")
    with again.transaction("main", message="Refer again") as tx:
        virtual.write(tx, made.folder / "refs.json", "deep", sources=made.trusted)
    opened = vstore.open(again.url, sources=made.trusted)
    np.testing.assert_array_equal(opened.checkout()["deep/x"][:], VALUES)


def test_writing_reads_only_trusted_places(made: Archive) -> None:
    other = vstore.create(made.folder / "other", author="Ann")
    refs = references(str(made.file))
    with pytest.raises(StorageError, match="no place that may be read"):
        commit(other, lambda tx: virtual.write(tx, refs))
    with pytest.raises(AlreadyExistsError, match="already"):
        commit(made.open(), lambda tx: virtual.write(tx, refs))
