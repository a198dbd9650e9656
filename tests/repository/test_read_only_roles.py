"""Credentials that may read objects and not list them open everything that can be named."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import vstore
from tests.repositories import new_repository
from vstore import Repository
from vstore.storage.failure import explain, from_http
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectInfo, Version


class NotListed(MemoryStore):
    """A store that, as S3 does then, says of what is missing only that it may not be read."""

    def get(self, key: Key) -> bytes:
        with self._denying(f"read {key}"):
            return super().get(key)

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        with self._denying(f"read {key}"):
            return super().get_versioned(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        with self._denying(f"read {key}"):
            return super().get_range(key, start, nbytes)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        raise self._denied(f"list {prefix}")

    @contextmanager
    def _denying(self, action: str) -> Iterator[None]:
        try:
            yield
        except vstore.NotFoundError:
            raise self._denied(action) from None

    def _denied(self, action: str) -> vstore.VstoreError:
        failure = from_http(403, "AccessDenied", "Access Denied")
        return explain(failure, action=action, url=self.url)


@pytest.fixture
def made() -> Repository:
    repo = new_repository()
    for number in range(12):
        with repo.transaction("main", message=f"Write {number}") as tx:
            if number == 0:
                tx.create_array("x", shape=(4,), dtype="int64")
            tx["x"][:] = number
    repo.tags.create("v1", at="main~3")
    repo.branches.create("dev", at="main~5")
    return repo


@pytest.fixture
def repo(made: Repository) -> Repository:
    return Repository(NotListed(made.url.removeprefix("memory://")))


@pytest.mark.parametrize("revision", ["main", "dev", "v1", "v1~2", "main~11", None])
def test_names_are_opened(repo: Repository, made: Repository, revision: str | None) -> None:
    expected = made.checkout(revision)["x"][:].tolist()
    assert repo.checkout(revision)["x"][:].tolist() == expected


@pytest.mark.parametrize("ancestor", [0, 4, 11])
def test_an_abbreviated_hash_is_looked_for_in_the_history(
    repo: Repository, made: Repository, ancestor: int
) -> None:
    commit = made.resolve(f"main~{ancestor}")
    assert repo.resolve(commit[:10]) == commit


@pytest.mark.parametrize("revision", ["v9", "deadbeef", "v9~1"])
def test_what_is_missing_says_why_that_cannot_be_told(repo: Repository, revision: str) -> None:
    with pytest.raises(vstore.StorageError, match="access was denied") as caught:
        repo.checkout(revision)
    assert caught.value.code == "access-denied"
    assert "for what is missing" in str(caught.value.hint)


def test_both_ends_of_a_diff_are_opened(repo: Repository) -> None:
    assert list(repo.diff("v1", "dev").arrays) == ["x"]
