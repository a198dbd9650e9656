"""Columns that come, go and change, and samples that are missing, under hostile use."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import assert_same_bits, committed_table, new_repository, table_of
from vstore import Repository
from vstore.faces import internals


@pytest.fixture
def repository() -> Repository:
    """Ten samples; every other one misses what is optional."""
    columns = {
        "x": vstore.ndarray((3,), "int64", rows_per_chunk=4),
        "large": vstore.ndarray((), "int64", rows_per_chunk=4),
        "label": vstore.ndarray((), "int64", rows_per_chunk=4).as_optional(),
        "vector": vstore.ndarray((3,), "int16", rows_per_chunk=4, fill_value=7).as_optional(),
        "time": vstore.ndarray((), "M8[s]").as_optional(),
        "text": vstore.text(rows_per_chunk=4).as_optional(),
        "ragged": vstore.ndarray((None,), "float32").as_optional(),
    }
    samples = {
        "x": np.arange(30).reshape(10, 3),
        "large": np.arange(10) + 2**53,
        "label": [1, None] * 5,
        "vector": [[1, 2, 3], None] * 5,
        "time": [None] * 10,
        "text": ["a", None] * 5,
        "ragged": [np.ones(2, "float32"), None] * 5,
    }
    return committed_table(columns, samples)[0]


def masks(column: Any) -> list[bool]:
    mask: Any = np.ma.getmaskarray(column[:]).reshape(len(column), -1)
    return [bool(row.all()) for row in mask]


def test_handles_of_columns_that_are_gone_refuse_use(repository: Repository) -> None:
    tx = repository.transaction("main", message="Change")
    table = tx["t"]
    renamed, dropped = table["x"], table["label"]
    table.rename_column("x", "y")
    table.drop_column("label")
    for column in (renamed, dropped):
        with pytest.raises(vstore.NotFoundError, match="no column"):
            column[0]
        with pytest.raises(vstore.NotFoundError, match="no column"):
            column[0] = 1
        with pytest.raises(vstore.NotFoundError, match="no column"):
            _ = column.shape
        assert "TransactionColumn" in repr(column)
    assert table["y"][3].tolist() == [9, 10, 11]
    tx.discard()


@pytest.mark.parametrize(
    "spec",
    [
        vstore.text(rows_per_chunk=3),
        vstore.ndarray((), "int32", codecs="zip"),
        vstore.ndarray((), "int32", attributes={"a": b"bytes"}),
        vstore.ndarray((), "int32", fill_value="x"),
        "int32",
    ],
    ids=["rows", "codecs", "attributes", "fill", "no-spec"],
)
def test_a_column_that_cannot_be_made_leaves_nothing_behind(
    repository: Repository, spec: Any
) -> None:
    tx = repository.transaction("main", message="Change")
    with pytest.raises(vstore.InvalidInputError, match="'new'"):
        tx["t"].add_column("new", spec)
    assert "new" not in tx["t"]
    assert tx.commit() is None


@pytest.mark.parametrize("values", [5, [1, 2], "abcdefghij", np.arange(10) + 0.5, [None] * 10])
def test_values_that_do_not_fit_a_new_column(repository: Repository, values: Any) -> None:
    tx = repository.transaction("main", message="Change")
    with pytest.raises(vstore.InvalidInputError):
        tx["t"].add_column("new", vstore.ndarray((), "int32"), values)
    assert "new" not in tx["t"]
    assert tx.commit() is None


def test_a_cast_that_would_round_is_refused(repository: Repository) -> None:
    tx = repository.transaction("main", message="Change")
    with pytest.raises(vstore.InvalidInputError, match=r"'large' holds float64.*without loss"):
        tx["t"].cast("large", "float64")
    for dtype in ("nonsense", object, "U30", "M8[s]", "int8"):
        with pytest.raises(vstore.InvalidInputError):
            tx["t"].cast("large", dtype)
    for name in ("text", "ragged"):
        with pytest.raises(vstore.InvalidInputError, match="cannot hold"):
            tx["t"].cast(name, "float64")
    assert_same_bits(tx["t"]["large"][:], np.arange(10) + 2**53)
    assert tx.commit() is None


def test_times_are_cast_where_they_fit() -> None:
    times = np.array(["2020-01-01", "NaT", "1969-12-31"], "M8[s]")
    repository, _ = committed_table({"c": vstore.ndarray((), "M8[s]")}, {"c": times})
    with repository.transaction("main", message="Cast") as tx:
        tx["t"].cast("c", "M8[ns]")
        tx["t"].extend({"c": np.array(["2021-01-01"], "M8[D]")})
        with pytest.raises(vstore.InvalidInputError, match="'c'"):
            tx["t"].extend({"c": np.array(["3000-01-01"], "M8[D]")})
    expected = np.append(times, np.array(["2021-01-01"], "M8[s]")).astype("M8[ns]")
    assert_same_bits(table_of(repository)["c"][:], expected)
    repository, _ = committed_table(
        {"c": vstore.ndarray((), "M8[s]")}, {"c": np.array(["3000-01-01"], "M8[s]")}
    )
    tx = repository.transaction("main", message="Cast")
    with pytest.raises(vstore.InvalidInputError, match="'c'"):
        tx["t"].cast("c", "M8[ns]")
    tx.discard()


def test_a_cast_keeps_what_is_missing(repository: Repository) -> None:
    with repository.transaction("main", message="Cast") as tx:
        tx["t"].cast("label", "float64")
    column = table_of(repository)["label"]
    assert column.dtype == np.float64
    assert masks(column) == [False, True] * 5


def test_masked_values_are_not_made_up(repository: Repository) -> None:
    tx = repository.transaction("main", message="Change")
    table = tx["t"]
    masked = np.ma.MaskedArray([1, 2, 3], mask=[False, True, False])
    with pytest.raises(vstore.InvalidInputError, match=r"'large' are masked\nHint: .*as_optional"):
        table["large"][:3] = masked
    with pytest.raises(vstore.InvalidInputError, match="masked in part"):
        table["vector"][:1] = np.ma.MaskedArray([[1, 2, 3]], mask=[[False, True, False]])
    assert tx.commit() is None


def test_samples_are_masked_as_a_whole(repository: Repository) -> None:
    with repository.transaction("main", message="Change") as tx:
        table = tx["t"]
        table["label"][:3] = np.ma.MaskedArray([5, 6, 7], mask=[False, True, False])
        table["vector"][:2] = np.ma.MaskedArray([[1, 2, 3]] * 2, mask=[[True] * 3, [False] * 3])
        table["time"][:2] = np.ma.MaskedArray(["2020", "2021"], mask=[False, True], dtype="M8[s]")
        table["text"][:2] = np.ma.MaskedArray(["x", "y"], mask=[True, False], dtype=object)
    table = table_of(repository)
    assert table["label"][:4].tolist() == [5, None, 7, None]
    assert masks(table["vector"])[:3] == [True, False, False]
    assert masks(table["time"]) == [False, *[True] * 9]
    assert table["text"][:3].tolist() == [None, "y", "a"]


def test_lists_with_none_among_samples(repository: Repository) -> None:
    with repository.transaction("main", message="Change") as tx:
        table = tx["t"]
        table["vector"][0:2] = [[7, 8, 9], None]
        table["vector"][[5, 4]] = [None, [4, 5, 6]]
        table["ragged"][0:2] = [None, np.zeros(3, "float32")]
        table["label"][8] = None
        table["text"][[0, 1]] = None
        table["vector"][9] = [1, 1, 1]
    table = table_of(repository)
    assert table["vector"][[0, 4, 9]].tolist() == [[7, 8, 9], [4, 5, 6], [1, 1, 1]]
    assert [i for i, missing in enumerate(masks(table["vector"])) if missing] == [1, 3, 5, 7]
    assert table["ragged"][0] is None
    assert_same_bits(table["ragged"][1], np.zeros(3, "float32"))
    assert table["label"][8] is None
    assert table["text"][:3].tolist() == [None, None, "a"]


def test_one_missing_sample_is_none_however_it_is_read(repository: Repository) -> None:
    table = table_of(repository)
    for name in ("label", "vector", "time", "text", "ragged"):
        column = table[name]
        assert column[1] is None
        assert list(column)[1] is None
        assert list(table)[1][name] is None
    assert_same_bits(list(table["vector"])[2], np.array([1, 2, 3], "int16"))


def test_the_same_missing_samples_have_the_same_hash() -> None:
    """What lies beneath a missing sample follows from nothing but its being missing."""

    def head(values: Any) -> str:
        repository = new_repository()
        time = datetime(2026, 1, 1, tzinfo=UTC)
        with repository.transaction("main", message="Add", time=time) as tx:
            spec = vstore.ndarray((), "int64", fill_value=3).as_optional()
            tx.create_table("t", {"c": spec}).extend({"c": values})
        return repository.resolve("main")

    masked = np.ma.MaskedArray([1, 99, 2], mask=[False, True, False])
    assert head([1, None, 2]) == head(masked)


def test_attributes_that_json_lacks_are_refused(repository: Repository) -> None:
    tx = repository.transaction("main", message="Change")
    for bad in ({"a": b"x"}, {1: 2}, [1]):
        with pytest.raises(vstore.InvalidInputError, match="attributes"):
            tx["t"].set_attributes(bad)
        with pytest.raises(vstore.InvalidInputError, match="attributes"):
            tx["t"].set_attributes(bad, column="x")
    with pytest.raises(vstore.NotFoundError, match="no column"):
        tx["t"].set_attributes({}, column="nope")
    assert tx.commit() is None


def test_one_and_true_are_different_attributes(repository: Repository) -> None:
    for value in (1, True, 1.0, "1", [1], None):
        with repository.transaction("main", message="Set") as tx:
            tx["t"].set_attributes({"a": value})
            tx["t"].set_attributes({"a": value}, column="x")
        assert internals(tx).commit_made is not None
        table = table_of(repository)
        assert repr(table.attributes["a"]) == repr(value)
        assert repr(table["x"].attributes["a"]) == repr(value)
    with repository.transaction("main", message="The same again") as tx:
        tx["t"].set_attributes({"a": None})
    assert internals(tx).commit_made is None


def test_compaction_between_other_changes(repository: Repository) -> None:
    with repository.transaction("main", message="Compact") as tx:
        table = tx["t"]
        assert table.compact() == 0
        assert table.delete([0, 3]) == 2
        assert table.compact() == 2
        table.extend({"x": [[9, 9, 9]], "large": [1]})
        assert table.delete([0, -1]) == 2
        assert table.compact() == 2
        table["label"][0] = 5
    table = table_of(repository)
    assert table["x"][:, 0].tolist() == [6, 12, 15, 18, 21, 24, 27]
    assert table["label"][:].tolist() == [5, 1, None, 1, None, 1, None]
    with repository.transaction("main", message="Empty") as tx:
        tx["t"].delete(slice(None))
        assert tx["t"].compact() == 7
    assert len(table_of(repository)) == 0
    with repository.transaction("main", message="Refill") as tx:
        tx["t"].extend({"x": [[1, 2, 3]], "large": [1]})
    assert table_of(repository)["x"][:].tolist() == [[1, 2, 3]]
