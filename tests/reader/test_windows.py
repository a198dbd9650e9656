"""Several rows make one sample: shuffled as a whole, and counted as one everywhere."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader, Windows, split, windows

ROWS, CHUNK = 300, 16
EPISODES = np.arange(ROWS) // 37


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    numbers = np.arange(ROWS)
    with repo.transaction("main", message="Record") as tx:
        spec = {
            "n": vstore.ndarray((), "int64", rows_per_chunk=CHUNK),
            "image": vstore.ndarray((2, 3), "uint16", rows_per_chunk=CHUNK),
            "text": vstore.text(rows_per_chunk=CHUNK),
            "score": vstore.ndarray((), "float32").as_optional(),
            "points": vstore.ndarray((None,), "int32"),
            "episode": vstore.ndarray((), "int64"),
        }
        made = tx.create_table("t", spec, keys="str")
        made.extend(
            {
                "n": numbers,
                "image": np.repeat(numbers, 6).reshape(-1, 2, 3).astype("uint16"),
                "text": [str(n) for n in numbers],
                "score": [float(n) if n % 4 else None for n in numbers],
                "points": [np.full(n % 3, n, "int32") for n in numbers],
                "episode": EPISODES,
            },
            keys=[f"key {n}" for n in numbers],
        )
    return repo.checkout("main")["t"]


def check(batch: dict[str, Any], wanted: Any) -> None:
    """Compare every column of a batch with the rows that make its samples."""
    wanted = np.asarray(wanted)
    assert np.array_equal(batch["n"], wanted)
    shown = np.broadcast_to(wanted[..., None, None], (*wanted.shape, 2, 3))
    assert np.array_equal(batch["image"], shown)
    assert batch["text"] == [[str(n) for n in window] for window in wanted]
    assert np.array_equal(batch["score.valid"], wanted % 4 > 0)
    for points, window in zip(batch["points"], wanted, strict=True):
        assert [each.tolist() for each in points] == [[n] * (n % 3) for n in window]


def reader(table: Any, columns: Any = None, **options: Any) -> Reader:
    chosen: dict[str, Any] = {"batch_size": 8, "shuffle": True, "seed": 2, "window": 64}
    return Reader(table, columns, **(chosen | options))


@pytest.mark.parametrize("shuffle", [False, True, "full"])
@pytest.mark.parametrize("memory", [1, 3000, 2**20])
def test_a_window_is_one_sample_of_a_batch(table: Any, shuffle: Any, memory: int) -> None:
    rows = windows(table["episode"], offsets=range(-3, 2)).positions
    made = reader(table, rows=rows, shuffle=shuffle, memory_nbytes=memory, threads=2)
    order = made.order(0)
    assert sorted(order.tolist()) == list(range(ROWS))
    batches = list(made)
    assert len(batches) == len(made) == -(-ROWS // 8)
    for i, batch in enumerate(batches):
        check(batch, rows[order[i * 8 : i * 8 + 8]])


def test_rows_may_be_a_list_of_lists_or_a_function(table: Any) -> None:
    (batch,) = reader(table, rows=[[3, 4], [-1, 0], [3, 3]], shuffle=False)
    check(batch, [[3, 4], [ROWS - 1, 0], [3, 3]])
    made = reader(table, ["n"], rows=lambda c: windows(c["episode"], offsets=[0, 1], pad=False))
    assert sum(len(batch["n"]) for batch in made) == ROWS - len(set(EPISODES))


def test_windows_around_some_rows_are_those_of_all(table: Any) -> None:
    whole = windows(table["episode"], offsets=[-2, 0, 4])
    part, rest = split(table["episode"], 0.5)
    for rows in (part, rest, slice(3, 90, 7), EPISODES == 2, [5, 5, 1]):
        some = windows(table["episode"], offsets=[-2, 0, 4], rows=rows)
        assert np.array_equal(some.positions, whole.positions[rows])
        assert np.array_equal(some.valid, whole.valid[rows])
    inside = windows(table["episode"], offsets=[-2, 0, 4], rows=part, pad=False)
    assert set(EPISODES[inside.positions.reshape(-1)]) <= set(EPISODES[part])
    assert inside.valid.all()


def test_the_mask_stays_with_its_window(table: Any) -> None:
    past = windows(EPISODES, offsets=[-2, -1, 0])
    seen = 0
    for batch in reader(table, ["n", "episode"], rows=past, batch_size=7):
        own = batch["n"][:, 2]
        for i, back in enumerate((2, 1)):
            there = (own % 37) >= back
            assert np.array_equal(batch["window.valid"][:, i], there)
            assert np.array_equal(batch["n"][:, i][there], own[there] - back)
        assert batch["window.valid"][:, 2].all()
        assert (batch["episode"] == batch["episode"][:, :1]).all()
        seen += len(own)
    assert seen == ROWS


def test_ranks_share_windows_and_states_count_them(table: Any) -> None:
    rows = windows(EPISODES, offsets=[0, 3]).positions
    alone = [batch["n"].tolist() for batch in reader(table, ["n"], rows=rows, batch_size=16)]
    ranks = [reader(table, ["n"], rows=rows, rank=rank, world_size=2) for rank in range(2)]
    parts = [[batch["n"].tolist() for batch in rank] for rank in ranks]
    together = [sorted(first + second) for first, second in zip(*parts, strict=True)]
    assert together == [sorted(batch) for batch in alone]
    running = reader(table, ["n"], rows=rows, batch_size=16)
    batches = iter(running)
    for taken in range(1, 12):
        next(batches)
        resumed = reader(table, ["n"], rows=rows, batch_size=16)
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert [batch["n"].tolist() for batch in resumed] == alone[taken:]
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        reader(table, ["n"], rows=rows.reshape(-1), batch_size=16).load_state_dict(
            running.state_dict()
        )


def test_single_windows_weights_and_epochs_of_a_length(table: Any) -> None:
    rows = np.arange(60).reshape(20, 3)
    singles = [sample["n"].tolist() for sample in reader(table, rows=rows, batch_size=None)]
    assert sorted(singles) == rows.tolist()
    weighted = reader(table, ["n"], rows=rows, weights=[1] + [0] * 18 + [3], samples=40)
    first = Counter(int(n) for batch in weighted for n in batch["n"][:, 0])
    assert first == {0: 10, 57: 30}


def test_transforms_get_the_rows_of_a_window(table: Any) -> None:
    made = reader(
        table,
        ["n", "text"],
        rows=np.arange(40).reshape(10, 4),
        transforms={"n": lambda window: window.sum(), "text": "".join},
        shuffle=False,
        batch_size=10,
    )
    (batch,) = made
    assert batch["n"].tolist() == np.arange(40).reshape(10, 4).sum(axis=1).tolist()
    assert batch["text"][1] == "4567"


def test_a_chunk_is_decoded_once_for_all_windows_that_are_read_together(table: Any) -> None:
    rows = windows(EPISODES, offsets=range(-7, 1)).positions
    for options in ({"window": ROWS}, {"window": 64, "memory_nbytes": 2**20}):
        made = reader(table, ["image"], rows=rows, **options)
        assert sum(len(batch["image"]) for batch in made) == ROWS
        assert made.statistics.chunks_loaded == -(-ROWS // CHUNK)


def test_windows_after_a_deletion_and_of_joined_tables() -> None:
    repo = vstore.create("memory://windows-joined")
    keys = [f"k{n}" for n in range(40)]
    with repo.transaction("main", message="Add") as tx:
        for name, order in (("a", range(40)), ("b", reversed(range(40)))):
            numbers = list(order)
            tx.create_table(name, {name: vstore.ndarray((), "int64")}, keys="str").extend(
                {name: numbers}, keys=[keys[n] for n in numbers]
            )
    with repo.transaction("main", message="Delete") as tx:
        for name in "ab":
            tx[name].delete(keys=["k0", "k7"])
    snap = repo.checkout("main")
    left = [n for n in range(40) if n not in (0, 7)]
    rows = np.array([[0, 5, 6], [37, 0, 1]])
    (batch,) = Reader([snap["a"]["a"], snap["b"]["b"]], batch_size=2, rows=rows)
    assert batch["a"].tolist() == batch["b"].tolist() == np.array(left)[rows].tolist()


def test_members_of_a_mixture_have_windows_of_one_width(table: Any) -> None:
    past = windows(EPISODES, offsets=[-1, 0])
    mixture = Mixture([table, table], [1, 1])
    first, second = Windows(past.positions[:80], past.valid[:80]), past
    seen = Counter[int]()
    for batch in reader(mixture, ["n"], rows=[first, second]):
        assert batch["n"].shape == batch["window.valid"].shape == (len(batch["n"]), 2)
        seen.update(batch["n"][:, 1].tolist())
    assert seen.total() == ROWS + 80
    for rows in ([past, None], [past, past.positions], [past, windows(EPISODES, offsets=[0])]):
        with pytest.raises(vstore.InvalidInputError, match="windows of one width"):
            reader(mixture, ["n"], rows=rows)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.zeros((3, 0), int), "width of 1 or more"),
        (np.zeros((0, 2), int), "none of the"),
        (np.zeros((2, 2)), "integers"),
        (np.zeros((2, 2, 2), int), "integers"),
        ([[1, 2], [3]], "equally wide"),
        ([[0, ROWS]], "out of bounds"),
        (Windows(np.zeros((2, 3), int), np.zeros((2, 2), bool)), r"\(2, 3\) and \(2, 2\)"),
        (Windows(np.zeros(2, int), np.zeros(2, bool)), "one shape"),
    ],
)
def test_rows_that_are_no_windows_are_refused(table: Any, rows: Any, says: str) -> None:
    with pytest.raises(vstore.VstoreError, match=says):
        reader(table, rows=rows)


def test_what_windows_cannot_be_is_said(table: Any) -> None:
    rows = windows(EPISODES, offsets=[0, 1])
    with pytest.raises(vstore.InvalidInputError, match="are lists"):
        reader(table, rows=rows, ragged="padded")
    with pytest.raises(vstore.InvalidInputError, match=r"window\.valid"):
        reader({"window": table["n"]}, rows=rows)


@settings(deadline=None, max_examples=60)
@given(
    episodes=st.lists(st.sampled_from("abc"), max_size=12),
    offsets=st.lists(st.integers(-4, 4), min_size=1, max_size=4),
)
def test_a_window_stays_within_its_episode(episodes: Sequence[str], offsets: list[int]) -> None:
    made = windows(np.array(episodes, dtype="<U1"), offsets=offsets)
    whole = windows(np.array(episodes, dtype="<U1"), offsets=offsets, pad=False)
    assert made.positions.shape == made.valid.shape == (len(episodes), len(offsets))
    kept = []
    for row, (positions, valid) in enumerate(zip(*made, strict=True)):
        same = [i for i, each in enumerate(episodes) if each == episodes[row]]
        wanted = [same.index(row) + offset for offset in offsets]
        assert valid.tolist() == [0 <= place < len(same) for place in wanted]
        assert positions.tolist() == [same[min(max(p, 0), len(same) - 1)] for p in wanted]
        if valid.all():
            kept.append(positions.tolist())
    assert whole.positions.tolist() == kept


@pytest.mark.parametrize("offsets", [[], [0.5], ["a"], [[0, 1]]])
def test_offsets_are_whole_numbers(offsets: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="whole numbers"):
        windows([1, 1], offsets=offsets)


def test_episodes_are_one_value_a_row() -> None:
    with pytest.raises(vstore.InvalidInputError, match="one value for each row"):
        windows([[1, 2]], offsets=[0])
