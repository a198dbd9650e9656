"""What a commit stores follows what it changes, also inside a chunk."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.storage import FsspecStore

import vstore
from tests.repositories import counted, new_repository, table_of
from vstore import Repository
from vstore.exporters import export_refs
from vstore.faces import internals
from vstore.format.index import walk
from vstore.format.page import Patched
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.reader import Reader
from vstore.reading.array import StoredArray
from vstore.writing import patching

CODECS = ["none", "fast"]


def stored_nbytes(repository: Repository) -> int:
    return sum(info.nbytes for info in internals(repository).store.list_prefix(""))


def commit(repository: Repository, change: Any) -> None:
    with repository.transaction("main", message="Change the table") as tx:
        change(tx["t"])


def repository_of(rows: NDArray[Any], *, codecs: str = "none", **options: Any) -> Repository:
    repository = new_repository()
    with repository.transaction("main", message="Add the table") as tx:
        column = vstore.ndarray(rows.shape[1:], rows.dtype, codecs=codecs, **options)
        tx.create_table("t", {"x": column}).extend({"x": rows})
    return repository


def patches_in(repository: Repository, column: str = "x") -> list[int]:
    """Return how many patches each patched chunk of a column has."""
    source = internals(table_of(repository)[column]).source
    assert isinstance(source, StoredArray)
    places = walk(source.node.chunks, source.fetcher.pages)
    return [len(place.patches) for _, place in places if isinstance(place, Patched)]


@pytest.mark.parametrize("codecs", CODECS)
def test_appending_row_by_row_stores_a_few_times_what_is_appended(codecs: str) -> None:
    rows = np.random.default_rng(1).integers(0, 2**40, (120, 100))
    repository = repository_of(rows[:0], codecs=codecs)
    for row in rows:
        commit(repository, lambda table, row=row: table.append({"x": row}))
    assert stored_nbytes(repository) < 25 * rows.nbytes
    assert max(patches_in(repository)) <= patching.MOST_KEPT + 1
    np.testing.assert_array_equal(table_of(repository)["x"][:], rows)
    assert repository.fsck(mode="full", decode=True).is_sound


def test_a_changed_row_stores_little_more_than_itself() -> None:
    rows = np.arange(100_000)
    repository = repository_of(rows)
    before = stored_nbytes(repository)
    commit(repository, lambda table: table["x"].__setitem__(54_321, -1))
    assert stored_nbytes(repository) - before < 4_000
    rows[54_321] = -1
    np.testing.assert_array_equal(table_of(repository)["x"][:], rows)


@pytest.mark.parametrize("codecs", CODECS)
def test_one_row_is_read_from_the_part_that_holds_it(codecs: str) -> None:
    rows = np.random.default_rng(1).integers(0, 2**40, (1000, 100))
    repository = repository_of(rows, codecs=codecs)
    commit(repository, lambda table: table["x"].__setitem__(slice(100, 103), -rows[100:103]))
    commit(repository, lambda table: table["x"].__setitem__(102, rows[102]))
    expected = np.concatenate([rows[:100], -rows[100:102], rows[102:]])
    for row, nbytes in ((101, 3 * 800), (102, 3 * 800), (5, 1024 * 800)):
        fresh, store = counted(repository)
        column = table_of(fresh)["x"]
        store.reset()
        np.testing.assert_array_equal(column[row], expected[row])
        assert store.count() == 1
        assert store.nbytes_received <= nbytes
        np.testing.assert_array_equal([column[i] for i in range(95, 110)], expected[95:110])
        assert store.count() <= 3


def test_finding_who_changed_a_row_reads_what_holds_it_and_seldom() -> None:
    repository = repository_of(np.arange(100_000))
    commit(repository, lambda table: table["x"].__setitem__(7, -1))
    found = repository.log(limit=1)
    for i in range(40):
        commit(repository, lambda table, i=i: table["x"].__setitem__(1000 + i, -1))
    fresh, store = counted(repository)
    assert [fresh.blame("t", 7)] == list(found)
    read = [request for request in store.requests if request.key.startswith("packs/")]
    assert len(read) <= 12
    assert sum(request.nbytes_received for request in read) < 1.1 * 2**20


def test_a_row_that_is_set_to_what_it_is_changes_nothing() -> None:
    repository = repository_of(np.arange(100_000))

    def change(table: Any) -> None:
        table["x"][5:9] = [5, 6, 7, 8]
        for value in (7, 8, 11):
            table["x"][11] = value

    with repository.transaction("main", message="Change nothing", allow_empty=True) as tx:
        change(tx["t"])
    assert patches_in(repository) == []
    assert repository.checkout("main")["t"]["x"][5] == 5


def test_a_filled_chunk_is_stored_whole() -> None:
    rows = np.random.default_rng(2).integers(0, 2**40, (70, 100))
    repository = repository_of(rows[:40], rows_per_chunk=64)
    for start in range(40, 70, 3):
        commit(repository, lambda table, i=start: table.extend({"x": rows[i : i + 3]}))
    assert len(patches_in(repository)) <= 1
    np.testing.assert_array_equal(table_of(repository)["x"][:], rows)


def test_compacting_stores_every_chunk_whole() -> None:
    rows = np.arange(100_000)
    repository = repository_of(rows)
    commit(repository, lambda table: table["x"].__setitem__(slice(10, 20), 0))
    assert patches_in(repository) == [1]
    commit(repository, lambda table: table.compact())
    assert patches_in(repository) == []
    rows[10:20] = 0
    np.testing.assert_array_equal(table_of(repository)["x"][:], rows)


def test_the_commit_does_not_depend_on_how_rows_are_cut_into_batches() -> None:
    rows = np.random.default_rng(3).integers(0, 2**40, (90, 50))
    trees = set()
    for step in (1, 7, 30):
        repository = repository_of(rows[:60])

        def change(table: Any, step: int = step) -> None:
            for start in range(60, 90, step):
                table.extend({"x": rows[start : min(start + step, 90)]})
            for row in range(0, 30, step):
                stop = min(row + step, 30)
                table["x"][row:stop] = rows[row:stop] + 1

        commit(repository, change)
        table = internals(table_of(repository)["x"]).source
        assert isinstance(table, StoredArray)
        trees.add(str(table.node.chunks))
    assert len(trees) == 1


def test_values_pass_through_every_way_out(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).integers(0, 2**40, (200, 100))
    repository = vstore.create(tmp_path / "r", author="Ann <ann@example.org>")
    with repository.transaction("main", message="Add the table") as tx:
        column = vstore.ndarray((100,), "int64", codecs="none", rows_per_chunk=64)
        tx.create_table("t", {"x": column}).extend({"x": rows})
    for row in (3, 70, 199):
        rows[row] += 1
        commit(repository, lambda table, row=row: table["x"].__setitem__(row, rows[row]))
    assert patches_in(repository) == [1, 1, 1]

    snapshot = repository.checkout("main")
    group: Any = zarr.open_group(snapshot.store, mode="r")
    np.testing.assert_array_equal(group["t/x"][:], rows)
    np.testing.assert_array_equal(group["t/x"][70], rows[70])

    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        reader = Reader(table_of(repository), batch_size=16, shuffle=True, cache_dir=cache)
        read = np.concatenate([batch["x"].copy() for batch in reader])
        np.testing.assert_array_equal(np.sort(read[:, 0]), np.sort(rows[:, 0]))

    export_refs(snapshot, tmp_path / "refs.json")
    options = {"fo": str(tmp_path / "refs.json"), "asynchronous": True}
    exported = FsspecStore.from_url("reference://", storage_options=options, read_only=True)
    opened: Any = zarr.open_group(exported, mode="r")
    np.testing.assert_array_equal(opened["t/x"][:], rows)


def test_garbage_collection_keeps_what_patched_chunks_need(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).integers(0, 2**40, (100, 100))
    repository = repository_of(rows)
    for i in range(6):
        rows[10 * i] += 1
        commit(repository, lambda table, i=i: table["x"].__setitem__(10 * i, rows[10 * i]))
    none = timedelta(0)
    for _ in range(2):
        collect(repository.store, GcOptions(grace=none, expire=none, repack=0.01, take_over=True))
    fresh = vstore.open(repository.url)
    np.testing.assert_array_equal(table_of(fresh)["x"][:], rows)
    assert fresh.fsck(mode="full", decode=True).is_sound


COLUMNS = {
    "number": vstore.ndarray((), "float32", codecs="none"),
    "vector": vstore.ndarray((3,), "int16", codecs="fast"),
    "word": vstore.text(codecs="fast"),
    "cloud": vstore.ndarray((None, 2), "uint8"),
    "mark": vstore.ndarray((), "int64").as_optional(),
}


def sample(seed: int) -> dict[str, Any]:
    """Return a sample that follows from a number; about a third have no mark."""
    rng = np.random.default_rng(seed)
    return {
        "number": np.float32(rng.random()),
        "vector": rng.integers(0, 99, 3).astype("int16"),
        "word": "w" * int(rng.integers(0, 5)) + str(seed),
        "cloud": rng.integers(0, 99, (int(rng.integers(0, 4)), 2)).astype("uint8"),
        "mark": None if seed % 3 == 0 else seed,
    }


SEEDS = st.integers(1, 10_000)
STEPS = st.one_of(
    st.tuples(st.just("append"), st.lists(SEEDS, min_size=1, max_size=6)),
    st.tuples(st.just("change"), st.lists(st.tuples(st.integers(0, 99), SEEDS), max_size=4)),
    st.tuples(st.just("delete"), st.integers(0, 99)),
    st.tuples(st.just("compact"), st.none()),
)


def apply(table: Any, model: list[int], step: tuple[str, Any]) -> None:
    """Do a step to a table and to a model of it, which is a list of the samples' numbers."""
    verb, what = step
    if verb == "append":
        samples = [sample(seed) for seed in what]
        table.extend({name: [each[name] for each in samples] for name in COLUMNS})
        model.extend(what)
    elif verb == "change" and model:
        for place, seed in what:
            model[place % len(model)] = seed
            for name, value in sample(seed).items():
                table[name][place % len(model)] = value
    elif verb == "delete" and model:
        table.delete(what % len(model))
        del model[what % len(model)]
    elif verb == "compact":
        table.compact()


