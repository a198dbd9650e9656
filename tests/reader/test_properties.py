"""Whatever the numbers, the ranks and workers together give the planned order, and resume it."""

import json
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader
from vstore.reader.plan.cursor import Cursor

ROWS = 230


@pytest.fixture(scope="module")
def tables() -> list[Any]:
    """A table without gaps, a second one, and the first with samples deleted."""
    repo = new_repository()
    with repo.transaction("main", message="Add two tables") as tx:
        for name, first, rows in (("a", 0, ROWS), ("b", 1000, 70)):
            spec = {
                "n": vstore.ndarray((), "int64", rows_per_chunk=8),
                "s": vstore.text(rows_per_chunk=16),
            }
            numbers = range(first, first + rows)
            keys = [f"{name}{n}" for n in numbers]
            made = tx.create_table(name, spec, keys="str")
            made.extend({"n": numbers, "s": [str(n) for n in numbers]}, keys=keys)
    whole = repo.checkout("main")
    with repo.transaction("main", message="Delete some") as tx:
        tx["a"].delete(keys=[f"a{n}" for n in (0, 3, *range(64, 80), ROWS - 1)])
    return [whole["a"], whole["b"], repo.checkout("main")["a"]]


@st.composite
def cases(draw: Any, most_ranks: int = 4) -> dict[str, Any]:
    """Return the options of a reader, about which nobody has to think."""
    rows = draw(st.integers(1, ROWS))
    world_size = draw(st.integers(1, most_ranks))
    return {
        "rows": slice(draw(st.integers(0, ROWS - rows)), None, draw(st.integers(1, 3))),
        "batch_size": draw(st.integers(1, 40)),
        "world_size": world_size,
        "rank": draw(st.integers(0, world_size - 1)),
        "drop_last": draw(st.booleans()),
        "shuffle": draw(st.sampled_from(["none", "window", "full"])),
        "window": draw(st.sampled_from([1, 17, 64, 1000])),
        "seed": draw(st.integers(0, 3)),
        "memory_nbytes": draw(st.sampled_from([1, 700, 2**20])),
        "threads": draw(st.integers(1, 3)),
    }


MOST_BATCHES = 8
"""How many batches an epoch has about, where each is resumed at."""

quick = settings(deadline=None, max_examples=12)
thorough = settings(quick, max_examples=300)


def reader_of(data: Any, options: dict[str, Any], **changes: Any) -> Reader:
    """Return a reader, unless the case is one that is refused."""
    try:
        return Reader(data, **(options | changes))
    except vstore.InvalidInputError as error:
        assume(error.code not in ("no-whole-batch", "fewer-samples-than-ranks"))
        assume("none of the" not in str(error))
        raise


def numbers(batches: Any) -> list[list[int]]:
    found = []
    for batch in batches:
        found.append(batch["n"].tolist())
        assert batch["s"] == [str(n) for n in found[-1]]
    return found


def check_ranks(table: Any, options: dict[str, Any]) -> None:
    """All ranks get equally many batches, and together every sample once, in planned order."""
    chosen = table["n"][:][options["rows"]].tolist()
    ranks = []
    for rank in range(options["world_size"]):
        reader = reader_of(table, options, rank=rank)
        batches = numbers(reader)
        assert len(batches) == len(reader) > 0
        assert [chosen[place] for place in reader.order(0)] == list(chain.from_iterable(batches))
        ranks.append(batches)
    assert len({len(batches) for batches in ranks}) == 1
    everything = [n for batches in ranks for batch in batches for n in batch]
    assert len(set(everything)) == len(everything)
    if options["drop_last"]:
        sizes = {len(batch) for batches in ranks for batch in batches}
        assert sizes == {options["batch_size"]}
        assert len(chosen) - len(everything) < options["batch_size"] * options["world_size"]
    else:
        assert sorted(everything) == sorted(chosen)


