"""Forks that workers make for themselves, and rows of many workers behind each other."""

import pickle
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.repositories import counted
from vstore.faces import internals
from vstore.merging import added_rows
from vstore.sharing import joining

COLUMNS = {
    "x": vstore.ndarray((), "int64", rows_per_chunk=8),
    "v": vstore.ndarray((3,), "float32", rows_per_chunk=2, codecs="none"),
    "t": vstore.text().as_optional(),
    "r": vstore.ndarray((None, 2), "int16"),
}


def samples(first: int, count: int) -> dict[str, Any]:
    """Return samples that can be told apart by their number."""
    numbers = np.arange(first, first + count)
    return {
        "x": numbers,
        "v": np.repeat(numbers[:, np.newaxis], 3, axis=1).astype("f4"),
        "t": [None if n % 3 == 0 else f"text {n}" for n in numbers],
        "r": [np.full((n % 3, 2), n, "int16") for n in numbers],
    }


def write(fork: vstore.Fork, first: int, count: int, *, keyed: bool) -> vstore.Fork:
    """Append samples as a worker does, which gets a fork as bytes and gives one back so."""
    fork = pickle.loads(pickle.dumps(fork))
    keys = [f"k{n}" for n in range(first, first + count)] if keyed else None
    fork["t"].extend(samples(first, count), keys=keys)
    back: vstore.Fork = pickle.loads(pickle.dumps(fork))
    return back


def check(table: vstore.Table, numbers: Sequence[int], *, keyed: bool) -> None:
    """Make sure that a table has the samples with some numbers, in this order."""
    assert table["x"][:].tolist() == list(numbers)
    assert table["v"][:].tolist() == [[n] * 3 for n in numbers]
    texts = [None if n % 3 == 0 else f"text {n}" for n in numbers]
    assert [None if each is np.ma.masked else each for each in table["t"][:]] == texts
    for found, n in zip(table["r"][:], numbers, strict=True):
        assert found.tolist() == [[n, n]] * (n % 3)
    if keyed:
        assert table.loc[f"k{numbers[-1]}"]["x"] == numbers[-1]
        assert list(table.sample_keys()) == [f"k{n}" for n in numbers]


def repository() -> vstore.Repository:
    return vstore.create(f"memory://children-{uuid4().hex}")


def is_whole(repo: vstore.Repository) -> bool:
    return repo.fsck(mode="full", decode=True).is_sound


