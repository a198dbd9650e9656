"""Samples with keys on many branches: in whatever rows they are, a merge finds them by key."""

import random

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore import Repository
from vstore.faces import internals
from vstore.history.merge_base import merge_bases

BRANCHES = ("main", "one", "two")
Samples = dict[str, int]


def start(keys: list[str]) -> Repository:
    repository = new_repository()
    with repository.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64")}, keys="str")
        table.extend({"n": [value_of(key) for key in keys]}, keys=keys)
    for name in BRANCHES[1:]:
        repository.branches.create(name)
    return repository


def value_of(key: str) -> int:
    return sum(key.encode()) * 1000 + len(key)


def append(repository: Repository, branch: str, *keys: str) -> None:
    with repository.transaction(branch, message=f"Add {keys}") as tx:
        tx["t"].extend({"n": np.array([value_of(key) for key in keys])}, keys=list(keys))


def delete(repository: Repository, branch: str, key: str) -> None:
    with repository.transaction(branch, message=f"Delete {key}") as tx:
        tx["t"].delete(keys=[key])


def samples(repository: Repository, revision: str) -> Samples:
    table = repository.checkout(revision)["t"]
    assert isinstance(table, vstore.Table)
    keys = table.sample_keys().tolist()
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, table["n"][:].tolist(), strict=True))


def test_what_a_side_put_where_the_base_has_another_sample_is_added() -> None:
    repository = start(["a"])
    append(repository, "main", "m")
    append(repository, "one", "o")
    append(repository, "two", "t")
    for branch in ("one", "two"):
        repository.merge("main", into=branch)
    append(repository, "main", "n")
    for branch in ("one", "two"):
        repository.merge("main", into=branch)
    repository.merge("two", into="one")
    expected = {key: value_of(key) for key in "amotn"}
    assert samples(repository, "one") == expected


def test_what_one_side_deleted_is_not_mistaken_for_what_is_in_its_row_elsewhere() -> None:
    repository = start(["a"])
    append(repository, "main", "m")
    append(repository, "one", "o")
    append(repository, "two", "t")
    delete(repository, "one", "o")
    for branch in ("one", "two"):
        repository.merge("main", into=branch)
    append(repository, "main", "n")
    for branch in ("one", "two"):
        repository.merge("main", into=branch)
    repository.merge("two", into="one")
    assert samples(repository, "one") == {key: value_of(key) for key in "amtn"}


@pytest.mark.parametrize("seed", range(40))
def test_merges_in_any_order_lose_and_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    repository = start([f"k{i}" for i in range(rng.randint(0, 3))])
    read = internals(repository).fetcher.commit
    for step in range(25):
        branch = rng.choice(BRANCHES)
        here = samples(repository, branch)
        if rng.random() < 0.45:
            append(repository, branch, *(f"{step}-{i}" for i in range(rng.randint(1, 2))))
        elif rng.random() < 0.25 and here:
            delete(repository, branch, rng.choice(sorted(here)))
        else:
            other = rng.choice([name for name in BRANCHES if name != branch])
            heads = repository.branches[branch], repository.branches[other]
            bases = merge_bases(*heads, read)
            theirs = samples(repository, other)
            repository.merge(other, into=branch)
            found = samples(repository, branch)
            if len(bases) == 1:
                base = samples(repository, bases[0])
                gone = base.keys() - (here.keys() & theirs.keys())
                assert found.keys() == (here.keys() | theirs.keys()) - gone
            else:
                assert here.keys() & theirs.keys() <= found.keys() <= here.keys() | theirs.keys()
        assert all(value == value_of(key) for key, value in samples(repository, branch).items())
    assert repository.fsck(mode="full", decode=True).is_sound
