"""Reading and assigning agree with plain NumPy, whatever the index."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.reading.indices import array_indices, axis_indices, mesh, pick, slices
from tests.repositories import (
    array_of,
    assert_same_bits,
    committed_array,
    committed_table,
    new_repository,
    table_of,
)

quick = settings(max_examples=120, deadline=None)

VALUES = np.random.default_rng(0).integers(-1000, 1000, (29, 5, 3)).astype("int16")
TEXTS = [f"{'x' * (i % 4)}{i}" for i in range(29)]
DELETED = [0, 3, 4, 5, 11, 28]
LIVE = [i for i in range(29) if i not in DELETED]


def _table() -> vstore.Table:
    columns = {
        "a": vstore.ndarray((5, 3), "int16", rows_per_chunk=4),
        "label": vstore.ndarray((), "int16", rows_per_chunk=8),
        "text": vstore.text(rows_per_chunk=4),
    }
    samples = {"a": VALUES, "label": VALUES[:, 0, 0], "text": TEXTS}
    return committed_table(columns, samples)[1]


def _table_with_holes() -> vstore.Table:
    columns = {"a": vstore.ndarray((5, 3), "int16", rows_per_chunk=4), "text": vstore.text()}
    repository, _ = committed_table(columns, {"a": VALUES, "text": TEXTS})
    with repository.transaction("main", message="Delete some") as tx:
        assert tx["t"].delete(DELETED) == len(DELETED)
    return table_of(repository)


TABLE = _table()
HOLES = _table_with_holes()


@quick
@given(array_indices(VALUES.shape))
def test_a_column_reads_as_numpy_does(index: Any) -> None:
    assert_same_bits(TABLE["a"][index], pick(VALUES, index))


@quick
@given(array_indices((29,)))
def test_a_scalar_column_reads_as_numpy_does(index: Any) -> None:
    assert_same_bits(TABLE["label"][index], pick(VALUES[:, 0, 0], index))


@quick
@given(array_indices((len(LIVE), 5, 3)))
def test_a_column_with_deleted_samples_reads_as_if_they_had_never_been(index: Any) -> None:
    assert_same_bits(HOLES["a"][index], pick(VALUES[LIVE], index))


@quick
@given(axis_indices(29))
def test_a_text_column_reads_as_numpy_does(index: Any) -> None:
    expected = pick(np.array(TEXTS, object), index)
    found = TABLE["text"][index]
    assert np.shape(found) == np.shape(expected)
    assert np.ravel(found).tolist() == np.ravel(expected).tolist()


@quick
@given(axis_indices(len(LIVE)))
def test_a_text_column_with_deleted_samples(index: Any) -> None:
    expected = pick(np.array([TEXTS[i] for i in LIVE], object), index)
    assert np.ravel(HOLES["text"][index]).tolist() == np.ravel(expected).tolist()


@quick
@given(slices(29))
def test_a_table_picks_the_same_samples_from_each_column(index: slice) -> None:
    picked = TABLE[index]
    assert_same_bits(picked["a"], VALUES[index])
    assert picked["text"].tolist() == TEXTS[index]


@st.composite
def _chunked(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=4)))
    return shape, tuple(draw(st.integers(1, 6)) for _ in shape)


@quick
@given(st.data())
def test_a_plain_array_of_any_chunking_reads_as_numpy_does(data: st.DataObject) -> None:
    shape, chunk_shape = data.draw(_chunked())
    values = np.arange(int(np.prod(shape)), dtype="int32").reshape(shape)
    _, array = committed_array(values, chunk_shape=chunk_shape)
    for _ in range(3):
        index = data.draw(array_indices(shape))
        assert_same_bits(array[index], pick(values, index))


@quick
@given(st.data())
def test_assignment_to_a_plain_array_is_numpys(data: st.DataObject) -> None:
    shape, chunk_shape = data.draw(_chunked())
    expected = np.arange(int(np.prod(shape)), dtype="int32").reshape(shape)
    repository, _ = committed_array(expected, chunk_shape=chunk_shape)
    with repository.transaction("main", message="Change", allow_empty=True) as tx:
        for turn in range(data.draw(st.integers(1, 3))):
            index = data.draw(array_indices(shape))
            values = _broadcastable(data, np.shape(pick(expected, index)), turn)
            tx["x"][index] = values
            target = expected[mesh(index, shape)].shape if shape else ()
            expected[mesh(index, shape)] = np.broadcast_to(
                values, np.shape(pick(expected, index))
            ).reshape(target)
        assert_same_bits(tx["x"][...], expected)
    assert_same_bits(array_of(repository, "x")[...], expected)


def _broadcastable(data: st.DataObject, shape: tuple[int, ...], turn: int) -> Any:
    """Return values of the shape, or of one that broadcasts to it."""
    kept = shape[data.draw(st.integers(0, len(shape))) :]
    narrowed = tuple(1 if length and data.draw(st.booleans()) else length for length in kept)
    count = int(np.prod(narrowed))
    return np.arange(count, dtype="int32").reshape(narrowed) + 10_000 * (turn + 1)


@quick
@given(st.data())
def test_assignment_to_a_column_is_numpys(data: st.DataObject) -> None:
    expected = VALUES[LIVE].copy()
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"a": vstore.ndarray((5, 3), "int16", rows_per_chunk=4)})
        table.extend({"a": VALUES})
        table.delete(DELETED)
    with repository.transaction("main", message="Change", allow_empty=True) as tx:
        for turn in range(data.draw(st.integers(1, 3))):
            index = data.draw(array_indices(expected.shape))
            values = _broadcastable(data, np.shape(pick(expected, index)), turn).astype("int16")
            tx["t"]["a"][index] = values
            places = mesh(index, expected.shape)
            shape = np.shape(pick(expected, index))
            expected[places] = np.broadcast_to(values, shape).reshape(expected[places].shape)
        assert_same_bits(tx["t"]["a"][:], expected)
    assert_same_bits(table_of(repository)["a"][:], expected)


def test_of_repeated_places_the_last_value_stays() -> None:
    repository, _ = committed_array(np.zeros(20, "int64"), chunk_shape=(4,))
    with repository.transaction("main", message="Change") as tx:
        tx["x"][[13, 2, 13, 2, 13]] = [1, 2, 3, 4, 5]
    found = array_of(repository, "x")
    assert (found[13], found[2]) == (5, 4)


def test_text_is_assigned_by_integer_slice_mask_and_array() -> None:
    repository, _ = committed_table({"text": vstore.text(rows_per_chunk=4)}, {"text": TEXTS})
    expected = np.array(TEXTS, object)
    mask = np.arange(29) % 9 == 0
    with repository.transaction("main", message="Change") as tx:
        column = tx["t"]["text"]
        for index in (3, slice(20, 10, -3), mask, [28, -2, 0]):
            size = np.size(expected[index])
            values = [f"new-{i}" * i for i in range(size)]
            column[index] = values[0] if isinstance(index, int) else values
            expected[index] = values[0] if isinstance(index, int) else values
        assert column[:].tolist() == expected.tolist()
    assert table_of(repository)["text"][:].tolist() == expected.tolist()


def test_ragged_samples_are_assigned_with_their_shapes() -> None:
    samples = [np.full((i % 3, 2), i, "float32") for i in range(11)]
    repository, _ = committed_table(
        {"r": vstore.ndarray((None, 2), "float32", rows_per_chunk=4)}, {"r": samples}
    )
    with repository.transaction("main", message="Change") as tx:
        column = tx["t"]["r"]
        column[2] = samples[2] = np.full((9, 2), -1, "float32")
        column[[10, 0]] = [np.zeros((0, 2), "float32"), np.ones((3, 2), "float32")]
        samples[10], samples[0] = np.zeros((0, 2), "float32"), np.ones((3, 2), "float32")
        for found, sample in zip(column[:], samples, strict=True):
            assert_same_bits(found, sample)
    for found, sample in zip(table_of(repository)["r"][:], samples, strict=True):
        assert_same_bits(found, sample)


@pytest.mark.parametrize("index", [29, -30, np.int64(29), [0, 29], [-30], (29, 0)])
def test_a_position_outside_the_table_is_refused(index: Any) -> None:
    with pytest.raises(vstore.OutOfBoundsError, match="29"):
        TABLE["a"][index]


@pytest.mark.parametrize(
    "index",
    [
        "a",
        1.0,
        None,
        (None, 0),
        True,
        [0.5],
        [[0, 1], [2, 3]],
        [[0], [1, 2]],
        {0: 1},
        slice("a", None),
        slice(None, None, 0),
        (0, 0, 0, 0),
        (..., 0, ...),
        np.ones((29, 5), bool),
    ],
    ids=repr,
)
def test_what_is_no_index_is_refused(index: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        TABLE["a"][index]
    with pytest.raises(vstore.InvalidInputError):
        HOLES["a"][index]


@pytest.mark.parametrize("mask", [np.ones(28, bool), np.ones(30, bool), [True]])
def test_a_mask_of_another_length_is_refused(mask: Any) -> None:
    with pytest.raises(vstore.OutOfBoundsError, match="mask"):
        TABLE["label"][mask]


def test_parts_of_samples_that_differ_in_size_are_refused() -> None:
    with pytest.raises(vstore.InvalidInputError, match="index the samples first"):
        TABLE["text"][3, 0]
