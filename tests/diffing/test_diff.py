"""Diffs as values, text and Arrow; of commits and of transactions."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import vstore
from tests.repositories import committed_table, counted, counted_rounds, new_repository
from vstore import Repository


@pytest.fixture
def repo() -> Repository:
    """Two commits that differ in every way that there is."""
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64"), "s": vstore.text(), "old": vstore.text()}
        table = tx.create_table("t", columns, keys="str", attributes={"unit": "m"})
        table.extend(
            {"n": range(20), "s": ["s"] * 20, "old": [""] * 20}, keys=list(map(str, range(20)))
        )
        tx.create_table("gone", {"x": vstore.ndarray((), "int8")}).extend({"x": [1, 2]})
        tx.create_table("moved", {"x": vstore.ndarray((), "int8")}).extend({"x": [1]})
        tx.create_array("grid", shape=(8,), dtype="int64", chunk_shape=(4,))[:] = 1
        tx.create_array("deep/er/grid", shape=(2,), dtype="int8")[:] = 1
    with repo.transaction("main", message="Change") as tx:
        table = tx["t"]
        table.loc["3"] = {"n": 30}
        table.delete(keys=["7", "8"])
        table.append({"n": 99, "s": "new", "old": ""}, key="new")
        table.drop_column("old")
        table.rename_column("s", "text")
        table.add_column("w", vstore.ndarray((), "float32", fill_value=1))
        table.set_attributes({"unit": "km"})
        tx.delete("gone")
        tx.move("moved", "to/here")
        tx["grid"][5] = 7
        tx.create_table("fresh", {"x": vstore.ndarray((), "int8")}).extend({"x": [1, 2, 3]})
    return repo


def test_a_diff_reads_well(repo: Repository) -> None:
    assert str(repo.diff("main~1", "main")).splitlines() == [
        "moved -> to/here: moved",
        "to: group added",
        "fresh: table added, 3 samples",
        "gone: table removed, 2 samples",
        "t: 1 sample added ('new')",
        "t: 2 samples removed ('7', '8')",
        "t/n: 1 sample changed ('3')",
        "t/w: column added",
        "t/old: column removed",
        "t/text: column renamed from s",
        "t: attribute unit: 'm' -> 'km'",
        "grid: changed, 1 chunk",
    ]
    assert str(repo.diff("main", "main")) == "no difference"


def test_a_diff_is_plain_values(repo: Repository) -> None:
    plain = json.loads(json.dumps(repo.diff("main~1", "main").to_dict()))
    (t,) = [table for table in plain["tables"] if table["path"] == "t"]
    assert t == {
        "path": "t",
        "status": "changed",
        "added": ["new"],
        "removed": ["7", "8"],
        "changed": {"n": ["3"]},
        "columns": {"added": ["w"], "removed": ["old"], "renamed": {"s": "text"}, "retyped": []},
        "attributes": {"unit": ["m", "km"]},
    }
    assert plain["moved"] == {"moved": "to/here"}
    assert plain["groups"] == {"to": "added"}


def test_a_diff_narrows_to_paths(repo: Repository) -> None:
    diff = repo.diff("main~1", "main")
    assert list(diff.at("t").tables) == ["t"]
    assert not diff.at("deep")
    assert list(diff.at("to", "grid").tables) == ["to/here"]
    assert list(diff.at("to", "grid").arrays) == ["grid"]
    assert diff.at("moved").moved == {"moved": "to/here"}
    assert diff.at("").to_dict() == diff.to_dict()
    assert list(diff.at("t/n").lines()) == [
        "t: 1 sample added ('new')",
        "t: 2 samples removed ('7', '8')",
        "t/n: 1 sample changed ('3')",
    ]
    assert list(diff.at("t/w").tables["t"].added_columns) == ["w"]
    assert not diff.at("t/nope").tables["t"].changed


def test_a_transaction_is_compared_with_its_base(repo: Repository) -> None:
    head = repo.branches["main"]
    with repo.transaction("main", message="More") as tx:
        assert not tx.diff()
        tx["t"].loc["4"] = {"n": -1}
        assert str(tx.diff()) == "t/n: 1 sample changed ('4')"
        tx["t"].append({"n": 1, "text": "", "w": 2}, key="x")
        assert tx.diff().tables["t"].added == ["x"]
        assert repo.branches["main"] == head
    assert (
        str(repo.diff("main~1", "main")) == "t: 1 sample added ('x')\nt/n: 1 sample changed ('4')"
    )
    assert repo.checkout("main")["t"].loc["x"]["n"] == 1


def test_the_first_transaction_is_compared_with_nothing() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": [1]})
        diff = tx.diff()
        assert str(diff) == "t: table added, 1 sample"
        assert diff.to_dict()["old"] is None


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def test_a_diff_is_an_arrow_table(repo: Repository) -> None:
    diff = repo.diff("main~1", "main").at("t", "fresh")
    assert rows(diff.to_arrow()) == [
        ("fresh", "added", None, None, None, 0),
        ("fresh", "added", None, None, None, 1),
        ("fresh", "added", None, None, None, 2),
        ("t", "removed", None, '"7"', 7, None),
        ("t", "removed", None, '"8"', 8, None),
        ("t", "added", None, '"new"', None, 18),
        ("t", "changed", "n", '"3"', 3, 3),
    ]
    for _ in range(2):
        assert pa.table(diff) == diff.to_arrow()


def test_an_array_whose_chunks_are_stored_elsewhere_is_the_same() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        for path in "ab":
            tx.create_array(path, shape=(4,), dtype="int16", chunk_shape=(2,))
    repo.branches.create("side")
    for branch, also in (("main", None), ("side", "b")):
        with repo.transaction(branch, message="Change") as tx:
            tx.array("a")[2:] = 2
            if also:
                tx.array(also)[2:] = 7
    diff = repo.diff("side", "main")
    assert (list(diff.arrays), str(diff)) == (["b"], "b: changed, 1 chunk")


@pytest.mark.parametrize(
    ("keys", "kind", "shown"), [([1, 2], "int", "2"), ([("a", 1), ("a", 2)], "tuple", '["a", 2]')]
)
def test_keys_in_arrow_are_json(keys: list[Any], kind: Any, shown: str) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys=kind)
        table.extend({"x": [1, 2]}, keys=keys)
    with repo.transaction("main", message="Change") as tx:
        tx["t"].delete(keys=keys[1:])
    assert repo.diff("main~1", "main").to_arrow()["key"].to_pylist() == [shown]


def test_an_arrow_stream_reads_as_it_goes() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        for start, name in enumerate("ab"):
            spec = vstore.ndarray((), "int64", rows_per_chunk=64)
            tx.create_table(name, {"x": spec}).extend({"x": np.arange(start, start + 512)})
    with repo.transaction("main", message="Change") as tx:
        for start, name in enumerate("ab"):
            tx[name]["x"][::64] = -1 - start
    fresh, store = counted(repo)
    reader = pa.RecordBatchReader.from_stream(fresh.diff("main~1", "main"))
    opened = store.count()
    first = reader.read_next_batch()
    assert first.num_rows == 8
    between = store.count()
    assert reader.read_next_batch().num_rows == 8
    assert opened <= between < store.count()


def test_printing_a_large_new_table_reads_no_keys() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")[:] = 1
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="int")
        table.extend({"x": np.arange(50_000)}, keys=range(50_000))
    fresh, store = counted(repo)
    assert str(fresh.diff("main~1", "main")) == "t: table added, 50,000 samples"
    assert not [request for request in store.requests if "packs/" in request.key]


def test_attributes_of_a_table_without_samples_did_not_change() -> None:
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64")}
        tx.create_table("t", columns, attributes={"unit": "m"}).append({"n": 1})
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete([0])
    assert repo.diff("main~1", "main").tables["t"].attributes == {}
    assert repo.diff("main", "main~1").tables["t"].attributes == {}


def both_made(columns: list[dict[str, Any]], keys: list[Any]) -> vstore.TableDiff:
    """Return the difference between two tables that two branches made at one path."""
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("a", shape=(1,), dtype="int8")
    for branch, each, key_kind in zip(("one", "other"), columns, keys, strict=True):
        repo.branches.create(branch, at="main")
        with repo.transaction(branch, message="Make") as tx:
            names = {"str": ["a"], "int": [1], None: None}[key_kind]
            tx.create_table("t", each, keys=key_kind).extend({"n": [1]}, keys=names)
    return repo.diff("one", "other").tables["t"]


@pytest.mark.parametrize("keys", [("str", "int"), ("str", None), (None, "int")])
def test_tables_that_name_samples_differently_have_none_in_common(keys: Any) -> None:
    names = {"str": "a", "int": 1, None: 0}
    column = {"n": vstore.ndarray((), "int64")}
    diff = both_made([column, column], keys)
    assert (diff.removed, diff.added, diff.changed) == ([names[keys[0]]], [names[keys[1]]], {})


def test_a_column_that_samples_may_lack_on_one_side_alone_is_of_another_form() -> None:
    column = vstore.ndarray((), "int64")
    diff = both_made([{"n": column}, {"n": column.as_optional()}], ["str", "str"])
    assert [pair.name for pair in diff.retyped] == ["n"]
    assert diff.changed == {}


def test_samples_are_compared_in_columns_that_are_encoded_differently() -> None:
    old, new = (vstore.ndarray((), "int64", rows_per_chunk=rows) for rows in (2, 8))
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        tx.create_array("a", shape=(1,), dtype="int8")
    for branch, column, values in (("one", old, [1, 2, 3]), ("other", new, [1, 5, 3])):
        repo.branches.create(branch, at="main")
        with repo.transaction(branch, message="Make") as tx:
            tx.create_table("t", {"n": column}, keys="str").extend({"n": values}, keys=list("abc"))
    diff = repo.diff("one", "other").tables["t"]
    assert [pair.name for pair in diff.retyped] == ["n"]
    assert diff.changed == {"n": ["b"]}


def test_a_diff_of_one_row_sorts_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(200_000)
    repository, _ = committed_table({"x": vstore.ndarray((), "int64")}, {"x": rows})
    with repository.transaction("main", message="Change one") as tx:
        tx["t"]["x"][123_456] = -1
    sorted_sizes, unique = [], np.unique

    def counting(values: Any, *args: Any, **options: Any) -> Any:
        sorted_sizes.append(np.size(values))
        return unique(values, *args, **options)

    monkeypatch.setattr(np, "unique", counting)
    (table,) = repository.diff("main~1", "main").tables.values()
    assert table.changed == {"x": [123_456]}
    assert max(sorted_sizes, default=0) < 1000


@pytest.mark.parametrize("column", ["bytes", "vectors"])
@pytest.mark.parametrize("gaps", [1, 3])
def test_many_chunks_are_compared_in_few_rounds(column: str, gaps: int) -> None:
    chunks, each = 60, 4
    repo = new_repository()
    columns = {
        "bytes": vstore.bytes_(rows_per_chunk=each),
        "vectors": vstore.ndarray((20_000,), "uint8", rows_per_chunk=each, codecs="none"),
    }
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (chunks * each, 20_000), "uint8")
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", columns)
        for start in range(0, len(values), each):
            some = values[start : start + each]
            table.extend({"bytes": [row.tobytes() for row in some], "vectors": some})
    changed = np.arange(1, len(values), gaps * each)
    with repo.transaction("main", message="Change a sample of each chunk") as tx:
        fresh = rng.integers(0, 256, (len(changed), 20_000), "uint8")
        as_bytes = [row.tobytes() for row in fresh]
        tx["t"][column][changed] = as_bytes if column == "bytes" else fresh
    found: list[Any] = []

    def compare(reading: Repository) -> None:
        found[:] = reading.diff("main~1", "main").tables["t"].changed[column]

    store = counted_rounds(repo, compare, most=16)
    assert found == changed.tolist()
    assert store.depth <= 16
