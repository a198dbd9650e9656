"""Verifying a repository that holds only a part: what a remote holds is no damage."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import vstore
from tests.partial.clones import clone_documents, packs_in
from vstore import Repository
from vstore.format import object_keys
from vstore.reading import elsewhere
from vstore.storage.counting import CountingStore
from vstore.storage.local import LocalStore
from vstore.storage.open import open_store
from vstore.storage.store import Key


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """Two tables, several commits and packs."""
    repo = vstore.create(tmp_path / "origin", author="Ann <a@x.org>")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64", rows_per_chunk=256)})
        tx["t"].extend({"x": np.arange(30_000)})
    for step in range(3):
        with repo.transaction("main", message=f"Step {step}") as tx:
            tx["t"]["x"][step * 1000] = -1
    return repo


@pytest.fixture
def counting(origin: Repository) -> Iterator[list[CountingStore]]:
    opened: list[CountingStore] = []

    def counted(url: str, **options: object) -> CountingStore:
        opened.append(CountingStore(open_store(url, **options)))  # type: ignore[arg-type]
        return opened[-1]

    with mock.patch.object(elsewhere, "open_store", counted):
        yield opened


def test_what_the_origin_holds_is_promised(
    origin: Repository, tmp_path: Path, counting: list[CountingStore]
) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    packs = packs_in(origin.store)
    for mode in ("quick", "full"):
        counting.clear()
        report = Repository(clone).fsck(mode=mode)
        assert report.is_sound
        assert report.promised.objects == len(packs)
        assert report.promised_by == ("origin",)
        assert "at origin (listed, sizes agree)" in str(report)
        assert report.to_dict()["promised"]["objects"] == len(packs)
        assert [each.verb for each in counting[0].requests] == ["list_prefix"]
    assert not packs_in(clone)
    assert Repository(clone).fsck(mode="full", decode=True).is_sound


def test_documents_may_be_promised_as_well(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c", without=("packs/", "index/"))
    for digest in [commit.id for commit in origin.log()][2:]:
        clone.delete(object_keys.commit(digest))
    report = Repository(clone).fsck()
    assert report.is_sound
    assert report.promised.objects > len(packs_in(origin.store))


def test_what_is_missing_at_the_origin_too_is_damage(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    lost = min(packs_in(origin.store))
    origin.store.delete(Key(lost))
    report = Repository(clone).fsck()
    assert [problem.key for problem in report.problems] == [lost]
    assert report.problems[0].reaches
    assert not report.is_sound


def test_a_pack_of_another_size_at_the_origin_is_not_what_was_promised(
    origin: Repository, tmp_path: Path
) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    lost = min(packs_in(origin.store))
    origin.store.put(Key(lost), origin.store.get(Key(lost))[:-1])
    assert not Repository(clone).fsck().is_sound


@pytest.fixture
def repacked(tmp_path: Path) -> tuple[Repository, LocalStore, LocalStore]:
    """An origin that repacked a pack, a clone that needs what is left, and one that needs more."""
    repo = vstore.create(tmp_path / "repacked", author="Ann <a@x.org>")
    columns = {"x": vstore.ndarray((), "int64", rows_per_chunk=256)}
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", columns)
    noise = np.random.default_rng(0)
    with repo.transaction("main", message="Fill") as tx:
        tx.create_table("u", columns).extend({"x": noise.integers(0, 2**60, 4000)})
        tx["t"].extend({"x": noise.integers(0, 2**60, 4000)})
    wants_all = clone_documents(repo.store, tmp_path / "all")
    with repo.transaction("main", message="Drop") as tx:
        tx.delete("u")
    repo.squash("main", since="main~2", message="Only t")
    now = timedelta(0)
    wants_rest = clone_documents(repo.store, tmp_path / "rest")
    for commit in repo.log():
        assert wants_rest.get(object_keys.commit(commit.id))
    repo.gc(grace=now, expire=now, repack=0.1)
    assert list(repo.store.list_prefix("moved/"))
    Repository(wants_rest).gc(grace=now, expire=now)
    return repo, wants_rest, wants_all


def test_a_pack_that_the_origin_repacked_is_promised(
    repacked: tuple[Repository, LocalStore, LocalStore],
) -> None:
    origin, rest, _ = repacked
    report = Repository(rest).fsck(mode="full")
    assert report.is_sound, str(report)
    assert report.promised.objects
    assert np.array_equal(Repository(rest).checkout()["t"]["x"][:], origin.checkout()["t"]["x"][:])


def test_what_the_origin_did_not_keep_when_it_repacked_is_damage(
    repacked: tuple[Repository, LocalStore, LocalStore],
) -> None:
    _, _, everything = repacked
    report = Repository(everything).fsck()
    assert [problem.fault for problem in report.problems] == ["missing"]
    assert {reach.path for reach in report.problems[0].reaches} >= {"u/x"}


def test_a_promise_that_cannot_be_checked_is_told(origin: Repository, tmp_path: Path) -> None:
    clone = clone_documents(origin.store, tmp_path / "c")
    report = vstore.open(clone, offline=True).fsck(mode="full", decode=True)
    assert report.is_sound
    assert report.promised.objects == len(packs_in(origin.store))
    assert "not checked: " in str(report)
    assert "offline" in report.unlisted


def test_damage_here_is_restored_from_the_origin(origin: Repository, tmp_path: Path) -> None:
    clone = LocalStore(clone_documents(origin.store, tmp_path / "c").url)
    pack = min(packs_in(origin.store))
    clone.put(Key(pack), bytes(len(origin.store.get(Key(pack)))))
    (head,) = (object_keys.commit(origin.resolve("main")),)
    clone.put(head, b"{}")
    report = Repository(clone).fsck(mode="full")
    assert report.is_sound
    assert {problem.key for problem in report.problems} == {pack, head}
    assert all(problem.repaired for problem in report.problems)
    assert clone.get(Key(pack)) == origin.store.get(Key(pack))
    assert packs_in(clone) == {pack}


def test_a_repository_without_remotes_asks_for_none_until_something_is_missing(
    origin: Repository,
) -> None:
    store = CountingStore(origin.store)
    assert Repository(store).fsck(mode="full").is_sound
    assert not [each for each in store.requests if each.key.startswith("remotes/")]
