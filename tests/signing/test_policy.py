"""Readers who want heads to be signed: what they read, build on and fetch, and what not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import vstore
from tests.signing.keys import Keys
from tests.transfer.places import append, fresh_url, new_repository
from tests.ui.browsing import browse
from vstore.errors import InvalidInputError, SignatureError


@pytest.fixture
def strict(keys: Keys) -> vstore.Repository:
    """A repository whose head is signed, opened by somebody who wants that."""
    repo = vstore.open(new_repository().url, author="Ann Lee", signatures=keys.strict)
    repo.sign()
    return repo


def plain(repo: vstore.Repository) -> vstore.Repository:
    return vstore.open(repo.url, author="Eve")


READS: dict[str, Callable[[vstore.Repository], object]] = {
    "checkout": lambda repo: repo.checkout(),
    "an ancestor": lambda repo: repo.checkout("main~1"),
    "its log": lambda repo: list(repo.log()),
    "a diff": lambda repo: repo.diff("main~1", "main"),
    "a transaction": lambda repo: repo.transaction(message="Build"),
    "a merge into it": lambda repo: repo.merge("signed"),
    "a merge of it": lambda repo: repo.merge("main", into="signed"),
    "a branch at it": lambda repo: repo.branches.create("new", at="main"),
    "a tag at it": lambda repo: repo.tags.create("v1"),
    "a short hash": lambda repo: repo.checkout(plain(repo).resolve()[:12]),
    "amending": lambda repo: repo.amend(message="Mine"),
    "reverting": lambda repo: repo.revert("signed"),
    "rebasing": lambda repo: repo.rebase("signed", onto="main"),
    "an older place": lambda repo: repo.checkout("main@{1}"),
}


@pytest.mark.parametrize("work", READS.values(), ids=READS)
def test_an_unsigned_head_is_refused(
    strict: vstore.Repository, work: Callable[[vstore.Repository], object]
) -> None:
    strict.branches.create("signed")
    for key in ("eve1", "eve2"):
        append(plain(strict), key)
    head = plain(strict).resolve()
    with pytest.raises(SignatureError, match="not signed"):
        work(strict)
    assert plain(strict).resolve() == head
    assert set(plain(strict).branches) == {"main", "signed"}


def test_an_unsigned_head_is_neither_shown_nor_copied_from(
    strict: vstore.Repository, keys: Keys
) -> None:
    browser = browse(strict)
    assert browser.open("/c/main").status == 200
    append(plain(strict), "eve")
    answer = browser.open("/c/main")
    assert answer.status == 500
    assert "not signed" in answer.text
    own = vstore.create(fresh_url(), author="Ann Lee", signatures=keys.strict)
    with pytest.raises(SignatureError, match="not signed"):
        own.copy(strict.url, "t")
    assert list(own.branches) == []


def test_a_signed_head_vouches_for_its_ancestors_and_a_whole_hash_for_itself(
    strict: vstore.Repository,
) -> None:
    append(plain(strict), "eve")
    unsigned = plain(strict).resolve()
    assert "eve" in strict.checkout(unsigned)["t"].loc
    strict.sign(unsigned)
    append(strict, "ann")
    assert strict.checkout("main~1").commit.id == unsigned
    assert strict.verify().is_good


def test_tags_are_heads_too(strict: vstore.Repository) -> None:
    append(plain(strict), "eve")
    plain(strict).tags.create("v1")
    with pytest.raises(SignatureError):
        strict.checkout("v1")


def test_a_branch_that_went_wrong_is_reset_and_deleted_all_the_same(
    strict: vstore.Repository,
) -> None:
    good = strict.resolve()
    strict.branches.create("dev")
    append(plain(strict), "eve")
    append(plain(strict), "eve", "dev")
    strict.branches.delete("dev", force=True)
    strict.reset("main", to=good)
    assert strict.resolve() == good


def test_a_writer_who_loses_a_race_does_not_build_on_what_is_not_signed(
    strict: vstore.Repository,
) -> None:
    tx = strict.transaction(message="Race")
    tx["grid/x"][0, 0] = 5
    append(plain(strict), "eve")
    with pytest.raises(SignatureError):
        tx.commit()
    assert plain(strict).checkout()["grid/x"][0, 0] == 1


def test_opening_a_commit_by_its_address_asks_for_signatures(
    strict: vstore.Repository, keys: Keys
) -> None:
    assert vstore.checkout(strict.url, signatures=keys.strict)["grid/x"][0, 0] == 1
    append(plain(strict), "eve")
    with pytest.raises(SignatureError):
        vstore.checkout(strict.url, signatures=keys.strict)


def test_unsigned_heads_are_not_fetched_pulled_or_cloned(
    strict: vstore.Repository, keys: Keys
) -> None:
    url = fresh_url()
    mine = vstore.clone(strict.url, url, author="Ann Lee", signatures=keys.strict)
    good = mine.resolve()
    append(plain(strict), "eve")
    plain(strict).tags.create("v1")
    with pytest.raises(SignatureError) as raised:
        mine.remotes["origin"].fetch()
    report = raised.value.fields["report"]
    assert {(ref.name, ref.outcome, ref.reason) for ref in report.refs} == {
        ("origin/main", "rejected", "not signed"),
        ("v1", "rejected", "not signed"),
    }
    assert mine.resolve("origin/main") == good
    with pytest.raises(SignatureError):
        mine.pull()
    with pytest.raises(SignatureError):
        vstore.clone(strict.url, fresh_url(), signatures=keys.strict)
    strict.sign()
    assert mine.pull().kind == "fast-forward"
    mine.remotes["origin"].fetch()
    assert mine.resolve("v1") == mine.resolve("main") == plain(strict).resolve()


def test_a_clone_that_was_refused_is_finished_once_its_heads_are_signed(
    strict: vstore.Repository, keys: Keys
) -> None:
    append(plain(strict), "eve")
    url = fresh_url()
    with pytest.raises(SignatureError):
        vstore.clone(strict.url, url, signatures=keys.strict)
    strict.sign()
    copy = vstore.clone(strict.url, url, signatures=keys.strict)
    assert copy.resolve() == strict.resolve()


def test_nobody_is_believed_without_signers() -> None:
    with pytest.raises(InvalidInputError, match="needs allowed_signers"):
        vstore.SignatureSettings(require="heads")
    with pytest.raises(InvalidInputError, match="neither None nor 'heads'"):
        replace(vstore.SignatureSettings(allowed_signers="x"), require="tails")  # type: ignore[arg-type]
