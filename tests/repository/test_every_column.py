"""Every column that can be declared is written, read, diffed, merged and verified."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.every_column import COUNT, EVERY_COLUMN, EveryColumn
from tests.format.second_reader import SecondReader
from vstore.format.zarr.dtypes import data_type_of
from vstore.reader import Reader


def assert_samples(column: EveryColumn, found: Any, expected: list[Any]) -> None:
    found = list(found)
    assert len(found) == len(expected)
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert column.is_same(one, other), (i, one, other)


def read(table: vstore.Table, *, keys: list[int]) -> list[list[Any]]:
    """Return the samples of column `x` as each way of reading gives them."""
    column = table["x"]
    whole = column[:]
    gone = [table[i]["x"] is None for i in range(len(whole))]
    if isinstance(whole, np.ma.MaskedArray) and whole.size:
        mask = np.ma.getmaskarray(whole)
        assert [is_set(mask[i]) for i in range(len(whole))] == gone
    (batch,) = Reader(table, batch_size=len(table))
    there = batch.get("x.valid", np.ones(len(table), bool))
    return [
        list(column),
        [column[i] for i in range(len(table))],
        [None if lacks else each for each, lacks in zip(whole, gone, strict=True)],
        [sample["x"] for sample in table],
        [table.loc[key]["x"] for key in keys],
        [each if here else None for each, here in zip(batch["x"], there, strict=True)],
    ]


def is_set(mask: Any) -> bool:
    """Return whether the mask of a sample is set, for every field of records."""
    names = mask.dtype.names
    return bool(mask.all()) if names is None else all(is_set(mask[name]) for name in names)


@pytest.mark.parametrize("optional", [False, True], ids=["all there", "optional"])
@pytest.mark.parametrize("column", EVERY_COLUMN, ids=lambda column: column.name)
def test_every_column_goes_everywhere(tmp_path: Path, column: EveryColumn, optional: bool) -> None:
    repo = vstore.create(tmp_path / "repo")
    spec = column.spec.as_optional() if optional else column.spec
    expected, others = column.samples(), column.samples(seed=1)
    if optional:
        expected[3] = None
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": spec}, keys="int")
        table.extend({"x": expected}, keys=range(COUNT))
    repo.branches.create("other")
    with repo.transaction("main", message="Change one") as tx:
        tx["t"].loc[1] = {"x": others[1]}
    with repo.transaction("other", message="Change another, and add one") as tx:
        tx["t"]["x"][6] = None if optional else others[6]
        tx["t"].append({"x": others[0]}, key=COUNT)
    repo.merge("other", into="main")
    merged = [*expected, others[0]]
    merged[1], merged[6] = others[1], None if optional else others[6]
    snapshot = repo.checkout("main")
    for found in read(snapshot.table("t"), keys=list(range(COUNT + 1))):
        assert_samples(column, found, merged)
    is_changed = not column.is_same(expected[1], others[1])
    changed = repo.diff("other~1", "main~1").tables.get("t")
    assert (changed is not None) == is_changed
    assert repo.fsck(mode="full", decode=True).is_sound
    _check_second_reader(tmp_path / "repo", column, merged)


def _check_second_reader(root: Path, column: EveryColumn, expected: list[Any]) -> None:
    reader = SecondReader(root)
    commit = next(iter(reader.history(reader.branch("main")["commit"])))
    found = reader.table(commit.root.children["t"])["x"]
    if column.dtype == "image":
        assert [each is None for each in found] == [each is None for each in expected]
        return
    assert_samples(column, found, expected)


@pytest.mark.parametrize(
    "dtype", ["O", "V0", "U0", None, "(2,)i4", [("a", "O")], "float128", ">f16", "bfloat16"]
)
@pytest.mark.parametrize("shape", [(), (None,), (2, None)])
def test_other_data_types_are_refused_when_declared(dtype: Any, shape: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        vstore.ndarray(shape, dtype)
    with (
        vstore.create(f"memory://other-types-{dtype}-{shape}").transaction(message="m") as tx,
        pytest.raises(vstore.InvalidInputError),
    ):
        tx.create_array("a", shape=(2,), dtype=dtype)


def test_every_data_type_of_the_format_is_tried() -> None:
    names = set()
    for column in EVERY_COLUMN:
        if column.shape is not None:
            info = column.spec.info
            found = info.kind.data_type or info.dtype or data_type_of(column.spec.dtype)
            names.add(found if isinstance(found, str) else found["name"])
    page = Path(__file__).parents[2] / "docs" / "format.md"
    table = page.read_text().split("| Name | Configuration | One element |")[1].split("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    told = {name.strip(" `") for cell in cells for name in cell.split(",")}
    assert names == told
