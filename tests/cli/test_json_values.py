"""Values as JSON: nothing is lost, nothing is invalid."""

import json
from typing import Any

import numpy as np
import pytest

from vstore.cli.output import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.5), 0.5),
        (float("nan"), "NaN"),
        (np.float64("-inf"), "-Infinity"),
        (np.array([1.5, np.inf]), [1.5, "Infinity"]),
        (np.array([[1, 2], [3, 4]], "int8"), [[1, 2], [3, 4]]),
        (np.array(True), True),
        (np.array(["a", "ö"]), ["a", "ö"]),
        (b"abc", "YWJj"),
        (np.array([b"abc"]), ["YWJj"]),
        (np.array([1 + 2j]), [[1.0, 2.0]]),
        (np.datetime64("2026-01-02T03"), "2026-01-02T03"),
        (np.array(["2026-01-02", "NaT"], "datetime64[D]"), ["2026-01-02", "NaT"]),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f4")]), [[1, 2.5]]),
        (np.array([np.arange(2), "x", b"\0"], object), [[0, 1], "x", "AA=="]),
        ({"a": (None, np.arange(2))}, {"a": [None, [0, 1]]}),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected
