"""Deleting a branch or a tag loses nothing until gc, and `undo` brings it back."""

from datetime import timedelta

import pytest

import vstore
from tests.repositories import new_repository
from vstore import AlreadyExistsError, NotFoundError, Repository
from vstore.errors import ConflictError, CorruptionError
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.store import Key

AT_ONCE = timedelta(0)


def put(repo: Repository, branch: str, value: int) -> Digest:
    with repo.transaction(branch, message=f"Put {value}") as tx:
        tx["t"].extend({"x": [value]})
    made_now = internals(tx).commit_made
    assert made_now is not None
    return made_now.id


@pytest.fixture
def repo() -> Repository:
    """A repository with commits that only the branch `side`, only the tag `v1` have."""
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")})
    repo.branches.create("side")
    for value in range(3):
        put(repo, "side", value)
    repo.branches.create("gone")
    repo.tags.create("v1", at=put(repo, "gone", 9), message="First", author="Bo <bo@x.org>")
    repo.reset("gone", to="main")
    repo.branches.delete("gone")
    return repo


def values(repo: Repository, revision: str) -> list[int]:
    found: list[int] = repo.checkout(revision)["t"]["x"][:].tolist()
    return found


def test_undo_brings_back_a_deleted_branch_with_its_log(repo: Repository) -> None:
    log = internals(repo).refs.get_branch("side").document.log
    head = repo.branches.delete("side", force=True)
    assert "side" not in repo.branches
    assert repo.undo("side").id == head
    assert values(repo, "side") == [0, 1, 2]
    restored = internals(repo).refs.get_branch("side").document.log
    assert restored[1:] == log
    assert restored[0].action.startswith("undo: deleted")
    assert put(repo, "side", 3) == repo.branches["side"]


def test_undo_brings_back_a_deleted_tag_as_it_was(repo: Repository) -> None:
    tag = repo.tags.get("v1")
    repo.tags.delete("v1")
    assert repo.undo("v1").id == tag.commit
    assert repo.tags.get("v1") == tag


def test_the_last_of_several_deletions_is_undone(repo: Repository) -> None:
    heads = []
    for value in (5, 6):
        repo.branches.create("b", at="side")
        heads.append(put(repo, "b", value))
        repo.branches.delete("b", force=True)
    assert [note.ref.commit for note in repo.branches.deleted() if note.ref.name == "b"] == heads
    assert repo.undo("b").id == heads[1]


def test_a_name_below_another_one_is_told_apart(repo: Repository) -> None:
    for name in ("a", "a/b", "a/b/größe"):
        repo.branches.create(name, at="side")
        put(repo, name, len(name))
    heads = {name: repo.branches.delete(name, force=True) for name in ("a/b/größe", "a", "a/b")}
    for name, head in heads.items():
        assert repo.undo(name).id == head


def test_a_branch_that_is_there_is_moved_rather_than_a_tag_restored(repo: Repository) -> None:
    repo.branches.create("v1", at="main")
    put(repo, "v1", 1)
    repo.tags.delete("v1")
    assert repo.undo("v1").id == repo.branches["main"]
    assert "v1" not in repo.tags
    assert repo.tags.restore("v1") == repo.tags["v1"]


def test_nothing_deleted_is_nothing_to_undo(repo: Repository) -> None:
    with pytest.raises(NotFoundError, match="none of that name was deleted"):
        repo.undo("never")
    with pytest.raises(NotFoundError, match="no branch 'never' was deleted"):
        repo.branches.restore("never")
    with pytest.raises(NotFoundError, match="no tag 'side' was deleted"):
        repo.tags.restore("side")


def test_a_name_that_is_taken_again_is_not_overwritten(repo: Repository) -> None:
    repo.branches.delete("side", force=True)
    repo.branches.create("side", at="main")
    with pytest.raises(AlreadyExistsError):
        repo.branches.restore("side")
    repo.tags.delete("v1")
    repo.tags.create("v1", at="main")
    with pytest.raises(AlreadyExistsError):
        repo.tags.restore("v1")


