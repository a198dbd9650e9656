"""A small table whose samples have keys."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table
from vstore import Repository
from vstore.format.table import key_index

COLUMNS = {
    "x": vstore.ndarray((3,), "int64", rows_per_chunk=4),
    "text": vstore.text(rows_per_chunk=4),
}


def samples(count: int, start: int = 0) -> dict[str, Any]:
    numbers = np.arange(start, start + count)
    return {
        "x": np.repeat(numbers, 3).reshape(count, 3),
        "text": [f"text {number}" for number in numbers],
    }


def keyed_table() -> tuple[Repository, vstore.Table]:
    return committed_table(
        COLUMNS, samples(10), keys="str", sample_keys=[f"k{i}" for i in range(10)]
    )


def small_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tables of nine rows have an index, of buckets with four rows each."""
    monkeypatch.setattr(key_index, "FEWEST_ROWS", 8)
    monkeypatch.setattr(key_index, "ROWS_PER_BUCKET", 4)
    monkeypatch.setattr("vstore.writing.new_column.MAX_KEYS", 4)
    monkeypatch.setattr("vstore.writing.keys.RECENT", 3)
