"""Samples drawn by weight come as often as it says, in every epoch, on all ranks together."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader, balanced
from vstore.reader.plan.drawing import Weights

SAMPLES = 400
RARE = np.arange(SAMPLES) < 20


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Count") as tx:
        spec = {
            "i": vstore.ndarray((), "int64", rows_per_chunk=16),
            "rare": vstore.ndarray((), "bool"),
        }
        tx.create_table("t", spec).extend({"i": np.arange(SAMPLES), "rare": RARE})
    return repo.checkout("main")["t"]


def reader(data: Any, **options: Any) -> Reader:
    chosen: dict[str, Any] = {"batch_size": 16, "shuffle": True, "window": 64, "seed": 3}
    return Reader(data, **(chosen | options))


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in batch["i"]]


@pytest.mark.parametrize("shuffle", [True, "full"])
def test_a_sample_comes_as_often_as_its_weight_says(table: Any, shuffle: Any) -> None:
    weighted = reader(table, shuffle=shuffle, weights=np.where(RARE, 19, 1))
    seen: Counter[int] = Counter()
    for epoch in range(20):
        found = numbers(weighted)
        assert len(found) == SAMPLES
        assert found == weighted.order(epoch).tolist()
        assert abs(sum(RARE[found]) - SAMPLES // 2) <= 1
        seen.update(found)
    counts = np.array([seen[i] for i in range(SAMPLES)]) / 20
    assert np.abs(counts[RARE] - 10).max() < 1.5
    assert np.abs(counts[~RARE] - 10 / 19).max() < 0.5
    assert abs(counts[~RARE].mean() - 10 / 19) < 0.02


def test_rare_samples_are_in_all_batches(table: Any) -> None:
    weighted = reader(table, batch_size=40, weights=balanced(RARE), window=400)
    shares = [int(batch["rare"].sum()) for batch in weighted]
    assert sum(shares) == SAMPLES // 2
    assert min(shares) > 8


def test_each_epoch_and_seed_draws_anew_and_each_reader_alike(table: Any) -> None:
    weights = np.arange(SAMPLES) + 1
    first, again, other = (reader(table, weights=weights, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.order(2), again.order(2))
    drawn = [sorted(each.tolist()) for each in (first.order(0), first.order(1), other.order(0))]
    assert drawn[0] != drawn[1]
    assert drawn[0] != drawn[2]


def test_a_weight_of_zero_leaves_a_sample_out(table: Any) -> None:
    weights = np.zeros(SAMPLES)
    weights[[17, 230]] = 1, 3
    assert Counter(numbers(reader(table, weights=weights))) == {17: 100, 230: 300}
    weights[[0, SAMPLES - 1]] = 1e-300
    assert set(numbers(reader(table, weights=weights))) == {17, 230}


def test_equal_weights_of_any_size_give_every_sample_once(table: Any) -> None:
    for weight in (1, 1e-300, 1e300):
        found = numbers(reader(table, weights=np.full(SAMPLES, weight)))
        assert sorted(found) == list(range(SAMPLES))


def test_weights_are_those_of_the_chosen_samples_and_the_epoch_any_length(table: Any) -> None:
    chosen = reader(table, rows=[5, 300, 7], weights=[1, 0, 2], samples=90)
    assert Counter(numbers(chosen)) == {5: 30, 7: 60}
    assert Counter(numbers(chosen)) == {5: 30, 7: 60}
    with pytest.raises(vstore.InvalidInputError, match=r"3 samples are read.*shape \(400,\)"):
        reader(table, rows=[5, 300, 7], weights=np.ones(SAMPLES))


@pytest.mark.parametrize("single", [False, True])
def test_ranks_share_the_drawn_samples(table: Any, single: bool) -> None:
    weights = balanced(RARE)
    batch_size = {1: None, 2: None} if single else {1: 16, 2: 8}
    alone = reader(table, weights=weights, batch_size=batch_size[1]).order(1)
    parts = [
        reader(table, weights=weights, batch_size=batch_size[2], rank=rank, world_size=2).order(1)
        for rank in range(2)
    ]
    assert sorted(np.concatenate(parts).tolist()) == sorted(alone.tolist())


def test_a_state_fits_the_same_weights_alone(table: Any) -> None:
    weights = balanced(RARE)
    running = reader(table, weights=weights)
    batches = iter(running)
    taken = numbers(next(batches) for _ in range(7))
    state = json.loads(json.dumps(running.state_dict()))
    resumed = reader(table, weights=weights * 2)
    resumed.load_state_dict(state)
    assert taken + numbers(resumed) == running.order(0).tolist()
    for other in ({"weights": None}, {"weights": weights + 1}):
        with pytest.raises(vstore.InvalidInputError, match="other weights"):
            reader(table, **other).load_state_dict(state)
    with pytest.raises(vstore.InvalidInputError, match=r"samples=0.*samples=9"):
        reader(table, weights=weights, samples=9).load_state_dict(state)


@pytest.mark.parametrize("weights", [3, [], [1] * 399, [1] * 399 + [-1], [np.nan] * 400, ["a"]])
def test_wrong_weights_are_refused(table: Any, weights: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="weights"):
        reader(table, weights=weights)


def test_weights_need_an_order_at_random(table: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="shuffle=True"):
        reader(table, weights=np.ones(SAMPLES), shuffle=False)


def test_a_draw_stays_within_the_samples_whatever_is_rounded() -> None:
    weights = Weights.of(np.array([*np.full(1000, 0.1), 0.0]), samples=1001)
    for epoch in range(50):
        drawn = weights.draw(4999, (epoch,))
        assert (np.diff(drawn) >= 0).all()
        assert np.abs(np.bincount(drawn, minlength=1001) - 4.999).max(initial=0) < 6
        assert drawn[-1] <= 999


def test_epochs_of_a_chosen_length_go_on_among_all_samples(table: Any) -> None:
    short = reader(table, samples=150)
    assert len(short) == 10
    seen = Counter(i for _ in range(8) for i in numbers(short))
    assert seen == dict.fromkeys(range(SAMPLES), 3)
    long = reader(table, samples=1000, batch_size=100)
    assert Counter(numbers(long)).keys() == set(range(SAMPLES))
    assert Counter(numbers(long) + long.order(0).tolist()) == dict.fromkeys(range(SAMPLES), 5)
    in_order = reader(table, samples=600, shuffle=False)
    assert numbers(in_order) == [*range(400), *range(200)]
    assert numbers(in_order) == [*range(200, 400), *range(400)]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_single_samples_make_an_epoch_of_a_chosen_length(table: Any, ranks: int) -> None:
    parts = [
        reader(table, samples=1000, batch_size=None, rank=rank, world_size=ranks)
        for rank in range(ranks)
    ]
    seen = Counter(int(sample["i"]) for part in parts for _ in range(2) for sample in part)
    assert seen == dict.fromkeys(range(SAMPLES), 5)


def test_members_of_a_mixture_have_filters_and_weights_of_their_own(table: Any) -> None:
    halves = Mixture([table, table], [1, 1])
    filters = [lambda c: c["rare"][:], lambda c: ~c["rare"][:]]
    for rows in (filters, [RARE, np.flatnonzero(~RARE)], (slice(20), slice(20, None))):
        mixed = reader(halves, rows=rows)
        assert all(abs(int(batch["rare"].sum()) - 8) <= 1 for batch in mixed)
    one = np.zeros(380)
    one[0] = 1
    seen = Counter(numbers(reader(halves, rows=filters, weights=[None, one])))
    assert seen[20] == 200
    assert all(seen[i] == 10 for i in range(20))
    both = reader(halves, rows=[None, [3]])
    assert Counter(numbers(both))[3] >= 200


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rows": [0, 1]}, "one choice for each of its 2 members"),
        ({"rows": [slice(3)]}, "one choice for each of its 2 members"),
        ({"rows": np.arange(5)}, "a function, or a list"),
        ({"weights": [1, 2]}, r"Mixture\(members, weights\)"),
        ({"weights": np.ones(SAMPLES)}, "one choice for each of its 2 members"),
        ({"samples": 10}, r"Mixture\(samples=\)"),
        ({"keys": [1]}, "rows"),
    ],
)
def test_choices_that_no_mixture_has_are_refused(table: Any, wrong: Any, says: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=says):
        reader(Mixture([table, table]), **wrong)


def test_labels_are_one_value_each() -> None:
    assert balanced([True, False, False]).tolist() == [1.0, 0.5, 0.5]
    with pytest.raises(vstore.InvalidInputError, match="one value for each sample"):
        balanced([[1, 2]])
