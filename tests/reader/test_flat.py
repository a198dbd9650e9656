"""Samples that differ in shape, one behind the other: what a list would have, in one array."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.errors import FormatError
from vstore.format.table.flat import Flat, Stored, decode_flat
from vstore.reader import Mixture, Reader

SAMPLES = 90
LENGTHS = [(7 * i) % 5 for i in range(SAMPLES)]
COLUMNS = ["box", "grid", "photo", "words"]


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    spec = {
        "words": vstore.ndarray((None,), "int32", rows_per_chunk=8),
        "box": vstore.ndarray((None, 2), "float32", rows_per_chunk=16).as_optional(),
        "grid": vstore.ndarray((None, None), "uint8", rows_per_chunk=8),
        "photo": vstore.image(rows_per_chunk=8).as_optional(),
        "i": vstore.ndarray((), "int64"),
    }
    with repo.transaction("main", message="Add samples") as tx:
        tx.create_table("t", spec).extend(
            {
                "words": [np.arange(n) + i for i, n in enumerate(LENGTHS)],
                "box": [np.full((n, 2), i) if n else None for i, n in enumerate(LENGTHS)],
                "grid": [np.full((n, 3 - n % 3), i, "uint8") for i, n in enumerate(LENGTHS)],
                "photo": [np.full((2, n + 1), i, "uint8") if n else None
                          for i, n in enumerate(LENGTHS)],
                "i": np.arange(SAMPLES),
            }
        )  # fmt: skip
    return repo.checkout("main")["t"]


def listed(batch: dict[str, Any], name: str) -> list[Any]:
    """Return the samples of a column as a list would have them; an image has its channels."""
    offsets = batch[f"{name}.offsets"]
    parts = [batch[name][a:b] for a, b in pairwise(offsets)]
    if f"{name}.shape" in batch:
        shapes = batch[f"{name}.shape"].tolist()
        parts = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    return parts


def check(flat: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in COLUMNS:
        assert flat[name].dtype == {"words": "int32", "box": "float32"}.get(name, "uint8")
        assert (flat[f"{name}.offsets"].dtype, flat[f"{name}.offsets"][0]) == (np.int64, 0)
        assert flat[f"{name}.offsets"][-1] == len(flat[name])
        for got, sample in zip(listed(flat, name), wanted[name], strict=True):
            if sample is None:
                assert not got.size
            else:
                assert np.array_equal(got.reshape(sample.shape), sample)


options = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 40),
        "shuffle": st.sampled_from([False, True, "full"]),
        "window": st.sampled_from([8, 40, 1000]),
        "memory_nbytes": st.sampled_from([1, 500, 2**20]),
        "rows": st.sampled_from([None, slice(5, None, 3), [3, 3, 0, 88]]),
        "threads": st.integers(1, 2),
    }
)


@settings(deadline=None, max_examples=25)
@given(options)
def test_a_flat_batch_has_the_samples_of_a_list(table: Any, options: dict[str, Any]) -> None:
    flat = Reader(table, ragged="flat", **options)
    for batch, wanted in zip(flat, Reader(table, **options), strict=True):
        names = {name for name in batch if not name.endswith((".offsets", ".shape"))}
        assert names == set(wanted)
        check(batch, wanted)


def test_the_parts_of_a_batch_follow_from_the_column(table: Any) -> None:
    batch = next(iter(Reader(table, batch_size=4, ragged="flat")))
    assert list(batch) == [
        *("box", "box.offsets", "box.valid", "grid", "grid.offsets", "grid.shape", "i"),
        *("photo", "photo.offsets", "photo.shape", "photo.valid", "words", "words.offsets"),
    ]
    assert batch["box"].shape[1:] == (2,)
    assert batch["photo.shape"].shape == (4, 3)
    assert batch["words"].tolist() == [*range(1, 3), *range(2, 6), *range(3, 4)]
    assert batch["words.offsets"].tolist() == [0, 0, 2, 6, 7]


def test_a_batch_of_missing_or_empty_samples_has_the_same_form(table: Any) -> None:
    empty = [i for i, n in enumerate(LENGTHS) if not n]
    for batch in Reader(table, ["box", "words", "photo"], rows=empty, batch_size=3, ragged="flat"):
        assert batch["box"].shape == (0, 2)
        assert (batch["words"].dtype, batch["words"].shape) == (np.int32, (0,))
        assert batch["photo.shape"].shape == (len(batch["words.offsets"]) - 1, 3)
        assert not batch["box.valid"].any()


def test_what_transforms_make_comes_element_by_element(table: Any) -> None:
    doubled: dict[str, Any] = {"words": lambda words: np.stack([words, words])}
    reader = Reader(table, ["words", "i"], batch_size=5, ragged="flat", transforms=doubled)
    for batch in reader:
        assert batch["words.shape"].tolist() == [[2, LENGTHS[i]] for i in batch["i"]]
        assert len(batch["words"]) == sum(2 * LENGTHS[i] for i in batch["i"])
    other: dict[str, Any] = {"i": lambda i: i + 1}
    for batch in Reader(table, ["words", "i"], batch_size=5, ragged="flat", transforms=other):
        assert [len(part) for part in listed(batch, "words")] == [
            LENGTHS[i - 1] for i in batch["i"]
        ]


def test_collate_and_skipped_samples(table: Any) -> None:
    def collate(batch: Any) -> Any:
        return batch["words.offsets"][1:] - batch["words.offsets"][:-1]

    reader = Reader(table, ["words"], batch_size=7, ragged="flat", collate=collate)
    assert [n for batch in reader for n in batch] == LENGTHS

    def strict(i: Any) -> Any:
        if i % 4 == 1:
            raise ValueError("not this one")
        return i

    kept = Reader(
        table,
        ["i", "words"],
        batch_size=8,
        ragged="flat",
        transforms={"i": strict},
        on_error="skip",
    )
    for batch in kept:
        assert [len(part) for part in listed(batch, "words")] == [LENGTHS[i] for i in batch["i"]]


def test_a_mixture_joins_what_its_members_give(table: Any) -> None:
    both = Mixture([table, table], weights=[2, 1])
    flat = Reader(both, batch_size=9, ragged="flat", shuffle=True)
    for batch, wanted in zip(flat, Reader(both, batch_size=9, shuffle=True), strict=True):
        check(batch, wanted)


def test_a_part_of_a_batch_takes_no_column_s_name(table: Any) -> None:
    given = {"words": table["words"], "words.offsets": table["i"]}
    with pytest.raises(vstore.InvalidInputError, match=r"words\.offsets") as caught:
        Reader(given, batch_size=2, ragged="flat")
    assert caught.value.code == "name-taken"
    with pytest.raises(vstore.InvalidInputError, match="single"):
        Reader(table, ["words"], batch_size=None, ragged="flat")


def test_lengths_and_shapes_without_reading_values(table: Any) -> None:
    assert table["words"].lengths.tolist() == LENGTHS
    assert table["box"].shapes.tolist() == [[n, 2 if n else 0] for n in LENGTHS]
    assert table["grid"].shapes.tolist() == [[n, 3 - n % 3] for n in LENGTHS]
    assert table["i"].shapes.shape == (SAMPLES, 0)
    for name in ("photo", "i"):
        with pytest.raises(vstore.InvalidInputError) as caught:
            _ = table[name].lengths
        assert caught.value.code == "no-shapes"
    long = Reader(table, ["words"], batch_size=4, rows=lambda c: c["words"].lengths > 3)
    assert {len(words) for batch in long for words in batch["words"]} == {4}


def test_lengths_count_live_samples_only() -> None:
    repo = vstore.create("memory://flat-deleted")
    with repo.transaction("main", message="Add") as tx:
        made = tx.create_table("t", {"x": vstore.ndarray((None,), "int8")}, keys="int")
        made.extend({"x": [np.zeros(n, "int8") for n in range(6)]}, keys=range(6))
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete([0, 3])
    assert repo.checkout("main")["t"]["x"].lengths.tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize(
    "shape",
    [[3], [-2], [2**62 + 2], [2**61 + 2], [2**62]],
    ids=["longer", "negative", "wraps", "wraps to less", "huge"],
)
def test_a_shape_that_bytes_do_not_have_is_noticed(shape: list[int]) -> None:
    elements = np.array([b"12345678", b"12345678"], object)
    shapes = np.array([[2], shape], np.int64)
    with pytest.raises(FormatError, match="8 bytes cannot have the shape") as caught:
        decode_flat(Stored(elements, shapes), np.dtype("int32"), (None,))
    assert caught.value.fields["at"] == 1


def test_a_shape_that_the_column_does_not_hold_is_noticed() -> None:
    elements = np.array([b"1234"], object)
    with pytest.raises(FormatError):
        decode_flat(Stored(elements, np.array([[1, 4]])), np.dtype("uint8"), (None, 2))


def test_flat_samples_are_a_sequence_of_arrays() -> None:
    flat = Flat.of([np.array([[1, 2]]), np.zeros((0, 2), int), np.array([[3, 4], [5, 6]])])
    assert [each.tolist() for each in flat] == [[[1, 2]], [], [[3, 4], [5, 6]]]
    assert [each.tolist() for each in flat[1:]] == [[], [[3, 4], [5, 6]]]
    assert [each.tolist() for each in flat[[2, 0]]] == [[[3, 4], [5, 6]], [[1, 2]]]
    assert len(flat[[]]) == 0
    assert [each.tolist() for each in Flat.joined([flat[2:], flat[:1]])] == [
        [[3, 4], [5, 6]],
        [[1, 2]],
    ]
