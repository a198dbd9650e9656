"""Arrays of many chunks, of which few are stored."""

from typing import Any

import numpy as np
import pytest

from tests.repositories import new_repository

BOXES: list[Any] = [
    ...,
    (slice(None), slice(None)),
    slice(3, 250),
    (slice(-200, -1), slice(10, None)),
    (slice(7, 7), slice(None)),
    (slice(None, None, 2), slice(None)),
    (slice(None), 17),
    (np.arange(0, 300, 2), slice(None)),
]


@pytest.mark.parametrize("box", BOXES, ids=map(str, range(len(BOXES))))
def test_a_box_holds_what_is_stored_and_else_the_fill_value(box: Any) -> None:
    repository = new_repository()
    chance = np.random.default_rng(3)
    expected = np.full((300, 299), 9, "int16")
    with repository.transaction("main", message="Add") as tx:
        array = tx.create_array(
            "x", shape=(300, 299), dtype="int16", chunk_shape=(2, 1), fill_value=9
        )
        for row, column in zip(
            chance.integers(0, 300, 40), chance.integers(0, 299, 40), strict=True
        ):
            array[int(row), int(column)] = expected[row, column] = row + column
    found = repository.checkout("main")["x"][box]
    assert found.dtype == np.int16
    assert found.tolist() == expected[box].tolist()
