"""Repositories to exchange commits between, in memory."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

import numpy as np

import vstore
from vstore import Repository
from vstore.storage.counting import CountingStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import ObjectStore
from vstore.transfer.pushing import PushPlan, PushSpec

T = TypeVar("T")
AUTHOR = "Ann Lee <ann@example.org>"


def fresh_url() -> str:
    """Return an address where nothing is."""
    return f"memory://{uuid4().hex}"


def new_repository() -> Repository:
    """Return a repository with a table of a hundred samples and a plain array."""
    repository = vstore.create(fresh_url(), author=AUTHOR)
    with repository.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((4,), "int64"), "text": vstore.text()}
        table = tx.create_table("t", columns, keys="str")
        table.extend(rows(100), keys=[f"k{i}" for i in range(100)])
        tx.create_array("grid/x", shape=(8, 8), dtype="float32", chunk_shape=(4, 4))[...] = 1
    return repository


def rows(count: int, start: int = 0) -> dict[str, object]:
    """Return so many samples of the table `t`."""
    numbers = np.arange(start * 4, (start + count) * 4).reshape(count, 4)
    return {"n": numbers, "text": [f"text {i}" for i in range(start, start + count)]}


def append(repository: Repository, key: str, branch: str = "main") -> str:
    """Commit one more sample and return the commit."""
    with repository.transaction(branch, message=f"Add {key}") as tx:
        tx["t"].append({"n": np.zeros(4, "int64"), "text": key}, key=key)
    return repository.resolve(branch)


def keys(repository: Repository, revision: str = "main") -> set[str]:
    """Return the keys of the samples that a revision has."""
    table = repository.checkout(revision)["t"]
    assert isinstance(table, vstore.Table)
    return set(table.sample_keys().tolist())


def copy_of(repository: Repository, **options: object) -> Repository:
    """Return a fresh clone."""
    return vstore.clone(repository.url, fresh_url(), author=AUTHOR, **options)  # type: ignore[arg-type]


def counted(
    here: Repository | str,
    there: Repository | str,
    work: Callable[[ObjectStore, ObjectStore], T],
    *,
    delay_seconds: float = 0.0,
) -> tuple[T, CountingStore, CountingStore]:
    """Do something with two stores, and return what counted the requests to each."""
    stores = [
        CountingStore(MemoryStore(_name(each)), delay_seconds=delay_seconds)
        for each in (here, there)
    ]
    return work(*stores), stores[0], stores[1]


def _name(place: Repository | str) -> str:
    url = place if isinstance(place, str) else place.url
    return url.removeprefix("memory://")


def pushing(*branches: str) -> PushPlan:
    """Return a plan that pushes branches under their own names."""
    return PushPlan([PushSpec(branch, branch) for branch in branches])


def is_sound(repository: Repository) -> bool:
    """Return whether nothing is damaged or missing, each byte looked at."""
    return vstore.open(repository.url).fsck(mode="full", decode=True).is_sound
