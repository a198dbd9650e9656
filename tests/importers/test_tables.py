"""CSV, JSON lines and lines of text: what columns hold is inferred, and rows fail one by one."""

import contextlib
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore import InvalidInputError, NotFoundError
from vstore.format.table.sample_rows import as_rows
from vstore.importers import import_into, open_rows, open_source, records, text_lines
from vstore.importers.fields import Fields
from vstore.importers.schema import parse_type


def imported(path: Path | str, *, schema: Any = None, how: Any = None, **options: Any) -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(open_source(path, schema=schema), **options), **how or {})
    return repo.checkout("main")["t"]


def csv_file(tmp_path: Path, text: str, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


COLUMNS = [
    (["1", "-2", "0"], "int64", [1, -2, 0]),
    (["1", "2.5", "1e3"], "float64", [1.0, 2.5, 1000.0]),
    (["true", "False"], "bool", [True, False]),
    (["2026-01-02", "2026-01-02T03:04:05"], "datetime64[us]", None),
    (["a", "1"], "text", ["a", "1"]),
    (["007", "012"], "text", ["007", "012"]),
    (["2026-13-45"], "text", ["2026-13-45"]),
    ([str(2**63)], "float64", [2.0**63]),
]


@pytest.mark.parametrize(("texts", "kind", "values"), COLUMNS)
def test_what_fields_hold_is_inferred(
    tmp_path: Path, texts: list[str], kind: str, values: Any
) -> None:
    table = imported(csv_file(tmp_path, "x,y\n" + "".join(f"{each},z\n" for each in texts)))
    column = table["x"]
    assert (column.kind if column.kind == "text" else str(column.dtype)) == kind
    if values is not None:
        assert column[:].tolist() == values


def test_empty_fields_make_columns_optional(tmp_path: Path) -> None:
    table = imported(csv_file(tmp_path, "n,s\n1,\n,b\n3,c\n"))
    assert [row["n"] for row in table] == [1, None, 3]
    assert table["s"][:].tolist() == [None, "b", "c"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_out(tmp_path: Path, separator: str) -> None:
    rows = "a,b\n1,x\n2,y\n".replace(",", separator)
    assert imported(csv_file(tmp_path, rows))["b"][:].tolist() == ["x", "y"]


def test_a_field_may_have_the_keys(tmp_path: Path) -> None:
    table = imported(csv_file(tmp_path, "id,x\nb,1\na,2\n"), key="id")
    assert (table.loc["a"]["x"], list(table.columns)) == (2, ["x"])
    assert imported(csv_file(tmp_path, "id,x\n7,1\n9,2\n"), key="id").loc[9]["x"] == 2
    with pytest.raises(NotFoundError, match="no field 'nope'"):
        open_rows(csv_file(tmp_path, "id,x\n7,1\n"), key="nope")


def test_quotes_line_ends_and_marks_of_spreadsheets(tmp_path: Path) -> None:
    text = '\ufeffa,b\r\n"x, ""y""\nz",1\r\n'
    table = imported(csv_file(tmp_path, text))
    assert table[0] == {"a": 'x, "y"\nz', "b": 1}


def test_a_later_value_of_another_kind_names_file_row_and_field(tmp_path: Path) -> None:
    text = "n\n" + "1\n" * 1500 + "many\n2\n"
    path = csv_file(tmp_path, text)
    with pytest.raises(InvalidInputError, match=r"rows\.csv, row 1500: field 'n': 'many' is not"):
        imported(path)
    assert len(imported(path, how={"on_error": "skip"})) == 1501
    table = imported(path, schema={"n": vstore.text()})
    assert table["n"][1500] == "many"


def test_a_row_of_another_length_is_one_error(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a,b\n1,2\n3\n4,5\n")
    with pytest.raises(InvalidInputError, match="line 3: 1 fields, and the header has 2"):
        imported(path)
    assert imported(path, how={"on_error": "skip"})["a"][:].tolist() == [1, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,a\n1,2\n", "two fields called 'a'"),
        ("a,\n1,2\n", "field without a name"),
        ("a,b\n", "has no rows"),
        ('a\n"1\n', "line"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        imported(csv_file(tmp_path, text))


def test_other_bytes_than_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a\n" + b"x\n" * 5000 + b"\xff\n")
    with pytest.raises(InvalidInputError, match=r"rows\.csv.*is not UTF-8"):
        imported(path)


def test_several_files_are_one_table(tmp_path: Path) -> None:
    csv_file(tmp_path, "a\n1\n", "1.csv")
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"a\n2\n"))
    assert imported(tmp_path)["a"][:].tolist() == [1, 2]


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "name": "ann", "box": [1, 2, 3], "at": {"x": 0.5, "y": 1}},
        {"id": 2, "name": None, "box": [], "at": {"x": 2, "y": 2}},
    ]
    path = csv_file(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "rows.jsonl")
    table = imported(path, key="id")
    assert table.loc[1]["name"] == "ann"
    assert table.loc[2]["name"] is None
    assert table.loc[1]["box"].tolist() == [1, 2, 3]
    assert table["at.x"][:].tolist() == [0.5, 2.0]
    assert table["at.y"].dtype == np.int64


def test_json_lines_that_are_none(tmp_path: Path) -> None:
    path = csv_file(tmp_path, '{"a": 1}\nnonsense\n[1]\n{"b": 2}\n{"a": 3}\n', "rows.jsonl")
    with pytest.raises(InvalidInputError, match=r"rows\.jsonl, row 1: line 2 is not JSON"):
        imported(path)
    assert imported(path, schema={"a": vstore.ndarray((), "int64")}, how={"on_error": "skip"})[
        "a"
    ].shape == (2,)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b'{"a": 1}\n{"a": 2}\n')

    monkeypatch.setattr("sys.stdin", Stdin)
    assert imported("-")["a"][:].tolist() == [1, 2]


