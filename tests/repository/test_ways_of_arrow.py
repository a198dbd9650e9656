"""Values are equal, and so is the hash, by way of Arrow, DuckDB and exported files."""

import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vstore
from tests.arrow.test_scan import OUT_OF_RANGE, check_column, held, in_one_piece
from tests.every_column import COUNT, EVERY_COLUMN, TOGETHER, EveryColumn, group_id
from tests.repositories import new_repository
from tests.repository.test_every_way import TIME, Samples, Specs, extend
from vstore.exporters import export, select
from vstore.importers import import_into, open_rows

pa = pytest.importorskip("pyarrow")

TAKEN = [each for each in EVERY_COLUMN if each.dtype != OUT_OF_RANGE]
"""The columns that Arrow has a type for, whatever their samples."""
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 30))]
"""Each chooses a way, where the samples are cut, and which are missing."""
Add = Callable[[vstore.Transaction, Specs, Samples, list[int]], None]


def written(specs: Specs, samples: Samples, cuts: list[int], add: Add) -> tuple[vstore.Table, str]:
    """Return the table that `add` fills, committed, and the hash of the commit."""
    repository = new_repository()
    with repository.transaction("main", message="Add", time=TIME) as tx:
        add(tx, specs, samples, cuts)
    snapshot = repository.checkout()
    return snapshot.table("t"), snapshot.commit.id


