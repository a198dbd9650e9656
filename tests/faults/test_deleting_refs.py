"""Deleting branches and tags where the store cannot delete on a condition, as on S3."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import vstore
from tests.faults.interposed import InterposedStore
from tests.maintenance.stores import age
from tests.repositories import new_repository, remove_branch
from vstore import AlreadyExistsError, ConflictError, NotFoundError, Repository, StorageError
from vstore.faces import internals
from vstore.format import object_keys
from vstore.history import tombstones
from vstore.history.fence import Stopwatch
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key

BRANCH, TAG = object_keys.branch("side"), object_keys.tag("v1")


@pytest.fixture
def repository() -> Repository:
    made = new_repository()
    with made.transaction("main", message="Start") as tx:
        tx.create_array("a", shape=(4,), dtype="int8")[:] = 1
    made.branches.create("side")
    made.tags.create("v1")
    return made


def beside(repository: Repository, before: Callable[[str, Key], object]) -> Repository:
    """Return a handle on a store that checks, then deletes; `before` comes in between."""
    store = MemoryStore(repository.url.removeprefix("memory://"))

    def interpose(verb: str, key: Key, send: Callable[[], Any]) -> Any:
        if verb == "delete_if_version":
            before(verb, key)
            store.delete(key)
            return True
        return send()

    return Repository(InterposedStore(store, interpose), author=repository.author)


def test_a_commit_that_is_acknowledged_is_never_deleted_with_its_branch(
    repository: Repository,
) -> None:
    """The branch moves between the deleter's check and its delete: the mover learns of it."""
    outcomes: list[str] = []

    def commit(_: str, key: Key) -> None:
        try:
            tx.commit()
        except ConflictError as error:
            outcomes.append(str(error))

    tx = repository.transaction("side", message="Change")
    tx["a"][0] = 7
    beside(repository, commit).branches.delete("side")
    assert len(outcomes) == 1
    assert "was deleted" in outcomes[0]
    assert list(repository.branches) == ["main"]


def test_nothing_is_deleted_that_moved_before(repository: Repository) -> None:
    branch = internals(repository).refs.get_branch("side")
    with repository.transaction("side", message="Change") as tx:
        tx["a"][0] = 7
    assert not internals(repository).refs.delete_branch(branch)
    assert repository.branches["side"] == internals(tx).commit_made.id  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["branch", "tag"])
def test_a_deleted_ref_is_gone_before_its_object_is(repository: Repository, what: str) -> None:
    def fail(_: str, key: Key) -> None:
        raise StorageError("the network is gone")

    broken = beside(repository, fail)
    names: Any = repository.branches if what == "branch" else repository.tags
    if what == "branch":
        broken.branches.delete("side", force=True)
    else:
        broken.tags.delete("v1")
    key = BRANCH if what == "branch" else TAG
    assert key in {info.key for info in repository.store.list_prefix("refs/")}
    assert ("side" if what == "branch" else "v1") not in names
    with pytest.raises(NotFoundError):
        _ = names["side" if what == "branch" else "v1"]
    with pytest.raises(NotFoundError):
        names.delete("side" if what == "branch" else "v1")
    assert repository.fsck().is_sound
    assert repository.fsck().refs == 2
    repository.gc()
    age(repository.store, timedelta(hours=2), prefixes=("refs/",))
    repository.gc()
    assert key not in {info.key for info in repository.store.list_prefix("refs/")}


def test_a_name_is_free_once_its_tombstone_is_gone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes the branch anew waits for the deleter, and then helps it."""
    monkeypatch.setattr(tombstones, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(tombstones, "_POLL_SECONDS", 0.01)

    def fail(_: str, key: Key) -> None:
        raise StorageError("the network is gone")

    broken = beside(repository, fail)
    broken.branches.delete("side")
    broken.tags.delete("v1")
    with repository.transaction("main", message="Change") as tx:
        tx["a"][0] = 7
    assert repository.branches.create("side") == repository.branches["main"]
    assert repository.tags.create("v1") == repository.branches["main"]
    assert repository.branches["side"] == repository.tags["v1"] == repository.branches["main"]
    with pytest.raises(AlreadyExistsError):
        repository.branches.create("side")
    with pytest.raises(AlreadyExistsError):
        repository.tags.create("v1")


def test_a_deleter_that_was_stopped_removes_nothing_any_more(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another may have removed the tombstone and made the branch anew."""
    monkeypatch.setattr(Stopwatch, "is_slow", property(lambda _: True))
    repository.branches.delete("side")
    assert "side" not in repository.branches
    assert BRANCH in {info.key for info in repository.store.list_prefix("refs/")}


def test_the_default_branch_is_made_anew_by_a_commit() -> None:
    repository = new_repository()
    with repository.transaction(message="Start") as tx:
        tx.create_array("a", shape=(4,), dtype="int8")[:] = 1
    remove_branch(repository, "main")
    with repository.transaction(message="Start again") as tx:
        tx.create_array("b", shape=(4,), dtype="int8")[:] = 1
    assert isinstance(repository.checkout("main")["b"], vstore.Array)
    assert len(list(repository.log())) == 1
