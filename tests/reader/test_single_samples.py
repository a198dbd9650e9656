"""With `batch_size=None` a reader gives single samples: every one once, and resumes at any."""

import json
from itertools import chain
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Mixture, Reader

SAMPLES = 211


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("single") / "repo")
    with repo.transaction("main", message="Count") as tx:
        spec = {
            "i": vstore.ndarray((), "int64", rows_per_chunk=16),
            "name": vstore.text().as_optional(),
        }
        made = tx.create_table("t", spec)
        names = [f"sample {i}" if i % 3 else None for i in range(SAMPLES)]
        made.extend({"i": np.arange(SAMPLES), "name": names})
    return repo.checkout("main")["t"]


def reader(data: Any, **options: Any) -> Reader:
    chosen: dict[str, Any] = {"batch_size": None, "shuffle": True, "window": 64, "seed": 5}
    return Reader(data, **(chosen | options))


def numbers(samples: Any) -> list[int]:
    return [int(sample["i"]) for sample in samples]


@pytest.mark.parametrize("shuffle", [False, True, "full"])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_sample_comes_once_to_one_rank(table: Any, shuffle: Any, ranks: int) -> None:
    parts = [reader(table, shuffle=shuffle, rank=rank, world_size=ranks) for rank in range(ranks)]
    found = [numbers(part) for part in parts]
    assert sorted(chain.from_iterable(found)) == list(range(SAMPLES))
    assert [len(part) for part in parts] == [len(each) for each in found]
    assert max(map(len, found)) - min(map(len, found)) <= 1
    assert found == [part.order(0).tolist() for part in parts]
    if not shuffle and ranks == 1:
        assert found == [list(range(SAMPLES))]


def test_drop_last_gives_every_rank_as_many(table: Any) -> None:
    parts = [reader(table, rank=rank, world_size=4, drop_last=True) for rank in range(4)]
    assert [len(numbers(part)) for part in parts] == [SAMPLES // 4] * 4


def test_a_sample_has_what_a_batch_has(table: Any) -> None:
    (first, *_), names = list(reader(table, shuffle=False)), set()
    assert first == {"i": 0, "name": None, "name.valid": False}
    for i, (number, name, there) in enumerate(reader(table, shuffle=False, collate="tuple")):
        assert (number, name, there) == (i, f"sample {i}" if i % 3 else None, bool(i % 3))
        names.add(name)
    with pytest.raises(vstore.InvalidInputError, match="collate"):
        reader(table, collate=lambda batch: batch)


@pytest.mark.parametrize("taken", [0, 1, 2, 50, 105])
@pytest.mark.parametrize("ranks", [1, 2])
def test_it_goes_on_at_any_sample_on_as_many_ranks(table: Any, taken: int, ranks: int) -> None:
    for rank in range(ranks):
        first = reader(table, rank=rank, world_size=ranks)
        expected = numbers(first)
        first.set_epoch(0)
        samples = iter(first)
        start = numbers(next(samples) for _ in range(taken))
        second = reader(table, rank=rank, world_size=ranks)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert start + numbers(second) == expected


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_it_goes_on_with_other_ranks(table: Any, before: int, after: int) -> None:
    found: list[int] = []
    state: Any = None
    for rank in range(before):
        first = reader(table, rank=rank, world_size=before)
        samples = iter(first)
        found += numbers(next(samples) for _ in range(37))
        state = first.state_dict()
    for rank in range(after):
        second = reader(table, rank=rank, world_size=after)
        second.load_state_dict(state)
        found += numbers(second)
    assert sorted(found) == list(range(SAMPLES))


def test_a_mixture_gives_samples_too(table: Any) -> None:
    mixture = Mixture([table, table], [1, 2])
    state: Any = None
    for ranks in (1, 2):
        parts = [reader(mixture, rank=rank, world_size=ranks) for rank in range(ranks)]
        expected = [numbers(part) for part in parts]
        assert [len(part) for part in parts] == [len(each) for each in expected]
        assert sum(map(len, expected)) == 2 * SAMPLES
        for part, each in zip(parts, expected, strict=True):
            part.set_epoch(0)
            samples = iter(part)
            start = numbers(next(samples) for _ in range(100))
            state = part.state_dict()
            part.load_state_dict(state)
            assert start + numbers(part) == each
    alone = reader(mixture)
    alone.load_state_dict(state)
    with pytest.raises(vstore.InvalidInputError, match="as many ranks"):
        iter(alone)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_large_samples_come_one_by_one_too(at_once: int) -> None:
    repo = vstore.create(f"memory://large-{at_once}")
    side = int((2**20 / at_once) ** 0.5)
    with repo.transaction("main", message="Add") as tx:
        spec = {"x": vstore.ndarray((side, side), "uint8"), "i": vstore.ndarray((), "int64")}
        tx.create_table("t", spec).extend({"x": np.zeros((5, side, side), "u1"), "i": range(5)})
    first = reader(repo.checkout("main")["t"])
    samples = iter(first)
    begun = [next(samples)]
    again = reader(repo.checkout("main")["t"])
    again.load_state_dict(first.state_dict())
    begun += again
    assert [sample["x"].shape for sample in begun] == [(side, side)] * 5
    assert numbers(begun) == first.order(0).tolist()
