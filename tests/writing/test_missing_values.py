"""Missing is missing, however it is given; where nothing may be missing it is refused."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

import vstore
from vstore.reader import Reader

MOMENT = np.datetime64("2026-01-02T03:04:05.678901234", "ns")
PRESENT: dict[str, Any] = {
    "int64": 2**53 + 1,
    "bool": True,
    "float64": 0.1,
    "datetime64[ns]": MOMENT,
    "timedelta64[s]": np.timedelta64(5, "s"),
    "U4": "word",
    "T": "a word",
    "text": "a word",
    "bytes": b"a\0b",
    "ragged": np.array([1.5, 2.5], "float32"),
    "image": np.arange(12, dtype="uint8").reshape(2, 2, 3),
}
SPECS = {
    "text": vstore.text(),
    "bytes": vstore.bytes_(),
    "ragged": vstore.ndarray((None,), "float32"),
    "image": vstore.image(),
}
NAN_IS_MISSING = PRESENT.keys() - {"float64"}


def spec_of(kind: str) -> vstore.ColumnSpec:
    return SPECS[kind] if kind in SPECS else vstore.ndarray((), kind)


def _listed(nothing: Any) -> Callable[[Any, str], Any]:
    return lambda value, _: [value, nothing, value]


def _objects(nothing: Any) -> Callable[[Any, str], Any]:
    def give(value: Any, _: str) -> Any:
        held = np.empty(3, object)
        held[:] = [value, nothing, value]
        held[0] = held[2] = value
        return held

    return give


def _masked(value: Any, kind: str) -> Any:
    held = np.empty(3, object) if kind in SPECS or kind == "T" else np.empty(3, kind)
    for i in range(3):
        held[i] = value
    return np.ma.MaskedArray(held, [False, True, False])


GIVEN: dict[str, Callable[[Any, str], Any]] = {
    "None": _listed(None),
    "NA": _listed(pandas.NA),
    "NaT of pandas": _listed(pandas.NaT),
    "masked": _listed(np.ma.masked),
    "null of Arrow": _listed(pyarrow.scalar(None, pyarrow.int64())),
    "a masked sample": lambda value, _: [value, np.ma.MaskedArray([1, 2], True), value],
    "None in objects": _objects(None),
    "NA in objects": _objects(pandas.NA),
    "masked array": _masked,
}
TYPED: list[tuple[str, Callable[[], Any], list[Any]]] = [
    ("int64", lambda: pandas.array([2**53 + 1, None], "Int64"), [2**53 + 1, None]),
    ("int64", lambda: pandas.Series([2**53 + 1, None], dtype="Int64"), [2**53 + 1, None]),
    ("int64", lambda: pandas.Series([1, None], dtype="int64[pyarrow]"), [1, None]),
    ("uint8", lambda: pandas.array([255, None], "UInt8"), [255, None]),
    ("bool", lambda: pandas.array([True, None], "boolean"), [True, None]),
    ("float64", lambda: pandas.array([0.1, None], "Float64"), [0.1, None]),
    ("text", lambda: pandas.array(["a", None], "string"), ["a", None]),
    ("text", lambda: pandas.Series(["a", None]), ["a", None]),
    ("text", lambda: pandas.Series(["a", None], dtype="category"), ["a", None]),
    ("text", lambda: pandas.Index(["a", math.nan], dtype=object), ["a", None]),
    ("text", lambda: np.array(["a", None], np.dtypes.StringDType(na_object=None)), ["a", None]),
    ("T", lambda: np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan)), ["a", None]),
    ("T", lambda: pandas.Series(["a", None]), ["a", None]),
    ("U4", lambda: pyarrow.array(["a", None]), ["a", None]),
    ("text", lambda: pyarrow.chunked_array([["a"], [None]]), ["a", None]),
    ("bytes", lambda: pyarrow.array([b"a", None]), [b"a", None]),
    ("int64", lambda: pyarrow.array([2**53 + 1, None]), [2**53 + 1, None]),
    ("int64", lambda: pyarrow.chunked_array([[1], [None]]), [1, None]),
    ("bool", lambda: pyarrow.array([True, None]), [True, None]),
    ("float64", lambda: pyarrow.array([0.5, None]), [0.5, None]),
    ("text", lambda: pyarrow.array(["a", None]).dictionary_encode(), ["a", None]),
    ("datetime64[ns]", lambda: pandas.Series([pandas.Timestamp(MOMENT), None]), [MOMENT, None]),
    (
        "datetime64[ns]",
        lambda: pyarrow.array([pandas.Timestamp(MOMENT), None], pyarrow.timestamp("ns")),
        [MOMENT, None],
    ),
    ("datetime64[ns]", lambda: np.array([MOMENT, "NaT"], "M8[ns]"), [MOMENT, None]),
    ("timedelta64[s]", lambda: np.array([5, "NaT"], "m8[s]"), [np.timedelta64(5, "s"), None]),
    ("datetime64[D]", lambda: pyarrow.array([1, None], pyarrow.date32()), ["1970-01-02", None]),
]


ONE = 1


Values = dict[str, Any]
"""What is given for each column."""


class Case:
    """A repository with a table of some columns, optional or not, which may hold samples."""

    def __init__(self, specs: Mapping[str, vstore.ColumnSpec], *, optional: bool = True) -> None:
        Case.made += 1
        self.repo = vstore.create(f"memory://missing-values-{Case.made}")
        self.specs = {
            name: spec.as_optional() if optional else spec for name, spec in specs.items()
        }

    made = 0

    def put(self, write: Callable[[vstore.Transaction], object]) -> vstore.Table:
        with self.repo.transaction("main", message="Write") as tx:
            write(tx)
        return self.repo.checkout().table("t")


def part(values: Values, rows: Any) -> Values:
    return {name: each[rows] for name, each in values.items()}


def _extend(case: Case, values: Values, count: int) -> vstore.Table:
    return case.put(lambda tx: tx.create_table("t", case.specs).extend(values))


def _batches(case: Case, values: Values, count: int) -> vstore.Table:
    return case.put(
        lambda tx: tx.create_table("t", case.specs).extend(
            part(values, slice(i, i + 1)) for i in range(count)
        )
    )


def _append(case: Case, values: Values, count: int) -> vstore.Table:
    def write(tx: vstore.Transaction) -> None:
        table = tx.create_table("t", case.specs)
        for i in range(count):
            table.append(part(values, i))

    return case.put(write)


def _blank(case: Case, count: int) -> None:
    def write(tx: vstore.Transaction) -> None:
        columns = {"n": vstore.ndarray((), "int64")} | case.specs
        table = tx.create_table("t", columns, keys="int")
        table.extend({"n": range(count)}, keys=range(count))

    case.put(write)


def _assign(case: Case, values: Values, count: int) -> vstore.Table:
    _blank(case, count)

    def write(tx: vstore.Transaction) -> None:
        for name, each in values.items():
            tx["t"][name][:] = each

    return case.put(write)


def _assign_each(case: Case, values: Values, count: int) -> vstore.Table:
    _blank(case, count)

    def write(tx: vstore.Transaction) -> None:
        for i in range(count):
            tx["t"].loc[i] = part(values, i)

    return case.put(write)


def _add(case: Case, values: Values, count: int) -> vstore.Table:
    def write(tx: vstore.Transaction) -> None:
        table = tx.create_table("t", {"n": vstore.ndarray((), "int64")})
        table.extend({"n": range(count)})
        for name, each in values.items():
            table.add_column(name, case.specs[name], each)

    return case.put(write)


WAYS = {
    "extend": _extend,
    "batches": _batches,
    "append": _append,
    "assignment": _assign,
    "one by one": _assign_each,
    "a column": _add,
}


def one(
    spec: vstore.ColumnSpec, values: Any, count: int, *, way: str = "extend", optional: bool = True
) -> vstore.Column:
    """Return a column of a table of its own."""
    return WAYS[way](Case({"x": spec}, optional=optional), {"x": values}, count)["x"]


def read(column: vstore.Column) -> Iterator[list[Any]]:
    """Yield the samples as each way of reading gives them, None for a missing one."""
    yield list(column)
    yield [column[i] for i in range(len(column))]
    whole = column[:]
    yield [None if np.ma.is_masked(each) else each for each in whole]
    (batch,) = Reader(column, batch_size=len(column))
    there = batch[column.name + ".valid"].tolist()
    yield [each if here else None for each, here in zip(batch[column.name], there, strict=True)]


def assert_samples(column: vstore.Column, expected: list[Any]) -> None:
    for found in read(column):
        assert [each is None for each in found] == [each is None for each in expected], column
        for each, other in zip(found, expected, strict=True):
            if each is not None:
                dtype = getattr(each, "dtype", None)
                np.testing.assert_array_equal(each, np.asarray(other, dtype), column.name)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", GIVEN)
def test_what_is_missing_is_read_as_missing(way: str, given: str) -> None:
    values = {kind: GIVEN[given](value, kind) for kind, value in PRESENT.items()}
    table = WAYS[way](Case({kind: spec_of(kind) for kind in PRESENT}), values, 3)
    for kind, value in PRESENT.items():
        assert_samples(table[kind], [value, None, value])


@pytest.mark.parametrize("way", WAYS)
def test_nan_is_missing_where_it_is_no_number(way: str) -> None:
    kinds = sorted(NAN_IS_MISSING)
    values = {kind: [PRESENT[kind], math.nan, PRESENT[kind]] for kind in kinds}
    table = WAYS[way](Case({kind: spec_of(kind) for kind in kinds}), values, 3)
    for kind in kinds:
        assert_samples(table[kind], [PRESENT[kind], None, PRESENT[kind]])


def test_nan_is_a_number_in_a_column_of_floats() -> None:
    column = one(spec_of("float64"), [0.5, math.nan, None], 3)
    assert column[0] == 0.5
    assert math.isnan(column[1])
    assert column[2] is None


@pytest.mark.parametrize("way", ["extend", "append", "assignment", "a column"])
@pytest.mark.parametrize("typed", TYPED, ids=[f"{i}-{TYPED[i][0]}" for i in range(len(TYPED))])
def test_columns_of_other_libraries(way: str, typed: Any) -> None:
    kind, values, expected = typed
    assert_samples(one(spec_of(kind), values(), 2, way=way), expected)


@pytest.mark.parametrize("kind", PRESENT)
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("way", ["extend", "append", "a column"])
def test_nothing_may_be_missing_in_other_columns(way: str, kind: str, given: str) -> None:
    values = GIVEN[given](PRESENT[kind], kind)
    if given == "NaT of pandas" and kind.startswith(("datetime", "timedelta")):
        assert np.isnat(one(spec_of(kind), values, 3, way=way, optional=False)[1])
        return
    with pytest.raises(vstore.InvalidInputError) as raised:
        one(spec_of(kind), values, 3, way=way, optional=False)
    assert raised.value.code in ("column-not-optional", "masked-values")


@pytest.mark.parametrize("given", [None, math.nan, pandas.NA, np.ma.masked, ONE], ids=repr)
@pytest.mark.parametrize("dtype", ["T", "U5", "int64"])
def test_nothing_may_be_missing_in_arrays(given: Any, dtype: str) -> None:
    if given is ONE and dtype == "int64":
        return
    repo = vstore.create(f"memory://missing-in-arrays-{dtype}-{given!r}")
    with repo.transaction("main", message="Add") as tx:
        array = tx.create_array("a", shape=(2,), dtype=dtype)
        with pytest.raises(vstore.InvalidInputError):
            array[:] = ["a" if dtype != "int64" else 5, given]
        with pytest.raises(vstore.InvalidInputError):
            array[1] = given


def test_samples_masked_in_part_are_refused() -> None:
    part = np.ma.MaskedArray([1, 2], [True, False])
    for values in ([part], np.ma.MaskedArray([part.data], [part.mask])):
        with pytest.raises(vstore.InvalidInputError, match="masked"):
            one(vstore.ndarray((2,), "int64"), values, 1)


def test_an_array_without_a_mask_never_shows_fill_values() -> None:
    times = one(spec_of("datetime64[ns]"), [MOMENT, None], 2)
    assert np.isnat(np.asarray(times)).tolist() == [False, True]
    floats = one(spec_of("float64"), [1.5, None], 2)
    assert np.isnan(np.asarray(floats)).tolist() == [False, True]
    assert np.isnan(floats[:].data).tolist() == [False, True]
    integers = one(spec_of("int64"), [5, None], 2)
    assert np.isnan(np.asarray(integers, float)).tolist() == [False, True]
    with pytest.raises(vstore.InvalidInputError) as raised:
        np.asarray(integers)
    assert raised.value.code == "missing-samples"
    assert np.asarray(one(spec_of("int64"), [5, 6], 2)).tolist() == [5, 6]


@pytest.mark.parametrize("kind", ["int64", "float64", "text", "ragged"])
def test_a_column_given_as_values_keeps_what_is_missing(kind: str) -> None:
    case = Case({"x": spec_of(kind)})
    source = _extend(case, {"x": [PRESENT[kind], None]}, 2)["x"]
    table = case.put(lambda tx: tx["t"].add_column("y", case.specs["x"], source))
    assert_samples(vstore.open(case.repo.url).checkout()["t"]["y"], [PRESENT[kind], None])
    assert table["y"].kind == source.kind
