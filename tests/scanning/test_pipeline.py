"""The chunk pipeline: each chunk once, in order, within a budget, and nothing left behind."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vstore
from tests.patience import comes_true
from tests.repositories import committed_table, counted, table_of
from vstore.errors import CorruptionError
from vstore.faces import internals
from vstore.format.table.rows import Rows
from vstore.reading.buffers import BufferPool
from vstore.scanning.blocks import Blocks, Packed
from vstore.scanning.opening import Opening
from vstore.scanning.pipeline import scan
from vstore.scanning.spans import Span, bounds, spans_of
from vstore.storage import Key

ROWS = 1000
COLUMNS = {
    "a": vstore.ndarray((), "int64", rows_per_chunk=64, codecs="fast"),
    "b": vstore.ndarray((3,), "int16", rows_per_chunk=16, codecs="none"),
    "c": vstore.text(rows_per_chunk=256),
}
SAMPLES: dict[str, Any] = {
    "a": np.arange(ROWS),
    "b": np.arange(3 * ROWS, dtype="int16").reshape(ROWS, 3),
    "c": [f"text {i}" for i in range(ROWS)],
}


class Packs:
    """What stands for a block of packed elements: a slice tells which rows it is of."""

    def __init__(self, packed: Packed) -> None:
        assert all(len(part) > 4 for part in packed.parts)
        self.rows = len(packed.parts) * packed.elements

    def __getitem__(self, rows: slice) -> int:
        return len(range(*rows.indices(self.rows)))


def opened(table: vstore.Table, pool: BufferPool, *, rows: int = 1) -> dict[str, Blocks]:
    opening = Opening(pool)
    sources = {name: internals(column).source for name, column in table.columns.items()}
    return {
        name: opening.packed(source, name, Packs)(rows)
        if source.metadata.is_variable_length
        else opening.dense(source, name)(rows)
        for name, source in sources.items()
    }


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("vstore-scan")]


def all_spans(arrays: dict[str, Blocks], rows: int = ROWS) -> Iterator[Span]:
    return spans_of(Rows(rows), range(rows), {each.rows for each in arrays.values()})


@pytest.mark.parametrize("rows_per_block", [1, 100, 512, 5000])
@pytest.mark.parametrize("memory_nbytes", [1, 10_000, 2**30])
def test_rows_come_in_order_each_once(rows_per_block: int, memory_nbytes: int) -> None:
    _, table = committed_table(COLUMNS, SAMPLES)
    arrays = opened(table, BufferPool(), rows=rows_per_block)
    done = 0
    for span, found in scan(arrays, all_spans(arrays), memory_nbytes=memory_nbytes):
        assert span.start == done
        np.testing.assert_array_equal(found["a"], SAMPLES["a"][span.start : span.stop])
        np.testing.assert_array_equal(found["b"], SAMPLES["b"][span.start : span.stop])
        assert found["c"] == len(span)
        done = span.stop
    assert done == ROWS
    assert comes_true(lambda: not threads())


def test_chunks_come_with_few_requests_and_each_once() -> None:
    repository, _ = committed_table(COLUMNS, SAMPLES)
    other, store = counted(repository)
    table = table_of(other)
    arrays = opened(table, BufferPool())
    store.reset()
    assert sum(len(span) for span, _ in scan(arrays, all_spans(arrays), memory_nbytes=2**30))
    stored = sum(
        each.chunks.stored
        for column in table.columns.values()
        if (each := internals(column).source.node).chunks is not None  # type: ignore[attr-defined]
    )
    assert store.count("get_range") == len(COLUMNS)
    assert store.nbytes_received < stored * 1.2 + 10_000


def test_closing_ends_the_threads_and_gives_memory_back() -> None:
    _, table = committed_table(COLUMNS, SAMPLES)
    pool = BufferPool()
    arrays = opened(table, pool)
    found = scan(arrays, all_spans(arrays), memory_nbytes=2**30)
    first = next(found)[1]
    assert threads()
    found.close()
    assert comes_true(lambda: not threads())
    assert first["a"][0] == 0
    del first
    assert comes_true(lambda: not pool.lent)


def test_no_more_is_read_than_the_budget_says() -> None:
    repository, _ = committed_table(COLUMNS, SAMPLES)
    other, store = counted(repository)
    arrays = opened(table_of(other), BufferPool())
    store.reset()
    found = scan(arrays, all_spans(arrays), memory_nbytes=1)
    next(found)
    assert store.count("get_range") == len(COLUMNS)
    found.close()


def test_an_error_is_raised_where_its_rows_would_be() -> None:
    repository, _ = committed_table(COLUMNS, SAMPLES)
    other, store = counted(repository)
    arrays = opened(table_of(other), BufferPool())
    read = store.get_range

    def damaged(key: Key, start: int, nbytes: int) -> bytes:
        data = bytearray(read(key, start, nbytes))
        data[-1] ^= 1
        return bytes(data)

    store.get_range = damaged  # type: ignore[method-assign]
    with pytest.raises(CorruptionError):
        list(scan(arrays, all_spans(arrays), memory_nbytes=2**30))
    assert comes_true(lambda: not threads())


def test_what_gives_spans_is_asked_only_as_far_as_needed() -> None:
    _, table = committed_table(COLUMNS, SAMPLES)
    arrays = opened(table, BufferPool())
    asked = []

    def given() -> Iterator[Span]:
        for span in all_spans(arrays):
            asked.append(span)
            yield span

    found = scan(arrays, given(), memory_nbytes=2**30, is_narrowed=True)
    next(found)
    assert len(asked) == 1
    found.close()


def test_no_arrays_and_no_spans() -> None:
    assert [span.start for span, _ in scan({}, iter([Span(0, 5)]), memory_nbytes=1)] == [0]
    _, table = committed_table(COLUMNS, {"a": [], "b": np.zeros((0, 3), "int16"), "c": []})
    arrays = opened(table, BufferPool())
    assert list(scan(arrays, all_spans(arrays, 0), memory_nbytes=1)) == []


@pytest.mark.parametrize("seed", range(20))
def test_spans_are_the_live_rows_that_are_chosen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stored = int(rng.integers(1, 200))
    deleted = np.flatnonzero(rng.random(stored) < rng.choice([0, 0.1, 0.9]))
    rows = Rows(stored, deleted)
    live = np.setdiff1d(np.arange(stored), deleted)
    sizes = set(rng.choice([1, 3, 8, 16, 50], 2).tolist())
    start, stop = np.sort(rng.integers(0, len(live) + 1, 2)).tolist()
    some = np.flatnonzero(rng.random(len(live)) < 0.3)
    for chosen, wanted in ((range(start, stop), live[start:stop]), (some, live[some])):
        found: list[int] = []
        for span in spans_of(rows, chosen, sizes):
            assert len(span)
            assert all(span.start // size == (span.stop - 1) // size for size in sizes)
            keep = range(span.stop - span.start) if span.keep is None else span.keep.tolist()
            found += [span.start + i for i in keep]
        assert found == wanted.tolist()


def test_spans_are_cut_where_blocks_end() -> None:
    whole = Span(2, 20, np.array([0, 5, 17]))
    pieces = [(each.start, each.stop, each.keep) for each in whole.cut({8})]
    assert [(start, stop) for start, stop, _ in pieces] == [(2, 8), (16, 20)]
    assert [keep.tolist() for *_, keep in pieces if keep is not None] == [[0, 5], [3]]
    assert list(bounds(3, 3, [4])) == []
