"""Why something was committed: messages, metadata, and how conflicts were decided."""

from typing import Any
from uuid import uuid4

import pytest

import vstore
from vstore.history.decisions import MEMBER, MOST_NBYTES, Decision, decisions_in, recorded

WHY = {"why": "review 7"}


@pytest.fixture
def repo() -> vstore.Repository:
    repo = vstore.create(f"memory://{uuid4()}", author="Ann <ann@example.org>")
    with repo.transaction("main", message="Start") as tx:
        columns = {name: vstore.ndarray((), "int64") for name in "xy"}
        table = tx.create_table("t", columns, keys="str")
        table.extend({"x": range(4), "y": range(4)}, keys=list("abcd"))
    repo.branches.create("side")
    for branch, value in (("main", 10), ("side", 20)):
        with repo.transaction(branch, message=f"On {branch}", author=branch) as tx:
            for key in "abc":
                tx["t"].loc[key] = {"x": value}
    return repo


def decide(conflict: vstore.Conflict) -> Any:
    return {"a": "ours", "b": "theirs", "c": vstore.Use(99)}[conflict.sample]


class TestMerge:
    def test_says_how_each_conflict_was_decided_and_by_whom(self, repo: vstore.Repository) -> None:
        merged = repo.merge("side", into="main", metadata=WHY, resolve=decide, author="Cleo")
        assert merged.commit is not None
        assert dict(merged.commit.metadata) == WHY | {
            MEMBER: {
                "by": "Cleo",
                "count": 3,
                "decided": [
                    {"path": "t/x", "kind": "changed", "sample": key, "decision": how}
                    for key, how in (("a", "ours"), ("b", "theirs"), ("c", "value"))
                ],
            }
        }

    def test_history_shows_it(self, repo: vstore.Repository) -> None:
        repo.merge("side", into="main", resolve=decide, author="Cleo")
        found = [
            (each.key, each.status, each.old, each.new, each.decision, each.decided_by)
            for each in repo.history("t/x", samples=["a", "b", "c"])
            if each.commit is not None and len(each.commit.parents) > 1
        ]
        assert sorted(found) == [
            ("a", "resolved", 20, 10, "ours", "Cleo"),
            ("b", "resolved", 10, 20, "theirs", "Cleo"),
            ("c", "resolved", 10, 99, "value", "Cleo"),
        ]
        assert not [each for each in repo.history("t/y") if each.status == "resolved"]
        told = [each for each in repo.history("t", samples=["a"]) if each.status == "resolved"]
        assert [each.to_dict()["decision"] for each in told] == ["ours"]

    def test_without_conflicts_says_nothing(self, repo: vstore.Repository) -> None:
        repo.branches.create("calm", at="side")
        with repo.transaction("calm", message="Calm") as tx:
            tx["t"].loc["d"] = {"y": 5}
        with repo.transaction("side", message="Too") as tx:
            tx["t"].loc["d"] = {"x": 5}
        merged = repo.merge("calm", into="side")
        assert merged.commit is not None
        assert dict(merged.commit.metadata) == {}

    def test_a_purged_sample_is_not_named_any_more(self, repo: vstore.Repository) -> None:
        repo.merge("side", into="main", resolve=decide)
        repo.purge("t", ["a"], whole=True)
        decisions, _ = decisions_in(repo.commit("main").metadata)
        assert [each.key for each in decisions] == ["b", "c"]


def test_everything_that_commits_takes_metadata(repo: vstore.Repository) -> None:
    with repo.transaction("side", message="More", metadata={"old": 1}) as tx:
        tx["t"].loc["d"] = {"y": 5}
    picked = repo.cherry_pick("side", into="main", message="Picked", metadata=WHY)
    assert (picked.message, dict(picked.metadata)) == ("Picked", {"old": 1} | WHY)
    undone = repo.revert("main", message="Undone", metadata=WHY, author="Cleo")
    assert (undone.message, dict(undone.metadata), undone.author.name) == ("Undone", WHY, "Cleo")
    repo.branches.create("copy", at="side")
    rebased = repo.rebase("copy", onto="main", metadata=WHY, resolve="theirs")
    assert dict(rebased.metadata) == {"old": 1} | WHY
    squashed = repo.squash("side", since="side~2", message="One", metadata=WHY)
    assert (squashed.message, dict(squashed.metadata)) == ("One", {"old": 1} | WHY)


def test_a_replayed_conflict_is_recorded_too(repo: vstore.Repository) -> None:
    picked = repo.cherry_pick("side", into="main", resolve="theirs")
    decisions, by = decisions_in(picked.metadata)
    assert ([each.key for each in decisions], by) == (["a", "b", "c"], "Ann <ann@example.org>")


def test_what_a_commit_says_of_conflicts_is_bounded() -> None:
    many = [Decision("t/x", "changed", f"key-{i}", "ours") for i in range(5000)]
    found = recorded(many, vstore.Author("Ann"))[MEMBER]
    assert found["count"] == 5000
    assert 100 < len(found["decided"]) < 300
    assert len(str(found["decided"])) < 2 * MOST_NBYTES


@pytest.mark.parametrize(
    "found", [None, 3, [], {}, {"decided": 3}, {"decided": [{}]}, {"decided": [{"path": 3}]}]
)
def test_metadata_of_others_are_no_decisions(found: Any) -> None:
    assert decisions_in({MEMBER: found}) == ([], "")
