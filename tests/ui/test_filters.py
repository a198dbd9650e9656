"""Filters are parsed and never evaluated: what is written is read again, anything else refused."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.errors import InvalidInputError, VstoreError
from vstore.ui.filters import Test, matching, ordered, parse, written

NAMES = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() and text.strip())
VALUES = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES)
def test_what_is_written_is_read(column: str, operator: str, value: object) -> None:
    text = written(column, operator, value)
    assert parse(text) == [Test(column, operator, value)]
    assert parse(f"{text} and {text}") == [Test(column, operator, value)] * 2


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInputError):
        assert parse(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "a =", "= 1", "a = 1 or b = 2", "a = 1 and", "a == 1", "a is"],
)
def test_what_is_no_comparison(text: str) -> None:
    with pytest.raises(VstoreError):
        parse(text)


def test_long_texts_are_refused_at_once() -> None:
    with pytest.raises(InvalidInputError, match="too long"):
        parse("a = 1 and " * 100_000)


@pytest.fixture(scope="module")
def table() -> vstore.Table:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        columns = {
            "f": vstore.ndarray((), "float64").as_optional(),
            "flag": vstore.ndarray((), "bool"),
            "n": vstore.ndarray((), "uint64"),
            "text": vstore.text().as_optional(),
            "v": vstore.ndarray((2,), "int8"),
        }
        tx.create_table("t", columns).extend(
            {
                "f": [0.5, None, float("nan"), 3.0],
                "flag": [True, False, True, False],
                "n": np.array([2**64 - 1, 0, 5, 5], "uint64"),
                "text": ["b", None, "", "a b"],
                "v": np.zeros((4, 2), "int8"),
            }
        )
    found: vstore.Table = repo.checkout()["t"]
    return found


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("n = 18446744073709551615", [0]),
        ("n >= 5 and flag = true", [0, 2]),
        ("f > 0", [0, 3]),
        ("f is missing", [1]),
        ("f is not missing and f != 3", [0, 2]),
        ('text = "a b"', [3]),
        ("text contains b", [0, 3]),
        ("text is missing", [1]),
        ('text = ""', [2]),
        ("text > a", [0, 3]),
        ("n = -1", []),
    ],
)
def test_rows_that_match(table: vstore.Table, text: str, rows: list[int]) -> None:
    assert matching(table, parse(text)).tolist() == rows


@pytest.mark.parametrize("text", ["v = 1", "nothing = 1", "n = x", 'flag = "yes"', "f contains 1"])
def test_what_columns_cannot_be_asked(table: vstore.Table, text: str) -> None:
    with pytest.raises(VstoreError):
        matching(table, parse(text))


@pytest.mark.parametrize(
    ("sort", "rows"),
    [("n", [1, 2, 3, 0]), ("f", [0, 3, 1, 2]), ("text", [2, 3, 0, 1]), ("-text", [0, 3, 2, 1])],
)
def test_order(table: vstore.Table, sort: str, rows: list[int]) -> None:
    assert ordered(table, np.arange(4), sort).tolist() == rows
