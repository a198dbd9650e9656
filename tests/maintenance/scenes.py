"""Small repositories with a history, for tests of maintenance."""

from uuid import uuid4

import numpy as np

import vstore
from vstore import Repository
from vstore.faces import internals
from vstore.storage.store import ObjectStore

CHUNK = 10
LENGTH = 100


def new_repository(url: str | None = None) -> Repository:
    """Return a repository whose array `x` has a few commits on `main`."""
    repository = vstore.create(url or f"memory://{uuid4().hex}", author="Ann Lee")
    fill(repository)
    return repository


def fill(repository: Repository) -> None:
    """Make the array and its commits."""
    with repository.transaction("main", message="Make x") as tx:
        tx.create_array("x", shape=(LENGTH,), dtype="int64", chunk_shape=(CHUNK,))
    for number in range(3):
        write(repository, number)


def write(repository: Repository, number: int, *, branch: str = "main") -> str:
    """Commit a chunk that no other number makes, and return the commit."""
    with repository.transaction(branch, message=f"Write {number}") as tx:
        start = number * CHUNK % LENGTH
        tx["x"][start : start + CHUNK] = np.arange(CHUNK) + 1000 * number
    made_now = internals(tx).commit_made
    assert made_now is not None
    return made_now.id


def abandon(repository: Repository, number: int) -> None:
    """Store all that a commit needs, and the commit, and move no branch to it."""
    tx = repository.transaction("main", message=f"Abandon {number}")
    tx["x"][:CHUNK] = np.arange(CHUNK) - 1000 * (number + 1)
    assert internals(tx).write() is not None


def read_everything(store: ObjectStore) -> int:
    """Read all that branches and tags reach with a fresh handle; return how many commits."""
    repository = Repository(store)
    seen: set[str] = set()
    for name in [*repository.branches, *repository.tags]:
        for commit in repository.log(name):
            if commit.id not in seen:
                seen.add(commit.id)
                snapshot = repository.checkout(commit.id)
                array = snapshot["x"]
                assert isinstance(array, vstore.Array)
                assert array[:].shape == (LENGTH,)
    return len(seen)