def check_workers(data: Any, options: dict[str, Any], workers: int) -> None:
    """Worker processes in turn make the batches of one process, resumed anywhere too."""
    stream = reader_of(data, options)._stream
    expected = numbers(stream.iterate(stream.begin(Cursor(epoch=1))))
    queues = []
    for worker in range(workers):
        cursor = Cursor(epoch=1, worker=worker, workers=workers)
        progress = stream.begin(cursor)
        half = len(range(worker, len(expected), workers)) // 2
        iteration = stream.iterate(progress)
        batches = [next(iteration) for _ in range(half)]
        saved = replace(progress.cursor)
        iteration.close()
        batches += list(stream.iterate(stream.begin(saved)))
        queues.append(numbers(batches))
    assert [queues[i % workers][i // workers] for i in range(len(expected))] == expected


def check_resuming(data: Any, options: dict[str, Any]) -> None:
    """From the state behind any batch the rest of the epoch follows, and the next epoch."""
    samples = len(reader_of(data, options).order(0))
    options = options | {"batch_size": max(options["batch_size"], samples // MOST_BATCHES)}
    whole = reader_of(data, options)
    expected, following = numbers(whole), numbers(whole)
    running = reader_of(data, options)
    iteration = iter(running)
    for taken in range(len(expected) + 1):
        resumed = reader_of(data, options)
        resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
        assert numbers(resumed) == expected[taken:]
        if taken in (0, len(expected)):
            assert numbers(resumed) == following
        next(iteration, None)
    assert next(iteration, None) is None
    after = reader_of(data, options)
    after.load_state_dict(running.state_dict())
    assert numbers(after) == following


def check_elastic(data: Any, options: dict[str, Any], ranks: int) -> None:
    """With as large global batches, any number of ranks makes the same, resumed or not."""

    def global_batches(world_size: int, state: Any = None) -> list[list[int]]:
        shares = []
        for rank in range(world_size):
            batch_size = options["batch_size"] * ranks // world_size
            reader = reader_of(
                data, options, batch_size=batch_size, rank=rank, world_size=world_size
            )
            if state is not None:
                reader.load_state_dict(state)
            shares.append(numbers(reader))
        return [sorted(chain.from_iterable(parts)) for parts in zip(*shares, strict=True)]

    alone = global_batches(1)
    left = sum(map(len, alone)) % (options["batch_size"] * ranks)
    if 0 < left < ranks:  # too few to go round: they join the batch before
        *alone, before, last = alone
        alone.append(sorted(before + last))
    assert global_batches(ranks) == alone
    running = reader_of(
        data, options, batch_size=options["batch_size"] * ranks, rank=0, world_size=1
    )
    iteration = iter(running)
    taken = len(alone) // 2
    for _ in range(taken):
        next(iteration)
    assert global_batches(ranks, running.state_dict()) == alone[taken:]


def joined(tables: list[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return columns of two tables that belong together by key, and options that choose some."""
    first, _, fewer = tables
    keys = fewer.sample_keys()[options["rows"]].tolist()
    return {"n": fewer["n"], "s": first["s"]}, {**options, "rows": None, "keys": keys}


def mixed(tables: list[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a mixture whose members are chosen from by a function."""
    kept = options["seed"] + 2
    data = Mixture(tables[:2], [2, 1], samples=90)
    return data, {**options, "rows": lambda c: c["n"][:] % kept != 0}


def drawn(tables: list[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return samples that are drawn by weights."""
    count = len(range(ROWS)[options["rows"]])
    shuffle = "window" if options["shuffle"] == "none" else options["shuffle"]
    return tables[0], {**options, "shuffle": shuffle, "weights": np.arange(count) % 5 + 0.5}


def prolonged(tables: list[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return epochs that are no whole number of passes."""
    return tables[0], {**options, "samples": 77 + 100 * options["seed"]}


CHOICES = {"joins": joined, "mixtures": mixed, "weights": drawn, "epochs": prolonged}


class TestQuick:
    run = quick

    def test_ranks(self, tables: list[Any]) -> None:
        @self.run
        @given(options=cases(), deleted=st.booleans())
        def run(options: dict[str, Any], deleted: bool) -> None:
            check_ranks(tables[2 if deleted else 0], options)

        run()

    def test_workers(self, tables: list[Any]) -> None:
        @self.run
        @given(options=cases(), workers=st.integers(1, 4))
        def run(options: dict[str, Any], workers: int) -> None:
            check_workers(tables[0], options, workers)

        run()

    @pytest.mark.parametrize("what", ["mixtures", "weights", "epochs"])
    def test_workers_of_choices(self, tables: list[Any], what: str) -> None:
        @self.run
        @given(options=cases(most_ranks=2), workers=st.integers(1, 3))
        def run(options: dict[str, Any], workers: int) -> None:
            check_workers(*CHOICES[what](tables, options), workers)

        run()

    def test_elastic(self, tables: list[Any]) -> None:
        @self.run
        @given(options=cases(), ranks=st.sampled_from([2, 3, 4]))
        def run(options: dict[str, Any], ranks: int) -> None:
            check_elastic(tables[0], options, ranks)

        run()

    @pytest.mark.parametrize("what", ["mixtures", "weights", "epochs"])
    def test_elastic_choices(self, tables: list[Any], what: str) -> None:
        @self.run
        @given(options=cases(), ranks=st.sampled_from([2, 3]))
        def run(options: dict[str, Any], ranks: int) -> None:
            check_elastic(*CHOICES[what](tables, options), ranks)

        run()

    @pytest.mark.parametrize("what", ["subsets", *CHOICES])
    def test_resuming(self, tables: list[Any], what: str) -> None:
        @settings(self.run, max_examples=1 + self.run.max_examples // 3)
        @given(options=cases(most_ranks=2))
        def run(options: dict[str, Any]) -> None:
            subset = tables[2], options
            check_resuming(*(CHOICES[what](tables, options) if what in CHOICES else subset))

        run()


@pytest.mark.slow
class TestThorough(TestQuick):
    run = thorough
