"""Hundreds of branches: what concerns one takes few requests, and what concerns all few rounds."""

import pytest

import vstore
from tests.repositories import DELAY_SECONDS, counted, new_repository
from vstore import Repository
from vstore.maintenance.gc.collecting import collect

BRANCHES = 200


@pytest.fixture(scope="module")
def many() -> Repository:
    repository = new_repository()
    with repository.transaction("main", message="Start") as tx:
        tx.create_array("a", shape=(1,), dtype="int8")
    for i in range(BRANCHES):
        repository.branches.create(f"topic/{i:03}")
    return repository


def test_a_merged_branch_is_deleted_with_a_handful_of_requests(many: Repository) -> None:
    fresh, store = counted(many)
    fresh.branches.delete("topic/007")
    assert store.count() <= 10
    assert "topic/007" not in many.branches


def test_a_branch_that_only_another_one_has_is_deleted_after_asking_side_by_side(
    many: Repository,
) -> None:
    with many.transaction("topic/100", message="Go on") as tx:
        tx.create_array("b", shape=(1,), dtype="int8")
    many.branches.create("topic/900", at="topic/100")
    fresh, store = counted(many, delay_seconds=DELAY_SECONDS)
    fresh.branches.delete("topic/100")
    assert store.depth <= 30
    fresh, store = counted(many, delay_seconds=DELAY_SECONDS)
    with pytest.raises(vstore.ConflictError):
        fresh.branches.delete("topic/900")
    assert store.depth <= 30


def test_garbage_collection_reads_branches_side_by_side(many: Repository) -> None:
    _, store = counted(many, delay_seconds=DELAY_SECONDS)
    collect(store)
    assert store.count() > BRANCHES
    assert store.depth <= 60


def test_verification_reads_branches_side_by_side(many: Repository) -> None:
    fresh, store = counted(many, delay_seconds=DELAY_SECONDS)
    assert fresh.fsck().refs > BRANCHES / 2
    assert store.depth <= 60