@pytest.mark.parametrize("keyed", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize("before", [0, 8, 11])
@pytest.mark.parametrize("counts", [[8, 16, 8], [3, 0, 9, 1, 24], [1] * 12])
def test_rows_of_children_are_in_the_order_of_their_names(
    keyed: bool, before: int, counts: list[int]
) -> None:
    repo = repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", COLUMNS, keys="str" if keyed else None)
        if before:
            write_here = samples(0, before)
            keys = [f"k{n}" for n in range(before)] if keyed else None
            tx["t"].extend(write_here, keys=keys)
    with repo.transaction("main", message="Write together") as tx:
        fork, first, children = tx.fork(), before, []
        for number, count in enumerate(counts):
            children.append(write(fork.child(f"{number:06}"), first, count, keyed=keyed))
            first += count
        tx.merge(*reversed(children))
    table = repo.checkout("main")["t"]
    check(table, range(first), keyed=keyed)
    commit = next(iter(repo.log("main")))
    assert commit.changes["t"] == vstore.Changes(added=first - before)
    assert is_whole(repo)
    with repo.transaction("main", message="Go on") as tx:
        write_on = samples(first, 5)
        tx["t"].extend(write_on, keys=[f"k{first + i}" for i in range(5)] if keyed else None)
    check(repo.checkout("main")["t"], range(first + 5), keyed=keyed)
    assert is_whole(repo)


def test_chunks_stay_as_they_are_where_rows_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    repo = repository()
    tx = repo.transaction("main", message="Write together")
    tx.create_table("t", {name: COLUMNS[name] for name in ("x", "v")})
    fork = tx.fork()
    children = [fork.child(f"{i:03}") for i in range(4)]
    for i, child in enumerate(children):
        child["t"].extend({name: samples(8 * i, 8)[name] for name in ("x", "v")})

    def refused(*_: object) -> None:
        raise AssertionError("a chunk was read")

    monkeypatch.setattr(added_rows, "read", refused)
    tx.merge(*children)
    monkeypatch.undo()
    tx.commit()
    assert repo.checkout("main")["t"]["x"][:].tolist() == list(range(32))
    assert is_whole(repo)


def test_rows_of_many_children_are_joined_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    repo = repository()
    with repo.transaction("main", message="Write together") as tx:
        tx.create_table("t", COLUMNS, keys="str")
        fork = tx.fork()
        children = [write(fork.child(f"{i:03}"), 3 * i, 3, keyed=True) for i in range(6)]

        def refused(*_: object) -> None:
            raise AssertionError("a merge was made")

        monkeypatch.setattr(joining, "replay", refused)
        tx.merge(*children)
    check(repo.checkout("main")["t"], range(18), keyed=True)


def test_of_two_attempts_the_one_handed_over_last_counts() -> None:
    repo = repository()
    with repo.transaction("main", message="Write together") as tx:
        tx.create_table("t", COLUMNS)
        fork = tx.fork()
        write(fork.child("0"), 90, 4, keyed=False)  # of a task that was killed: nobody has it
        first = write(fork.child("0"), 50, 2, keyed=False)
        again = write(fork.child("0"), 0, 2, keyed=False)
        other = write(fork.child("1"), 2, 3, keyed=False)
        tx.merge(first, other, again)
        with pytest.raises(vstore.InvalidInputError, match="merged already"):
            tx.merge(first)
        tx.merge(write(fork.child("2"), 5, 1, keyed=False))
    check(repo.checkout("main")["t"], range(6), keyed=False)
    assert len(list(repo.log("main"))) == 1


def test_children_are_made_without_a_request() -> None:
    repo, requests = counted(repository())
    tx = repo.transaction("main", message="Write together")
    tx.create_table("t", COLUMNS)
    fork = tx.fork()
    before = requests.requests
    children = [fork.child(f"{i}") for i in range(10)]
    assert requests.requests == before
    assert repr(children[3]).startswith(f"<vstore.Fork {internals(fork).token[:8]}/3 of memory://")
    tx.discard()


def test_children_may_have_children_and_groups_of_forks_keep_their_order() -> None:
    repo = repository()
    with repo.transaction("main", message="Write together") as tx:
        tx.create_table("t", COLUMNS)
        one, two = tx.fork(), tx.fork()
        parts = [
            (two.child("b"), 1),
            (one.child("a"), 2),
            (two.child("a").child("z"), 0),
        ]
        tx.merge(*(write(fork, n, 1, keyed=False) for fork, n in parts))
    check(repo.checkout("main")["t"], range(3), keyed=False)


def test_a_fork_with_children_takes_no_writes_of_its_own() -> None:
    repo = repository()
    tx = repo.transaction("main", message="Write together")
    tx.create_table("t", COLUMNS)
    fork = tx.fork()
    child = write(fork.child("a"), 0, 1, keyed=False)
    with pytest.raises(vstore.InvalidInputError, match="has children"):
        tx.merge(child, write(fork, 1, 1, keyed=False))
    tx.merge(child)
    with pytest.raises(vstore.InvalidInputError, match="has children"):
        tx.merge(fork)
    written = tx.fork()
    written["t"].extend(samples(0, 1))
    with pytest.raises(vstore.InvalidInputError, match="was written into"):
        written.child("a")
    not_text: Any = 3
    with pytest.raises(vstore.InvalidInputError, match="text"):
        tx.fork().child(not_text)
    tx.discard()


def test_samples_that_two_children_added_are_met_as_merges_do() -> None:
    repo = repository()
    with repo.transaction("main", message="Write together") as tx:
        tx.create_table("t", COLUMNS, keys="str")
        fork = tx.fork()
        parts = [(0, 3), (3, 2), (4, 3), (7, 2)]  # the sample 4 twice, and the same
        tx.merge(*(write(fork.child(str(i)), *part, keyed=True) for i, part in enumerate(parts)))
    check(repo.checkout("main")["t"], range(9), keyed=True)
    with repo.transaction("main", message="Write together") as tx:
        fork = tx.fork()
        first, other = (write(fork.child(name), 20, 1, keyed=True) for name in "ab")
        other["t"].loc["k20"] = {name: values[0] for name, values in samples(21, 1).items()}
        with pytest.raises(vstore.ConflictError):
            tx.merge(first, other)
        tx.merge(first)
    check(repo.checkout("main")["t"], [*range(9), 20], keyed=True)


def test_children_that_do_more_than_add_rows_are_merged() -> None:
    repo = repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", COLUMNS, keys="str").extend(
            samples(0, 11), keys=[f"k{n}" for n in range(11)]
        )
        tx.create_array("a", shape=(8,), chunk_shape=(2,), dtype="int64")
    with repo.transaction("main", message="Write together") as tx:
        fork = tx.fork()
        children = [fork.child(str(i)) for i in range(5)]
        children[0]["t"].delete(keys=["k3"])
        children[2]["t"].loc["k5"] = {"x": 55}
        for i, child in enumerate(children):
            child["t"].extend(samples(20 + i, 1), keys=[f"k{20 + i}"])
            child["a"][i] = i + 1
        tx.merge(*children)
        tx["t"].extend(samples(25, 1), keys=["k25"])
    table = repo.checkout("main")["t"]
    expected = [n if n != 5 else 55 for n in [*range(3), *range(4, 11), *range(20, 26)]]
    assert table["x"][:].tolist() == expected
    assert repo.checkout("main")["a"][:].tolist() == [1, 2, 3, 4, 5, 0, 0, 0]
    assert is_whole(repo)


def test_a_transaction_that_went_on_takes_rows_too() -> None:
    repo = repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", COLUMNS, keys="str").extend(
            samples(0, 4), keys=[f"k{n}" for n in range(4)]
        )
    with repo.transaction("main", message="Write together") as tx:
        fork = tx.fork()
        children = [write(fork.child(str(i)), 10 * i + 10, 9, keyed=True) for i in range(3)]
        tx["t"].delete(keys=["k1"])
        tx["t"].extend(samples(4, 1), keys=["k4"])
        tx.merge(*children)
    expected = [0, 2, 3, 4, *range(10, 19), *range(20, 29), *range(30, 39)]
    check(repo.checkout("main")["t"], expected, keyed=True)
    assert is_whole(repo)
