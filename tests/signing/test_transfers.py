"""Signatures go where their commits go, and are kept as long as these are."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

import vstore
from tests.signing.keys import Keys
from tests.transfer.places import append, copy_of, counted, fresh_url, new_repository, pushing
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.storage.store import Key
from vstore.transfer import signatures as moved
from vstore.transfer.exchange import TransferOptions
from vstore.transfer.fetching import FetchPlan, fetch
from vstore.transfer.pushing import PushPlan, PushSpec, push


def signed(repo: vstore.Repository) -> set[str]:
    """Return the commits that have signatures."""
    found = (object_keys.signature_at(i.key) for i in repo.store.list_prefix("signatures/"))
    return {each[0] for each in found if each is not None}


def sign(repo: vstore.Repository, keys: Keys, revision: str = "main") -> Digest:
    repo.sign(revision, key=keys.key("ann"))
    return repo.resolve(revision)


def test_they_are_cloned_pushed_and_fetched_with_their_commits(keys: Keys) -> None:
    origin = new_repository()
    first = sign(origin, keys)
    copy = copy_of(origin)
    assert signed(copy) == {first}
    second = append(copy, "second")
    sign(copy, keys)
    report = copy.remotes["origin"].push("main")
    assert (report.objects > 0, report.signatures) == (True, 1)
    assert signed(origin) == {first, second}
    third = append(origin, "third")
    sign(origin, keys)
    copy.remotes["origin"].fetch("main")
    assert signed(copy) == {first, second, third}


def test_a_clone_of_a_part_has_those_of_its_commits(keys: Keys) -> None:
    origin = new_repository()
    old = sign(origin, keys)
    new = append(origin, "new")
    sign(origin, keys)
    assert signed(copy_of(origin, metadata_only=True)) == {old, new}
    shallow = copy_of(origin, depth=1)
    assert signed(shallow) == {new}
    # What is read through is checked by what the origin has.
    opened = vstore.open(shallow.url, signatures=keys.settings)
    assert opened.verify("main~1").commit == old
    alone = vstore.open(shallow.url, offline=True, signatures=keys.settings)
    assert alone.verify("main").commit == new


def test_those_made_later_are_transferred_if_asked_for(keys: Keys) -> None:
    origin = new_repository()
    copy = copy_of(origin)
    late = sign(origin, keys)
    remote = copy.remotes["origin"]
    assert not remote.fetch().signatures
    report = remote.fetch(signatures=True)
    assert (report.signatures, report.is_up_to_date) == (1, False)
    assert "sent 1 signature" in str(report)
    assert remote.fetch(signatures=True).is_up_to_date
    assert signed(copy) == {late}
    mine = append(copy, "mine")
    copy.branches.create("private")
    append(copy, "private", "private")
    remote.push("main")
    sign(copy, keys)
    sign(copy, keys, "private")
    assert remote.push("main", signatures=True).signatures == 1
    assert signed(origin) == {late, mine}, "what is not there is not vouched for there"


def test_a_mirror_has_all_each_time(keys: Keys) -> None:
    origin, url = new_repository(), fresh_url()
    mirror = vstore.clone(origin.url, url, mirror=True)
    late = sign(origin, keys)
    vstore.clone(origin.url, url, mirror=True)
    assert signed(mirror) == {late}


def test_pushing_or_fetching_nothing_costs_no_more_with_signatures(keys: Keys) -> None:
    origin = new_repository()
    sign(origin, keys)
    copy = copy_of(origin)
    _, here, there = counted(copy, origin, lambda a, b: push(a, b, pushing("main")))
    assert (here.count(), there.count()) == (1, 1)
    plan = FetchPlan("origin/", ["main"])
    _, here, there = counted(copy, origin, lambda a, b: fetch(a, b, plan))
    assert (here.count(), there.count()) == (1, 1)


@pytest.mark.parametrize("page", [2, 3, 1000])
def test_of_very_many_only_those_are_listed_that_are_needed(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(moved, "_PAGE", page)
    origin = new_repository()
    for number in range(4):
        append(origin, f"more{number}")
        sign(origin, keys)
    copy = copy_of(origin)
    assert signed(copy) == signed(origin)
    commits = [append(origin, "last"), sign(origin, keys)]
    copy.remotes["origin"].fetch()
    assert signed(copy) == signed(origin) >= set(commits)


def test_a_signature_that_is_there_is_not_replaced_by_another(keys: Keys) -> None:
    origin = new_repository()
    sign(origin, keys)
    copy = copy_of(origin)
    (key,) = (info.key for info in origin.store.list_prefix("signatures/"))
    good = copy.store.get(key)
    origin.store.put(key, b'{"format":1}')
    plan = PushPlan([PushSpec("main", "main")], options=TransferOptions(signatures=True))
    assert push(origin.store, copy.store, plan).signatures == 0
    assert copy.store.get(key) == good
    copy.store.delete(key)
    assert push(origin.store, copy.store, plan).signatures == 0
    assert not signed(copy), "what is malformed stays where it is"


def age(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (0, 0))


def test_collection_keeps_those_of_commits_that_are_needed(keys: Keys, tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo", author="Ann Lee")
    with repo.transaction(message="Start") as tx:
        tx.create_array("x", shape=(2,), dtype="int64")[:] = 1
    live = sign(repo, keys)
    repo.branches.create("dev")
    with repo.transaction("dev", message="More") as tx:
        tx["x"][0] = 2
    dead = sign(repo, keys, "dev")
    (tmp_path / "repo" / "signatures" / "README").write_text("not a signature")
    repo.branches.delete("dev", force=True)
    assert signed(repo) == {live, dead}
    age(tmp_path)
    repo.gc(expire=timedelta(0))
    again = repo.gc(grace=timedelta(0), expire=timedelta(0))
    assert signed(repo) == {live}
    assert again.freed.objects >= 3
    assert (tmp_path / "repo" / "signatures" / "README").exists()
    assert repo.fsck(mode="full").is_sound


def test_a_signature_of_a_commit_that_is_needed_again_stays(keys: Keys, tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo", author="Ann Lee")
    with repo.transaction(message="Start") as tx:
        tx.create_array("x", shape=(2,), dtype="int64")[:] = 1
    with repo.transaction(message="More") as tx:
        tx["x"][0] = 2
    commit = sign(repo, keys)
    repo.reset("main", to="main~1")
    age(tmp_path)
    assert repo.gc(grace=timedelta(seconds=1), expire=timedelta(0)).pending.objects >= 2
    repo.gc(cancel=True)
    repo.reset("main", to=commit)
    repo.gc(grace=timedelta(0))
    assert signed(repo) == {commit}


def test_fsck_reports_what_is_no_signature_and_restores_it(keys: Keys) -> None:
    origin = new_repository()
    sign(origin, keys)
    mirror = vstore.clone(origin.url, fresh_url(), mirror=True)
    (key,) = (info.key for info in origin.store.list_prefix("signatures/"))
    good = origin.store.get(key)
    assert origin.fsck().is_sound
    for bad, fault in (
        (b"no json", "malformed"),
        (good.replace(b"U1NI", b"U1NJ"), "damaged"),
        (b"", "malformed"),
    ):
        origin.store.put(key, bad)
        (problem,) = origin.fsck().problems
        assert (problem.key, problem.fault, problem.repaired) == (key, fault, False)
        assert origin.fsck(repair_from=mirror).is_sound
        assert origin.store.get(key) == good
    wrong = Key(object_keys.signature(Digest("ab" * 32), "cd" * 32))
    origin.store.put(wrong, good)
    (problem,) = origin.fsck().problems
    assert (problem.key, problem.fault) == (wrong, "malformed")


def test_fsck_counts_those_of_commits_that_nothing_needs(keys: Keys) -> None:
    repo = new_repository()
    append(repo, "more")
    sign(repo, keys)
    before = repo.fsck().unreferenced.objects
    repo.branches.create("dev", at="main~1")
    append(repo, "dev", "dev")
    sign(repo, keys, "dev")
    dead = repo.resolve("dev")
    repo.reset("dev", to="main~1")
    # The log of a branch keeps its commits, and so their signatures.
    assert repo.fsck().unreferenced.objects == before
    assert dead in signed(repo)
