"""Memory, and stores of chunked arrays, read by hand as well as one can."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.loading.data import BATCH_SIZE, BLOCK
from benchmarks.loading.loader import ALL, DENSE, Batches, Job, decode, register

WINDOW_NBYTES = 64 * 2**20
CHUNK_NBYTES = 2**20


def spans(count: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where each batch lies."""
    yield from pairwise([*range(0, count, BATCH_SIZE), count])


@dataclass(frozen=True)
class Memory:
    """The limit: all samples in memory, one gather a batch."""

    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Do nothing."""

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Load the samples."""
        import torch

        samples = job.dataset.samples(job.folder.parent)
        if job.dataset.is_encoded:
            return lambda epoch: self._encoded(samples, job, epoch)
        values = torch.from_numpy(samples)
        numbers = torch.arange(len(values))

        def begin(epoch: int) -> Batches:
            if not job.is_shuffled:
                for start, stop in spans(len(values)):
                    yield values[start:stop], numbers[start:stop]
                return
            order = torch.randperm(len(values), generator=torch.Generator().manual_seed(epoch))
            for start, stop in spans(len(values)):
                picked = order[start:stop]
                yield torch.index_select(values, 0, picked), picked

        return begin

    def _encoded(self, samples: Any, job: Job, epoch: int) -> Batches:
        order = np.arange(len(samples))
        if job.is_shuffled:
            order = np.random.default_rng(epoch).permutation(len(samples))
        with ThreadPoolExecutor(2) as pool:
            for start, stop in spans(len(samples)):
                picked = order[start:stop]
                yield list(pool.map(decode, samples[picked])), picked


@dataclass(frozen=True)
class InMemoryDataLoader:
    """What people do: a `TensorDataset` and a `DataLoader`."""

    workers: tuple[int, ...] = (0, 2)
    datasets: tuple[str, ...] = DENSE

    def prepare(self, samples: Any, job: Job) -> None:
        """Do nothing."""

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Load the samples."""
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        values = torch.from_numpy(job.dataset.samples(job.folder.parent))
        dataset = TensorDataset(values, torch.arange(len(values)))
        workers = job.workers
        loader = DataLoader(
            dataset,
            BATCH_SIZE,
            shuffle=job.is_shuffled,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        return lambda _: iter(loader)


@dataclass(frozen=True)
class Windows:
    """A chunked array, read in windows of whole chunks that are mixed in memory.

    The next window is read while one is used, with the store's own parallelism.
    """

    store: str
    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = DENSE

    def prepare(self, samples: Any, job: Job) -> None:
        """Write a Zarr v3 array, chunks of about 1 MiB, Zstandard."""
        import zarr

        row_nbytes = samples[0].nbytes
        rows = max(1, 1 << (int(1.5 * CHUNK_NBYTES / row_nbytes).bit_length() - 1))
        array = zarr.create_array(
            str(job.folder / "array.zarr"),
            shape=samples.shape,
            dtype=samples.dtype,
            chunks=(rows, *samples.shape[1:]),
            compressors=zarr.codecs.ZstdCodec(level=3),
        )
        array[:] = samples

    def _opened(self, job: Job) -> tuple[Any, Callable[[Any, int, int], Any]]:
        path = str(job.folder / "array.zarr")
        if self.store == "zarr":
            import zarr

            return zarr.open_array(path, mode="r"), lambda array, a, b: array[a:b]
        import tensorstore

        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}
        array = tensorstore.open(spec, open=True, read=True).result()
        return array, lambda array, a, b: array[a:b].read()

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open the array."""
        array, read = self._opened(job)
        count = array.shape[0]
        rows = array.chunks[0] if self.store == "zarr" else array.chunk_layout.read_chunk.shape[0]
        row_nbytes = int(np.prod(array.shape[1:])) * np.dtype(str(array.dtype.name)).itemsize
        per_window = max(1, WINDOW_NBYTES // (rows * row_nbytes))

        def window(chunks: Any) -> tuple[Any, Any]:
            found = [read(array, int(c) * rows, min(count, (int(c) + 1) * rows)) for c in chunks]
            found = [each.result() if hasattr(each, "result") else each for each in found]
            numbers = [np.arange(int(c) * rows, min(count, (int(c) + 1) * rows)) for c in chunks]
            return found, np.concatenate(numbers)

        def begin(epoch: int) -> Batches:
            random = np.random.default_rng(epoch)
            chunks = np.arange(-(-count // rows))
            if job.is_shuffled:
                random.shuffle(chunks)
            cuts = [chunks[i : i + per_window] for i in range(0, len(chunks), per_window)]
            with ThreadPoolExecutor(1) as pool:
                ahead = pool.submit(window, cuts[0])
                for i in range(len(cuts)):
                    found, numbers = ahead.result()
                    if i + 1 < len(cuts):
                        ahead = pool.submit(window, cuts[i + 1])
                    values = np.concatenate(found) if len(found) > 1 else found[0]
                    yield from _batches(values, numbers, random if job.is_shuffled else None)

        return begin


def _batches(values: Any, numbers: Any, random: Any) -> Batches:
    if random is None:
        for start, stop in spans(len(values)):
            yield values[start:stop], numbers[start:stop]
        return
    order = random.permutation(len(values))
    for start, stop in spans(len(values)):
        picked = order[start:stop]
        yield values.take(picked, 0), numbers[picked]


def blocks_per_batch(batches: list[Any]) -> float:
    """Return from how many different source blocks the samples of a batch come, on average."""
    whole = [each for each in batches if len(each) == BATCH_SIZE] or batches
    return float(np.mean([len(np.unique(np.asarray(each) // BLOCK)) for each in whole]))


register("memory", Memory())
register("memory, DataLoader", InMemoryDataLoader())
register("zarr", Windows("zarr"))
register("TensorStore", Windows("tensorstore"))
