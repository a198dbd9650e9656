"""What a transaction promises: all or nothing, invisible until then, finished afterwards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import (
    array_of,
    assert_same_bits,
    committed_array,
    committed_table,
    new_repository,
    table_of,
)
from tests.writing.keyed_table import COLUMNS, keyed_table, samples
from vstore import Repository
from vstore.faces import internals


def test_an_empty_transaction_makes_no_commit() -> None:
    repository, _ = keyed_table()
    before = internals(repository).refs.get_branch("main")
    with repository.transaction("main", message="Nothing") as tx:
        pass
    assert internals(tx).commit_made is None
    assert internals(repository).refs.get_branch("main") == before


def test_a_first_transaction_without_changes_makes_no_branch() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Nothing") as tx:
        pass
    assert internals(tx).commit_made is None
    assert list(repository.branches) == []


def test_an_empty_transaction_makes_a_commit_when_asked() -> None:
    repository = new_repository()
    for _ in range(2):
        with repository.transaction("main", message="Mark", allow_empty=True) as tx:
            pass
        made_now = internals(tx).commit_made
        assert made_now is not None
    assert len(list(repository.log())) == 2
    assert list(repository.checkout("main")) == []


def test_reading_changes_nothing() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Read") as tx:
        assert tx["t"]["x"][3].tolist() == [3, 3, 3]
        assert tx["t"].loc["k4"]["text"] == "text 4"
        assert tx["t"].sample_keys().tolist() == [f"k{i}" for i in range(10)]
        assert len(tx["t"]) == 10
        assert tx["t/x"][-1, 0] == 9
        assert "t" in tx
        assert "u" not in tx
    assert internals(tx).commit_made is None


def test_writing_what_is_there_already_changes_nothing() -> None:
    repository, table = keyed_table()
    with repository.transaction("main", message="The same again") as tx:
        tx["t"]["x"][:] = table["x"][:]
        tx["t"]["text"][2:5] = table["text"][2:5]
        tx["t"].loc["k7"] = table.loc["k7"]
    assert internals(tx).commit_made is None


def test_changing_and_changing_back_changes_nothing() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="To and fro") as tx:
        tx["t"]["x"][2] = 77
        assert tx["t"]["x"][2].tolist() == [77] * 3
        tx["t"]["x"][2] = 2
    assert internals(tx).commit_made is None


def test_an_exception_discards_and_passes_on() -> None:
    repository, _ = keyed_table()
    before = repository.resolve("main")
    with (
        pytest.raises(ZeroDivisionError),
        repository.transaction("main", message="Fail") as tx,
    ):
        tx["t"]["x"][0] = 1 // 0
    assert repository.resolve("main") == before
    assert internals(tx).commit_made is None
    with pytest.raises(vstore.ClosedError):
        tx.commit()


def test_discard_gives_up_all_changes() -> None:
    repository, _ = keyed_table()
    tx = repository.transaction("main", message="Maybe")
    tx["t"].extend(samples(100), keys=[f"new{i}" for i in range(100)])
    tx.create_array("a", shape=(3,), dtype="int64")[:] = 1
    tx.discard()
    tx.discard()
    assert len(table_of(repository)) == 10
    assert "a" not in repository.checkout("main")


@pytest.mark.parametrize("finish", ["commit", "discard"])
def test_handles_of_a_finished_transaction_refuse_use(finish: str) -> None:
    repository, _ = keyed_table()
    tx = repository.transaction("main", message="Done")
    array = tx.create_array("a", shape=(3,), dtype="int64")
    table, column, by_key = tx["t"], tx["t"]["x"], tx["t"].loc
    column[0] = 5
    getattr(tx, finish)()
    uses: list[Any] = [
        lambda: column[0],
        lambda: column[:],
        lambda: column.__setitem__(0, 1),
        lambda: array[0],
        lambda: array.__setitem__(0, 1),
        lambda: table["x"],
        lambda: table.sample_keys(),
        lambda: table.position("k1"),
        lambda: table.extend(samples(1), keys=["z"]),
        lambda: table.append({"x": [1, 2, 3], "text": "t"}, key="z"),
        lambda: table.delete(0),
        lambda: table.delete(keys=["k1"]),
        lambda: by_key["k1"],
        lambda: by_key.__setitem__("k1", {"text": "t"}),
        lambda: tx["t"],
        lambda: tx.create_table("u", COLUMNS),
        lambda: tx.create_array("b", shape=(3,), dtype="int64"),
        lambda: tx.delete("t"),
        lambda: tx.commit(),
    ]
    for use in uses:
        with pytest.raises(vstore.ClosedError, match="finished"):
            use()
    assert "finished" in repr(tx)
    assert "t" in repr(table)


def test_a_deleted_table_takes_no_more_samples() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Replace") as tx:
        old, old_column = tx["t"], tx["t"]["x"]
        tx.delete("t")
        with pytest.raises(vstore.NotFoundError):
            tx["t"]
        new = tx.create_table("t", {"x": vstore.ndarray((), "int8")})
        with pytest.raises(vstore.ClosedError, match="deleted"):
            old.extend(samples(1), keys=["z"])
        with pytest.raises(vstore.ClosedError, match="deleted"):
            old_column[0] = 1
        new.extend({"x": [1, 2]})
    assert table_of(repository)["x"][:].tolist() == [1, 2]
    assert table_of(repository).key_kind is None


def test_a_deleted_array_takes_no_more_values() -> None:
    repository, _ = committed_array(np.arange(5))
    with repository.transaction("main", message="Replace") as tx:
        old = tx["x"]
        tx.delete("x")
        tx.create_array("x", shape=(2,), dtype="int64")[:] = 7
        with pytest.raises(vstore.ClosedError, match="deleted"):
            old[0] = 1
    assert array_of(repository, "x")[:].tolist() == [7, 7]


def test_a_recreated_table_never_shows_old_samples() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Delete") as tx:
        tx.delete("t")
    assert "t" not in repository.checkout("main")
    with repository.transaction("main", message="Create") as tx:
        tx.create_table("t", COLUMNS)
    table = table_of(repository)
    assert len(table) == 0
    assert table["x"][:].shape == (0, 3)
    assert len(table_of(repository, "main~2")) == 10


def test_a_group_goes_with_all_that_is_in_it() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Create") as tx:
        tx.create_table("a/b/t", COLUMNS).extend(samples(3))
        tx.create_array("a/c", shape=(2,), dtype="int8")
        tx.create_array("d", shape=(2,), dtype="int8")
    with repository.transaction("main", message="Delete") as tx:
        tx["a/b/t"].extend(samples(3))
        tx.delete("a")
    assert list(repository.checkout("main")) == ["d"]


def test_what_is_created_and_deleted_again_leaves_no_trace() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Nothing") as tx:
        tx.create_table("u", COLUMNS).extend(samples(20))
        tx.create_array("v", shape=(2,), dtype="int8")[:] = 1
        tx.delete("u")
        tx.delete("v")
    assert internals(tx).commit_made is None


def test_a_column_goes_with_its_table_only() -> None:
    repository, _ = keyed_table()
    tx = repository.transaction("main", message="Delete")
    for path in ("t/x", "t/sample"):
        with pytest.raises(vstore.InvalidInputError, match="goes with its table"):
            tx.delete(path)
    tx.discard()


def test_reading_in_a_transaction_sees_what_was_written() -> None:
    repository, _ = keyed_table()
    tx = repository.transaction("main", message="Add")
    table = tx["t"]
    table.extend(samples(3, start=100), keys=["a", "b", "c"])
    table.loc["b"] = {"text": "changed"}
    table.delete(keys=["k0"])
    assert len(table) == 12
    assert table["x"][-3:, 0].tolist() == [100, 101, 102]
    assert table.loc["b"]["text"] == "changed"
    assert table.sample_keys().tolist()[0] == "k1"
    assert table.position("a") == 9
    tx.discard()
    assert len(table_of(repository)) == 10


def test_a_sample_changes_in_all_its_columns_or_in_none() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Change") as tx:
        for bad in ({"text": "new", "x": [1, 2]}, {"text": "new", "x": [0.5] * 3}):
            with pytest.raises(vstore.InvalidInputError, match="x"):
                tx["t"].loc["k3"] = bad
        with pytest.raises(vstore.NotFoundError, match="'y'"):
            tx["t"].loc["k3"] = {"text": "new", "y": 1}
        with pytest.raises(vstore.InvalidInputError, match="mapping"):
            tx["t"].loc["k3"] = "new"
    assert internals(tx).commit_made is None


def test_one_string_is_meant_for_every_place() -> None:
    repository, _ = committed_table(
        {"s": vstore.text(rows_per_chunk=4), "b": vstore.bytes_()},
        {"s": ["a"] * 9, "b": [b"a"] * 9},
    )
    with repository.transaction("main", message="Change") as tx:
        tx["t"]["s"][2:5] = "abc"
        tx["t"]["b"][[0, 8]] = b"xyz"
    table = table_of(repository)
    assert table["s"][:].tolist() == ["a", "a", "abc", "abc", "abc", "a", "a", "a", "a"]
    assert table["b"][:].tolist() == [b"xyz", *[b"a"] * 7, b"xyz"]


def test_the_same_history_written_twice_has_the_same_hashes(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def write(repository: Repository) -> list[str]:
        options: dict[str, Any] = {"author": "Ann <ann@example.org>", "metadata": {"run": 1}}
        with repository.transaction("main", message="Add", time=start, **options) as tx:
            table = tx.create_table("t", COLUMNS, keys="str")
            table.extend(samples(50), keys=[f"k{i}" for i in range(50)])
            tx.create_array("a", shape=(30, 30), chunk_shape=(7, 7), dtype="f4")[:] = 1.5
        later = start + timedelta(seconds=1)
        with repository.transaction("main", message="Change", time=later, **options) as tx:
            tx["t"].loc["k3"] = {"text": "new"}
            tx["t"].delete([4, 9])
            tx["a"][3:20, ::2] = -1
        return [commit.id for commit in repository.log()]

    assert write(new_repository()) == write(vstore.create(tmp_path / "repository"))


def test_an_uploaded_pack_holds_the_chunks_of_a_discarded_transaction_at_most() -> None:
    repository, _ = keyed_table()
    listed = {info.key for info in repository.store.list_prefix("")}
    tx = repository.transaction("main", message="Maybe")
    tx["t"].extend(samples(1000), keys=[f"new{i}" for i in range(1000)])
    tx.discard()
    added = {info.key for info in repository.store.list_prefix("")} - listed
    assert all(key.startswith("packs/") for key in added)


def test_a_transaction_says_what_it_changed() -> None:
    repository, _ = keyed_table()
    with repository.transaction("main", message="Change") as tx:
        table = tx["t"]
        table.extend(samples(5), keys=[f"n{i}" for i in range(5)])
        table.loc["k1"] = {"text": "new"}
        table.loc["n0"] = {"text": "newer"}
        table.delete(keys=["k2", "n4"])
    changes = repository.commit("main").changes
    assert changes == {"t": vstore.Changes(added=4, changed=1, removed=1)}


def test_a_commit_keeps_author_time_message_and_metadata() -> None:
    repository = new_repository()
    time = datetime(2020, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    metadata = {"größe": [1, 2.5, None, {"deep": True}], "": ""}
    with repository.transaction(
        "main", message="Zeile 1\n\nZeile 3 ✓", author="Zoë <z@example.org>", time=time,
        metadata=metadata, allow_empty=True,
    ):  # fmt: skip
        pass
    commit = vstore.open(repository.url).commit("main")
    assert commit.author == vstore.Author("Zoë", "z@example.org")
    assert commit.time == time
    assert commit.message == "Zeile 1\n\nZeile 3 ✓"
    assert commit.metadata == metadata
    assert str(commit) == f"{commit.id[:12]} Zeile 1"


def test_a_commit_is_never_older_than_its_parent() -> None:
    repository = new_repository()
    future = datetime.now(UTC) + timedelta(days=400)
    with repository.transaction("main", message="1", time=future, allow_empty=True):
        pass
    tx = repository.transaction("main", message="2", allow_empty=True)
    with pytest.warns(UserWarning, match="still to come"):
        tx.commit()
    made_now = internals(tx).commit_made
    assert made_now is not None
    assert made_now.time == future
    tx = repository.transaction("main", message="3", time=datetime.now(UTC), allow_empty=True)
    with pytest.raises(vstore.InvalidInputError, match="earlier than the time of the parent"):
        tx.commit()
    assert len(list(repository.log())) == 2


def test_chunks_that_become_fill_again_are_no_longer_stored() -> None:
    values = np.zeros(100, "int64")
    values[10:60] = 5
    repository, array = committed_array(values, chunk_shape=(10,))
    assert repository.checkout("main").summary().arrays[0].chunks == 5
    with repository.transaction("main", message="Clear") as tx:
        tx["x"][10:30] = 0
        tx["x"][65] = 1
    assert repository.checkout("main").summary().arrays[0].chunks == 4
    values[10:30], values[65] = 0, 1
    assert_same_bits(array_of(repository, "x")[:], values)
    with repository.transaction("main", message="Clear all") as tx:
        tx["x"][:] = 0
    assert repository.checkout("main").summary().arrays[0].chunks == 0
    assert_same_bits(array_of(repository, "x")[:], np.zeros(100, "int64"))
    with repository.transaction("main", message="Fill again") as tx:
        tx["x"][:] = values
    assert_same_bits(array_of(repository, "x")[:], values)
    assert array[10] == 5
