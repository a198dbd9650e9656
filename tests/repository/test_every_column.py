"""Every column that can be declared is written, read, diffed, merged and verified."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.every_column import COUNT, EVERY_COLUMN, TOGETHER, EveryColumn, group_id
from tests.format.second_reader import SecondReader
from vstore.format.zarr.dtypes import data_type_of
from vstore.reader import Reader


def assert_samples(column: EveryColumn, found: Any, expected: list[Any]) -> None:
    found = list(found)
    assert len(found) == len(expected)
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert column.is_same(one, other), (column.name, i, one, other)


def read(table: vstore.Table) -> dict[str, list[list[Any]]]:
    """Return the samples of each column as each way of reading gives them."""
    rows, by_key = list(table), [table.loc[key] for key in table.loc]
    (batch,) = Reader(table, batch_size=len(table))
    return {name: _read(table[name], rows, by_key, batch) for name in table.columns}


def _read(column: vstore.Column, rows: list[Any], by_key: list[Any], batch: Any) -> list[list[Any]]:
    name, whole = column.name, column[:]
    gone = [row[name] is None for row in rows]
    if isinstance(whole, np.ma.MaskedArray) and whole.size:
        mask = np.ma.getmaskarray(whole)
        assert [is_set(mask[i]) for i in range(len(whole))] == gone
    there = batch.get(f"{name}.valid", np.ones(len(rows), bool))
    return [
        list(column),
        [column[i] for i in range(len(column))],
        [None if lacks else each for each, lacks in zip(whole, gone, strict=True)],
        [row[name] for row in rows],
        [sample[name] for sample in by_key],
        [each if here else None for each, here in zip(batch[name], there, strict=True)],
    ]


def is_set(mask: Any) -> bool:
    """Return whether the mask of a sample is set, for every field of records."""
    names = mask.dtype.names
    return bool(mask.all()) if names is None else all(is_set(mask[name]) for name in names)


@pytest.mark.parametrize("optional", [False, True], ids=["all there", "optional"])
@pytest.mark.parametrize("group", TOGETHER, ids=group_id)
def test_every_column_goes_everywhere(
    tmp_path: Path, group: list[EveryColumn], optional: bool
) -> None:
    repo = vstore.create(tmp_path / "repo")
    columns = {column.name: column for column in group}
    expected = {name: column.samples() for name, column in columns.items()}
    others = {name: column.samples(seed=1) for name, column in columns.items()}
    if optional:
        for samples in expected.values():
            samples[3] = None
    with repo.transaction("main", message="Add") as tx:
        specs = {
            name: column.spec.as_optional() if optional else column.spec
            for name, column in columns.items()
        }
        tx.create_table("t", specs, keys="int").extend(expected, keys=range(COUNT))
    repo.branches.create("other")
    with repo.transaction("main", message="Change one") as tx:
        tx["t"].loc[1] = {name: samples[1] for name, samples in others.items()}
    with repo.transaction("other", message="Change another, and add one") as tx:
        for name, samples in others.items():
            tx["t"][name][6] = None if optional else samples[6]
        tx["t"].append({name: samples[0] for name, samples in others.items()}, key=COUNT)
    repo.merge("other", into="main")
    merged = {name: [*samples, others[name][0]] for name, samples in expected.items()}
    for name, samples in merged.items():
        samples[1], samples[6] = others[name][1], None if optional else others[name][6]
    found = read(repo.checkout("main").table("t"))
    second = _read_otherwise(tmp_path / "repo")
    changed = repo.diff("other~1", "main~1").tables["t"].changed
    for name, column in columns.items():
        for way in found[name]:
            assert_samples(column, way, merged[name])
        is_changed = not column.is_same(expected[name][1], others[name][1])
        assert changed.get(name) == ([1] if is_changed else None), name
        _check_otherwise(column, second[name], merged[name])
    assert repo.fsck(mode="full", decode=True).is_sound


def _read_otherwise(root: Path) -> Any:
    reader = SecondReader(root)
    commit = next(iter(reader.history(reader.branch("main")["commit"])))
    return reader.table(commit.root.children["t"])


def _check_otherwise(column: EveryColumn, found: list[Any], expected: list[Any]) -> None:
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
