"""Regions of arrays as samples: each as the array has it, once an epoch, from few chunks."""

import json
import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader, Regions, regions, windows

SHAPE = (20, 24, 13)
VOLUME = np.arange(np.prod(SHAPE), dtype="int32").reshape(SHAPE)


@pytest.fixture(scope="module")
def snapshot() -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Add a volume") as tx:
        for name, dtype, chunk in (
            ("ct", "int32", (4, 5, 3)),
            ("labels", "uint8", (7, 24, 13)),
            ("other", "int32", (20, 24, 13)),
        ):
            made = tx.create_array(name, shape=SHAPE, dtype=dtype, chunk_shape=chunk)
            made[:] = (VOLUME % 251).astype(dtype) if dtype == "uint8" else VOLUME
        tx.create_array("empty", shape=SHAPE, dtype="float32", chunk_shape=(8, 8, 8), fill_value=2)
        tx.create_array("line", shape=(50,), dtype="int64", chunk_shape=(8,))[:] = np.arange(50)
        tx.create_table("table", {"x": vstore.ndarray((), "int64")}).extend({"x": range(3)})
    return repo.checkout("main")


def region(start: Any, shape: Any) -> Any:
    return VOLUME[tuple(slice(at, at + (n or 99)) for at, n in zip(start, shape, strict=True))]


def check(batches: Any, shape: Any) -> list[tuple[int, ...]]:
    """Compare regions with the volume; return where they begin."""
    found = []
    for batch in batches:
        for name, values in batch.items():
            if name != "region.start":
                for start, value in zip(batch["region.start"].tolist(), values, strict=True):
                    wanted = region(start, shape)
                    wanted = wanted % 251 if name == "labels" else wanted
                    assert np.array_equal(value, wanted)
        found += [tuple(start) for start in batch["region.start"].tolist()]
    return found


options = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 9),
        "shuffle": st.sampled_from([False, True, "full"]),
        "window": st.sampled_from([1, 6, 1000]),
        "memory_nbytes": st.sampled_from([1, 2000, 2**24]),
        "threads": st.integers(1, 2),
        "rows": st.sampled_from([None, slice(None, None, -2), [0, 3, 3]]),
    }
)


@settings(deadline=None, max_examples=15)
@given(
    options,
    st.tuples(*[st.sampled_from([None, 1, 4, 6]) for _ in SHAPE]),
    st.sampled_from([None, 3, (4, 9, 5)]),
)
def test_every_region_is_as_the_arrays_have_it(
    snapshot: Any, options: dict[str, Any], shape: Any, stride: Any
) -> None:
    arrays = {name: snapshot[name] for name in ("ct", "labels")}
    cut = regions(arrays, shape, stride=stride)
    reader = Reader(cut, **(options | {"rows": None if len(cut) < 4 else options["rows"]}))
    chosen = np.arange(len(cut))[slice(None) if len(cut) < 4 else options["rows"] or slice(None)]
    for epoch in range(2):
        order = reader.order(epoch)
        assert sorted(order.tolist()) == list(range(len(chosen)))
        assert check(reader, shape) == [tuple(cut.starts[chosen[i]]) for i in order]


@pytest.mark.parametrize("stride", [None, 3, (5, 1, 2)])
def test_regions_cover_the_array(snapshot: Any, stride: Any) -> None:
    cut = regions(snapshot["ct"], (6, 5, None), stride=stride)
    seen = np.zeros(SHAPE, bool)
    for start in cut.starts:
        seen[tuple(slice(at, at + n) for at, n in zip(start, (6, 5, 13), strict=True))] = True
    assert seen.all() or stride == (5, 1, 2)
    assert len(np.unique(cut.starts, axis=0)) == len(cut)


def test_regions_of_one_s_own_choice(snapshot: Any) -> None:
    starts = np.array([[3, 2, 1], [16, 20, 5], [3, 2, 1]])
    cut = Regions({"ct": snapshot["ct"]}, (4, 4, 8), starts)
    assert check(Reader(cut, batch_size=2), (4, 4, 8)) == [tuple(s) for s in starts.tolist()]
    line = Regions({"x": snapshot["line"]}, (5,), np.array([[45], [0]]))
    (batch,) = Reader(line, batch_size=2)
    assert batch["x"].tolist() == [[45, 46, 47, 48, 49], [0, 1, 2, 3, 4]]


def test_what_is_not_stored_is_the_fill_value(snapshot: Any) -> None:
    for batch in Reader(regions(snapshot["empty"], (9, 9, 9)), batch_size=3):
        assert (batch["empty"] == 2).all()


def test_in_order_each_chunk_is_decoded_once(snapshot: Any) -> None:
    reader = Reader(regions(snapshot["ct"], (2, 5, 3)), batch_size=4, memory_nbytes=2**20)
    list(reader)
    assert reader.statistics.chunks_loaded == 5 * 5 * 5
    list(reader)
    assert reader.statistics.chunks_loaded == 5 * 5 * 5


def test_ranks_share_regions_and_states_are_exact(snapshot: Any) -> None:
    cut = regions({"ct": snapshot["ct"]}, (5, 6, 4))

    def reader(size: int, **options: Any) -> Reader:
        return Reader(cut, batch_size=size, shuffle=True, window=16, **options)

    alone = [batch["region.start"].tolist() for batch in reader(8)]
    ranks = [list(reader(4, rank=rank, world_size=2)) for rank in range(2)]
    together = [
        [*first["region.start"].tolist(), *second["region.start"].tolist()]
        for first, second in zip(*ranks, strict=True)
    ]
    assert [sorted(batch) for batch in together] == [sorted(batch) for batch in alone]
    running = reader(8)
    batches = iter(running)
    for taken in range(1, len(alone)):
        next(batches)
        resumed = reader(8)
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert [batch["region.start"].tolist() for batch in resumed] == alone[taken:]
    others = [regions(snapshot["ct"], (5, 6, 4), stride=4), regions(snapshot["ct"], (5, 6, 5))]
    for other in others:
        with pytest.raises(vstore.InvalidInputError, match="other data"):
            Reader(other, batch_size=8, shuffle=True, window=16).load_state_dict(
                running.state_dict()
            )