def test_lines_of_text(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "one\n\nthree\r\nfour", "lines.txt")
    assert imported(path)["text"][:].tolist() == ["one", "", "three", "four"]


CELL = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries({"a": CELL, "b": CELL}), min_size=1, max_size=20))
def test_json_values_are_what_they_were_or_texts_of_it(rows: list[dict[str, Any]]) -> None:
    repo = new_repository()
    data = "".join(json.dumps(row) + "\n" for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", type("", (), {"buffer": io.BytesIO(data.encode())}))
        opened = open_rows("-", with_="jsonl")
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", opened)
    table = repo.checkout("main")["t"]
    assert len(table) == len(rows)


TEXT_CELL = st.one_of(
    st.sampled_from(["", "0", "007", " 5", "1_0", "+3", "-0", str(2**63), "1e400", "nan", "-inf"]),
    st.sampled_from(["True", "false", "2026-01-02", "2026-01-02 03:04", "2026-01-02T03:04:05.25"]),
    st.sampled_from(["2026-01-02T03:04:05.1234567", "NaT", "20260102", "2026", "é", "0x10"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=3),
)


FIELD_TYPES = ["int64", "int32", "uint64", "float64", "float32", "bool", "datetime64[us]", "text"]


@settings(deadline=None, max_examples=150)
@example(cells=["", "NaT", "2026-01-31T12:00:00.5"], kind="datetime64[us]", is_optional=False)
@example(cells=["2026-01-31", "now"], kind="datetime64[us]", is_optional=False)
@given(st.lists(TEXT_CELL, min_size=1, max_size=6), st.sampled_from(FIELD_TYPES), st.booleans())
def test_whole_columns_are_what_rows_are(cells: list[str], kind: str, is_optional: bool) -> None:
    """Texts are converted many at once to what they become one by one, or not at all."""
    spec = parse_type(kind, optional=is_optional)
    fields = Fields({"x": spec})
    one_by_one: Any = None
    with contextlib.suppress(InvalidInputError, OverflowError):
        rows = [fields.values({"x": cell})["x"] for cell in cells]
        one_by_one = as_rows("x", spec.info, spec.form, rows)
    whole: Any = None
    with contextlib.suppress(InvalidInputError, OverflowError):
        whole = as_rows("x", spec.info, spec.form, fields.whole({"x": cells})["x"])
    assert (whole is None) == (one_by_one is None)
    for suffix, elements in (one_by_one or {}).items():
        np.testing.assert_array_equal(whole[suffix], elements)


@pytest.mark.parametrize("bad", [[], [3], [3, 1200], [511, 512, 1999]])
def test_rows_beside_bad_ones_are_all_there(
    tmp_path: Path, bad: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks without an error go as columns, others row by row; the samples are the same."""
    monkeypatch.setattr(records, "BLOCK_ROWS", 512)
    lines = [f"{i},{i / 8},{'' if i % 3 else f't{i}'},{i % 7 or ''}" for i in range(2000)]
    for i in bad:
        lines[i] = f"{i},nonsense,x,1" if i > 1000 else f"{i},1.5"
    path = csv_file(tmp_path, "\n".join(["id,x,name,n", *lines]))
    opened = open_rows(path)
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        done = import_into(tx, "t", opened, on_error="skip")
    assert [each.row for each in done.skipped] == bad
    table = repo.checkout("main")["t"]
    kept = [i for i in range(2000) if i not in bad]
    assert table["id"][:].tolist() == kept
    assert table["x"][:].tolist() == [i / 8 for i in kept]
    assert table["name"][:].tolist() == [None if i % 3 else f"t{i}" for i in kept]
    assert table["n"].valid[:].tolist() == [bool(i % 7) for i in kept]


def test_a_key_of_another_kind_is_an_error_of_its_row(tmp_path: Path) -> None:
    lines = "\n".join(["id,x", *(f"{i},1" for i in range(1500)), "many,1", "9999,1"])
    path = csv_file(tmp_path, lines)
    with pytest.raises(InvalidInputError, match=r"row 1500: the key 'many' is not an integer"):
        imported(path, key="id")
    assert len(imported(path, key="id", how={"on_error": "skip"})) == 1501


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("read", [1, 2, 5, 2**20])
def test_lines_are_the_same_however_much_is_read(
    end: str, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "_READ_NBYTES", read)
    lines = ["ä", "", "bc", "\u2028d", "e"]
    data = "\ufeff" + end.join(lines)
    found = text_lines.TextLines(io.BytesIO(data.encode())).lists()
    assert [line.rstrip(end) for some in found for line in some] == lines


def test_lines_in_front_of_other_bytes_are_there() -> None:
    lines = text_lines.TextLines(io.BytesIO(b"a\nb\nc\xff\nd\n")).lists()
    assert next(lines) == ["a\n", "b\n"]
    with pytest.raises(InvalidInputError, match="line 3 is not UTF-8"):
        next(lines)


@pytest.mark.parametrize("name", ["km/h", "__index_level_0__", "..", "a\tb"])
def test_a_field_that_can_be_no_column_gets_another_name(tmp_path: Path, name: str) -> None:
    path = csv_file(tmp_path, f'"{name}",n\n1,x\n2,y\n')
    with pytest.raises(InvalidInputError, match="is not allowed") as raised:
        open_rows(path)
    assert raised.value.code == "column-to-rename"
    table = imported(path, rename={name: "speed"})
    assert table["speed"][:].tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="two columns would have the same name"):
        open_rows(path, rename={name: "n"})
    with pytest.raises(NotFoundError, match="no column 'm' to rename"):
        open_rows(path, rename={"m": "n"})
