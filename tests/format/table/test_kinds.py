"""A kind of column is one value: a kind of a test's own goes everywhere with nothing else."""

import ast
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.repositories import table_of
from vstore import Repository
from vstore.exporters.references import notes
from vstore.format.table import kinds
from vstore.format.table.kinds import KINDS, ColumnInfo, ColumnKind, Companion
from vstore.format.table.sample_keys import KEY_KINDS
from vstore.format.table.specs import ColumnSpec
from vstore.reader import Reader

SOURCES = Path(vstore.__file__).parent


# A plain kind: whole numbers with a bound ------------------------------------------------


def _at_most_100(_: ColumnInfo, values: Any, name: str) -> Any:
    if np.any(values > 100):
        raise vstore.InvalidInputError(f"the column {name!r} holds percentages, at most 100")
    return values


PERCENT = ColumnKind(name="percent", encode=_at_most_100, is_measured=True)


def percent() -> ColumnSpec:
    return ColumnSpec(ColumnInfo(PERCENT.name), np.dtype("uint8"))


# A kind with elements of its own and a companion: complex numbers, as real and imaginary parts ---


def _to_pair(_: ColumnInfo, sample: Any, name: str) -> bytes:
    if not isinstance(sample, complex | int | float):
        raise vstore.InvalidInputError(f"the column {name!r} holds complex numbers")
    return struct.pack("<d", complex(sample).real)


def _from_pair(_: ColumnInfo, element: bytes, rest: Any) -> complex:
    return complex(struct.unpack("<d", element)[0], float(rest[0])) if element else 0j


COMPLEX = ColumnKind(
    name="complex",
    data_type="variable_length_bytes",
    encode=_to_pair,
    decode=_from_pair,
    companions=(
        Companion(".imaginary", "float64", lambda _: (1,), lambda sample: complex(sample).imag),
    ),
    stored_as="the real parts",
)


def complex_() -> ColumnSpec:
    return ColumnSpec(ColumnInfo(COMPLEX.name), np.dtype(object))


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    """A repository with 40 samples of both kinds."""
    for kind in (PERCENT, COMPLEX):
        monkeypatch.setitem(KINDS, kind.name, kind)
    monkeypatch.chdir(tmp_path)
    made = vstore.create("repo", author="Ann <ann@example.org>")
    with made.transaction("main", message="Add") as tx:
        columns = {"p": percent().as_optional(), "c": complex_(), "m": complex_().as_optional()}
        table = tx.create_table("t", columns, keys="int")
        table.extend(
            {"p": [None, *range(1, 40)], "c": numbers(), "m": [None, *numbers()[1:]]},
            keys=range(40),
        )
    return made


def numbers() -> list[complex]:
    return [complex(i, -i / 4) for i in range(40)]


def test_samples_are_read_as_they_were_written(repo: Repository) -> None:
    table = table_of(repo)
    assert table["c"][:].tolist() == numbers()
    assert list(table["m"]) == [None, *numbers()[1:]]
    assert table["p"][:].tolist() == [None, *range(1, 40)]
    assert table.loc[3] == {"p": 3, "c": 3 - 0.75j, "m": 3 - 0.75j}
    assert (table["c"].kind, table["p"].kind) == ("complex", "percent")
    assert table["p"].dtype == "uint8"
    assert "c: complex" in repr(table)


def test_what_a_column_does_not_hold_is_refused(repo: Repository) -> None:
    with repo.transaction("main", message="Try") as tx:
        table = tx["t"]
        for column, values in (("p", [101]), ("c", ["one"])):
            batch: dict[str, Any] = {"p": [1], "c": [1], "m": [1]} | {column: values}
            with pytest.raises(vstore.InvalidInputError, match=f"'{column}' holds"):
                table.extend(batch, keys=[99])
        with pytest.raises(vstore.InvalidInputError, match="at most 100"):
            table["p"][3:5] = [100, 101]


def test_a_reader_iterates_over_them(repo: Repository) -> None:
    found: dict[str, list[Any]] = {"c": [], "m": []}
    for batch in Reader(table_of(repo), ["c", "m"], batch_size=7, shuffle=True, seed=1):
        for name, values in batch.items():
            if name in found:
                found[name] += list(values)
    assert sorted(found["c"], key=abs) == numbers()
    assert found["m"].count(None) == 1
    percents = [batch["p"] for batch in Reader(table_of(repo), ["p"], batch_size=40)]
    assert np.concatenate(percents)[1:].tolist() == list(range(1, 40))


