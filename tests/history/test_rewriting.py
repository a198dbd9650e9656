"""Rewriting history by sample: each test is named for the behaviour it holds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from vstore import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError, Repository
from vstore.faces import internals
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest


@pytest.fixture
def repo() -> Repository:
    """A repository whose main has three commits on a keyed table `t`."""
    repo = vstore.create(f"memory://{uuid4().hex}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"n": np.arange(5)}, keys=list("abcde"))
        tx.create_array("grid", shape=(4,), dtype="int8")[:] = 1
    for key, value in (("a", 10), ("b", 20)):
        put(repo, "main", key, value)
    return repo


def put(repo: Repository, branch: str, key: str, value: int) -> str:
    with repo.transaction(branch, message=f"Put {key}={value}") as tx:
        table = tx["t"]
        if key in table.sample_keys().tolist():
            table.loc[key] = {"n": value}
        else:
            table.append({"n": value}, key=key)
    made_now = internals(tx).commit_made
    assert made_now is not None
    return str(made_now.id)


def values(repo: Repository, revision: str = "main") -> dict[str, int]:
    table = repo.checkout(revision)["t"]
    return dict(zip(table.sample_keys().tolist(), table["n"][:].tolist(), strict=True))


def messages(repo: Repository, revision: str = "main", **options: Any) -> list[str]:
    return [commit.message for commit in repo.log(revision, **options)]


def test_cherry_pick_makes_one_commits_changes_again(repo: Repository) -> None:
    repo.branches.create("side", at="main~2")
    picked = put(repo, "main", "c", 30)
    made = repo.cherry_pick(picked, into="side")
    assert values(repo, "side") == {"a": 0, "b": 1, "c": 30, "d": 3, "e": 4}
    assert (made.message, made.author.name) == ("Put c=30", "Ann")
    with pytest.raises(ConflictError, match="already"):
        repo.cherry_pick(picked, into="side")


def test_revert_undoes_one_commit_and_keeps_the_later_ones(repo: Repository) -> None:
    repo.revert("main~1")
    assert values(repo) == {"a": 0, "b": 20, "c": 2, "d": 3, "e": 4}
    assert messages(repo)[0].startswith("Revert 'Put a=10'")


def test_revert_of_a_deletion_brings_samples_back_in_their_places(repo: Repository) -> None:
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(keys=["b", "d"])
    put(repo, "main", "f", 5)
    repo.revert("main~1")
    assert list(values(repo).items()) == [
        ("a", 10), ("b", 20), ("c", 2), ("d", 3), ("e", 4), ("f", 5),
    ]  # fmt: skip


def test_revert_conflicts_with_a_later_change_of_the_same_sample(repo: Repository) -> None:
    put(repo, "main", "a", 11)
    with pytest.raises(ConflictError) as caught:
        repo.revert("main~2")
    assert [conflict.sample for conflict in caught.value.conflicts] == ["a"]
    assert values(repo)["a"] == 11


def test_revert_of_a_merge_works_against_the_named_parent(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    put(repo, "main", "m", 1)
    put(repo, "side", "s", 2)
    repo.merge("side", into="main")
    repo.branches.create("other", at="main")
    repo.revert("main", parent=1)
    assert "s" not in values(repo)
    assert "m" in values(repo)
    repo.revert("other", into="other", parent=2)
    assert "m" not in values(repo, "other")
    assert "s" in values(repo, "other")


def test_rebase_equals_the_merges_content(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    for key, value in (("s1", 1), ("s2", 2), ("c", 33)):
        put(repo, "side", key, value)
    put(repo, "main", "m", 9)
    repo.branches.create("merged", at="side")
    repo.merge("main", into="merged")
    repo.rebase("side", onto="main")
    assert values(repo, "side") == values(repo, "merged")
    assert messages(repo, "side")[:4] == ["Put c=33", "Put s2=2", "Put s1=1", "Put m=9"]


def test_a_rebase_takes_along_what_is_as_old_as_where_the_branches_met(repo: Repository) -> None:
    repo.branches.create("side")
    for key in ("s", "t", "u"):
        put(repo, "side", key, 1)
    put(repo, "main", "m", 2)
    repo.merge("side", into="main")
    put(repo, "side", "v", 1)
    repo.rebase("main", onto="side")
    assert messages(repo)[:3] == ["Put m=2", "Put v=1", "Put u=1"]
    assert values(repo) == values(repo, "side") | {"m": 2}


def test_a_rebase_that_conflicts_changes_nothing(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    put(repo, "side", "s", 1)
    put(repo, "side", "a", 77)
    put(repo, "main", "a", 66)
    head = repo.branches["side"]
    with pytest.raises(ConflictError):
        repo.rebase("side", onto="main")
    assert repo.branches["side"] == head
    repo.rebase("side", onto="main", resolve="theirs")
    assert values(repo, "side")["a"] == 77


def test_reset_moves_and_undo_moves_back(repo: Repository) -> None:
    head = repo.branches["main"]
    repo.reset("main", to="main~2")
    assert values(repo)["a"] == 0
    repo.undo("main")
    assert repo.branches["main"] == head


def test_amend_replaces_the_head_and_keeps_its_contents(repo: Repository) -> None:
    repo.amend("main", message="Better words", metadata={"ticket": 7})
    assert messages(repo) == ["Better words", "Put a=10", "Start"]
    assert repo.commit("main").metadata == {"ticket": 7}
    assert values(repo)["b"] == 20


def test_squash_makes_one_commit_of_several(repo: Repository) -> None:
    before = values(repo)
    repo.squash("main", since="main~2", message="Both")
    assert messages(repo) == ["Both", "Start"]
    assert values(repo) == before
    with pytest.raises(InvalidInputError, match="nothing to squash"):
        repo.squash("main", since="main", message="none")


def test_log_by_path_names_the_commits_that_touched_it(repo: Repository) -> None:
    with repo.transaction("main", message="Grid") as tx:
        tx["grid"][0] = 5
    assert messages(repo, path="grid") == ["Grid", "Start"]
    assert messages(repo, path="t/n") == ["Put b=20", "Put a=10", "Start"]
    assert messages(repo, path="nothing") == []


def test_log_of_a_range_leaves_out_what_the_other_has(repo: Repository) -> None:
    repo.branches.create("side", at="main~1")
    put(repo, "side", "s", 1)
    assert messages(repo, "main..side") == ["Put s=1"]
    assert messages(repo, "side..main") == ["Put b=20"]
    assert sorted(messages(repo, "main...side")) == ["Put b=20", "Put s=1"]
    assert str(repo.diff("main...side")) == "t: 1 sample added ('s')"


def test_blame_names_the_commit_that_last_changed_a_sample(repo: Repository) -> None:
    put(repo, "main", "c", 5)
    assert repo.blame("t", "a").message == "Put a=10"
    assert repo.blame("t/n", "d").message == "Start"
    assert repo.blame("t", "c").message == "Put c=5"
    with pytest.raises(NotFoundError, match="zz"):
        repo.blame("t", "zz")


def test_blame_goes_through_a_merge_to_the_side_that_changed_it(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    put(repo, "side", "e", 50)
    put(repo, "main", "d", 40)
    repo.merge("side", into="main")
    assert repo.blame("t", "e").message == "Put e=50"
    assert repo.blame("t", "d").message == "Put d=40"


def test_revisions_by_move_and_by_time(repo: Repository) -> None:
    assert repo.resolve("main@{1}") == repo.resolve("main~1")
    later = (datetime.now(UTC) + timedelta(days=1)).date()
    assert repo.resolve(f"main@{{{later}}}") == repo.resolve("main")
    assert repo.resolve("main@{1}~1") == repo.resolve("main~2")
    with pytest.raises(NotFoundError, match="3 entries"):
        repo.resolve("main@{9}")
    with pytest.raises(InvalidInputError, match="2026-01-31"):
        repo.resolve("main@{yesterday}")


def test_first_parents_far_back_are_found_in_few_reads() -> None:
    repo = vstore.create(f"memory://{uuid4().hex}")
    for number in range(200):
        with repo.transaction("main", message=str(number), allow_empty=True):
            pass
    assert repo.commit("main~150").message == "49"
    fresh = vstore.open(repo.url)
    read: list[str] = []
    commit = internals(fresh).fetcher.commit

    def counted(digest: Digest) -> CommitDocument:
        read.append(digest)
        return commit(digest)

    internals(fresh).fetcher.commit = counted  # type: ignore[method-assign]
    assert fresh.commit("main~199").message == "0"
    assert len(set(read)) < 24


def test_a_branch_takes_another_name(repo: Repository) -> None:
    repo.branches.create("side", at="main~1")
    head = repo.branches.rename("side", "feature/new")
    assert list(repo.branches) == ["feature/new", "main"]
    assert repo.branches["feature/new"] == head == repo.resolve("main~1")
    with pytest.raises(AlreadyExistsError, match="'main'"):
        repo.branches.rename("feature/new", "main")
    with pytest.raises(NotFoundError, match="'side'"):
        repo.branches.rename("side", "other")


def test_a_deleted_branch_comes_back_from_the_commit_it_left(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    put(repo, "side", "s", 1)
    with pytest.raises(ConflictError, match="no other branch"):
        repo.branches.delete("side")
    left = repo.branches.delete("side", force=True)
    repo.branches.create("side", at=left)
    assert values(repo, "side")["s"] == 1