def test_gc_keeps_what_was_deleted_until_it_expires(repo: Repository) -> None:
    old = repo.resolve("side~1")
    repo.branches.delete("side", force=True)
    tagged = repo.tags["v1"]
    repo.tags.delete("v1")
    report = collect(repo.store, GcOptions(grace=AT_ONCE))
    assert report.freed.objects == 0
    assert repo.undo("side").parents == (old,)
    assert repo.undo("v1").id == tagged
    assert repo.fsck(mode="full").is_sound


def test_gc_forgets_what_was_deleted_long_ago(repo: Repository) -> None:
    head = repo.branches.delete("side", force=True)
    repo.tags.delete("v1")
    report = collect(repo.store, GcOptions(grace=AT_ONCE, expire=AT_ONCE))
    assert report.freed.objects > 0
    assert repo.branches.deleted() == repo.tags.deleted() == []
    assert list(repo.store.list_prefix(object_keys.DELETED)) == []
    with pytest.raises(NotFoundError):
        repo.undo("side")
    with pytest.raises(NotFoundError):
        Repository(repo.store).checkout(head)


def test_what_was_collected_is_not_brought_back(repo: Repository) -> None:
    tag = repo.tags.get("v1")
    repo.tags.delete("v1")
    collect(repo.store, GcOptions(grace=AT_ONCE, expire=AT_ONCE))
    internals(repo).refs.deleted.note(tag)
    with pytest.raises(ConflictError, match="is not in"):
        repo.undo("v1")
    assert "v1" not in repo.tags


def test_a_refused_deletion_leaves_no_note(repo: Repository) -> None:
    branch = internals(repo).refs.get_branch("side")
    before = len(repo.branches.deleted())
    with pytest.raises(ConflictError, match="no other branch"):
        repo.branches.delete("side")
    assert len(repo.branches.deleted()) == before
    put(repo, "side", 7)
    assert not internals(repo).refs.delete_branch(branch)


def test_a_renamed_branch_keeps_its_log(repo: Repository) -> None:
    log = internals(repo).refs.get_branch("side").document.log
    repo.branches.rename("side", "other")
    assert internals(repo).refs.get_branch("other").document.log[1:] == log
    assert repo.resolve("other@{2}") == repo.resolve("other~1")


def test_a_damaged_note_is_named_and_restored_from_a_copy(repo: Repository) -> None:
    repo.branches.delete("side", force=True)
    copy = vstore.create("memory://copy-of-notes")
    for info in list(repo.store.list_prefix("")):
        copy.store.put(info.key, repo.store.get(info.key))
    (note,) = [
        info.key for info in repo.store.list_prefix(object_keys.DELETED) if "/side/" in info.key
    ]
    repo.store.put(note, repo.store.get(note).replace(b"side", b"sidf", 1))
    with pytest.raises(CorruptionError):
        repo.undo("side")
    with pytest.raises(CorruptionError):
        collect(repo.store, GcOptions(grace=AT_ONCE))
    report = repo.fsck()
    assert not report.is_sound
    assert note in str(report)
    assert repo.fsck(repair_from=copy).is_sound
    assert values(repo, repo.undo("side").id) == [0, 1, 2]


@pytest.mark.parametrize(
    "key",
    [
        "refs/deleted/branches/a/20260102T030405678901Z-0123456789abcdeg.json",
        "refs/deleted/branches/20260102T030405678901Z-0123456789abcdef.json",
        "refs/deleted/heads/a/20260102T030405678901Z-0123456789abcdef.json",
        "refs/deleted/branches/../a/20260102T030405678901Z-0123456789abcdef.json",
    ],
)
def test_other_things_are_no_notes(key: str, repo: Repository) -> None:
    assert object_keys.find_deleted(Key(key)) is None
    repo.store.put(Key(key), b"{}")
    with pytest.raises(vstore.FormatError, match="neither a branch nor a tag"):
        collect(repo.store, GcOptions(grace=AT_ONCE))
