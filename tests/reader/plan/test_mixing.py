"""Mixtures keep their proportions everywhere, lose no sample, and resume exactly."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vstore
from vstore.reader import Mixture, Reader
from vstore.reader.plan.mixing import Proportions


@settings(deadline=None, max_examples=80)
@given(
    weights=st.lists(st.floats(0.001, 1000), min_size=1, max_size=6),
    start=st.integers(0, 10**9),
)
def test_every_place_has_one_source_and_every_stretch_the_proportions(
    weights: list[float], start: int
) -> None:
    proportions = Proportions.of(weights)
    places = np.arange(start, start + 200)
    counts = proportions.counts(places)
    assert (counts.sum(axis=1) == places).all()
    assert (np.diff(counts, axis=0) >= 0).all()
    ideal = places[:, None] * np.array(proportions.weights)
    assert np.abs(counts - ideal).max() <= len(weights) + 1e-3


@pytest.mark.parametrize("weights", [[], [0], [1, -1], [float("nan"), 1], [float("inf")], ["a"], 3])
def test_wrong_weights_are_refused(weights: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="0 or more"):
        Proportions.of(weights)


@pytest.fixture
def members(request: pytest.FixtureRequest) -> list[Any]:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add two tables") as tx:
        for name, first, count in (("a", 0, 300), ("b", 1000, 100)):
            spec = {"x": vstore.ndarray((3,), "int64", rows_per_chunk=16), "s": vstore.text()}
            numbers = np.arange(first, first + count)
            tx.create_table(name, spec).extend(
                {"x": np.repeat(numbers, 3).reshape(-1, 3), "s": [str(n) for n in numbers]}
            )
    snapshot = repo.checkout("main")
    return [snapshot["a"], snapshot["b"]]


def numbers(batch: dict[str, Any]) -> list[int]:
    found: list[int] = batch["x"][:, 0].tolist()
    assert batch["s"] == [str(number) for number in found]
    return found


def test_without_weights_every_sample_comes_once_an_epoch(members: list[Any]) -> None:
    reader = Reader(Mixture(members), batch_size=16, shuffle=True)
    for _ in range(2):
        batches = [numbers(batch) for batch in reader]
        assert [sum(n >= 1000 for n in batch) for batch in batches] == [4] * 25
        everything = sorted(n for batch in batches for n in batch)
        assert everything == [*range(300), *range(1000, 1100)]


def test_weights_repeat_one_member_and_go_on_with_the_other(members: list[Any]) -> None:
    reader = Reader(Mixture(members, [1, 1]), batch_size=20, shuffle=True)
    seen: Counter[int] = Counter()
    for _ in range(3):
        for batch in reader:
            found = numbers(batch)
            assert abs(sum(n >= 1000 for n in found) - 10) <= 1
            seen.update(found)
    assert all(seen[n] == 2 for n in range(300))
    assert all(seen[n] == 6 for n in range(1000, 1100))


def test_ranks_share_the_mixture(members: list[Any]) -> None:
    def read(batch_size: int, rank: int, world_size: int) -> list[list[int]]:
        reader = Reader(
            Mixture(members, [2, 1], samples=240),
            batch_size=batch_size,
            shuffle=True,
            rank=rank,
            world_size=world_size,
        )
        return [numbers(batch) for batch in reader]

    alone = read(24, 0, 1)
    ranks = [read(8, rank, 3) for rank in range(3)]
    shared = [sorted(sum(parts, [])) for parts in zip(*ranks, strict=True)]  # noqa: RUF017
    assert shared == [sorted(batch) for batch in alone]


def test_it_resumes_at_every_batch(members: list[Any]) -> None:
    def reader() -> Reader:
        return Reader(Mixture(members, [3, 2]), batch_size=32, shuffle=True, seed=4)

    whole = reader()
    expected = [numbers(batch) for batch in whole]
    following = [numbers(batch) for batch in whole]
    running = reader()
    iteration = iter(running)
    for taken in range(len(expected) + 1):
        resumed = reader()
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert [numbers(batch) for batch in resumed] == expected[taken:]
        next(iteration, None)
    assert [numbers(batch) for batch in running] == following


def test_a_batch_may_be_of_one_member_the_same_on_all_ranks(members: list[Any]) -> None:
    mixture = Mixture(members, [1, 2], batching="per_member")
    alone = Reader(mixture, batch_size=16, shuffle=True)
    assert len(alone) == 400 // 16
    seen: Counter[int] = Counter()
    for epoch in range(8):
        batches = [numbers(batch) for batch in alone]
        sources = [{n // 1000 for n in batch} for batch in batches]
        assert all(len(source) == 1 for source in sources)
        assert [len(batch) for batch in batches] == [16] * 25
        turns = [int(1 in source) for source in sources]
        assert all(turns[i : i + 3].count(1) >= 1 for i in range(23))
        assert turns.count(1) in (16, 17)
        seen.update(n for batch in batches for n in batch)
        order = [1000 * member + place for member, place in alone.order(epoch).tolist()]
        assert order == [n for batch in batches for n in batch]
    for some in (range(300), range(1000, 1100)):
        assert max(seen[n] for n in some) - min(seen[n] for n in some) <= 1
    parts = [
        Reader(mixture, batch_size=8, shuffle=True, rank=rank, world_size=2) for rank in range(2)
    ]
    alone.set_epoch(0)
    for one, first, second in zip(alone, *parts, strict=True):
        assert sorted(numbers(one)) == sorted(numbers(first) + numbers(second))


def test_batches_of_one_member_go_on_with_batches_as_large(members: list[Any]) -> None:
    mixture = Mixture(members, [1, 2], batching="per_member")
    running = Reader(mixture, batch_size=16, shuffle=True)
    expected = [numbers(batch) for batch in running]
    running.set_epoch(0)
    batches = iter(running)
    for taken in range(1, 25):
        next(batches)
        resumed = Reader(mixture, batch_size=16, shuffle=True)
        resumed.load_state_dict(running.state_dict())
        assert [numbers(batch) for batch in resumed] == expected[taken:]
    other = Reader(mixture, batch_size=10, shuffle=True)
    other.load_state_dict(running.state_dict())
    with pytest.raises(vstore.InvalidInputError, match="not 10"):
        next(iter(other))
    mixed = Reader(Mixture(members, [1, 2]), batch_size=16, shuffle=True)
    with pytest.raises(vstore.InvalidInputError, match="another batching"):
        mixed.load_state_dict(running.state_dict())


def test_another_batching_is_refused(members: list[Any]) -> None:
    with pytest.raises(vstore.InvalidInputError, match="'mixed' or 'per_member'"):
        Reader(Mixture(members, batching="one"), batch_size=4)  # type: ignore[arg-type]
    with pytest.raises(vstore.InvalidInputError, match="give a batch_size"):
        Reader(Mixture(members, batching="per_member"), batch_size=None)


def test_batches_say_which_member_a_sample_is_from(members: list[Any]) -> None:
    reader = Reader(Mixture(members, [1, 2], label="from"), batch_size=16, shuffle=True)
    for batch in reader:
        found = [n // 1000 for n in batch["x"][:, 0].tolist()]
        assert batch["from"].dtype == np.int64
        assert batch["from"].tolist() == found
    single = Reader(Mixture(members, label="from"), batch_size=None)
    assert all(sample["from"] == sample["x"][0] // 1000 for sample in single)
    for label in ("x", 3):
        with pytest.raises(vstore.InvalidInputError, match="name that no column has"):
            Reader(Mixture(members, label=label), batch_size=16)  # type: ignore[arg-type]


def test_the_order_is_known_without_reading(members: list[Any]) -> None:
    reader = Reader(Mixture(members, [1, 2]), batch_size=16, shuffle=True)
    read = [n for batch in reader for n in numbers(batch)]
    assert [1000 * member + place for member, place in reader.order(0).tolist()] == read


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    weights=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1, 3]), min_size=4, max_size=4),
)
@example(sizes=[1, 14], weights=[0.1, 0.0, 0.0, 0.0])
def test_epochs_end_where_a_member_or_all_run_out(sizes: list[int], weights: list[float]) -> None:
    weights = [*weights[: len(sizes) - 1], 1.0]
    proportions = Proportions.of(weights)
    used = np.array(weights) > 0
    shortest, longest = proportions.most_within(sizes), proportions.least_over(sizes)
    assert (proportions.counts([shortest])[0] <= sizes).all()
    assert (proportions.counts([shortest + 1])[0] > sizes).any()
    assert (proportions.counts([longest])[0] >= sizes)[used].all()
    assert not (proportions.counts([longest - 1])[0] >= sizes)[used].all()


def test_an_epoch_may_end_with_the_shortest_or_the_longest_member(members: list[Any]) -> None:
    def epochs(samples: Any) -> list[Counter[int]]:
        reader = Reader(Mixture(members, [1, 1], samples), batch_size=25, shuffle=True)
        return [Counter(n for batch in reader for n in numbers(batch)) for _ in range(3)]

    for seen in epochs("shortest"):
        assert seen.total() == 201
        assert sum(seen[n] for n in range(1000, 1100)) == 100
    together = sum(epochs("shortest"), Counter[int]())
    assert min(together[n] for n in range(300)) == 1
    assert {together[n] for n in range(1000, 1100)} == {3}
    for seen in epochs("longest"):
        assert seen.total() in (599, 600)
        assert [seen[n] for n in range(300)] == [1] * 300
        assert {seen[n] for n in range(1000, 1100)} <= {2, 3, 4}


def test_a_member_of_weight_0_is_left_out(members: list[Any]) -> None:
    reader = Reader(Mixture(members, [0, 2]), batch_size=16, shuffle=True)
    assert sorted(n for batch in reader for n in numbers(batch)) == list(range(1000, 1100))


def test_tuples_have_the_order_of_the_first_members_columns(members: list[Any]) -> None:
    first, second = members
    swapped = {"s": second["s"], "x": second["x"]}
    reader = Reader(Mixture([first, swapped], [1, 5]), batch_size=2, collate="tuple")
    for texts, arrays in reader:
        assert isinstance(texts, list)
        assert arrays.shape[1:] == (3,)


def test_members_of_which_one_lacks_samples_do_not_fit(members: list[Any]) -> None:
    repo = vstore.create("memory://mixing-optional")
    with repo.transaction("main", message="x") as tx:
        spec = {"x": vstore.ndarray((3,), "int64").as_optional(), "s": vstore.text()}
        tx.create_table("t", spec).append({"s": "1"})
    with pytest.raises(vstore.InvalidInputError, match="'x' differ"):
        Reader(Mixture([members[0], repo.checkout("main")["t"]]), batch_size=4)


def test_members_that_do_not_fit_are_refused(members: list[Any]) -> None:
    with pytest.raises(vstore.InvalidInputError, match="weights"):
        Reader(Mixture(members, [1]), batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="different columns"):
        Reader(Mixture([members[0], members[1]["x"]]), batch_size=4)
    with pytest.raises(vstore.InvalidInputError, match="function"):
        Reader(Mixture(members), batch_size=4, rows=slice(3))
    with pytest.raises(vstore.InvalidInputError, match="none of the 300"):
        Reader(Mixture(members), batch_size=4, rows=lambda c: c["x"][:, 0] < 0)
    for samples in (0, -1, 2.5, "all", True):
        with pytest.raises(vstore.InvalidInputError, match="samples is a number"):
            Reader(Mixture(members, samples=samples), batch_size=4)  # type: ignore[arg-type]
    others: list[Any] = [[], members[0], None]
    for other in others:
        with pytest.raises(vstore.InvalidInputError, match="list of tables"):
            Reader(Mixture(other), batch_size=4)
    some = Reader(Mixture(members), batch_size=4, rows=lambda c: c["x"][:, 0] % 10 == 0)
    assert sorted(n for batch in some for n in numbers(batch)) == [
        *range(0, 300, 10),
        *range(1000, 1100, 10),
    ]
