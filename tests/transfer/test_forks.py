"""Forks borrow the data of another repository, and pin there what they borrow."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

import vstore
from tests.transfer.places import AUTHOR, append, fresh_url, keys, new_repository
from vstore.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    VstoreError,
)
from vstore.format import object_keys
from vstore.repository.repository import Repository
from vstore.storage.open import open_store
from vstore.storage.store import Key, ObjectStore
from vstore.transfer.cloning import ClonePlan, clone
from vstore.transfer.exchange import TransferOptions


def fork_of(origin: Repository, url: str | None = None, **options: object) -> Repository:
    return vstore.clone(origin.url, url or fresh_url(), fork=True, author=AUTHOR, **options)  # type: ignore[arg-type]


def pins(origin: Repository) -> dict[str, str]:
    """Return the pins of all forks, by what is behind the id."""
    names = [name for name in origin.branches if object_keys.is_pin(name)]
    return {name.split("/", 2)[2]: origin.branches[name] for name in names}


def test_a_fork_is_a_repository_of_its_own_without_data() -> None:
    origin = new_repository()
    origin.tags.create("v1")
    fork = fork_of(origin)
    assert fork.description.id != origin.description.id
    assert set(fork.branches) == {"main", "origin/main"}
    assert list(fork.tags) == ["v1"]
    assert not list(fork.store.list_prefix("packs/"))
    assert keys(fork) == keys(origin)
    head = origin.resolve()
    assert pins(origin) == {"branches/main": head, "tags/v1": head}
    assert fork.fsck().is_sound
    append(fork, "mine")
    fork.remotes["origin"].push("main:of-fork")
    assert "mine" in keys(origin, "of-fork")


def test_pins_move_when_the_fork_fetches_and_are_no_branches_of_the_origin() -> None:
    origin = new_repository()
    fork = fork_of(origin)
    first = origin.resolve()
    second = append(origin, "second")
    fork.remotes["origin"].fetch(dry_run=True)
    assert pins(origin) == {"branches/main": first}
    fork.remotes["origin"].fetch()
    assert pins(origin) == {"branches/main": second}
    origin.branches.create("dev")
    fork.pull("dev")
    assert pins(origin) == {"branches/dev": second, "branches/main": second}
    copy = vstore.clone(origin.url, fresh_url())
    assert set(copy.branches) == {"main", "origin/main", "origin/dev"}
    assert set(fork.branches) == {"main", "dev", "origin/main", "origin/dev"}
    backup = vstore.create(fresh_url())
    origin.remotes.open(backup.url).push(all=True, unrelated=True)
    assert set(backup.branches) == {"main", "dev"}
    assert pins(vstore.clone(origin.url, fresh_url(), mirror=True)) == pins(origin)


def local(tmp_path: Path) -> Repository:
    repo = vstore.create(tmp_path / "origin", author=AUTHOR)
    with repo.transaction(message="Start") as tx:
        tx.create_array("x", shape=(4,), dtype="int64")[:] = 1
    return repo


def collect(repo: Repository) -> None:
    for path in Path(repo.url).rglob("*"):
        os.utime(path, (0, 0))
    repo.gc(expire=timedelta(0))
    repo.gc(grace=timedelta(0), expire=timedelta(0))


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_pinned_outlives_what_the_origin_resets(tmp_path: Path, pinned: bool) -> None:
    origin = local(tmp_path)
    with origin.transaction(message="More") as tx:
        tx["x"][0] = 2
    fork = fork_of(origin, str(tmp_path / "fork"), pinned=pinned)
    origin.reset("main", to="main~1")
    with origin.transaction(message="Another way") as tx:
        tx["x"][0] = 3
    if pinned:
        # The pin goes elsewhere with the branch; what the fork's own branch needs stays pinned.
        fork.remotes["origin"].fetch()
        assert fork.checkout("origin/main")["x"][0] == 3
    collect(origin)
    fork = vstore.open(fork.url)
    if pinned:
        assert fork.checkout()["x"][0] == 2
        assert fork.fsck().is_sound
    else:
        assert not fork.fsck().is_sound
        with pytest.raises(VstoreError):
            fork.checkout()["x"][0]
    assert origin.fsck(mode="full").is_sound


def test_a_fork_without_pins_writes_nothing_at_the_origin() -> None:
    origin = new_repository()
    before = {info.key for info in origin.store.list_prefix("")}
    fork = fork_of(origin, pinned=False)
    append(origin, "new")
    fork.remotes["origin"].fetch()
    assert not pins(origin)
    assert {i.key for i in origin.store.list_prefix("refs/")} <= before
    with pytest.raises(InvalidInputError, match="read-only"):
        fork.remotes["origin"].push("main")


class Stopping:
    """A store that fails after some writes."""

    def __init__(self, store: ObjectStore, after: int) -> None:
        self._store, self._left = store, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def put(self, key: Key, data: bytes) -> None:
        self._step()
        self._store.put(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> object:
        self._step()
        return self._store.put_if_absent(key, data)

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StorageError("stopped")


def test_a_fork_that_was_interrupted_is_finished_by_the_same_call() -> None:
    origin = new_repository()
    append(origin, "more")

    plan = ClonePlan(fork=True, options=TransferOptions(packs=False))
    for after in range(12):
        url = fresh_url()
        try:
            clone(origin.store, Stopping(open_store(url), after), origin.url, plan)  # type: ignore[arg-type]
        except StorageError:
            pass
        else:
            break
        fork = fork_of(origin, url)
        assert keys(fork) == keys(origin)
        assert fork.fsck().is_sound
        with pytest.raises(AlreadyExistsError):
            fork_of(origin, url)
    else:
        pytest.fail("it was never finished")


def test_what_is_there_already_is_no_place_for_a_fork() -> None:
    origin, other = new_repository(), new_repository()
    for there in (origin.url, other.url, vstore.clone(origin.url, fresh_url()).url):
        with pytest.raises(AlreadyExistsError):
            fork_of(origin, there)
    with pytest.raises(NotFoundError):
        vstore.clone(fresh_url(), fresh_url(), fork=True)
    for option in ({"mirror": True}, {"depth": 1}, {"only": ["t"]}, {"metadata_only": True}):
        with pytest.raises(InvalidInputError):
            fork_of(origin, **option)


def test_a_clone_pins_nothing() -> None:
    origin = new_repository()
    copy = vstore.clone(origin.url, fresh_url(), metadata_only=True)
    append(origin, "new")
    copy.remotes["origin"].fetch()
    assert not pins(origin)
