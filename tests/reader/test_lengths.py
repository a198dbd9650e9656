"""Batches of samples of similar length: each sample once, and the batches are shuffled."""

import json
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader

SAMPLES, BATCH = 500, 8
LENGTHS = np.random.default_rng(5).integers(1, 100, SAMPLES)


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    spec = {
        "x": vstore.ndarray((None,), "int8", rows_per_chunk=16),
        "i": vstore.ndarray((), "int64", rows_per_chunk=16),
    }
    with repo.transaction("main", message="Add samples") as tx:
        samples = {"x": [np.zeros(n, "int8") for n in LENGTHS], "i": np.arange(SAMPLES)}
        tx.create_table("t", spec).extend(samples)
    return repo.checkout("main")["t"]


def reader(table: Any, **options: Any) -> Reader:
    chosen: dict[str, Any] = {"batch_size": BATCH, "shuffle": True, "window": 160}
    if "lengths" not in options:
        chosen["lengths"] = table["x"]
    return Reader(table, ["i"], **(chosen | options))


def spread(batches: Any) -> float:
    """Return how far apart the lengths of a batch are, on average."""
    return float(np.mean([np.ptp(LENGTHS[batch["i"]]) for batch in batches]))


@pytest.mark.parametrize("shuffle", [True, "full"])
def test_batches_are_of_similar_length_and_have_every_sample_once(table: Any, shuffle: Any) -> None:
    made = reader(table, shuffle=shuffle)
    for epoch in range(2):
        order = made.order(epoch)
        assert sorted(order.tolist()) == list(range(SAMPLES))
        batches = list(made)
        assert [i for batch in batches for i in batch["i"]] == order.tolist()
        assert spread(batches[:-1]) < 10
        means = [LENGTHS[batch["i"]].mean() for batch in batches]
        assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5
    assert made.order(0).tolist() != made.order(1).tolist()
    assert spread(list(reader(table, lengths=None))) > 70


def test_ranks_have_batches_of_one_length_and_states_are_exact(table: Any) -> None:
    alone = [batch["i"].tolist() for batch in reader(table)]
    ranks = [list(reader(table, batch_size=4, rank=rank, world_size=2)) for rank in range(2)]
    for whole, first, second in zip(alone, *ranks, strict=True):
        assert whole == [*first["i"], *second["i"]]
    running = reader(table)
    batches = iter(running)
    for taken in range(1, 8):
        next(batches)
        resumed = reader(table)
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert [batch["i"].tolist() for batch in resumed] == alone[taken:]
    with pytest.raises(vstore.InvalidInputError, match="other lengths"):
        reader(table, lengths=None).load_state_dict(running.state_dict())
    with pytest.raises(vstore.InvalidInputError, match="other lengths"):
        reader(table, lengths=LENGTHS + 1).load_state_dict(running.state_dict())


def test_with_choices_weights_and_members(table: Any) -> None:
    rows = np.flatnonzero(LENGTHS % 3 == 0)[::-1]
    made = reader(table, rows=rows)
    assert spread(list(made)[:-1]) < 20
    assert sorted(made.order(0).tolist()) == list(range(len(rows)))
    drawn = reader(table, weights=np.where(LENGTHS > 50, 5, 1))
    assert spread(list(drawn)[:-1]) < 10
    mixture = Mixture([table, table], [1, 1], batching="per_member")
    mixed = reader(mixture, lengths=[table["x"], LENGTHS])
    assert spread(list(mixed)[:40]) < 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shuffle": False}, "shuffle=True"),
        ({"batch_size": None}, "batch_size=None makes none"),
        ({"lengths": LENGTHS[:-1]}, "their lengths"),
        ({"lengths": LENGTHS / 2}, "their lengths"),
    ],
)
def test_what_makes_no_sense_is_refused(table: Any, options: Any, words: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=words):
        reader(table, **options)


def test_mixed_batches_cannot_be_of_similar_length(table: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="per_member"):
        reader(Mixture([table, table]), lengths=[LENGTHS, LENGTHS])
    with pytest.raises(vstore.InvalidInputError, match="one choice for each"):
        reader(Mixture([table, table], batching="per_member"), lengths=table["x"])
