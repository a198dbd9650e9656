"""What the tests of bad input share: a table to be refused, and how to see that nothing changed."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore import Repository

COLUMNS = {
    "x": vstore.ndarray((3,), "int64"),
    "r": vstore.ndarray((None, 2), "float32"),
    "s": vstore.text(),
    "b": vstore.bytes_(),
    "i": vstore.image(),
}


def batch(count: int) -> dict[str, Any]:
    return {
        "x": np.arange(3 * count).reshape(count, 3),
        "r": [np.zeros((i, 2), "float32") for i in range(count)],
        "s": [str(i) for i in range(count)],
        "b": [b"b"] * count,
        "i": [np.zeros((2, 2), "uint8")] * count,
    }


def numbered(cases: list[Any]) -> list[Any]:
    """Return the cases with ids that differ, though messages repeat."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), id=str(number))
        for number, case in enumerate(cases)
    ]


def state(repository: Repository) -> list[tuple[str, int]]:
    """Return what makes a repository what it is: refs and commits (a pack alone does not)."""
    listed = repository.store.list_prefix("")
    return [(i.key, i.nbytes) for i in listed if not i.key.startswith(("packs/", "index/"))]
