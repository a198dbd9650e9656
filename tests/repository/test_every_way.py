"""Values are equal whichever way they come in and go out, and so is the hash of the commit."""

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.every_column import COUNT, EVERY_COLUMN, TOGETHER, EveryColumn, group_id
from vstore.importers import import_into
from vstore.plugins import Rows
from vstore.reader import Reader
from vstore.torch import Loader
from vstore.zarr.xarray_backend import VstoreBackendEntrypoint

NUMBER = itertools.count()
TIME = datetime(2026, 1, 1, tzinfo=UTC)
Samples = dict[str, list[Any]]
"""The samples of each column."""


# Ways in: each writes the samples into a table with keys, cut where it is told to ---------------


def part(samples: Samples, rows: slice) -> Samples:
    return {name: each[rows] for name, each in samples.items()}


def one(samples: Samples, row: int) -> dict[str, Any]:
    return {name: each[row] for name, each in samples.items()}


def extend(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        table.extend(part(samples, slice(start, stop)), keys=range(start, stop))


def iterator(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    edges = itertools.pairwise([0, *cuts, COUNT])
    table.extend(part(samples, slice(a, b)) | {"sample": list(range(a, b))} for a, b in edges)


def objects(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    held = {name: np.empty(COUNT, object) for name in samples}
    for name, each in samples.items():
        for i, sample in enumerate(each):
            held[name][i] = sample
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        values = {name: each[start:stop] for name, each in held.items()}
        table.extend(values, keys=np.arange(start, stop).tolist())


def append(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    for key in range(COUNT):
        table.append(one(samples, key), key=key)


def upsert(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        keys = list(range(start, stop))
        assert table.upsert(part(samples, slice(start, stop)), keys=keys).added == len(keys)


SAME_COMMIT = {
    "extend": extend,
    "iterator": iterator,
    "objects": objects,
    "append": append,
    "upsert": upsert,
}


def assign(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, part(samples, slice(None, None, -1)), cuts)
    for name, each in samples.items():
        table[name][:] = each


def by_key(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, part(samples, slice(None, None, -1)), cuts)
    for key in range(COUNT):
        table.loc[key] = one(samples, key)


def many(table: vstore.TransactionTable, samples: Samples, cuts: list[int]) -> None:
    extend(table, part(samples, slice(None, None, -1)), cuts)
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        table.assign(np.arange(start, stop), part(samples, slice(start, stop)))


WAYS_IN = SAME_COMMIT | {"assignment": assign, "by key": by_key, "many at once": many}


# Ways in that take the transaction, and make the table -------------------------------------------

Specs = dict[str, vstore.ColumnSpec]


def imported(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    """Import the parts as items, whose samples are read one by one."""

    def read(rows: range) -> Iterable[dict[str, Any]]:
        return ({**one(samples, row), "sample": row} for row in rows)

    items = list(itertools.starmap(range, itertools.pairwise([0, *cuts, COUNT])))
    import_into(tx, "t", Rows(specs, "int", items=items, read=read, many=True))


def forked(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    tx.create_table("t", specs, keys="int")
    forks = []
    for start, stop in itertools.pairwise([0, *cuts, COUNT]):
        forks.append(tx.fork())
        forks[-1]["t"].extend(part(samples, slice(start, stop)), keys=range(start, stop))
    tx.merge(*forks)


BY_TRANSACTION = {"import": imported, "forks": forked}


# Ways out: each returns the samples in order, None for a missing one -----------------------------


def _whole(table: vstore.Table) -> Samples:
    return {
        name: [
            each if there is not None else None
            for each, there in zip(table[name][:], table[name], strict=True)
        ]
        for name in table.columns
    }


def _in_rows(rows: Iterable[Any]) -> Samples:
    held = list(rows)
    return {name: [row[name] for row in held] for name in held[0]}


def _batches(made: Any, names: Iterable[str]) -> Samples:
    found: Samples = {name: [] for name in names}
    for batch in made:
        for name, samples in found.items():
            values, there = batch[name], batch.get(f"{name}.valid", [True] * len(batch[name]))
            samples += [each if here else None for each, here in zip(values, there, strict=True)]
    return found


def _loader(table: vstore.Table) -> Samples:
    names = [name for name in table.columns if not name.startswith(NOT_IN_TORCH)]
    found = _batches(Loader(table, names, batch_size=3), names)
    return {
        name: [each.numpy() if hasattr(each, "numpy") else each for each in samples]
        for name, samples in found.items()
    }


def _singly(table: vstore.Table) -> Samples:
    """Return what single samples hold; where one of one shape is missing its mask alone tells."""
    found = _in_rows(Reader(table, batch_size=None))
    return {
        name: found[name] for name in table.columns if name not in PLAIN or all(table[name].valid)
    }


PLAIN = {column.name for column in EVERY_COLUMN if column.spec.info.kind.is_plain}
WAYS_OUT: dict[str, Callable[[vstore.Table], Samples]] = {
    "column": lambda table: {name: list(table[name]) for name in table.columns},
    "one by one": lambda table: {
        name: [table[name][i] for i in range(len(table))] for name in table.columns
    },
    "whole": _whole,
    "rows": _in_rows,
    "keys": lambda table: _in_rows(table.loc[key] for key in table.loc),
    "reader": lambda table: _batches(Reader(table, batch_size=3), table.columns),
    "samples": _singly,
    "loader": _loader,
}
NOT_IN_TORCH = ("complex", "datetime", "timedelta", "V5", "a-b", "when", "red", "U5", "S5", "T-")
"""What PyTorch has in another form, or not at all: the tests of that part say which."""


def written(
    columns: list[EveryColumn], samples: Samples, cuts: list[int], way: str
) -> tuple[vstore.Table, str]:
    repo = vstore.create(f"memory://ways-{next(NUMBER)}", author="A <a@example.org>")
    specs = {
        column.name: column.spec.as_optional()
        if any(sample is None for sample in samples[column.name])
        else column.spec
        for column in columns
    }
    with repo.transaction("main", message="Add", time=TIME) as tx:
        if way in BY_TRANSACTION:
            BY_TRANSACTION[way](tx, specs, samples, cuts)
        else:
            WAYS_IN[way](tx.create_table("t", specs, keys="int"), samples, cuts)
    snapshot = repo.checkout()
    return snapshot.table("t"), snapshot.commit.id


@settings(max_examples=2, deadline=None)
@given(
    ways=st.permutations(sorted(WAYS_IN | BY_TRANSACTION)).map(lambda ways: ways[:2]),
    cuts=st.lists(st.integers(1, COUNT - 1), unique=True).map(sorted),
    missing=st.sets(st.integers(0, COUNT - 1), max_size=3),
    seed=st.integers(0, 50),
)
@pytest.mark.parametrize("group", TOGETHER, ids=group_id)
def test_every_way_in_and_out(
    group: list[EveryColumn], ways: list[str], cuts: list[int], missing: set[int], seed: int
) -> None:
    samples = {column.name: column.samples(seed=seed) for column in group}
    for each in samples.values():
        for i in missing:
            each[i] = None
    commits = {}
    for way in ["extend", *ways]:
        table, commit = written(group, samples, cuts, way)
        commits[way] = commit
        for out, read in WAYS_OUT.items():
            found = read(table)
            for column in group:
                if column.name in found:
                    _check(column, found[column.name], samples[column.name], (way, out))
    assert len({commits[way] for way in SAME_COMMIT.keys() & commits.keys()}) == 1


def test_clones_and_diffs_give_what_was_written() -> None:
    """A clone of everything, one that reads through, and a diff with a commit without samples."""
    url = f"memory://ways-{next(NUMBER)}"
    repo = vstore.create(url, author="A <a@example.org>")
    written = {column.name: column.samples() for column in EVERY_COLUMN}
    for samples in written.values():
        samples[3] = None
    with repo.transaction("main", message="Add tables", time=TIME) as tx:
        for i, group in enumerate(TOGETHER):
            specs = {column.name: column.spec.as_optional() for column in group}
            tx.create_table(f"t{i}", specs, keys="int")
    with repo.transaction("main", message="Add samples", time=TIME) as tx:
        for i, group in enumerate(TOGETHER):
            extend(tx[f"t{i}"], {c.name: written[c.name] for c in group}, [3])
    head = repo.branches["main"]
    for is_bare in (False, True):
        clone = vstore.clone(url, f"{url}-{is_bare}", metadata_only=is_bare)
        assert clone.branches["main"] == head
        snapshot = clone.checkout()
        added = clone.diff("main~1", "main").tables
        for i, group in enumerate(TOGETHER):
            table = snapshot.table(f"t{i}")
            assert list(added[f"t{i}"].added) == list(range(COUNT))
            for column in group:
                _check(column, list(table[column.name]), written[column.name], is_bare)


def _check(column: EveryColumn, found: list[Any], expected: list[Any], how: Any) -> None:
    assert len(found) == COUNT
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert column.is_same(one, other), (column.name, how, i, one, other)


FIXED = [c for c in EVERY_COLUMN if c.shape in [(), (2,)] and not c.name.startswith("T")]


@pytest.mark.parametrize("column", FIXED, ids=lambda column: column.name)
def test_zarr_and_xarray_give_what_was_written(column: EveryColumn) -> None:
    name, samples = column.name, column.samples()
    table, _ = written([column], {name: samples}, [3], "extend")
    snapshot = vstore.checkout(f"memory://ways-{next(NUMBER) - 1}")
    group = zarr.open_group(snapshot.store, mode="r")
    for i, sample in enumerate(samples):
        assert column.is_same(np.asarray(group[f"t/{name}"][i]), np.asarray(sample))  # type: ignore[index]
    if column.name.startswith(("timedelta64-", "datetime64[10us]")):
        return  # xarray knows neither times without a unit nor such of ten
    opened: Any = xr.open_dataset
    with opened(snapshot, engine=VstoreBackendEntrypoint, group="t") as dataset:
        for one, other in zip(dataset[name].values, table[name][:], strict=True):
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
