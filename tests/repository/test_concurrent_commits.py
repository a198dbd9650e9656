"""Several transactions at once: what fits together is kept, of what does not one wins."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import vstore
from tests.repositories import new_repository, table_of
from tests.writing.keyed_table import keyed_table, samples
from vstore import Repository


def _fresh(repository: Repository) -> Repository:
    return vstore.open(repository.url)


def test_of_two_changes_of_one_sample_one_wins_and_one_conflicts() -> None:
    repository, _ = keyed_table()
    first = repository.transaction("main", message="First")
    second = _fresh(repository).transaction("main", message="Second")
    first["t"].loc["k3"] = {"text": "first"}
    second["t"].loc["k3"] = {"text": "second"}
    made = first.commit()
    with pytest.raises(vstore.ConflictError):
        second.commit()
    assert made is not None
    assert repository.resolve("main") == made.id
    assert table_of(repository).loc["k3"]["text"] == "first"


def test_of_many_changes_of_one_sample_exactly_one_wins() -> None:
    repository, _ = keyed_table()
    writers = [_fresh(repository).transaction("main", message=f"{i}") for i in range(8)]
    for i, tx in enumerate(writers):
        tx["t"].loc["k3"] = {"text": f"writer {i}"}

    def commit(tx: vstore.Transaction) -> bool:
        try:
            return tx.commit() is not None
        except vstore.ConflictError:
            return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(commit, writers))
    assert won.count(True) == 1
    assert table_of(repository).loc["k3"]["text"] == f"writer {won.index(True)}"
    assert len(list(repository.log())) == 2


def test_appends_by_many_writers_are_all_kept() -> None:
    repository, _ = keyed_table()

    def append(i: int) -> None:
        with _fresh(repository).transaction("main", message=f"{i}") as tx:
            tx["t"].extend(samples(3, start=100 * i), keys=[f"w{i}-{j}" for j in range(3)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(6)))
    table = table_of(repository)
    assert len(table) == 28
    for i in range(6):
        for j in range(3):
            assert table.loc[f"w{i}-{j}"]["text"] == f"text {100 * i + j}"


def test_two_first_commits_both_count() -> None:
    repository = new_repository()
    one = repository.transaction("main", message="One")
    two = _fresh(repository).transaction("main", message="Two")
    one.create_array("one", shape=(2,), dtype="int8")[:] = 1
    two.create_array("two", shape=(2,), dtype="int8")[:] = 2
    one.commit()
    two.commit()
    assert list(repository.checkout("main")) == ["one", "two"]