def assert_same(table: vstore.Table, model: list[int]) -> None:
    for name in COLUMNS:
        values = table[name][:]
        assert len(values) == len(model)
        for got, seed in zip(values, model, strict=True):
            expected = sample(seed)[name]
            if expected is None:
                assert got is None or got is np.ma.masked
            else:
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("rows_per_chunk", [4, 16])
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=12))
def test_programs_read_back_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int, commits: list[list[tuple[str, Any]]]
) -> None:
    monkeypatch.setattr(patching, "SMALL_NBYTES", 0)
    monkeypatch.setattr(patching, "SHARE", 1)
    repository = new_repository()
    columns = {name: replace(spec, rows_per_chunk=rows_per_chunk) for name, spec in COLUMNS.items()}
    model: list[int] = []
    with repository.transaction("main", message="Add the table") as tx:
        tx.create_table("t", columns)
    states = []
    for steps in commits:
        with repository.transaction("main", message="Change", allow_empty=True) as tx:
            for step in steps:
                apply(tx["t"], model, step)
        states.append((repository.branches["main"], list(model)))
    fresh = vstore.open(repository.url)
    for commit_id, expected in states:
        assert_same(table_of(fresh, commit_id), expected)
    assert fresh.fsck(mode="full", decode=True).is_sound
