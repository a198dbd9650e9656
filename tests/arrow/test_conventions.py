"""Decimals, times of day and zones: columns that say which type of Arrow they stand for."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository

pa: Any = pytest.importorskip("pyarrow")
pc: Any = pytest.importorskip("pyarrow.compute")

CASES = {
    "short": pa.array([Decimal("1.5"), None, Decimal("-99999999.9")], pa.decimal128(9, 1)),
    "eighteen": pa.array([Decimal(10**18 - 1), Decimal(-1), None], pa.decimal128(18, 0)),
    "long": pa.array([Decimal(10**37), None, Decimal(-(10**37))], pa.decimal128(38, 0)),
    "whole": pa.array([Decimal(1), Decimal(-2), Decimal(3)], pa.decimal128(30, 12)),
    "hundreds": pa.array([Decimal("1E2"), Decimal("-3E2"), None], pa.decimal128(5, -2)),
    "narrow": pa.array([Decimal("1.5"), None, Decimal("-9.9")], pa.decimal128(3, 1)),
    "clock": pa.array([dt.time(10, 30), None, dt.time(0, 0, 1)], pa.time32("s")),
    "fine": pa.array([dt.time(10, 30, 0, 7), None, dt.time(23)], pa.time64("us")),
    "zone": pa.array([0, None, 10**15], pa.timestamp("us", tz="Europe/Berlin")),
    "offset": pa.array([0, 5, None], pa.timestamp("ms", tz="+02:00")),
}


def written(table: Any) -> vstore.Table:
    repo = new_repository()
    with repo.transaction("main", message="Write") as tx:
        tx.write_arrow("t", table)
    return repo.checkout().table("t")


def test_types_come_back_as_they_were() -> None:
    table = pa.table(CASES)
    found = written(table)
    shown = found.arrow(columns=list(CASES)).table()
    assert shown.schema.types == table.schema.types
    assert shown.to_pydict() == table.to_pydict()
    again = written(found).arrow(columns=list(CASES)).table()
    assert again.schema.types == table.schema.types
    assert again.to_pydict() == table.to_pydict()
    assert found["short"].attributes == {"vstore.arrow": "decimal128(9, 1)"}


def test_parts_of_arrays_and_of_chunks() -> None:
    repo = new_repository()
    table = pa.table(CASES)
    with repo.transaction("main", message="Write") as tx:
        tx.write_arrow("t", table.slice(1, 2))
        tx["t"].extend(pa.concat_tables([table, table.slice(2)]))
    expected = pa.concat_tables([table.slice(1, 2), table, table.slice(2)]).to_pydict()
    found = repo.checkout()["t"].arrow(columns=list(CASES), rows=slice(1, 6), batch_nbytes=1)
    shown = found.table().to_pydict()
    assert shown == {name: values[1:6] for name, values in expected.items()}


def test_decimals_of_other_digits_fit_or_are_refused() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Write") as tx:
        tx.write_arrow("t", pa.table({"price": CASES["short"]}))
        tx["t"].extend(pa.table({"price": pa.array([Decimal("2.50")], pa.decimal128(6, 2))}))
        for wrong in (
            pa.array([Decimal("2.55")], pa.decimal128(6, 2)),
            pa.array([Decimal(10**9)], pa.decimal128(12, 0)),
            pa.array([3], pa.int64()),
            pa.array([2.5]),
        ):
            with pytest.raises(vstore.InvalidInputError, match="'price' holds decimal128"):
                tx["t"].extend(pa.table({"price": wrong}))
    assert repo.checkout()["t"].arrow(columns=["price"]).table()["price"][-1].as_py() == Decimal(
        "2.5"
    )


def test_conditions_compare_what_the_numbers_stand_for() -> None:
    table = written(pa.table(CASES))

    def rows(where: Any) -> int:
        return table.arrow(where=where).count()

    assert rows("short = 1.5") == rows("short > 0") == rows("short < 0.05") == 1
    assert rows("long > 1") == rows("fine >= '10:30:00'") - 1 == 1
    assert rows("short IS NULL") == 1
    assert rows("zone > '1970-01-01T00:00:00Z'") == 1
    assert rows(pc.field("whole") < pa.scalar(Decimal(0))) == 1


def test_numpy_sees_whole_numbers() -> None:
    table = written(pa.table({"price": CASES["narrow"], "at": CASES["clock"]}))
    assert table["price"][[0, 2]].tolist() == [15, -99]
    assert table["at"][0] == 10 * 3600 + 1800


@pytest.mark.parametrize(
    "said",
    ["decimal128(19, 0)", "decimal128(0, 0)", "decimal256(9, 1)", "time64[s]", "x", 5, None,
     "timestamp[us, tz=UTC]", "decimal128(9, 1) ", "time32[s]"],
)  # fmt: skip
def test_what_says_something_else_means_nothing(said: Any) -> None:
    repo = new_repository()
    spec = vstore.ndarray((), "int64", attributes={"vstore.arrow": said})
    with repo.transaction("main", message="Write") as tx:
        tx.create_table("t", {"x": spec}).extend({"x": [3, 4]})
        tx["t"].extend(pa.table({"x": [5]}))
    shown = repo.checkout()["t"].arrow().table()
    assert shown["x"].type == pa.int64()
    assert shown["x"].to_pylist() == [3, 4, 5]


def test_numbers_beyond_any_decimal_are_harmless() -> None:
    repo = new_repository()
    spec = vstore.ndarray((), "int64", attributes={"vstore.arrow": "decimal128(4, 2)"})
    with repo.transaction("main", message="Write") as tx:
        tx.create_table("t", {"x": spec}).extend({"x": np.array([2**63 - 1, -(2**63)])})
    assert len(repo.checkout()["t"].arrow().table()["x"].to_pylist()) == 2


def test_types_without_a_convention_are_refused_by_name() -> None:
    for kind in (pa.decimal256(50, 2), pa.struct([("a", pa.int8())]), pa.map_("int8", "int8")):
        with pytest.raises(vstore.InvalidInputError, match="which a table does not hold"):
            written(pa.table({"x": pa.array([], kind)}))
