"""Lists of texts: what goes in comes out, and samples are found by what they contain."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from vstore.reader import Reader

TAGS = [["night", "a rather long tag name"], [], ["naïve", "a,b", "", '"'], ["日本語", "x\0y"]]


def made(values: Any, spec: vstore.ColumnSpec | None = None) -> vstore.Column:
    made_before = made.__dict__.setdefault("count", 0)
    made.__dict__["count"] += 1
    repo = vstore.create(f"memory://texts-{made_before}")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"tags": spec or vstore.texts()}).extend({"tags": values})
    return repo.checkout()["t"]["tags"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "values",
    [
        TAGS,
        [tuple(tags) for tags in TAGS],
        [np.array(tags, "T") for tags in TAGS],
        [np.array(tags, object) for tags in TAGS],
        pandas.Series(TAGS),
        pyarrow.array(TAGS),
        [pyarrow.scalar(tags, pyarrow.list_(pyarrow.string())) for tags in TAGS],
    ],
)
@pytest.mark.parametrize("spec", [vstore.texts(), vstore.ndarray((None,), "T")])
def test_lists_come_out_as_they_went_in(values: Any, spec: vstore.ColumnSpec) -> None:
    column = made(values, spec)
    assert column.kind == "texts"
    assert list(column) == TAGS
    assert column[:].tolist() == TAGS
    assert [column[i] for i in range(4)] == TAGS
    (batch,) = Reader(column, batch_size=4)
    assert list(batch["tags"]) == TAGS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4)))
def test_any_texts(values: list[list[str]]) -> None:
    if values:
        assert list(made(values)) == values


def test_samples_are_found_by_what_they_contain(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "r")
    columns = {"tags": vstore.texts().as_optional(), "n": vstore.ndarray((), "int64")}
    tags = [["night", "rain"], None, [], ["nightly"], ["rain"], None]
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", columns, keys="int")
        table.extend({"tags": tags, "n": range(6)}, keys=range(6))
        assert table["tags"].contains("night").tolist() == [True] + 5 * [False]
    found = repo.checkout()["t"]
    assert found["tags"][:].tolist() == tags
    assert found["tags"].contains("rain").tolist() == [True, False, False, False, True, False]
    assert found["n"][found["tags"].contains("rain")].tolist() == [0, 4]
    rows = Reader(found, ["n"], batch_size=9, rows=lambda c: c["tags"].contains("nightly"))
    assert next(iter(rows))["n"].tolist() == [3]
    with pytest.raises(vstore.InvalidInputError):
        found["n"].contains("rain")


@pytest.mark.parametrize(
    "sample",
    ["night", b"night", {"night"}, {"night": 1}, 5, [1], [None], [["a"]], [b"a"], ["\ud800"],
     [float("nan")], (text for text in ["night"])],
    ids=lambda sample: "generator" if hasattr(sample, "send") else str(sample),
)  # fmt: skip
def test_what_is_no_list_of_texts_is_refused(sample: Any) -> None:
    with pytest.raises(vstore.InvalidInputError) as raised:
        made([sample])
    assert raised.value.code == "not-texts"


def test_changes_are_seen_sample_by_sample() -> None:
    repo = vstore.create("memory://texts-changes")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"tags": vstore.texts()}, keys="int").extend(
            {"tags": TAGS}, keys=range(4)
        )
    repo.branches.create("other")
    with repo.transaction("main", message="Tag one") as tx:
        tx["t"].loc[1] = {"tags": ["new", "tags"]}
    with repo.transaction("other", message="Tag another") as tx:
        tx["t"].loc[3] = {"tags": []}
    repo.merge("other", into="main")
    assert list(repo.checkout()["t"]["tags"]) == [TAGS[0], ["new", "tags"], TAGS[2], []]
    assert repo.diff("main~1", "main").tables["t"].changed["tags"] == [3]
    assert repo.fsck(mode="full", decode=True).is_sound


@pytest.mark.parametrize(
    ("shape", "options"), [((None, 2), {}), ((None, None), {}), ((None,), {"fill_value": "x"})]
)
def test_other_shapes_of_strings_are_refused_when_declared(shape: Any, options: Any) -> None:
    with pytest.raises(vstore.InvalidInputError) as raised:
        vstore.ndarray(shape, "T", **options)
    assert raised.value.code == "unsupported-dtype"


@pytest.mark.parametrize("element", [b"[1]", b'"a"', b"{}", b"[", b"\xff", b'["\\ud800"]'])
def test_elements_that_are_no_texts_are_malformed(element: bytes) -> None:
    with pytest.raises(vstore.FormatError):
        vstore.ColumnInfo("texts").kind.decode(vstore.ColumnInfo("texts"), element)  # type: ignore[misc]
