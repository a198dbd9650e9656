"""Remotes that moved, vanished, were made again or lost an object, and places that are full."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.transfer.places import append, copy_of, is_sound, keys, new_repository
from vstore.errors import InvalidInputError, NotFoundError, NotHereError, StorageError
from vstore.storage.open import open_store
from vstore.storage.store import Key, ObjectStore, Version
from vstore.transfer.pushing import PushPlan, PushSpec, push


@pytest.fixture
def origin(tmp_path: Path) -> vstore.Repository:
    repo = vstore.create(tmp_path / "origin", author="Ann Lee <ann@example.org>")
    with repo.transaction(message="Start") as tx:
        tx.create_array("x", shape=(10,), dtype="int64")[:] = np.arange(10)
    return repo


def test_a_remote_that_moved_is_found_at_its_new_address(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    copy = vstore.clone(origin.url, tmp_path / "copy", metadata_only=True)
    (tmp_path / "origin").rename(tmp_path / "moved")
    alone = vstore.open(tmp_path / "copy")
    with pytest.raises(NotFoundError):
        copy.remotes["origin"].fetch()
    with pytest.raises(NotHereError, match="origin"):
        alone.checkout()["x"][:]
    alone.remotes.set_url("origin", tmp_path / "moved")  # type: ignore[arg-type]
    again = vstore.open(tmp_path / "copy")
    assert again.checkout()["x"][3] == 3
    assert again.remotes["origin"].fetch().is_up_to_date
    assert again.fsck().is_sound


def test_where_the_remote_is_gone_nothing_is_deleted_and_nothing_is_called_damage(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    vstore.clone(origin.url, tmp_path / "copy", metadata_only=True)
    shutil.rmtree(tmp_path / "origin")
    copy = vstore.open(tmp_path / "copy")
    report = copy.fsck()
    assert report.is_sound
    assert report.unlisted
    with pytest.raises(NotHereError):
        copy.drop("x")
    assert [commit.message for commit in copy.log()] == ["Start"]


def test_a_remote_that_was_made_again_is_not_taken_for_the_old_one(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    copy = vstore.clone(origin.url, tmp_path / "copy")
    shutil.rmtree(tmp_path / "origin")
    other = vstore.create(tmp_path / "origin", author="Eve <eve@example.org>")
    with other.transaction(message="Other") as tx:
        tx.create_array("y", shape=(1,), dtype="int64")
    before = {name: copy.branches[name] for name in copy.branches}
    for branches in ((), ("main",)):
        with pytest.raises(InvalidInputError) as raised:
            copy.remotes["origin"].fetch(*branches)
        assert raised.value.code == "another-repository"
    assert {name: copy.branches[name] for name in copy.branches} == before
    # A backup that was put in its place is the same repository.
    shutil.rmtree(tmp_path / "origin")
    vstore.clone(copy.url, tmp_path / "origin", mirror=True)
    with copy.transaction(message="More", author="Bo <bo@example.org>") as tx:
        tx["x"][0] = 5
    copy.remotes["origin"].push("main")
    assert copy.remotes["origin"].fetch("main").is_up_to_date


def test_a_branch_that_was_reset_there_is_followed_as_before(origin: vstore.Repository) -> None:
    with origin.transaction(message="More") as tx:
        tx["x"][0] = 5
    copy = copy_of(origin)
    origin.reset("main", to="main~1")
    copy.remotes["origin"].fetch()
    assert copy.resolve("origin/main") == origin.resolve()


def test_a_remote_that_lost_an_object_is_told_by_those_who_need_it(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    copy = vstore.clone(origin.url, tmp_path / "copy", metadata_only=True)
    for path in (tmp_path / "origin" / "packs").rglob("*"):
        if path.is_file():
            path.unlink()
    assert not copy.fsck().is_sound
    with pytest.raises(vstore.VstoreError):
        vstore.open(copy.url).checkout()["x"][:]
    with pytest.raises(vstore.VstoreError):
        vstore.clone(origin.url, tmp_path / "whole")


class Full:
    """A store with room for some more writes."""

    def __init__(self, store: ObjectStore, room: int) -> None:
        self._store, self._room = store, room

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def _take(self) -> None:
        if self._room <= 0:
            raise StorageError("no room", code="disk-full")
        self._room -= 1

    def put(self, key: Key, data: bytes) -> None:
        self._take()
        self._store.put(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        self._take()
        return self._store.put_if_absent(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        self._take()
        return self._store.compare_and_swap(key, data, expected)


def test_a_place_that_fills_up_is_sound_and_takes_the_rest_once_there_is_room() -> None:
    source = new_repository()
    there = copy_of(source)
    before = there.resolve()
    for number in range(3):
        append(source, f"more{number}")
    plan = PushPlan([PushSpec("main", "main")])
    for room in range(12):
        full = Full(open_store(there.url), room)
        try:
            push(source.store, full, plan)  # type: ignore[arg-type]
        except StorageError:
            assert there.resolve() == before
            assert is_sound(there)
        else:
            break
    else:
        pytest.fail("it was never done")
    assert there.resolve() == source.resolve()
    assert keys(there) == keys(source)
    assert is_sound(there)


def test_a_part_that_does_not_fit_is_sound_and_comes_whole_once_there_is_room(
    origin: vstore.Repository, tmp_path: Path
) -> None:
    for path, first in (("y", 10), ("z", 20)):
        with origin.transaction(message=f"Add {path}") as tx:
            tx.create_array(path, shape=(10,), dtype="int64")[:] = np.arange(first, first + 10)
    part = vstore.clone(origin.url, tmp_path / "part", metadata_only=True)
    for room in range(12):
        full = Full(open_store(part.url), room)
        try:
            vstore.Repository(full).fetch_data()  # type: ignore[arg-type]
        except StorageError:
            assert is_sound(part)
        else:
            break
    else:
        pytest.fail("it was never done")
    assert room > 1
    assert vstore.open(part.url, offline=True).checkout()["z"][3] == 23