def by_extend(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    extend(tx.create_table("t", specs, keys="int"), samples, cuts)


# Ways in: from what another table gave, so that the fields say what they hold ---------------------


def as_arrow(specs: Specs, samples: Samples, cuts: list[int], *, tensors: Any = "tensor") -> Any:
    """Return the samples as a table of Arrow, a batch for each part."""
    table, _ = written(specs, samples, [], by_extend)
    whole = table.arrow(tensors=tensors).table().combine_chunks()
    parts = itertools.pairwise([0, *cuts, COUNT])
    return pa.concat_tables([whole.slice(start, stop - start) for start, stop in parts])


def streamed(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    tx.write_arrow("t", as_arrow(specs, samples, cuts))


def lists(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    tx.write_arrow("t", as_arrow(specs, samples, cuts, tensors="list").to_reader())


def batches(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    table = tx.create_table("t", specs, keys="int")
    table.extend(as_arrow(specs, samples, cuts).to_batches())


def one_by_one(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    for batch in as_arrow(specs, samples, cuts).to_batches():
        tx.write_arrow("t", batch)


def other_table(tx: vstore.Transaction, specs: Specs, samples: Samples, cuts: list[int]) -> None:
    tx.write_arrow("t", written(specs, samples, cuts, by_extend)[0])


WAYS_IN: dict[str, Add] = {
    "a stream": streamed,
    "a stream of lists": lists,
    "batches": batches,
    "one batch after another": one_by_one,
    "the table of another repository": other_table,
}


def specs_of(columns: list[EveryColumn], samples: Samples) -> Specs:
    """Return the columns as they are declared: optional where a sample is missing."""
    return {
        column.name: column.spec.as_optional() if None in held_ids(samples[column.name])
        else column.spec
        for column in columns
    }  # fmt: skip


def held_ids(samples: list[Any]) -> list[Any]:
    """Return None for each missing sample, and something for the others."""
    return [None if sample is None else ... for sample in samples]


def some_missing(chance: random.Random) -> set[int]:
    return set(chance.sample(range(COUNT), chance.randrange(4)))


def samples_of(columns: list[EveryColumn], missing: set[int], seed: int = 0) -> Samples:
    made = {column.name: held(column.samples(seed=seed)) for column in columns}
    for each in made.values():
        for row in missing:
            each[row] = None
    return made


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("group", TOGETHER, ids=group_id)
def test_every_column_by_way_of_arrow(group: list[EveryColumn], seed: int) -> None:
    columns = [column for column in group if column in TAKEN and column.dtype != "audio"]
    chance = random.Random(f"{seed} {group[0].name}")
    way = chance.choice(sorted(WAYS_IN))
    cuts = sorted(chance.sample(range(1, COUNT), chance.randrange(COUNT)))
    samples = samples_of(columns, some_missing(chance), chance.randrange(50))
    specs = specs_of(columns, samples)
    table, commit = written(specs, samples, cuts, by_extend)
    again, found = written(specs, samples, cuts, WAYS_IN[way])
    for column in columns:
        for one, other in zip(again[column.name], table[column.name], strict=True):
            assert column.is_same(one, other), (column.name, way)
    assert found == commit, way
    out = again.arrow(tensors="list").table()
    assert out["sample"].to_pylist() == list(range(COUNT))
    for column in columns:
        check_column(
            column, again[column.name], in_one_piece(out, column.name), samples[column.name]
        )


# Ways out to files, and in again ------------------------------------------------------------------


def exported(table: vstore.Table, folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """Export each column that the format holds; the name and the file."""
    for name in table.columns:
        to = folder / f"{len(list(folder.iterdir()))}{suffix}"
        try:
            export(select(table, columns=[name]), to)
        except vstore.InvalidInputError as refused:
            assert refused.code == "column-not-exported"  # noqa: PT017
        else:
            yield name, to


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("group", TOGETHER, ids=group_id)
def test_what_was_exported_is_imported_as_it_was(group: list[EveryColumn], seed: int) -> None:
    chance = random.Random(f"{seed} {group[0].name}")
    suffix = chance.choice([".parquet", ".feather"])
    samples = samples_of(group, some_missing(chance), chance.randrange(50))
    table, _ = written(specs_of(group, samples), samples, [], by_extend)
    columns = {column.name: column for column in group}
    with tempfile.TemporaryDirectory() as folder:
        for name, file in exported(table, Path(folder), suffix):
            repository = new_repository()
            with repository.transaction("main", message="Import") as tx:
                import_into(tx, "t", open_rows(file))
            found = repository.checkout().table("t")
            assert found.sample_keys().tolist() == list(range(COUNT))
            assert found[name].kind == table[name].kind
            for one, other in zip(found[name], table[name], strict=True):
                assert columns[name].is_same(one, other), (name, suffix, one, other)


# DuckDB -------------------------------------------------------------------------------------------

UNKNOWN_TO_DUCKDB = ("float16", "timedelta64[ns]")
"""Data types that it has none for, or only one with months."""
MORE_THAN_ITS_DATES = ("datetime64[s]", "when")


@pytest.mark.parametrize("is_optional", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_duckdb_takes_and_gives_every_column(*, is_optional: bool) -> None:
    duckdb = pytest.importorskip("duckdb")
    columns = [
        column
        for column in TAKEN
        if not column.name.startswith((*UNKNOWN_TO_DUCKDB, *MORE_THAN_ITS_DATES))
    ]
    samples = samples_of(columns, {2} if is_optional else set())
    specs = specs_of(columns, samples)
    table, _ = written(specs, samples, [], by_extend)
    source = table.arrow(tensors="list").table()
    with duckdb.connect() as connection:
        connection.register("source", source)
        found = connection.sql("select * from source").to_arrow_table()
    for column in columns:
        check_column(
            column, table[column.name], in_one_piece(found, column.name), samples[column.name]
        )
    plain = [c for c in columns if c.shape is not None and c.dtype in PLAIN_IN_DUCKDB]
    again, _ = written(
        {column.name: specs[column.name] for column in plain},
        {},
        [],
        lambda tx, specs, *_: tx.create_table("t", specs, keys="int").extend(
            found.select(["sample", *specs])
        ),
    )
    for column in plain:
        for one, other in zip(again[column.name], table[column.name], strict=True):
            assert column.is_same(one, other), column.name


PLAIN_IN_DUCKDB = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                   "float32", "float64")  # fmt: skip
"""Data types that are the same there, so that declared columns take what comes back."""
