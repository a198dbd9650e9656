"""Sequences one behind the other in blocks: every element once, whatever the ranks and workers."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Packed, Reader, packed

SAMPLES = 120
RNG = np.random.default_rng(3)
LENGTHS = [0 if i % 11 == 0 else int(RNG.integers(1, 14)) for i in range(SAMPLES)]
LENGTHS[40] = 70
TOKENS = [np.arange(n) + 1000 * i for i, n in enumerate(LENGTHS)]


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    spec = {
        "tokens": vstore.ndarray((None,), "int32", rows_per_chunk=8),
        "pairs": vstore.ndarray((None, 2), "int64", rows_per_chunk=16),
        "maybe": vstore.ndarray((None,), "float32").as_optional(),
        "other": vstore.ndarray((None,), "int8"),
        "label": vstore.ndarray((), "int64"),
        "text": vstore.text(),
    }
    with repo.transaction("main", message="Add documents") as tx:
        tx.create_table("t", spec, keys="int").extend(
            {
                "tokens": TOKENS,
                "pairs": [np.stack([t, -t], axis=1) for t in TOKENS],
                "maybe": [t.astype("float32") if len(t) else None for t in TOKENS],
                "other": [np.zeros(n + 1, "int8") for n in LENGTHS],
                "label": np.arange(SAMPLES),
                "text": [str(n) for n in LENGTHS],
            },
            keys=range(SAMPLES),
        )
    return repo.checkout("main")["t"]


def blocks_of(documents: Any, length: int, *, split: bool) -> list[list[list[int]]]:
    """Return the pieces of blocks, made piece by piece."""
    blocks: list[list[list[int]]] = []
    room = 0
    for document in documents:
        left = document.tolist()
        while left:
            if not room or (not split and len(left[:length]) > room):
                blocks.append([])
                room = length
            blocks[-1].append(left[:room])
            left, room = left[room:], room - len(left[:room])
    return blocks


def unpacked(batch: dict[str, Any]) -> list[list[list[int]]]:
    """Return the pieces of the blocks of a batch, by what it says of them."""
    found = []
    for tokens, segment, place in zip(
        batch["tokens"], batch["pack.segment"], batch["pack.position"], strict=True
    ):
        is_padding = segment == 0
        assert not tokens[is_padding].any()
        pieces = [tokens[segment == i].tolist() for i in range(1, segment.max() + 1)]
        for i, piece in enumerate(pieces, start=1):
            assert place[segment == i].tolist() == list(range(len(piece)))
        assert [token for piece in pieces for token in piece] == tokens[~is_padding].tolist()
        found.append(pieces)
    return found


cases = st.fixed_dictionaries(
    {
        "length": st.sampled_from([1, 5, 16, 33, 64, 5000]),
        "split": st.booleans(),
        "rows": st.sampled_from([None, slice(None, None, -2), [3, 3, 40, 0, 7], slice(11, 12)]),
    }
)
options = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 9),
        "shuffle": st.sampled_from([False, True, "full"]),
        "window": st.sampled_from([4, 1000]),
        "memory_nbytes": st.sampled_from([1, 2**20]),
        "threads": st.integers(1, 2),
    }
)


@settings(deadline=None, max_examples=25)
@given(cases, options)
def test_blocks_have_every_element_once(
    table: Any, case: dict[str, Any], options: dict[str, Any]
) -> None:
    rows = packed(table["tokens"], case["length"], rows=case["rows"], split=case["split"])
    chosen = np.arange(SAMPLES)[slice(None) if case["rows"] is None else case["rows"]]
    wanted = blocks_of([TOKENS[i] for i in chosen], case["length"], split=case["split"])
    assert len(rows) == len(wanted)
    if not wanted:
        return
    reader = Reader(table, ["tokens"], rows=rows, **options)
    order = reader.order(0)
    assert sorted(order.tolist()) == list(range(len(wanted)))
    found = []
    for batch in reader:
        assert (batch["tokens"].dtype, batch["tokens"].shape[1]) == (np.int32, case["length"])
        found += unpacked(batch)
    assert found == [wanted[i] for i in order]


def test_several_columns_are_packed_alike(table: Any) -> None:
    rows = packed(table["tokens"], 20)
    columns = ["tokens", "pairs", "maybe"]
    for batch in Reader(table, columns, batch_size=4, rows=rows, shuffle=True):
        assert list(batch) == [*columns, "pack.segment", "pack.position"]
        assert np.array_equal(batch["pairs"][..., 0], batch["tokens"])
        assert np.array_equal(batch["pairs"][..., 1], -batch["tokens"])
        assert np.array_equal(batch["maybe"], batch["tokens"].astype("float32"))


def test_without_padding_only_full_blocks_are_left(table: Any) -> None:
    whole = list(Reader(table, ["tokens"], batch_size=1, rows=packed(LENGTHS, 16, pad=False)))
    assert len(whole) == sum(LENGTHS) // 16
    assert all((batch["pack.segment"] > 0).all() for batch in whole)
    with pytest.raises(vstore.InvalidInputError, match="none of the"):
        Reader(table, ["tokens"], batch_size=1, rows=packed(LENGTHS, 10_000, pad=False))


def test_where_segments_begin_is_where_attention_ends(table: Any) -> None:
    batch = next(iter(Reader(table, ["tokens"], batch_size=4, rows=packed(table["tokens"], 64))))
    begins = np.flatnonzero(batch["pack.position"].reshape(-1) == 0)
    pieces = blocks_of(TOKENS, 64, split=True)[:4]
    assert len(begins) == sum(map(len, pieces))


def test_ranks_share_blocks_and_states_are_exact(table: Any) -> None:
    rows = packed(table["tokens"], 16)

    def reader(size: int, **options: Any) -> Reader:
        return Reader(
            table, ["tokens"], rows=rows, batch_size=size, shuffle=True, window=16, **options
        )

    alone = [batch["tokens"].tolist() for batch in reader(8)]
    ranks = [list(reader(4, rank=rank, world_size=2)) for rank in range(2)]
    for whole, first, second in zip(alone, *ranks, strict=True):
        assert sorted(whole) == sorted(first["tokens"].tolist() + second["tokens"].tolist())
    running = reader(8)
    for taken, _ in enumerate(running, start=1):
        resumed = reader(8)
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        if taken < len(alone):
            assert [batch["tokens"].tolist() for batch in resumed] == alone[taken:]
    other = Reader(table, ["tokens"], rows=packed(table["tokens"], 17), batch_size=8, shuffle=True)
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        other.load_state_dict(running.state_dict())


def test_blocks_are_samples_for_all_other_options(table: Any) -> None:
    rows = packed(table["tokens"], 16)
    weights = np.arange(len(rows)) < 3
    for batch in Reader(table, ["tokens"], rows=rows, batch_size=4, shuffle=True, weights=weights):
        assert set(batch["tokens"][:, 0]) <= set(
            next(iter(Reader(table, ["tokens"], rows=rows, batch_size=3)))["tokens"][:, 0]
        )
    for sample in Reader(table, ["tokens"], rows=rows, batch_size=None):
        assert sample["tokens"].shape == sample["pack.segment"].shape == (16,)
    doubled: Any = {"tokens": lambda tokens: tokens[::2]}
    for batch in Reader(table, ["tokens"], rows=rows, batch_size=4, transforms=doubled):
        assert batch["tokens"].shape[1] == 8
    by_function = Reader(table, ["tokens"], batch_size=4, rows=lambda c: packed(c["tokens"], 16))
    assert len(by_function) == -(-len(rows) // 4)
    mixed = Reader(Mixture([table, table], [3, 1]), ["tokens"], batch_size=8, rows=[rows, rows])
    assert {batch["tokens"].shape for batch in mixed} >= {(8, 16)}
    others = [rows, packed(table["tokens"], 8)]
    with pytest.raises(vstore.InvalidInputError, match="blocks of one length"):
        Reader(Mixture([table, table]), ["tokens"], batch_size=8, rows=others)


def test_columns_of_two_tables_are_packed_by_key(table: Any) -> None:
    repo = vstore.create("memory://packing-masks")
    with repo.transaction("main", message="Add masks") as tx:
        made = tx.create_table("m", {"mask": vstore.ndarray((None,), "int64")}, keys="int")
        keys = list(reversed(range(SAMPLES)))
        made.extend({"mask": [TOKENS[key] for key in keys]}, keys=keys)
    mask = repo.checkout("main")["m"]["mask"]
    reader = Reader([table["tokens"], mask], batch_size=4, rows=packed(table["tokens"], 32))
    for batch in reader:
        assert np.array_equal(batch["mask"], batch["tokens"])


def test_a_long_sequence_is_not_copied_for_each_block() -> None:
    repo = vstore.create("memory://packing-long")
    with repo.transaction("main", message="Add one") as tx:
        tx.create_table("t", {"x": vstore.ndarray((None,), "int32")}).extend(
            {"x": [np.arange(200_000)]}
        )
    table = repo.checkout("main")["t"]
    found = [
        b["x"] for b in Reader(table, batch_size=64, rows=packed(table["x"], 50), shuffle=True)
    ]
    assert np.array_equal(np.sort(np.concatenate(found).reshape(-1)), np.arange(200_000))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["tokens", "label"], "'label' \\(ndarray\\) holds no sequences"),
        (["text"], "'text' \\(text\\) holds no sequences"),
        (["tokens", "other"], "'other' have other lengths"),
    ],
)
def test_what_cannot_be_packed_is_refused(table: Any, columns: list[str], words: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=words):
        Reader(table, columns, batch_size=2, rows=packed(table["tokens"], 8))


def test_options_that_make_no_sense_with_blocks_are_refused(table: Any) -> None:
    rows = packed(table["tokens"], 8)
    with pytest.raises(vstore.InvalidInputError, match="leave ragged out"):
        Reader(table, ["tokens"], batch_size=2, rows=rows, ragged="flat")
    with pytest.raises(vstore.InvalidInputError, match="no key"):
        Reader(table, ["tokens"], batch_size=2, rows=rows, key_label="key")
    taken = {"pack.segment": table["tokens"]}
    with pytest.raises(vstore.InvalidInputError, match="under another name"):
        Reader(taken, batch_size=2, rows=rows)
    wrong: list[Any] = [0, -3, 2.5, True, "8"]
    for length in wrong:
        with pytest.raises(vstore.InvalidInputError, match="length of blocks"):
            packed(LENGTHS, length)
    for lengths in ([1.5, 2.0], [[1, 2]], [3, -1]):
        with pytest.raises(vstore.InvalidInputError, match="lengths are"):
            packed(lengths, 8)
    assert isinstance(rows, Packed)


def test_a_state_is_of_use_for_the_same_blocks_only(table: Any) -> None:
    one, other = (
        Reader(table, ["tokens"], rows=packed(table["tokens"], length), batch_size=1)
        for length in (10_000, 20_000)
    )
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        other.load_state_dict(one.state_dict())
