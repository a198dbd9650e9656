"""Policies of a repository: whatever moves a ref keeps to them, and fsck says what does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

import vstore
from tests.repositories import counted, new_repository
from tests.signing.keys import Keys, make_keys
from vstore import PolicyError, Repository
from vstore.faces import internals
from vstore.format import object_keys
from vstore.history import policies as stored
from vstore.history.refs import Refs

WHY = {"ticket": "DATA-7"}


def change(repo: Repository, branch: str = "main", value: int = 7, **options: object) -> None:
    with repo.transaction(branch, message=f"Set {value}", **options) as tx:  # type: ignore[arg-type]
        tx["t"]["x"][0] = value


@pytest.fixture
def repo() -> Repository:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"x": [1, 2, 3]}, keys=["a", "b", "c"])
    repo.branches.create("side")
    with repo.transaction("side", message="Set b") as tx:
        tx["t"]["x"][1] = 5
    with repo.transaction("main", message="More") as tx:
        tx["t"]["x"][2] = 9
    repo.tags.create("v1")
    return repo


def heads(repo: Repository) -> dict[str, str]:
    found: dict[str, str] = {name: repo.branches[name] for name in repo.branches}
    return found | {f"tag {name}": repo.tags[name] for name in repo.tags}


COMMITS: dict[str, Callable[[Repository], object]] = {
    "a transaction": lambda repo: change(repo, value=8),
    "a merge": lambda repo: repo.merge("side"),
    "a cherry-pick": lambda repo: repo.cherry_pick("side"),
    "a revert": lambda repo: repo.revert("main"),
    "a rebase": lambda repo: repo.rebase("side", onto="main"),
    "a purge": lambda repo: repo.purge("t", ["b"], whole=True, author="Eve"),
}


@pytest.mark.parametrize("work", COMMITS.values(), ids=COMMITS)
def test_no_way_to_commit_leads_past_required_metadata(
    repo: Repository, work: Callable[[Repository], object]
) -> None:
    repo.policies.set(require_metadata=["ticket"], may_purge=["Ann Lee"])
    before = heads(repo)
    with pytest.raises(PolicyError) as caught:
        work(repo)
    assert caught.value.code in ("policy-metadata", "policy-purge")
    assert heads(repo) == before
    assert repo.fsck().is_sound


def test_what_a_commit_says_is_not_taken_away_again(repo: Repository) -> None:
    repo.policies.set(require_metadata=["ticket"])
    change(repo, metadata=WHY)
    with pytest.raises(PolicyError, match="ticket"):
        repo.amend("main", metadata={"ticket": ""})
    repo.amend("main", message="Else")
    repo.squash("main", since="main~1", message="One")
    assert repo.commit().metadata == WHY


def test_commits_that_say_why_pass(repo: Repository) -> None:
    repo.policies.set(require_metadata=["ticket"], reason="Audit of 2026")
    change(repo, value=3, metadata=WHY)
    repo.revert("main", metadata=WHY)
    repo.cherry_pick("side", metadata=WHY)
    repo.merge("side", metadata=WHY)
    repo.rebase("side", onto="main", metadata=WHY)
    repo.squash("main", since="main~1", message="One", metadata=WHY)
    repo.purge("t", ["b"], columns=["x"], move_tags=True)
    assert repo.policies.check() == []
    assert repo.fsck().is_sound


MOVES: dict[str, Callable[[Repository], object]] = {
    "a reset": lambda repo: repo.reset("main", to="main~1"),
    "an undo": lambda repo: repo.undo("main"),
    "amending": lambda repo: repo.amend("main", message="Else"),
    "squashing": lambda repo: repo.squash("main", since="main~1", message="One"),
    "rebasing": lambda repo: repo.rebase("main", onto="side"),
    "deleting": lambda repo: repo.branches.delete("release/1", force=True),
    "renaming": lambda repo: repo.branches.rename("release/1", "else"),
    "deleting a tag": lambda repo: repo.tags.delete("v1"),
    "a forced push": lambda repo: _force(repo),
    "deleting by push": lambda repo: _clone(repo).remotes["origin"].push(delete=["release/1"]),
}


def _clone(repo: Repository) -> Repository:
    return vstore.clone(repo.url, new_repository().url + "-clone", author="Eve")


def _force(repo: Repository) -> None:
    clone = _clone(repo)
    clone.reset("main", to="main~1")
    clone.remotes["origin"].push("main", force_with_lease=repo.resolve("main"))


@pytest.mark.parametrize("work", MOVES.values(), ids=MOVES)
def test_what_is_protected_stays_and_goes_forward_only(
    repo: Repository, work: Callable[[Repository], object]
) -> None:
    repo.branches.create("release/1", at="side")
    repo.policies.set(protect_branches=["main", "release/*"], protect_tags=["v*"])
    before = heads(repo)
    with pytest.raises(PolicyError) as caught:
        work(repo)
    assert caught.value.code == "policy-protected"
    assert heads(repo) == before
    assert not internals(repo).refs.deleted.find_latest(object_keys.branch("release/1"))
    change(repo, value=4)
    repo.merge("side")
    repo.reset("side", to="main")
    repo.policies.set(protect_branches=[], protect_tags=[])
    repo.tags.delete("v1")
    repo.amend("main", message="Else")


def test_a_push_is_checked_where_it_arrives(repo: Repository) -> None:
    clone = _clone(repo)
    repo.policies.set(require_metadata=["ticket"])
    change(clone, value=4)
    clone.branches.create("new")
    with pytest.raises(PolicyError, match="ticket") as caught:
        clone.remotes["origin"].push("main", "new")
    report = caught.value.fields["report"]
    assert {(ref.name, ref.outcome) for ref in report.refs} == {
        ("main", "rejected"),
        ("new", "rejected"),
    }
    assert "new" not in repo.branches
    clone.amend("main", metadata=WHY)
    clone.branches.delete("new", force=True)
    clone.branches.create("new")
    clone.remotes["origin"].push("main", "new")
    assert internals(repo).refs.get_branch("new").document.policy == 1


def test_branches_of_remotes_and_pins_of_forks_go_where_they_are(repo: Repository) -> None:
    clone = _clone(repo)
    clone.policies.set(
        require_metadata=["ticket"], protect_branches=["*"], reason="Nothing is rewritten here"
    )
    change(repo, value=4)
    clone.remotes["origin"].fetch()
    repo.reset("main", to="main~1")
    clone.remotes["origin"].fetch()
    assert clone.branches["origin/main"] == repo.resolve("main")
    clone.remotes.rename("origin", "up")
    clone.remotes.remove("up")
    assert clone.policies.check() == []


def test_heads_and_tags_must_be_signed_by_those_that_are_named(
    repo: Repository, keys: Keys
) -> None:
    repo.policies.set(signers=keys.signers(f"ann@example.org {keys.public('ann')}"))
    before = heads(repo)
    for work in (
        lambda: change(repo, value=4),
        lambda: repo.tags.create("v2"),
        lambda: repo.branches.create("new"),
        lambda: repo.merge("side"),
    ):
        with pytest.raises(PolicyError, match="needs a signed commit") as caught:
            work()
        assert caught.value.code == "policy-signature"
        assert heads(repo) == before
    signing = vstore.open(repo.url, author="Ann Lee", signatures=replace(keys.settings, sign=True))
    change(signing, value=4)
    signing.merge("side")
    signing.tags.create("v2")
    signing.purge("t", ["b"], move_tags=True)
    assert repo.policies.check() == []
    eve = replace(keys.settings, key=keys.key("eve"), sign=True)
    stranger = vstore.open(repo.url, author="Eve", signatures=eve)
    with pytest.raises(PolicyError, match="No principal matched"):
        change(stranger, value=6)


def test_who_may_purge_is_asked_by_name_or_address(repo: Repository) -> None:
    repo.policies.set(may_purge=["dpo@clinic.example"])
    with pytest.raises(PolicyError) as caught:
        repo.purge("t", ["b"])
    assert caught.value.code == "policy-purge"
    repo.purge("t", ["b"], move_tags=True, author="Dana <dpo@clinic.example>")


def test_what_branches_left_is_kept_for_as_long_as_the_policies_say(repo: Repository) -> None:
    repo.policies.set(keep=timedelta(days=365))
    left = repo.resolve("main")
    repo.reset("main", to="main~1")
    repo.tags.delete("v1")
    with pytest.raises(PolicyError) as caught:
        repo.gc(grace=timedelta(0), expire=timedelta(days=1))
    assert caught.value.code == "policy-keep"
    repo.gc(grace=timedelta(0))
    repo.gc(grace=timedelta(0), expire=timedelta(days=400))
    assert repo.commit(left).title == "More"


def test_a_commit_that_was_begun_before_follows_policies_set_meanwhile(repo: Repository) -> None:
    tx = repo.transaction("main", message="Slow")
    tx["t"]["x"][0] = 4
    vstore.open(repo.url, author="Bo").policies.set(require_metadata=["ticket"])
    head = repo.resolve("main")
    with pytest.raises(PolicyError), tx:
        pass
    assert repo.resolve("main") == head
    assert repo.fsck().is_sound


def test_a_branch_that_was_being_created_follows_policies_set_meanwhile(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = vstore.open(repo.url, author="Bo")
    create, listed = Refs.create_branch, stored.policy_numbers
    calls = iter(range(100))

    def numbers(store: object) -> list[int]:
        found = listed(store)  # type: ignore[arg-type]
        if next(calls) == 0:  # the new branch is not there when it is looked for
            monkeypatch.setattr(stored, "policy_numbers", listed)
            other.policies.set(protect_branches=["new"])
            monkeypatch.setattr(stored, "policy_numbers", numbers)
        return found

    monkeypatch.setattr(stored, "policy_numbers", numbers)
    assert create(internals(repo).refs, "new", repo.resolve("side"), action="created") is not None
    assert internals(repo).refs.get_branch("new").document.policy == 1
    with pytest.raises(PolicyError):
        repo.branches.delete("new", force=True)


def test_an_interrupted_change_of_policies_is_named_and_finished(repo: Repository) -> None:
    repo.policies.set(require_metadata=["ticket"])
    new = repo.policies.current
    refs = internals(repo).refs
    branch = refs.get_branch("side")
    assert refs.follow_policy(branch, 0) is not None
    report = repo.fsck()
    assert not report.is_sound
    assert [breach.what for breach in report.breaches] == ["branch 'side'"]
    assert "against the policies: branch 'side'" in str(report)
    assert repo.policies.set() == new
    assert repo.fsck().is_sound
    assert report.to_dict()["breaches"][0]["what"] == "branch 'side'"


def test_fsck_names_commits_of_programs_that_know_no_policies(repo: Repository) -> None:
    repo.policies.set(require_metadata=["ticket"])
    refs = internals(repo).refs
    refs.follow_policy(refs.get_branch("main"), 0)
    change(vstore.open(repo.url, author="Eve"), value=6)
    refs = internals(vstore.open(repo.url)).refs
    refs.follow_policy(refs.get_branch("main"), 1)
    found = repo.policies.check()
    assert [breach.what for breach in found] == [f"commit {repo.resolve('main')}"]
    assert "ticket" in found[0].detail


def test_each_version_says_who_set_what_and_why(repo: Repository) -> None:
    assert repo.policies.current.number == 0
    assert repo.policies.set().number == 0
    repo.policies.set(protect_branches=["main"], reason="Published", author="Bo <bo@x.org>")
    repo.policies.set(may_purge=["bo@x.org"])
    again = repo.policies.set(may_purge=["bo@x.org"])
    assert again.number == 2
    newest, first = repo.policies.log()
    assert (newest.number, newest.protect_branches, newest.may_purge) == (
        2,
        ("main",),
        ("bo@x.org",),
    )
    assert (first.reason, str(first.author)) == ("Published", "Bo <bo@x.org>")


def test_two_who_set_policies_at_once_do_not_overwrite_each_other(repo: Repository) -> None:
    repo.policies.set(protect_branches=["main"])
    newest = stored.newest_policy(repo.store)
    assert newest is not None
    with pytest.raises(vstore.ConflictError) as caught:
        stored.put_policy(repo.store, newest)
    assert caught.value.code == "changed-meanwhile"


@pytest.mark.parametrize(
    "rule",
    [
        {"protect_branches": "main"},
        {"require_metadata": [""]},
        {"require_metadata": ["a", "a"]},
        {"signers": "not a line"},
        {"keep": timedelta(days=-1)},
        {"may_purge": [f"{number}" for number in range(1000)]},
    ],
)
def test_malformed_rules_are_refused(repo: Repository, rule: dict[str, object]) -> None:
    with pytest.raises(vstore.InvalidInputError):
        repo.policies.set(**rule)  # type: ignore[arg-type]
    assert repo.policies.current.number == 0


def test_without_policies_no_commit_asks_for_any(repo: Repository) -> None:
    fresh, store = counted(repo)
    with fresh.transaction("main", message="Set") as tx:
        tx["t"]["x"][0] = 4
    assert not [request for request in store.requests if "policies" in str(request)]


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))
