"""How far values moved: against NumPy over everything at once, whatever the batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import vstore
from tests.repositories import committed_array, committed_table, counted
from vstore import NotFoundError, Repository
from vstore.diffing.statistics import BINS, Comparison, ValueStatistics

floats = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, np.nan, np.inf, 1e100, -1e-300])


def compared(old: Any, new: Any, step: int) -> ValueStatistics:
    found = Comparison()
    for start in range(0, len(new), step):
        found.add(old[start : start + step], new[start : start + step])
    return found.result()


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 60), st.integers(1, 20))
def test_batches_add_up_to_the_whole(data: st.DataObject, size: int, step: int) -> None:
    old, new = (data.draw(arrays("float64", size, elements=floats)) for _ in range(2))
    found, whole = compared(old, new, step), compared(old, new, size)
    for name in ("elements", "differing", "edges", "old_histogram", "new_histogram", "shift"):
        assert getattr(found, name) == getattr(whole, name)
    both = np.isfinite(old) & np.isfinite(new)
    gaps = np.abs(new[both] - old[both])
    assert found.max_abs == (gaps.max() if both.any() else 0)
    assert found.mean_abs == pytest.approx(gaps.mean() if both.any() else 0, rel=1e-9, abs=1e-12)
    for side, moments in ((old, found.old), (new, found.new)):
        finite = side[np.isfinite(side)]
        assert moments.count == finite.size
        if finite.size:
            assert (moments.minimum, moments.maximum) == (finite.min(), finite.max())
            assert moments.mean == pytest.approx(finite.mean(), rel=1e-9, abs=1e-9)
            scale = float(np.abs(finite).max())
            assert moments.std == pytest.approx(finite.std(), rel=1e-6, abs=1e-6 * scale + 1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(floats.filter(np.isfinite), min_size=1, max_size=50), st.integers(1, 9))
def test_every_value_is_counted_in_its_bin(values: list[float], step: int) -> None:
    side = np.array(values)
    found = compared(side, side[::-1], step)
    counts, edges = np.array(found.new_histogram), np.array(found.edges)
    assert 1 <= len(counts) <= BINS
    assert counts.sum() == len(values)
    assert found.shift == 0
    for value in values:
        assert edges[0] <= value < edges[-1] or np.isclose(value, edges[-1])


def test_bins_of_integers_are_whole_and_few() -> None:
    found = compared(np.zeros(100, "int64"), np.arange(100), 7)
    assert list(found.edges[:3]) == [0, 2, 4]
    assert sum(found.new_histogram) == 100
    labels = compared(np.array([3, 3, 1]), np.array([3, 7, 1]), 2)
    assert list(labels.edges) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert labels.old_histogram == (1, 0, 2, 0, 0, 0, 0)
    assert labels.new_histogram == (1, 0, 1, 0, 0, 0, 1)
    assert labels.shift == pytest.approx(1 / 3)


@pytest.fixture
def table() -> Repository:
    repository, _ = committed_table(
        {
            "x": vstore.ndarray((3,), "float32", rows_per_chunk=16),
            "label": vstore.ndarray((), "uint8").as_optional(),
            "box": vstore.ndarray((None, 2), "int16"),
            "text": vstore.text(),
        },
        {
            "x": np.arange(300).reshape(100, 3),
            "label": [None if i % 10 == 0 else i for i in range(100)],
            "box": [np.full((i % 3, 2), i) for i in range(100)],
            "text": [str(i) for i in range(100)],
        },
    )
    with repository.transaction("main", message="Change") as tx:
        t = tx["t"]
        t["x"][[3, 50]] = np.array([[9, 10, 13], [150, 151, 152.5]])
        t["label"][5] = 9
        t["label"][10] = 3
        t["box"][4] = np.full((1, 2), 7)
        t["box"][5] = np.full((1, 2), 7)
        t["text"][0] = "other"
    return repository


def test_statistics_of_a_table_are_those_of_its_changed_samples(table: Repository) -> None:
    diff = table.diff("main~1", "main").tables["t"]
    found = diff.statistics()
    assert sorted(found) == ["box", "label", "x"]
    x = found["x"]
    assert (x.samples, x.elements, x.differing, x.unmatched) == (2, 6, 2, 0)
    assert x.max_abs == 2
    assert x.mean_abs == pytest.approx(2.5 / 6)
    assert (found["label"].samples, found["label"].unmatched, found["label"].max_abs) == (2, 1, 4)
    assert (found["box"].samples, found["box"].unmatched, found["box"].max_abs) == (2, 1, 3)
    assert list(diff.statistics(["x"])) == ["x"]
    assert diff.statistics(["text"]) == {}
    with pytest.raises(NotFoundError, match="no column 'nope'"):
        diff.statistics(["nope"])
    mirror = table.diff("main", "main~1").tables["t"].statistics()["x"]
    assert (mirror.old, mirror.new, mirror.max_abs) == (x.new, x.old, x.max_abs)
    assert x.to_dict()["histogram"]["edges"] == list(x.edges)


def test_statistics_read_the_changed_chunks_alone(table: Repository) -> None:
    fresh, store = counted(table)
    diff = fresh.diff("main~1", "main").tables["t"]
    assert diff.changed
    before = store.nbytes_received
    diff.statistics(["x"])
    assert store.nbytes_received - before < 4 * 16 * 3 * 4 + 4096


def test_statistics_of_an_array_are_those_of_its_changed_chunks() -> None:
    values = np.arange(60, dtype="float64").reshape(6, 10)
    repository, _ = committed_array(values, chunk_shape=(4, 4))
    with repository.transaction("main", message="Change") as tx:
        tx["x"][5, 9] = 0
        tx["x"][0, 0] = 1
    found = repository.diff("main~1", "main").arrays["x"].statistics()
    assert found is not None
    assert (found.samples, found.elements, found.differing) == (2, 4 * 4 + 2 * 2, 2)
    assert found.max_abs == 59
