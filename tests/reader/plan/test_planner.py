"""The order of samples is a pure function, the same on any number of ranks and workers."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.reader.plan.deal import Deal, worker_batches
from vstore.reader.plan.permutation import shuffled
from vstore.reader.plan.planner import EpochOrder, Layout, Shuffle, blocks_of, works

Ints = NDArray[np.int64]

SHUFFLES: list[Shuffle] = ["none", "window", "full"]


def layout(
    samples: int,
    *,
    block: int = 8,
    shuffle: Shuffle = "window",
    window: int = 64,
    seed: int = 0,
    global_batch: int = 8,
) -> Layout:
    starts = blocks_of(None, samples, block)
    return Layout(samples, starts, shuffle, window, seed, global_batch)


def whole_order(order: EpochOrder) -> Ints:
    parts = [order.positions(unit) for unit in range(order.units)]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def joined(batches: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


def batches_of(order: EpochOrder, deal: Deal, batches: range | None = None) -> Iterator[list[int]]:
    """Yield what each batch of a rank holds, as the engine puts it together."""
    begun: list[int] = []
    for work in works(order.edges, deal.spans, range(deal.batches) if batches is None else batches):
        picked = work.pick(order.positions(work.unit)).tolist()
        for piece in work.pieces:
            begun += picked[: piece.size]
            del picked[: piece.size]
            if piece.is_last:
                yield begun
                begun = []
        assert not picked


@settings(deadline=None, max_examples=60)
@given(
    samples=st.integers(0, 700),
    block=st.sampled_from([1, 3, 8, 64, 1000]),
    shuffle=st.sampled_from(SHUFFLES),
    window=st.sampled_from([1, 50, 64, 10_000]),
    global_batch=st.sampled_from([1, 7, 8, 32, 100]),
    epoch=st.integers(0, 2),
)
def test_every_sample_stands_in_the_order_once(
    samples: int, block: int, shuffle: Shuffle, window: int, global_batch: int, epoch: int
) -> None:
    chosen = layout(samples, block=block, shuffle=shuffle, window=window, global_batch=global_batch)
    order = whole_order(EpochOrder(chosen, epoch))
    assert np.array_equal(np.sort(order), np.arange(samples))
    if shuffle == "none":
        assert np.array_equal(order, np.arange(samples))


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize(("samples", "world_size"), [(1000, 4), (1003, 4), (257, 8), (1026, 3)])
def test_ranks_get_equally_many_batches_and_every_sample_once(
    shuffle: Shuffle, samples: int, world_size: int
) -> None:
    order = EpochOrder(layout(samples, shuffle=shuffle, global_batch=4 * world_size), 0)
    ranks = [
        list(batches_of(order, Deal(samples, 4, world_size=world_size, rank=rank)))
        for rank in range(world_size)
    ]
    assert len({len(batches) for batches in ranks}) == 1
    assert all(batch for batches in ranks for batch in batches)
    everything = [position for batches in ranks for batch in batches for position in batch]
    assert sorted(everything) == list(range(samples))


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("samples", [1024, 1000, 1064])
def test_global_batches_are_the_same_for_every_number_of_ranks(
    shuffle: Shuffle, samples: int
) -> None:
    order = EpochOrder(layout(samples, shuffle=shuffle, global_batch=32), 3)

    def global_batches(world_size: int) -> list[list[int]]:
        deals = [
            Deal(samples, 32 // world_size, world_size=world_size, rank=rank)
            for rank in range(world_size)
        ]
        ranks = [list(batches_of(order, deal)) for deal in deals]
        return [joined(parts) for parts in zip(*ranks, strict=True)]

    alone = global_batches(1)
    for world_size in (2, 4, 8):
        assert global_batches(world_size) == alone


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_workers_in_turn_make_the_batches_in_order(workers: int) -> None:
    samples = 1000
    order = EpochOrder(layout(samples), 0)
    deal = Deal(samples, 8)
    expected = list(batches_of(order, deal))
    queues = [
        list(batches_of(order, deal, worker_batches(deal.batches, workers=workers, worker=worker)))
        for worker in range(workers)
    ]
    collected = [queues[i % workers][i // workers] for i in range(deal.batches)]
    assert collected == expected


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_resuming_at_any_batch_gives_the_rest(shuffle: Shuffle) -> None:
    samples = 333
    order = EpochOrder(layout(samples, shuffle=shuffle), 1)
    deal = Deal(samples, 4, world_size=2, rank=1)
    expected = list(batches_of(order, deal))
    for taken in range(deal.batches + 1):
        rest = Deal(samples, 4, world_size=2, rank=1, start=deal.consumed(taken))
        assert list(batches_of(order, rest)) == expected[taken:]


@pytest.mark.parametrize(("batch_size", "world_size"), [(4, 1), (5, 3), (64, 2), (1, 7)])
def test_resuming_on_other_ranks_gives_every_remaining_sample_once(
    batch_size: int, world_size: int
) -> None:
    samples = 500
    order = EpochOrder(layout(samples, global_batch=32), 0)
    start = 160
    taken = set(whole_order(order)[:start].tolist())
    found: list[int] = []
    for rank in range(world_size):
        deal = Deal(samples, batch_size, world_size=world_size, rank=rank, start=start)
        found += joined(batches_of(order, deal))
    assert sorted(found) == sorted(set(range(samples)) - taken)


def test_the_last_batch_is_dropped_when_asked() -> None:
    deal = Deal(1003, 8, drop_last=True)
    order = EpochOrder(layout(1003), 0)
    batches = list(batches_of(order, deal))
    assert [len(batch) for batch in batches] == [8] * 125


def test_too_few_leftover_samples_for_the_ranks_join_the_batch_before() -> None:
    sizes = [Deal(18, 4, world_size=4, rank=rank).spans(range(1)) for rank in range(4)]
    assert [stop[0] - start[0] for start, stop in sizes] == [4, 5, 4, 5]


def test_fewer_samples_than_ranks_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="fewer ranks"):
        Deal(3, 8, world_size=4)
    assert Deal(3, 8, world_size=4, drop_last=True).batches == 0


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first = whole_order(EpochOrder(layout(512), 0))
    assert np.array_equal(first, whole_order(EpochOrder(layout(512), 0)))
    assert not np.array_equal(first, whole_order(EpochOrder(layout(512), 1)))
    assert not np.array_equal(first, whole_order(EpochOrder(layout(512, seed=1), 0)))


def test_the_order_never_changes_between_versions() -> None:
    order = whole_order(EpochOrder(layout(96, window=32, seed=7), 2))
    assert order.tolist() == [
        66,
        65,
        33,
        36,
        17,
        18,
        77,
        75,
        71,
        70,
        37,
        39,
        19,
        23,
        78,
        72,
        68,
        64,
        34,
        32,
        22,
        20,
        73,
        79,
        69,
        67,
        35,
        38,
        16,
        21,
        76,
        74,
        24,
        29,
        12,
        11,
        50,
        53,
        86,
        82,
        25,
        26,
        8,
        14,
        51,
        52,
        81,
        84,
        30,
        28,
        15,
        10,
        49,
        48,
        87,
        83,
        27,
        31,
        9,
        13,
        54,
        55,
        85,
        80,
        5,
        1,
        92,
        91,
        42,
        43,
        61,
        63,
        3,
        7,
        93,
        89,
        47,
        45,
        62,
        56,
        0,
        4,
        90,
        88,
        40,
        46,
        59,
        57,
        6,
        2,
        95,
        94,
        44,
        41,
        58,
        60,
    ]
    assert shuffled(2, 6, (1, 2)).tolist() == [[5, 3, 2, 1, 0, 4], [0, 3, 4, 2, 1, 5]]


def test_a_batch_mixes_as_many_blocks_as_its_window_has() -> None:
    chosen = layout(60_000, block=1024, window=30 * 1024, global_batch=256)
    order = whole_order(EpochOrder(chosen, 0))
    mixed = [len(np.unique(order[i : i + 256] // 1024)) for i in range(0, 59_904, 256)]
    assert min(mixed) >= 29


def test_every_window_has_samples_from_all_over_the_data() -> None:
    chosen = layout(100_000, block=100, window=5_000, global_batch=250)
    for epoch in range(3):
        order = EpochOrder(chosen, epoch)
        for unit in range(order.units):
            tenths = np.bincount(order.positions(unit) // 10_000, minlength=10)
            assert tenths.min() >= 300
            assert tenths.max() <= 700


def test_every_rank_and_batch_has_samples_from_all_over_the_data() -> None:
    chosen = layout(100_000, block=100, window=20_000, global_batch=400)
    taken = list(batches_of(EpochOrder(chosen, 0), Deal(100_000, 100, 4, 1)))
    means = np.array([np.mean(batch) for batch in taken])
    assert abs(means - 50_000).max() < 12_000


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    window=st.integers(1, 200),
    epoch=st.integers(0, 3),
)
def test_blocks_of_differing_size_stand_in_the_order_once(
    sizes: list[int], window: int, epoch: int
) -> None:
    starts = np.cumsum([0, *sizes[:-1]])
    chosen = Layout(sum(sizes), starts, "window", window, 0, 8)
    assert sorted(whole_order(EpochOrder(chosen, epoch)).tolist()) == list(range(sum(sizes)))


def test_a_unit_reads_few_blocks() -> None:
    order = EpochOrder(layout(60_000, block=1024, window=16 * 1024, global_batch=256), 0)
    for unit in range(order.units):
        assert len(np.unique(order.positions(unit) // 1024)) <= 18


def test_a_rank_reads_only_its_part_of_the_blocks() -> None:
    samples, world_size = 64 * 1024, 8
    order = EpochOrder(layout(samples, block=1024, window=32 * 1024, global_batch=256), 0)
    for rank in range(world_size):
        deal = Deal(samples, 256 // world_size, world_size=world_size, rank=rank)
        taken = np.array(joined(batches_of(order, deal)))
        assert len(np.unique(taken // 1024)) == 8


def test_samples_are_mixed_evenly() -> None:
    order = whole_order(EpochOrder(layout(8192, block=64, shuffle="full"), 0))
    places = np.empty(8192)
    places[order] = np.arange(8192)
    assert abs(np.corrcoef(np.arange(8192), places)[0, 1]) < 0.05


@pytest.mark.parametrize("batches", [1, 2, 9])
def test_groups_hold_whole_batches_and_parts_alone(batches: int) -> None:
    order = EpochOrder(layout(100, global_batch=8, window=24), 0)
    deal = Deal(100, 10)
    for work in works(order.edges, deal.spans, range(deal.batches)):
        place = 0
        for group in work.groups(25, batches=batches):
            assert group.start == place
            assert len(group.pieces) <= batches
            assert group.rows <= 25 or len(group.pieces) == 1
            place += group.rows
            assert len(group.pieces) == 1 or all(piece.is_whole for piece in group.pieces)
        assert place == work.rows


@pytest.mark.parametrize("shuffle", ["windows", None, 3])
def test_an_unknown_shuffle_is_refused(shuffle: object) -> None:
    with pytest.raises(InvalidInputError, match="shuffle"):
        layout(10, shuffle=shuffle)  # type: ignore[arg-type]
