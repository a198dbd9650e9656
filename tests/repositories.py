"""Repositories in memory, with and without counted requests."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

import vstore
from vstore import Repository
from vstore.faces import internals
from vstore.format.table.specs import ColumnSpec
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore

DELAY_SECONDS = 0.05 * min(20.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
"""Long enough that requests issued together overlap, on a busy machine too, so that depth means
rounds."""


def new_repository() -> Repository:
    """Return an empty repository that nobody else sees."""
    return vstore.create(f"memory://{uuid4().hex}", author="Ann Lee <ann@example.org>")


def remove_branch(repository: Repository, name: str) -> None:
    """Delete a branch as another program may: the default one too, and without a record."""
    refs = internals(repository).refs
    assert refs.delete_branch(refs.get_branch(name))


def counted(
    repository: Repository, *, delay_seconds: float = 0.0
) -> tuple[Repository, CountingStore]:
    """Return a fresh handle of the repository, nothing cached, and what counts its requests."""
    name = repository.url.removeprefix("memory://")
    store = CountingStore(MemoryStore(name), delay_seconds=delay_seconds)
    return Repository(store, author=repository.author), store


def counted_rounds(
    repository: Repository, ask: Callable[[Repository], object], *, most: int
) -> CountingStore:
    """Return what counted the requests of something that takes at most so many rounds.

    It is asked again, of a fresh handle, where a busy machine let requests of one round go one
    behind the other: three times, since that makes more rounds and never fewer.
    """
    tries = 3
    while True:
        fresh, store = counted(repository, delay_seconds=2 * DELAY_SECONDS)
        ask(fresh)
        tries -= 1
        if store.depth <= most or not tries:
            return store


def committed_table(
    columns: Mapping[str, ColumnSpec],
    samples: Mapping[str, Any],
    *,
    keys: Any = None,
    sample_keys: Sequence[Any] | None = None,
) -> tuple[Repository, vstore.Table]:
    """Return a repository with one committed table `t`, and that table as it reads back."""
    repository = new_repository()
    with repository.transaction("main", message="Add the table") as tx:
        tx.create_table("t", columns, keys=keys).extend(samples, keys=sample_keys)
    return repository, table_of(repository)


def table_of(repository: Repository, revision: str = "main") -> vstore.Table:
    """Return the table `t` of a revision."""
    table = repository.checkout(revision)["t"]
    assert isinstance(table, vstore.Table)
    return table


def array_of(repository: Repository, path: str, revision: str = "main") -> vstore.Array:
    """Return a plain array of a revision."""
    array = repository.checkout(revision)[path]
    assert isinstance(array, vstore.Array)
    return array


def committed_array(values: NDArray[Any], **options: Any) -> tuple[Repository, vstore.Array]:
    """Return a repository with one committed array `x`, and that array as it reads back."""
    repository = new_repository()
    with repository.transaction("main", message="Add the array") as tx:
        array = tx.create_array("x", shape=values.shape, dtype=values.dtype, **options)
        array[...] = values
    return repository, array_of(repository, "x")


def assert_same_bits(found: Any, expected: Any) -> None:
    """Check that two arrays agree in dtype, shape and every bit."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