def test_regions_are_samples_for_all_other_options(snapshot: Any) -> None:
    cut = regions({"ct": snapshot["ct"], "labels": snapshot["labels"]}, (4, 4, 4))
    weights = (cut.starts[:, 0] == 0).astype(float)
    drawn = check(Reader(cut, batch_size=5, shuffle=True, weights=weights), (4, 4, 4))
    assert {start[0] for start in drawn} == {0}
    for sample in Reader(cut, ["labels"], batch_size=None):
        assert sample["labels"].shape == (4, 4, 4)
    flipped: Any = {"ct": lambda ct: ct[::-1]}
    for batch in Reader(cut, ["ct"], batch_size=5, transforms=flipped):
        first = region(batch["region.start"][0], (4, 4, 4))
        assert np.array_equal(batch["ct"][0][::-1], first)
    (first, *_) = Reader(cut, ["ct"], batch_size=2, key_label="key", rows=[7, 3])
    assert first["key"].tolist() == [7, 3]
    other = Regions({"ct": snapshot["other"], "labels": snapshot["labels"]}, (4, 4, 4), cut.starts)
    mixed = Reader(Mixture([cut, other], [1, 1]), batch_size=6, shuffle=True)
    check(mixed, (4, 4, 4))
    with pytest.raises(vstore.InvalidInputError, match="'ct' differ"):
        Reader(Mixture([cut, regions(other.arrays, (4, 4, 5))]), ["ct"], batch_size=6)


def test_an_error_names_the_region(snapshot: Any) -> None:
    def strict(ct: Any) -> Any:
        if ct[0, 0, 0] == VOLUME[4, 0, 0]:
            raise ValueError("not this one")
        return ct

    reader = Reader(regions(snapshot["ct"], (4, 24, 13)), batch_size=2, transforms={"ct": strict})
    with pytest.raises(ValueError, match="not this one") as caught:
        list(reader)
    assert "begins at (4, 0, 0) of the array 'ct'" in caught.value.__notes__[0]


def first_of(reader: Reader) -> Any:
    return next(iter(reader))["ct"].tolist()


def test_regions_are_read_in_other_processes_and_from_a_cache(tmp_path: Any) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add a volume") as tx:
        tx.create_array("ct", shape=SHAPE, dtype="int32", chunk_shape=(4, 5, 3))[:] = VOLUME
    cut = regions(repo.checkout("main")["ct"], (4, 6, 5))
    reader = Reader(cut, batch_size=3, shuffle=True, cache_dir=tmp_path / "cache")
    assert reader.prefetch(progress=False) > 0
    check(reader, (4, 6, 5))
    assert reader.statistics.disk_hits > 0
    again = pickle.loads(pickle.dumps(Reader(cut, batch_size=3)))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(first_of, (again,)) == first_of(Reader(cut, batch_size=3))


@pytest.mark.parametrize(
    ("names", "shape", "words"),
    [
        (["ct"], (4, 4), "of 2 axes is no part"),
        (["ct"], (4, 4, 14), "axis 2 is"),
        (["ct", "line"], (4, 4, 4), "of 3 axes is no part of the array 'line'"),
        (["ct"], (4, 4, 0), "length of 1 or more"),
        (["ct"], 4, "length of 1 or more"),
        (["table"], (4,), "parts of an array"),
        ([], (4,), "no array"),
    ],
)
def test_what_is_no_region_is_refused(snapshot: Any, names: Any, shape: Any, words: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=words):
        regions({name: snapshot[name] for name in names}, shape)


def test_choices_that_make_no_sense_are_refused(snapshot: Any) -> None:
    array = snapshot["ct"]
    for stride in (0, (1, 2), (1, 2, 0)):
        with pytest.raises(vstore.InvalidInputError, match="stride is"):
            regions(array, (4, 4, 4), stride=stride)
    for starts in ([[17, 0, 0]], [[-1, 0, 0]]):
        outside = Regions({"ct": array}, (4, 4, 4), np.array(starts))
        with pytest.raises(vstore.InvalidInputError, match="is not within the array 'ct'"):
            Reader(outside, batch_size=1)
    malformed = Regions({"ct": array}, (4, 4, 4), np.zeros((2, 2), int))
    with pytest.raises(vstore.InvalidInputError, match="starts are whole numbers"):
        Reader(malformed, batch_size=1)
    with pytest.raises(vstore.InvalidInputError, match="no table") as caught:
        Reader(array, batch_size=1)
    assert caught.value.code == "not-readable"
    cut = regions(array, (4, 4, 4))
    by_function: list[Any] = [lambda c: c, windows(np.zeros(4), offsets=[0])]
    for rows in by_function:
        with pytest.raises(vstore.InvalidInputError, match="chosen by an index"):
            Reader(cut, batch_size=1, rows=rows)


def test_a_state_is_of_use_for_regions_of_the_same_shape_only(snapshot: Any) -> None:
    one, other = (
        Reader(Regions({"ct": snapshot["ct"]}, shape, np.array([[0, 0, 0]])), batch_size=1)
        for shape in ((4, 4, 4), (4, 4, 5))
    )
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        other.load_state_dict(one.state_dict())
