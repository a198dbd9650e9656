"""Values are equal whichever way they come in and go out, and so is the hash of the commit."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.every_column import COUNT, EVERY_COLUMN, EveryColumn
from vstore.reader import Reader
from vstore.torch import Loader
from vstore.zarr.xarray_backend import VstoreBackendEntrypoint

NUMBER = itertools.count()
TIME = datetime(2026, 1, 1, tzinfo=UTC)
Samples = list[Any]


# Ways in: each writes the samples as column `x` of a table with keys, cut where it is told to -----


def extend(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        table.extend({"x": samples[start:stop]}, keys=range(start, stop))


def iterator(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    edges = itertools.pairwise([0, *cuts, COUNT])
    table.extend({"x": samples[a:b], "sample": list(range(a, b))} for a, b in edges)


def objects(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    held = np.empty(COUNT, object)
    for i, sample in enumerate(samples):
        held[i] = sample
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        table.extend({"x": held[start:stop]}, keys=np.arange(start, stop).tolist())


def append(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    for key, sample in enumerate(samples):
        table.append({"x": sample}, key=key)


SAME_COMMIT = {"extend": extend, "iterator": iterator, "objects": objects, "append": append}


def assign(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, samples[::-1], cuts)
    table["x"][:] = samples


def by_key(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, samples[::-1], cuts)
    for key, sample in enumerate(samples):
        table.loc[key] = {"x": sample}


def many(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, samples[::-1], cuts)
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        table.assign(np.arange(start, stop), {"x": samples[start:stop]})


WAYS_IN = SAME_COMMIT | {"assignment": assign, "by key": by_key, "many at once": many}


# Ways out: each returns the samples in order, None for a missing one -----------------------------


def _whole(table: vstore.Table) -> Samples:
    found = table["x"][:]
    there = [sample is not None for sample in table["x"]]
    return [each if here else None for each, here in zip(found, there, strict=True)]


def _batches(made: Any) -> Samples:
    found: Samples = []
    for batch in made:
        values, there = batch["x"], batch.get("x.valid", [True] * len(batch["x"]))
        found += [each if here else None for each, here in zip(values, there, strict=True)]
    return found


def _loader(table: vstore.Table) -> Samples:
    found = _batches(Loader(table, ["x"], batch_size=3))
    return [each.numpy() if hasattr(each, "numpy") else each for each in found]


WAYS_OUT: dict[str, Callable[[vstore.Table], Samples]] = {
    "column": lambda table: list(table["x"]),
    "one by one": lambda table: [table["x"][i] for i in range(len(table))],
    "whole": _whole,
    "rows": lambda table: [sample["x"] for sample in table],
    "keys": lambda table: [table.loc[key]["x"] for key in table.loc],
    "reader": lambda table: _batches(Reader(table, ["x"], batch_size=3)),
    "samples": lambda table: [each["x"] for each in Reader(table, ["x"], batch_size=None)],
    "loader": _loader,
}
NOT_IN_TORCH = ("complex", "datetime", "timedelta", "V5", "a-b", "when", "red", "U5", "S5", "T-")
"""What PyTorch has in another form, or not at all: the tests of that part say which."""


def written(
    column: EveryColumn, samples: Samples, cuts: list[int], way: str
) -> tuple[vstore.Table, str]:
    repo = vstore.create(f"memory://ways-{next(NUMBER)}", author="A <a@example.org>")
    spec = (
        column.spec.as_optional()
        if None in [None if s is None else 0 for s in samples]
        else column.spec
    )
    with repo.transaction("main", message="Add", time=TIME) as tx:
        WAYS_IN[way](tx.create_table("t", {"x": spec}, keys="int"), samples, cuts)
    snapshot = repo.checkout()
    return snapshot.table("t"), snapshot.commit.id


@settings(max_examples=1, deadline=None)
@given(
    ways=st.permutations(sorted(WAYS_IN)).map(lambda ways: ways[:2]),
    cuts=st.lists(st.integers(1, COUNT - 1), unique=True).map(sorted),
    missing=st.sets(st.integers(0, COUNT - 1), max_size=3),
    seed=st.integers(0, 50),
)
@pytest.mark.parametrize("column", EVERY_COLUMN, ids=lambda column: column.name)
def test_every_way_in_and_out(
    column: EveryColumn, ways: list[str], cuts: list[int], missing: set[int], seed: int
) -> None:
    samples = [
        None if i in missing else sample for i, sample in enumerate(column.samples(seed=seed))
    ]
    commits = {}
    for way in ["extend", *ways]:
        table, commit = written(column, samples, cuts, way)
        commits[way] = commit
        for out, read in WAYS_OUT.items():
            if out == "loader" and column.name.startswith(NOT_IN_TORCH):
                continue
            if out == "samples" and missing and column.spec.info.kind.is_plain:
                continue  # a missing sample of one shape is told by its mask alone
            found = read(table)
            assert len(found) == COUNT
            for i, (one, other) in enumerate(zip(found, samples, strict=True)):
                assert column.is_same(one, other), (way, out, i, one, other)
    assert len({commits[way] for way in SAME_COMMIT.keys() & commits.keys()}) == 1


FIXED = [c for c in EVERY_COLUMN if c.shape in [(), (2,)] and not c.name.startswith("T")]


@pytest.mark.parametrize("column", FIXED, ids=lambda column: column.name)
def test_zarr_and_xarray_give_what_was_written(column: EveryColumn) -> None:
    samples = column.samples()
    table, _ = written(column, samples, [3], "extend")
    snapshot = vstore.checkout(f"memory://ways-{next(NUMBER) - 1}")
    group = zarr.open_group(snapshot.store, mode="r")
    for i, sample in enumerate(samples):
        assert column.is_same(np.asarray(group["t/x"][i]), np.asarray(sample))  # type: ignore[index]
    if column.name.startswith(("timedelta64-", "datetime64[10us]")):
        return  # xarray knows neither times without a unit nor such of ten
    opened: Any = xr.open_dataset
    with opened(snapshot, engine=VstoreBackendEntrypoint, group="t") as dataset:
        for one, other in zip(dataset["x"].values, table["x"][:], strict=True):
            np.testing.assert_array_equal(np.asarray(one, other.dtype), other)


@pytest.mark.parametrize("column", FIXED, ids=lambda column: column.name)
def test_a_zarr_array_that_is_written_is_read(column: EveryColumn) -> None:
    values = np.stack([np.asarray(sample) for sample in column.samples()])
    repo = vstore.create(f"memory://ways-{next(NUMBER)}")
    with repo.transaction("main", message="Add") as tx:
        array = tx.create_array("a", shape=values.shape, dtype=values.dtype)
        zarr.open_array(tx.store, path="a", mode="r+")[:] = values
        assert array[:].tobytes() == values.tobytes()
    assert repo.checkout().array("a")[:].tobytes() == values.tobytes()
