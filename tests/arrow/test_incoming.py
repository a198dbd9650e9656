"""Arrow in: tables take frames, batches and streams, and what comes out goes in again."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.arrow.test_scan import Model, held
from tests.every_column import EVERY_COLUMN
from tests.repositories import committed_table, new_repository, table_of
from vstore.errors import InvalidInputError

pa = pytest.importorskip("pyarrow")
pads = pytest.importorskip("pyarrow.dataset")


def written(samples: Any, **options: Any) -> vstore.Table:
    repository = new_repository()
    with repository.transaction("main", message="Write") as tx:
        tx.write_arrow("t", samples, **options)
    return table_of(repository)


def test_every_column_goes_in_as_it_came_out() -> None:
    taken = [
        each for each in EVERY_COLUMN if "10us" not in str(each.dtype) and each.dtype != "audio"
    ]
    specs = {f"c{i}": each.spec for i, each in enumerate(taken)}
    samples = {f"c{i}": held(each.samples()) for i, each in enumerate(taken)}
    _, table = committed_table(specs, samples)
    for tensors in ("tensor", "list"):
        again = written(table.arrow(tensors=tensors))
        for i, each in enumerate(taken):
            assert again[f"c{i}"].kind == table[f"c{i}"].kind, each.name
            assert again[f"c{i}"].dtype == table[f"c{i}"].dtype, each.name
            assert again[f"c{i}"].shape == table[f"c{i}"].shape, each.name
            pairs = zip(again[f"c{i}"], table[f"c{i}"], strict=True)
            assert all(each.is_same(a, b) for a, b in pairs), each.name


@pytest.mark.parametrize("seed", range(5))
def test_a_table_is_the_same_by_any_way(seed: int) -> None:
    model = Model(seed)
    table = model.table
    ways = [table, table.arrow(), pa.table(table), table.arrow().dataset(), table.arrow().reader()]
    for way in ways:
        again = written(way)
        assert (
            again.arrow(list(table.arrow().schema.names)).table().to_pylist()
            == pa.table(table).to_pylist()
        )
        assert again.key_kind == table.key_kind


@pytest.mark.parametrize(
    ("kind", "keys"), [("int", [3, -1]), ("str", ["a", "é"]), ("tuple", [("a", 1), ("b", 2)])]
)
def test_keys_go_in_as_they_came_out(kind: Any, keys: list[Any]) -> None:
    columns = {"x": vstore.ndarray((), "int64")}
    _, table = committed_table(columns, {"x": [1, 2]}, keys=kind, sample_keys=keys)
    again = written(table)
    assert again.key_kind == kind
    assert again.sample_keys().tolist() == keys


def test_a_column_gives_the_keys() -> None:
    table = written(pa.table({"id": [5, 7], "x": ["a", None]}), keys="id")
    assert table.key_kind == "int"
    assert table.loc[7] == {"x": None}
    assert list(table.columns) == ["x"]


def test_more_is_added_to_a_table_that_is_there() -> None:
    repository = new_repository()
    whole = pa.table({"sample": ["a", "b"], "x": [1, 2]})
    with repository.transaction("main", message="Write") as tx:
        tx.write_arrow("t", whole.slice(0, 1))
        tx.write_arrow("t", whole.slice(1))
        tx["t"].extend(pa.table({"sample": ["c"], "x": [3]}).to_batches())
        tx["t"].extend(pa.table({"x": [4]}), keys=["d"])
    assert table_of(repository)["x"][:].tolist() == [1, 2, 3, 4]
    assert table_of(repository).sample_keys().tolist() == list("abcd")


def test_what_extend_takes() -> None:
    spec = {"x": vstore.ndarray((), "int64"), "s": vstore.text()}
    whole = pa.table({"x": [1, 2], "s": ["a", "b"]})
    given: list[Any] = [
        whole,
        whole.to_batches(),
        whole.to_batches()[0],
        pads.dataset(whole),
        whole.to_reader(),
    ]
    for name in ("pandas", "polars"):
        library = pytest.importorskip(name)
        frame = library.DataFrame({"x": [1, 2], "s": ["a", "b"]})
        given += [frame, iter([frame])]
    duckdb = pytest.importorskip("duckdb")
    given.append(duckdb.sql("select 1::bigint x, 'a' s union all select 2, 'b'"))
    for samples in given:
        _, table = committed_table(spec, samples)
        assert table["x"][:].tolist() == [1, 2]
        assert table["s"][:].tolist() == ["a", "b"]


def test_nested_values_become_arrays() -> None:
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(12.0).reshape(2, 3, 2))
    found = written(
        pa.table(
            {
                "t": tensors,
                "f": pa.array([[1, 2], None], pa.list_(pa.int16(), 2)),
                "r": pa.array([[1], []], pa.list_(pa.int64())),
                "n": pa.array([[[1, 2]], []], pa.list_(pa.list_(pa.uint8(), 2))),
                "w": pa.array([["a", "b"], None], pa.large_list(pa.string())),
                "d": pa.array(["x", "y"]).dictionary_encode(),
                "b": pa.array([b"1", None], pa.binary()),
                "when": pa.array([0, None], pa.timestamp("us", tz="UTC")),
                "day": pa.array([1, None], pa.date32()),
                "v": pa.array(["x", None], pa.string_view()),
            }
        )
    )
    assert found["t"].shape == (2, 3, 2)
    assert found["t"][1].tolist() == np.arange(6.0, 12).reshape(3, 2).tolist()
    assert found["f"][:].tolist() == [[1, 2], [None, None]]
    assert [each.tolist() for each in found["r"]] == [[1], []]
    assert [each.tolist() for each in found["n"]] == [[[1, 2]], []]
    assert list(found["w"]) == [["a", "b"], None]
    assert found["d"][:].tolist() == ["x", "y"]
    assert found["b"][:].tolist() == [b"1", None]
    assert found["when"].dtype == np.dtype("datetime64[us]")
    assert found["day"].dtype == np.dtype("datetime64[D]")
    assert found["v"][:].tolist() == ["x", None]


def test_slices_of_nested_values_are_taken_where_they_are() -> None:
    whole = pa.table(
        {
            "f": pa.array([[i, -i] for i in range(9)], pa.list_(pa.int64(), 2)),
            "r": pa.array([[i] * (i % 3) for i in range(9)], pa.large_list(pa.int64())),
        }
    )
    table = written(whole.slice(4, 3))
    assert table["f"][:].tolist() == [[4, -4], [5, -5], [6, -6]]
    assert [each.tolist() for each in table["r"]] == [[4], [5, 5], []]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1], pa.decimal256(50, 1)),
        pa.array([{"a": 1}]),
        pa.nulls(1),
        pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())),
        pa.array([[1, None]], pa.list_(pa.int64())),
        pa.array([[1, None]], pa.list_(pa.int64(), 2)),
    ],
    ids=lambda array: str(array.type),
)
def test_what_has_no_place_is_refused_and_nothing_is_stored(array: Any) -> None:
    repository = new_repository()
    with repository.transaction("main", message="Write") as tx:
        with pytest.raises(InvalidInputError):
            tx.write_arrow("t", pa.table({"x": array}))
        assert "t" not in tx or len(tx["t"]) == 0


def test_what_is_no_arrow_is_refused() -> None:
    with new_repository().transaction("main", message="Write") as tx:
        for samples in (3, "text", [1], {"x": [1]}):
            with pytest.raises(InvalidInputError):
                tx.write_arrow("t", samples)
        with pytest.raises(InvalidInputError):
            tx.write_arrow("t", pa.table({"x": [1]}), keys="id")
        with pytest.raises(InvalidInputError):
            tx.write_arrow("t", pa.table({"x": [1]}), columns={"y": vstore.text()})
        with pytest.raises(InvalidInputError):
            tx.write_arrow("t", pa.table([[1], [2]], names=["x", "x"]))
        assert "t" not in tx


def test_lists_of_lists_may_be_empty() -> None:
    kind = pa.list_(pa.list_(pa.int16()))
    samples = pa.table({"r": pa.array([[], [[1, 2], [3, 4]], [[]]], kind)})
    found = written(samples)["r"]
    assert [sample.shape for sample in found] == [(0, 0), (2, 2), (1, 0)]
    wide = pa.list_(pa.list_(pa.list_(pa.float32(), 2)))
    found = written(pa.table({"r": pa.array([[], [[[1, 2]]]], wide)}))["r"]
    assert [sample.shape for sample in found] == [(0, 0, 2), (1, 1, 2)]


def test_records_are_exact_beside_missing_ones() -> None:
    spec = {"r": vstore.ndarray((), [("id", "int64"), ("ok", "bool")]).as_optional()}
    samples = [(2**53 + 1, True), None, (-(2**63), False)]
    _, table = committed_table(spec, {"r": samples})
    again = written(table.arrow())["r"]
    assert [None if each is None else each.item() for each in again] == samples
