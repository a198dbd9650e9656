"""Push, fetch, pull and clone: what is where afterwards, and what is refused."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.transfer.places import append, copy_of, fresh_url, is_sound, keys, new_repository, rows
from vstore.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError


def outcomes(report: vstore.TransferReport) -> dict[str, str]:
    return {ref.name: ref.outcome for ref in report.refs}


def test_a_clone_has_the_branches_of_its_origin_as_remote_ones() -> None:
    origin = new_repository()
    origin.branches.create("dev")
    append(origin, "d", "dev")
    origin.tags.create("v1", message="First")
    copy = copy_of(origin)
    assert list(copy.branches) == ["main", "origin/dev", "origin/main"]
    assert copy.tags.get("v1") == origin.tags.get("v1")
    assert keys(copy, "origin/dev") == keys(origin, "dev")
    assert copy.description.id == origin.description.id
    assert [str(commit) for commit in copy.log()] == [str(commit) for commit in origin.log()]
    assert is_sound(copy)


def test_a_push_sends_what_is_missing_and_moves_the_branch() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(copy, "new")
    report = copy.remotes["origin"].push("main")
    assert outcomes(report) == {"main": "updated"}
    assert report.objects <= 3
    assert keys(origin) == keys(copy)
    assert origin.branches.log("main")[0].action == f"push from {copy.url}"
    again = copy.remotes["origin"].push()
    assert outcomes(again) == {"main": "unchanged"}
    assert again.is_up_to_date
    assert not again.objects
    assert is_sound(origin)


def test_a_push_to_where_nothing_is_makes_the_repository() -> None:
    here = new_repository()
    url = fresh_url()
    here.remotes.add("backup", url)
    here.tags.create("v1")
    report = here.remotes["backup"].push(all=True, tags=True)
    assert outcomes(report) == {"main": "created", "v1": "created"}
    there = vstore.open(url)
    assert there.description == here.description
    assert keys(there) == keys(here)
    assert is_sound(there)


def test_a_push_of_a_branch_that_parted_is_refused_until_it_is_merged() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(origin, "theirs")
    append(copy, "ours")
    head = origin.resolve("main")
    with pytest.raises(ConflictError, match="does not descend") as caught:
        copy.remotes["origin"].push("main")
    assert caught.value.code == "non-fast-forward"
    assert outcomes(caught.value.fields["report"]) == {"main": "rejected"}
    assert origin.resolve("main") == head
    merged = copy.pull("main")
    assert merged.kind == "merge"
    copy.remotes["origin"].push("main")
    assert {"ours", "theirs"} <= keys(origin)
    assert is_sound(origin)


def test_of_several_branches_those_that_may_be_are_pushed() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    copy.branches.create("side")
    append(copy, "side", "side")
    append(origin, "theirs")
    append(copy, "ours")
    with pytest.raises(ConflictError) as caught:
        copy.remotes["origin"].push("main", "side")
    assert outcomes(caught.value.fields["report"]) == {"main": "rejected", "side": "created"}
    assert "side" in keys(origin, "side")


def test_force_needs_to_know_where_the_branch_is() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(copy, "ours")
    seen = origin.resolve("main")
    append(origin, "theirs")
    remote = copy.remotes["origin"]
    with pytest.raises(ConflictError) as caught:
        remote.push("main", force_with_lease=seen)
    assert caught.value.code == "lease-broken"
    remote.fetch()
    report = remote.push("main", force_with_lease="origin/main")
    assert outcomes(report) == {"main": "forced"}
    assert "theirs" not in keys(origin)


def test_a_branch_can_have_another_name_there() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(copy, "a")
    copy.remotes["origin"].push("main:review/ann")
    copy.remotes["origin"].push("main~1:old")
    assert origin.resolve("review/ann") == copy.resolve("main")
    assert origin.resolve("old") == copy.resolve("main~1")


def test_what_is_fetched_is_beside_what_is_here() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    before = copy.resolve("main")
    head = append(origin, "new")
    report = copy.remotes["origin"].fetch("main")
    assert outcomes(report) == {"origin/main": "updated"}
    assert copy.resolve("main") == before
    assert copy.resolve("origin/main") == head
    assert copy.remotes["origin"].ahead_behind() == vstore.AheadBehind(ahead=0, behind=1)
    assert copy.pull().kind == "fast-forward"
    assert copy.resolve("main") == head


def test_a_branch_that_went_back_there_is_followed() -> None:
    origin = new_repository()
    append(origin, "wrong")
    copy = copy_of(origin)
    origin.reset("main", to="main~1")
    report = copy.remotes["origin"].fetch()
    assert outcomes(report)["origin/main"] == "forced"
    assert copy.resolve("origin/main") == origin.resolve("main")


def test_branches_that_are_gone_are_pruned_on_request_and_can_come_back() -> None:
    origin = new_repository()
    origin.branches.create("old")
    copy = copy_of(origin)
    origin.branches.delete("old")
    copy.remotes["origin"].fetch()
    assert "origin/old" in copy.branches
    report = copy.remotes["origin"].fetch(prune=True)
    assert outcomes(report)["origin/old"] == "deleted"
    assert "origin/old" not in copy.branches
    copy.branches.restore("origin/old")


def test_tags_that_differ_are_refused_and_equal_ones_are_not() -> None:
    origin = new_repository()
    origin.tags.create("v1")
    copy = copy_of(origin)
    assert outcomes(copy.remotes["origin"].push(tags=["v1"])) == {"v1": "unchanged"}
    append(copy, "new")
    copy.tags.create("v2")
    append(copy, "newer")
    origin.tags.create("v2")
    with pytest.raises(AlreadyExistsError) as caught:
        copy.remotes["origin"].push(tags=True)
    assert caught.value.code == "tag-exists"
    assert origin.tags["v2"] == origin.resolve("main")


def test_a_dry_run_changes_nothing_on_either_side() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    append(copy, "new")
    before = _everything(origin), _everything(copy)
    report = copy.remotes["origin"].push("main", "main:other", dry_run=True)
    assert outcomes(report) == {"main": "updated", "other": "created"}
    assert report.objects
    assert report.nbytes
    append_there = append(origin, "theirs")
    before = _everything(origin), before[1]
    assert outcomes(copy.remotes["origin"].fetch(dry_run=True))["origin/main"] == "updated"
    assert copy.resolve("origin/main") != append_there
    assert (_everything(origin), _everything(copy)) == before


def _everything(repository: vstore.Repository) -> dict[str, bytes]:
    return {
        str(info.key): repository.store.get(info.key) for info in repository.store.list_prefix("")
    }


def test_branches_are_deleted_there_so_that_they_can_be_restored() -> None:
    origin = new_repository()
    origin.branches.create("old")
    copy = copy_of(origin)
    copy.remotes["origin"].push(delete=["old"])
    assert list(origin.branches) == ["main"]
    origin.branches.restore("old")
    with pytest.raises(InvalidInputError, match="default branch"):
        copy.remotes["origin"].push(delete=["main"])


def test_what_says_where_a_branch_of_a_remote_is_is_not_committed_to() -> None:
    copy = copy_of(new_repository())
    for change in (
        lambda: copy.transaction("origin/main", message="Wrong"),
        lambda: copy.merge("main", into="origin/main"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            change()
        assert caught.value.code == "branch-of-remote"
    copy.branches.create("feature/a")
    append(copy, "new", "feature/a")


def test_unrelated_repositories_are_told_apart() -> None:
    here, there = new_repository(), new_repository()
    remote = here.remotes.open(there.url)
    with pytest.raises(InvalidInputError) as caught:
        remote.push("main:theirs")
    assert caught.value.code == "unrelated"
    assert list(there.branches) == ["main"]
    remote.push("main:theirs", unrelated=True)
    assert keys(there, "theirs") == keys(here)


def test_a_mirror_has_all_refs_and_is_brought_up_to_date_by_the_same_call() -> None:
    origin = new_repository()
    origin.branches.create("dev")
    origin.tags.create("v1")
    url = fresh_url()
    mirror = vstore.clone(origin.url, url, mirror=True)
    assert list(mirror.branches) == ["dev", "main"]
    assert not list(mirror.remotes)
    append(origin, "new")
    origin.branches.delete("dev")
    mirror = vstore.clone(origin.url, url, mirror=True, prune=True)
    assert list(mirror.branches) == ["main"]
    assert mirror.resolve("main") == origin.resolve("main")
    assert is_sound(mirror)


def test_a_clone_into_another_repository_is_refused() -> None:
    origin, other = new_repository(), new_repository()
    with pytest.raises(AlreadyExistsError):
        vstore.clone(origin.url, other.url)
    copy = copy_of(origin)
    with pytest.raises(AlreadyExistsError):
        vstore.clone(origin.url, copy.url)


def test_a_clone_of_some_branches_or_of_the_last_commits() -> None:
    origin = new_repository()
    for i in range(5):
        append(origin, f"new {i}")
    origin.branches.create("dev")
    one = copy_of(origin, branches=["dev"])
    assert list(one.branches) == ["dev", "origin/dev"]
    short = copy_of(origin, depth=2)
    assert keys(short) == keys(origin)
    append(origin, "later")
    short.remotes["origin"].fetch("main")
    closed = vstore.open(short.url, offline=True).checkout("origin/main")["t"]
    assert closed["n"][100:].shape == (6, 4)
    with pytest.raises(NotFoundError):
        copy_of(origin, branches=["nope"])


def test_an_empty_repository_can_be_cloned_and_pushed_to() -> None:
    origin = vstore.create(fresh_url(), author="Ann")
    copy = copy_of(origin)
    with copy.transaction("main", message="First") as tx:
        tx.create_table("t", {"n": vstore.ndarray((4,), "int64"), "text": vstore.text()}).extend(
            rows(3)
        )
    copy.remotes["origin"].push()
    assert origin.resolve("main") == copy.resolve("main")


def test_remotes_are_added_renamed_and_removed_with_their_branches() -> None:
    origin = new_repository()
    copy = copy_of(origin)
    copy.remotes.rename("origin", "upstream")
    assert list(copy.branches) == ["main", "upstream/main"]
    copy.remotes.set_url("upstream", "memory://elsewhere")
    assert copy.remotes["upstream"].url == "memory://elsewhere"
    copy.remotes.remove("upstream")
    assert list(copy.branches) == ["main"]
    assert not list(copy.remotes)
    copy.branches.create("feature/a")
    with pytest.raises(AlreadyExistsError):
        copy.remotes.add("feature", origin.url)
    with pytest.raises(NotFoundError, match="no remote 'nope'"):
        copy.remotes["nope"]


@pytest.mark.parametrize(
    "url", ["https://ann:secret@example.org/x", "https://example.org/?token=1"]
)
def test_secrets_are_never_stored_in_a_remote(url: str) -> None:
    repository = new_repository()
    with pytest.raises(InvalidInputError) as caught:
        repository.remotes.add("origin", url)
    assert "secret@" not in str(caught.value)
    assert not list(repository.remotes)


def test_a_remote_that_is_gone_is_named() -> None:
    copy = copy_of(new_repository())
    copy.remotes.set_url("origin", fresh_url())
    with pytest.raises(NotFoundError) as caught:
        copy.remotes["origin"].fetch()
    assert caught.value.code == "repository-not-found"
    with pytest.raises(NotFoundError):
        copy.remotes["origin"].ping()


def test_every_kind_of_change_arrives(tmp_path: Any) -> None:
    origin = new_repository()
    url = str(tmp_path / "copy")
    copy = vstore.clone(origin.url, url, author="Ann")
    with copy.transaction("main", message="Change") as tx:
        tx["t"].loc["k3"] = {"text": "other"}
        tx["t"].delete(keys=["k4"])
        tx["grid/x"][0, 0] = 7
        tx.create_array("grid/y", shape=(3,), dtype="int8")[:] = 1
        tx["t"].add_column(
            "score", vstore.ndarray((), "float32"), values=np.arange(99, dtype="float32")
        )
    copy.branches.create("side", at="main~1")
    append(copy, "side", "side")
    copy.merge("side", into="main")
    copy.remotes["origin"].push("main")
    assert keys(origin) == keys(copy)
    assert origin.checkout()["grid/x"][0, 0] == 7
    assert is_sound(origin)
