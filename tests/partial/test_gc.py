"""Collecting garbage in a repository that holds only a part loses nothing that was made there."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.partial.clones import clone_documents, packs_in
from vstore import NotHereError, Repository
from vstore.format import object_keys
from vstore.storage.local import LocalStore

NOW = timedelta(0)


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """A table with several commits, and a branch beside `main`."""
    repo = vstore.create(tmp_path / "origin", author="Ann <a@x.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64", rows_per_chunk=256)})
        tx["t"].extend({"x": np.arange(30_000)})
    repo.branches.create("side")
    for step in range(3):
        with repo.transaction("main", message=f"Step {step}") as tx:
            tx["t"]["x"][step * 1000] = -1
    with repo.transaction("side", message="Aside") as tx:
        tx["t"]["x"][29_000] = -2
    return repo


def own_objects(clone: LocalStore) -> dict[str, int]:
    return {
        info.key: info.nbytes
        for info in clone.list_prefix("")
        if not info.key.startswith(("gc/", "refs/", "packs/"))
    }


def change(repo: Repository, row: int, value: int) -> None:
    with repo.transaction("main", message=f"Set {row}") as tx:
        tx["t"]["x"][row] = value


def test_what_was_made_here_stays(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    repo = vstore.open(clone, author="Bo <b@x.org>")
    change(repo, 17, 99)
    made = packs_in(clone)
    assert made
    kept = own_objects(clone)
    for _ in range(2):
        repo.gc(grace=NOW, expire=NOW, repack=0.1)
    assert packs_in(clone) == made
    assert own_objects(clone) == kept
    assert repo.checkout()["t"]["x"][17] == 99
    assert repo.fsck().is_sound


def test_a_document_that_is_not_here_ends_the_walk(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c", without=("packs/", "index/"))
    old = [commit.id for commit in origin.log()][2:]
    for digest in old:
        clone.delete(object_keys.commit(digest))
    repo = vstore.open(clone, author="Bo <b@x.org>")
    change(repo, 17, 99)
    made = packs_in(clone)
    repo.gc(grace=NOW, expire=NOW)
    assert packs_in(clone) == made
    assert repo.checkout()["t"]["x"][17] == 99
    assert repo.fsck().is_sound
    assert len(list(repo.log())) == len(list(origin.log())) + 1


def test_nothing_is_deleted_while_the_remote_cannot_be_asked(
    origin: Repository, tmp_path: Path
) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    clone.delete(object_keys.commit([commit.id for commit in origin.log()][-1]))
    before = {info.key for info in clone.list_prefix("commits/")}
    with pytest.raises(NotHereError):
        vstore.open(clone, offline=True).gc(grace=NOW, expire=NOW)
    assert {info.key for info in clone.list_prefix("commits/")} == before


def test_a_document_that_the_remote_lacks_too_is_damage(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    key = object_keys.commit([commit.id for commit in origin.log()][-1])
    clone.delete(key)
    origin.store.delete(key)
    with pytest.raises(vstore.CorruptionError, match="nothing was deleted"):
        Repository(clone).gc(grace=NOW, expire=NOW)


def test_merging_what_is_promised_after_a_collection(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    repo = vstore.open(clone, author="Bo <b@x.org>")
    change(repo, 17, 99)
    tx = repo.transaction("main", message="Slow")
    with tx:
        tx["t"]["x"][18] = 98
        repo.gc(grace=NOW, expire=NOW)
    repo.merge("side")
    values = repo.checkout()["t"]["x"][:]
    assert (values[17], values[18], values[29_000], values[1000]) == (99, 98, -2, -1)
    assert repo.fsck().is_sound
