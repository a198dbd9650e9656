"""Seeding the generators that functions of the user draw from."""

import random
from typing import Any

import numpy as np
import pytest

from vstore.reader.load import randomness
from vstore.reader.load.randomness import BATCH, SAMPLE, Draws, reseed_of

(DIGEST,) = Draws(1, 2).digests(SAMPLE, 3, range(4, 5))


def _drawn(generator: np.random.Generator) -> list[Any]:
    return [generator.random(3).tolist(), generator.integers(99, size=3, dtype=np.uint32).tolist()]


def test_digests_of_a_place_are_those_of_any_range_that_it_is_in() -> None:
    draws = Draws(-7, 3)
    alone = [Draws(-7, 3).digests(SAMPLE, 1, range(i, i + 1))[0] for i in range(40)]
    assert (
        len({*alone, *draws.digests(SAMPLE, 0, range(40)), *draws.digests(BATCH, 1, range(40))})
        == 120
    )
    for places in (range(40), range(5, 21), range(1, 40, 4), range(3, 3)):
        assert draws.digests(SAMPLE, 1, places) == [alone[i] for i in places]
    assert draws.digests(SAMPLE, 1, range(2**50, 2**50 + 1)) != alone[:1]
    assert Draws(-7, 4).digests(SAMPLE, 1, range(40)) != alone


@pytest.mark.parametrize("leave_half", [False, True])
def test_a_generator_is_seeded_alike_through_its_memory_and_its_state(
    monkeypatch: pytest.MonkeyPatch, *, leave_half: bool
) -> None:
    def seeded() -> list[Any]:
        generator = np.random.default_rng(5)
        if leave_half:
            generator.integers(9, dtype=np.uint32)
        reseed = reseed_of(generator)
        assert reseed is not None
        reseed(DIGEST)
        return _drawn(generator)

    found = seeded()
    assert randomness._has_known_memory()
    monkeypatch.setattr(randomness, "_has_known_memory", lambda: False)
    assert seeded() == found


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.random.default_rng(3),
        lambda: np.random.Generator(np.random.SFC64(3)),
        lambda: np.random.RandomState(3),
        lambda: random.Random(3),
    ],
    ids=["PCG64", "SFC64", "RandomState", "Random"],
)
def test_learning_how_to_seed_a_generator_leaves_it_as_it_is(make: Any) -> None:
    asked, other = make(), make()
    reseed = reseed_of(asked)
    assert asked.random() == other.random()
    assert reseed is not None
    reseed(DIGEST)
    first = asked.random()
    reseed(DIGEST)
    assert asked.random() == first != other.random()
