"""What a revision names, spelled in every way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import vstore
from tests.repositories import counted, new_repository
from vstore import Repository
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.storage.store import Key

START = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 20


@pytest.fixture(scope="module")
def repository() -> Repository:
    """A line of 20 commits, an hour apart; a branch off its middle; tags."""
    repository = new_repository()
    for i in range(COUNT):
        time = START + timedelta(hours=i)
        with repository.transaction("main", message=f"{i}", time=time, allow_empty=True):
            pass
    repository.branches.create("team/dev", at="main~10")
    with repository.transaction("team/dev", message="dev", allow_empty=True):
        pass
    repository.tags.create("v1.0", at="main~3")
    repository.tags.create("cafe", at="main~4")
    return repository


def message(repository: Repository, revision: str | None, **options: datetime) -> str:
    return repository.checkout(revision, **options).commit.message


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (None, "19"),
        ("main", "19"),
        ("main~0", "19"),
        ("main^0", "19"),
        ("main~", "18"),
        ("main^", "18"),
        ("main~1", "18"),
        ("main^1", "18"),
        ("main~~^", "16"),
        ("main~19", "0"),
        ("main~3^~2", "13"),
        ("v1.0", "16"),
        ("v1.0~6", "10"),
        ("cafe", "15"),
        ("team/dev", "dev"),
        ("team/dev~1", "9"),
    ],
)
def test_names_and_steps(repository: Repository, revision: str | None, expected: str) -> None:
    assert message(repository, revision) == expected
    assert repository.commit(revision).message == expected
    assert next(repository.log(revision)).message == expected


def test_hashes_and_their_prefixes(repository: Repository) -> None:
    for commit in repository.log("main"):
        assert repository.resolve(commit.id) == commit.id
        assert repository.resolve(commit.id[:12]) == commit.id
        assert repository.resolve(f"{commit.id[:12]}~0") == commit.id
    first, second = list(repository.log("main"))[:2]
    assert repository.resolve(f"{first.id}~1") == second.id
    assert repository.resolve(f"{first.id[:16]}^") == second.id


def test_an_ambiguous_prefix_is_refused_with_the_candidates() -> None:
    repository = new_repository()
    with repository.transaction("main", message="m", allow_empty=True):
        pass
    for last in "01":
        digest = Digest("abcdef" + "0" * 57 + last)
        repository.store.put(object_keys.commit(digest), b"{}")
    with pytest.raises(
        vstore.InvalidInputError, match=r"ambiguous: 2 commits[^\n]*\nHint: give more digits"
    ):
        repository.resolve("abcd")
    with pytest.raises(vstore.NotFoundError):
        repository.resolve("abc")


def test_files_of_others_among_the_commits_are_none() -> None:
    repository = new_repository()
    with repository.transaction("main", message="m", allow_empty=True):
        pass
    head = repository.resolve("main")
    repository.store.put(Key(f"commits/{head}.json.tmp"), b"")
    repository.store.put(Key(f"commits/{head[:20]}.json"), b"")
    assert repository.resolve(head[:8]) == head


def test_a_branch_comes_before_a_tag_and_both_before_a_prefix(repository: Repository) -> None:
    prefix = repository.resolve("main~7")[:8]
    repository.tags.create(prefix, at="main~1")
    assert message(repository, prefix) == "18"
    repository.branches.create(prefix, at="main~2")
    assert message(repository, prefix) == "17"
    repository.branches.delete(prefix)
    repository.tags.delete(prefix)
    assert message(repository, prefix) == "12"


@pytest.mark.parametrize("revision", ["main~20", "main~999", "main^2", "team/dev~11", "nope~1"])
def test_steps_that_lead_nowhere(repository: Repository, revision: str) -> None:
    with pytest.raises(vstore.NotFoundError):
        repository.resolve(revision)


def test_the_state_as_of_a_time(repository: Repository) -> None:
    for i in range(COUNT):
        time = START + timedelta(hours=i)
        assert message(repository, "main", as_of=time) == str(i)
        assert message(repository, None, as_of=time + timedelta(minutes=59)) == str(i)
    assert message(repository, "main", as_of=START + timedelta(days=900)) == "19"
    with pytest.raises(vstore.NotFoundError, match="first commit"):
        repository.checkout("main", as_of=START - timedelta(seconds=1))
    with pytest.raises(vstore.InvalidInputError, match="time zone"):
        repository.checkout("main", as_of=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_log_is_newest_first_and_complete(repository: Repository) -> None:
    assert [commit.message for commit in repository.log("main")] == [
        str(i) for i in reversed(range(COUNT))
    ]
    assert [commit.message for commit in repository.log("team/dev", limit=2)] == ["dev", "9"]
    assert list(repository.log("main", limit=0)) == []


def test_what_each_spelling_costs(repository: Repository) -> None:
    head = repository.resolve("main")
    for revision, requests in ((head, 0), ("main", 1), ("v1.0", 2), (head[:12], 3)):
        fresh, store = counted(repository)
        fresh.resolve(revision)
        assert store.count() == requests


def test_far_ancestors_are_found_in_few_requests() -> None:
    repository = new_repository()
    for i in range(300):
        with repository.transaction("main", message=f"{i}", allow_empty=True):
            pass
    fresh, store = counted(repository)
    assert fresh.commit("main~280").message == "19"
    assert store.count() <= 20


def test_an_address_with_a_revision(repository: Repository) -> None:
    head = repository.resolve("main~3")
    for revision in (head, head[:10], "v1.0", "main~3"):
        assert vstore.checkout(f"{repository.url}@{revision}").commit.id == head
        assert vstore.checkout(repository.url, revision).commit.id == head
    assert vstore.checkout(repository.url).commit.message == "19"


def test_an_address_with_a_branch_that_has_a_slash(tmp_path: Path) -> None:
    repository = vstore.create(tmp_path / "my@repository")
    with repository.transaction("main", message="m", allow_empty=True):
        pass
    repository.branches.create("team/dev", at="main")
    with repository.transaction("team/dev", message="dev", allow_empty=True):
        pass
    address = str(tmp_path / "my@repository")
    assert vstore.checkout(f"{address}@team/dev").commit.message == "dev"
    assert vstore.checkout(address, "team/dev").commit.message == "dev"
    assert vstore.open(address).checkout("main").commit.message == "m"
