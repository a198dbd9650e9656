"""Values are taken in another data type if, and only if, none of them changes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import vstore
from tests.repositories import assert_same_bits
from vstore.format.zarr.conversion import as_dtype

quick = settings(max_examples=200, deadline=None)


def convert(values: Any, dtype: Any) -> Any:
    return as_dtype(values, np.dtype(dtype), name="c")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 255], "uint8"),
        ([2**63, 1], "uint64"),
        ([1, 2**64 - 1], "uint64"),
        ([-(2**63), 2**63 - 1], "int64"),
        ([True, False], "bool"),
        ([True, 2], "int8"),
        ([1, 2], "float16"),
        ([1, 2.5], "float32"),
        ([1.5, 2j], "complex64"),
        ([0.1, float("nan"), float("inf")], "float32"),
        ([[1, 2], [3, 4]], "int16"),
        (["a", "abc"], "U3"),
        ([b"a", b"abc"], "S3"),
        ([(1, 2.0), (3, float("nan"))], [("a", "i4"), ("b", "f4")]),
        ([[(1, "a")], [(3, "b")]], [("a", "i4"), ("b", "U1")]),
        ([np.datetime64("2020-01-01"), np.datetime64("NaT", "D")], "M8[s]"),
        ([np.timedelta64(3, "h")], "m8[s]"),
    ],
)
def test_plain_python_values_are_taken_as_they_are(values: Any, dtype: Any) -> None:
    assert_same_bits(convert(values, dtype), np.array(values, dtype))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([1, 200], "int64"), "uint8"),
        (np.array([1, 2], "uint64"), "int8"),
        (np.array([1.5, -0.0, np.nan]), "float32"),
        (np.array([1, 2**24], "int64"), "float32"),
        (np.array([2**60, -(2**62)]), "float64"),
        (np.array(["a", "ab"]), "U5"),
        (np.array(["ab"], "U9"), "U2"),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), "M8[ns]"),
        (np.array(["2020-01-01T00:00"], "M8[m]"), "M8[D]"),
        (np.array([True]), "float32"),
        (np.array([1], ">i8"), "int64"),
        (np.array([(1, 2.0)], [("a", ">i4"), ("b", "f8")]), [("a", "i4"), ("b", "f8")]),
    ],
    ids=repr,
)
def test_arrays_are_taken_where_every_value_stays_what_it_is(values: Any, dtype: Any) -> None:
    assert_same_bits(convert(values, dtype), values.astype(dtype))


def test_variable_strings_of_numpy_become_fixed_ones() -> None:
    values = np.array(["ab", ""], np.dtypes.StringDType())
    assert_same_bits(convert(values, "U2"), np.array(["ab", ""], "U2"))


def test_an_empty_list_fits_every_dtype() -> None:
    for dtype in ("int8", "U3", "M8[s]", [("a", "i4")]):
        assert_same_bits(convert([], dtype), np.zeros(0, dtype))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([256], "uint8"),
        ([-1], "uint64"),
        ([-1, 2**63], "uint64"),
        ([2**64], "uint64"),
        ([2**63], "int64"),
        ([1.5], "int64"),
        ([1.0, 2**63], "uint64"),
        ([1, 0], "bool"),
        ([1j], "float64"),
        ([1e300], "float32"),
        ([1e300, float("inf")], "float32"),
        ([70_000], "float16"),
        (["abcd"], "U3"),
        ([b"abcd"], "S3"),
        (["a"], "S3"),
        ([b"a"], "U3"),
        ([1234], "U3"),
        ([1234], "U30"),
        ([1.5], "U30"),
        (["1"], "int64"),
        ([None], "float64"),
        ([[1, 2], [3]], "int64"),
        ([(1, "x")], [("a", "i4"), ("b", "f8")]),
        ([1], [("a", "i4"), ("b", "f8")]),
        ([(1.5, 2.0)], [("a", "i4"), ("b", "f8")]),
        ([(1, 2.0, 3)], [("a", "i4"), ("b", "f8")]),
        ([np.datetime64("2020-01-01T00:00:00.5", "ms")], "M8[s]"),
        (np.array(["3000-01-01"], "M8[s]"), "M8[ns]"),
        (np.array([2**62], "m8[s]"), "m8[ms]"),
        (np.array([1], "m8[s]"), "M8[s]"),
        (np.array(["2020"], "M8[Y]"), "int64"),
        (np.array([2**53 + 1]), "float64"),
        (np.array([2**63 - 1]), "float64"),
        (np.array([2**64 - 1], "uint64"), "float64"),
        (np.array([2**24 + 1]), "float32"),
        (np.array([2**24 + 1]), "complex64"),
        (np.array([0.1]), "float32"),
        (np.array([1e300]), "float32"),
        (np.array(["abcd"]), "U3"),
        (np.array(["abcd"], np.dtypes.StringDType()), "U3"),
        (np.array([{1, 2}]), "int64"),
    ],
    ids=repr,
)
def test_values_that_would_change_are_refused(values: Any, dtype: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="'c'"):
        convert(values, dtype)


_NUMBERS = st.sampled_from(
    ["int8", "int16", "int64", "uint8", "uint32", "uint64", "float16", "float32", "float64"]
)


@quick
@given(st.data(), _NUMBERS, _NUMBERS)
def test_a_number_is_never_changed(data: st.DataObject, given_name: str, own: str) -> None:
    array = data.draw(hnp.arrays(given_name, st.integers(0, 6)))
    try:
        found = convert(array, own)
    except vstore.InvalidInputError:
        return
    assert found.dtype == own
    for before, after in zip(array.tolist(), found.tolist(), strict=True):
        assert before == after or (before != before and after != after)
