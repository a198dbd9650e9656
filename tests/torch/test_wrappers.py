"""Datasets as programs use them: wrapped, zipped, cut short, shared by threads, or mistaken."""

import threading
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Subset,
    random_split,
)

from vstore.reader import Reader  # noqa: E402
from vstore.torch import Loader, StreamingDataset, make_torch_dataset  # noqa: E402

SAMPLES, BATCH = 120, 8
EVERY = list(range(SAMPLES))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("wrappers") / "repo")
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=16)})
        made.extend({"i": np.arange(SAMPLES)})
    return repo.checkout("main")["t"]


def streaming(table: Any, **options: Any) -> StreamingDataset:
    return StreamingDataset(table, **{"batch_size": BATCH, "shuffle": True} | options)


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in torch.as_tensor(batch["i"]).reshape(-1)]


WAYS: dict[str, Callable[[Any], Any]] = {
    "Reader": lambda table: Reader(table, batch_size=BATCH, shuffle=True),
    "Loader": lambda table: Loader(table, batch_size=BATCH, shuffle=True),
    "Loader with workers": lambda table: Loader(
        table, batch_size=BATCH, shuffle=True, num_workers=1
    ),
    "DataLoader": lambda table: DataLoader(streaming(table), batch_size=None),
    "DataLoader with workers": lambda table: DataLoader(
        streaming(table), batch_size=None, num_workers=1
    ),
    "samples": lambda table: DataLoader(
        streaming(table, batch_size=None), batch_size=BATCH, num_workers=1
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_two_passes_at_a_time_are_both_whole(table: Any, way: str) -> None:
    loader = WAYS[way](table)
    first, second = zip(*zip(loader, loader, strict=True), strict=True)
    assert sorted(numbers(first)) == sorted(numbers(second)) == EVERY
    assert numbers(first) == numbers(second)
    after = numbers(loader)
    assert sorted(after) == EVERY
    assert after != numbers(first)


@pytest.mark.parametrize("way", WAYS)
def test_passes_without_end_are_cut_into_epochs(table: Any, way: str) -> None:
    loader = WAYS[way](table)

    def forever() -> Iterator[Any]:
        while True:
            yield from loader

    found = numbers(islice(forever(), 3 * SAMPLES // BATCH))
    epochs = [found[at : at + SAMPLES] for at in range(0, len(found), SAMPLES)]
    assert [sorted(epoch) for epoch in epochs] == [EVERY] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    repeated = numbers(islice(cycle(list(WAYS[way](table))), 2 * SAMPLES // BATCH))
    assert repeated == epochs[0] * 2


@pytest.mark.parametrize("way", WAYS)
def test_threads_that_share_a_loader_each_get_an_epoch(table: Any, way: str) -> None:
    loader, found = WAYS[way](table), []
    threads = [
        threading.Thread(target=lambda: found.append(sorted(numbers(loader)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [EVERY] * 3


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [BATCH, None])
def test_chains_of_streams_have_all_samples(
    table: Any, batch_size: int | None, workers: int
) -> None:
    chain: ChainDataset = ChainDataset(
        [streaming(table, batch_size=batch_size), streaming(table, batch_size=batch_size)]
    )
    loader = DataLoader(chain, batch_size=None if batch_size else BATCH, num_workers=workers)
    for _ in range(2):
        assert sorted(numbers(loader)) == sorted(EVERY * 2)


class Wrapper(IterableDataset[Any]):
    """A dataset of a user's own, over another one."""

    def __init__(self, inner: StreamingDataset) -> None:
        self.inner = inner

    def __iter__(self) -> Iterator[Any]:
        for each in self.inner:
            yield {"i": each["i"] + 1000}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [BATCH, None])
def test_a_wrapper_has_all_samples(table: Any, batch_size: int | None, workers: int) -> None:
    loader = DataLoader(
        Wrapper(streaming(table, batch_size=batch_size)),
        batch_size=None if batch_size else BATCH,
        num_workers=workers,
    )
    for _ in range(2):
        assert sorted(numbers(loader)) == [i + 1000 for i in EVERY]


def test_samples_by_position_work_with_what_torch_has_for_them(table: Any) -> None:
    data = make_torch_dataset([table["i"]], as_dict=True)
    parts = random_split(data, [0.8, 0.2])
    assert sorted(i for part in parts for i in numbers(DataLoader(part, batch_size=7))) == EVERY
    both: ConcatDataset[Any] = ConcatDataset([data, Subset(data, range(10))])
    assert numbers(DataLoader(both, batch_size=7)) == [*EVERY, *range(10)]
    shares = [
        numbers(DataLoader(data, batch_size=4, sampler=DistributedSampler(data, 2, rank)))
        for rank in range(2)
    ]
    assert sorted(shares[0] + shares[1]) == EVERY
    sampler = BatchSampler(RandomSampler(data), BATCH, drop_last=False)
    assert sorted(numbers(DataLoader(data, batch_sampler=sampler, num_workers=1))) == EVERY
    lists = DataLoader(data, batch_size=None, sampler=sampler)
    assert sorted(int(sample["i"]) for samples in lists for sample in samples) == EVERY


MISTAKES: dict[str, Callable[[Any], Any]] = {
    "a Loader in a DataLoader": lambda table: DataLoader(WAYS["Loader"](table), batch_size=None),
    "a Loader in a DataLoader with workers": lambda table: DataLoader(
        WAYS["Loader"](table), batch_size=4, num_workers=1
    ),
    "a Reader in a DataLoader": lambda table: DataLoader(WAYS["Reader"](table), shuffle=True),
    "a Subset of a stream": lambda table: DataLoader(
        Subset(streaming(table, batch_size=None), range(9)), batch_size=4
    ),
    "a split of a stream": lambda table: DataLoader(
        random_split(streaming(table, batch_size=None), [0.5, 0.5])[0], batch_size=4
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_stream_has_no_positions(table: Any, mistake: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match="none by position") as caught:
        list(MISTAKES[mistake](table))
    assert "workers" in mistake or caught.value.code == "not-by-position"


def test_batches_of_batches_are_refused_in_a_chain_too(table: Any) -> None:
    chain: ChainDataset = ChainDataset([ChainDataset([streaming(table)]), streaming(table)])
    with pytest.raises(vstore.InvalidInputError) as caught:
        list(DataLoader(chain, batch_size=4))
    assert caught.value.code == "batches-of-batches"