def test_a_change_of_a_companion_alone_is_a_difference(repo: Repository) -> None:
    with repo.transaction("main", message="Change") as tx:
        tx["t"]["c"][5] = 5 + 7j
        tx["t"]["p"][6] = 60
    table = repo.diff("main~1", "main").tables["t"]
    assert table.changed == {"c": [5], "p": [6]}
    statistics = table.statistics()
    assert set(statistics) == {"p"}
    assert statistics["p"].max_abs == 54


def test_changes_of_two_branches_merge_by_sample(repo: Repository) -> None:
    repo.branches.create("side", at="main")
    with repo.transaction("main", message="Ours") as tx:
        tx["t"]["c"][5] = 5 + 7j
        tx["t"].extend({"p": [50], "c": [1j], "m": [None]}, keys=[40])
    with repo.transaction("side", message="Theirs") as tx:
        tx["t"]["c"][6] = 6 + 8j
        tx["t"].extend({"p": [None], "c": [2j], "m": [3j]}, keys=[41])
    repo.merge("side", into="main")
    table = table_of(repo)
    assert table["c"][[5, 6, 40, 41]].tolist() == [5 + 7j, 6 + 8j, 1j, 2j]
    assert table["m"][40:].tolist() == [None, 3j]
    assert table["p"][40:].tolist() == [50, None]


def test_the_command_line_shows_them(repo: Repository) -> None:
    shown = Run()("show", repo.url, "t").out
    assert "complex" in shown
    assert "percent uint8" in shown
    assert "(3-0.75j)" in shown
    found = Run()("show", repo.url, "t", "3", "--json").json
    assert found["values"] == {"p": 3, "c": [3, -0.75], "m": [3, -0.75]}
    assert "complex" in Run()("summary", repo.url).out


def test_they_are_verified(repo: Repository) -> None:
    report = repo.fsck(mode="full", decode=True)
    assert report.is_sound
    assert notes(repo.checkout("main"))[0] == "'t/c' is read as bytes: the real parts"


def test_columns_of_them_are_renamed_dropped_and_compacted(repo: Repository) -> None:
    with repo.transaction("main", message="Change") as tx:
        table = tx["t"]
        table.delete(slice(0, 10))
        table.rename_column("c", "z")
        table.drop_column("m")
        table.compact()
    table = table_of(repo)
    assert table["z"][:].tolist() == numbers()[10:]
    assert sorted(table.columns) == ["p", "z"]
    assert repo.fsck(mode="full", decode=True).is_sound


def test_no_column_takes_the_name_of_a_companion(repo: Repository) -> None:
    with (
        repo.transaction("main", message="Add") as tx,
        pytest.raises(vstore.InvalidInputError, match="reserved"),
    ):
        tx["t"].add_column("x.imaginary", percent())


def test_a_kind_that_is_not_known_is_refused(repo: Repository) -> None:
    KINDS.pop(PERCENT.name)
    with pytest.raises(vstore.FormatError, match="not 'percent'"):
        table_of(Repository(repo.store)).columns  # noqa: B018


def test_a_plain_kind_is_stored_as_it_is() -> None:
    with pytest.raises(TypeError, match="stored as they are"):
        ColumnKind(name="odd", decode=lambda *_: None)


# Nothing else knows kinds by name --------------------------------------------------------

TRANSLATING = {"arrow", "dask.py", "exporters", "importers", "scanning", "ui"}
"""Rooms that speak of the kinds of other formats, files and queries in words of their own."""


def _compared(node: ast.AST) -> list[ast.expr]:
    """Return what a comparison, a table of choices or a match looks at."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    return [node.value] if isinstance(node, ast.MatchValue) else []


def _names_a_kind(expressions: list[ast.expr]) -> bool:
    """Return whether the name of a kind of columns or keys is among them, as a text."""
    parts = [part for each in expressions for part in ast.walk(each)]
    texts = {part.value for part in parts if isinstance(part, ast.Constant)}
    names = [part.attr for part in parts if isinstance(part, ast.Attribute)]
    names += [part.id for part in parts if isinstance(part, ast.Name)]
    if any("kind" in name or "keys" in name for name in names):
        return bool(texts & (KINDS.keys() | KEY_KINDS.keys()))
    # "bytes" is also the name of a codec, and "tuple" a form of a batch.
    return bool(texts & (KINDS.keys() - {"bytes"}))


def test_no_other_module_compares_the_name_of_a_kind() -> None:
    # The face names the functions that describe columns, some of which are called as the kinds.
    others = set(SOURCES.rglob("*.py")) - {Path(kinds.__file__), SOURCES / "__init__.py"}
    others = {path for path in others if path.relative_to(SOURCES).parts[0] not in TRANSLATING}
    found = [
        f"{path.relative_to(SOURCES)}:{node.lineno}"
        for path in sorted(others)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.expr | ast.MatchValue) and _names_a_kind(_compared(node))
    ]
    assert found == []
