"""Formats made for training, to which data is converted first."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loading.data import BATCH_SIZE
from benchmarks.loading.loader import ALL, Batches, Job, decode, register

SHARD_NBYTES = 64 * 2**20


def collate(rows: list[Any], *, is_encoded: bool) -> tuple[Any, Any]:
    """Make a batch of pairs of a sample and its number, decoding photographs."""
    import torch

    numbers = torch.tensor([int(row[1]) for row in rows])
    if is_encoded:
        return [decode(bytes(row[0])) for row in rows], numbers
    values = [row[0] for row in rows]
    if isinstance(values[0], torch.Tensor):
        return torch.stack(values), numbers
    return torch.from_numpy(np.stack(values)), numbers


@dataclass(frozen=True)
class LitData:
    """LitData's binary chunks, its own dataset and loader."""

    workers: tuple[int, ...] = (0, 2)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Write chunks."""
        import torch
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(str(job.folder / "litdata"), chunk_bytes=SHARD_NBYTES)
        for i, sample in enumerate(samples):
            value = sample if job.dataset.is_encoded else torch.from_numpy(sample)
            writer[i] = (value, i)
        writer.done()
        writer.merge()

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open the chunks."""
        make = partial(collate, is_encoded=job.dataset.is_encoded)
        loader = self.loader(job, BATCH_SIZE, make)
        return lambda _: iter(loader)

    def samples(self, job: Job, *, batch_size: int) -> Any:
        """Return the dataset of samples with their numbers."""
        del batch_size
        return self.loader(job, 1, itemgetter(0))  # without a loader it repeats samples

    def loader(self, job: Job, batch_size: int, make: Any) -> Any:
        """Return what makes batches of the samples."""
        from litdata import StreamingDataLoader, StreamingDataset

        return StreamingDataLoader(
            StreamingDataset(str(job.folder / "litdata"), shuffle=job.is_shuffled),
            batch_size=batch_size,
            num_workers=job.workers,
            persistent_workers=job.workers > 0,
            collate_fn=make,
        )


@dataclass(frozen=True)
class Mosaic:
    """MosaicML Streaming's shards."""

    workers: tuple[int, ...] = (0, 2)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Write shards."""
        from streaming import MDSWriter

        if job.dataset.is_encoded:
            kind = "bytes"
        else:
            shape = ",".join(map(str, samples.shape[1:]))
            kind = f"ndarray:{samples.dtype.name}:{shape}"
        columns = {"value": kind, "number": "int"}
        with MDSWriter(out=str(job.folder / "mds"), columns=columns) as writer:
            for i, sample in enumerate(samples):
                writer.write({"value": sample, "number": i})

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open the shards."""
        make = partial(collate, is_encoded=job.dataset.is_encoded)
        loader = self.loader(job, BATCH_SIZE, make)
        return lambda _: iter(loader)

    def samples(self, job: Job, *, batch_size: int) -> Any:
        """Return what gives samples with their numbers."""
        dataset = self._dataset(job, batch_size)
        return Pairs(dataset)

    def loader(self, job: Job, batch_size: int, make: Any) -> Any:
        """Return what makes batches of the samples."""
        from torch.utils.data import DataLoader

        return DataLoader(
            self._dataset(job, batch_size),
            batch_size=batch_size,
            num_workers=job.workers,
            persistent_workers=job.workers > 0,
            collate_fn=lambda rows: make([(row["value"], row["number"]) for row in rows]),
        )

    def _dataset(self, job: Job, batch_size: int) -> Any:
        from streaming import StreamingDataset
        from streaming.base.util import clean_stale_shared_memory

        clean_stale_shared_memory()
        return StreamingDataset(
            local=str(job.folder / "mds"), shuffle=job.is_shuffled, batch_size=batch_size
        )


@dataclass(frozen=True)
class Pairs:
    """Samples that are dicts, as pairs."""

    dataset: Any

    def __iter__(self) -> Iterator[Any]:
        return ((row["value"], row["number"]) for row in self.dataset)


@dataclass(frozen=True)
class WebDataset:
    """Tar files, as WebDataset has them."""

    workers: tuple[int, ...] = (0, 2)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Write tar files."""
        import webdataset

        (job.folder / "tar").mkdir(exist_ok=True)
        pattern = str(job.folder / "tar" / "shard-%05d.tar")
        with webdataset.ShardWriter(pattern, maxsize=SHARD_NBYTES, verbose=0) as writer:
            for i, sample in enumerate(samples):
                made: dict[str, Any] = {"__key__": f"{i:08d}", "id": str(i)}
                if job.dataset.is_encoded:
                    made["jpg"] = sample
                else:
                    file = io.BytesIO()
                    np.save(file, sample)
                    made["npy"] = file.getvalue()
                writer.write(made)

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open the tar files."""
        make = partial(collate, is_encoded=job.dataset.is_encoded)
        loader = self.loader(job, BATCH_SIZE, make)
        return lambda _: iter(loader)

    def samples(self, job: Job, *, batch_size: int) -> Any:
        """Return the dataset of samples with their numbers."""
        import webdataset

        del batch_size
        urls = sorted(map(str, Path(job.folder / "tar").glob("*.tar")))
        if len(urls) < job.workers:
            raise ValueError("each worker needs a shard")
        dataset = webdataset.WebDataset(urls, shardshuffle=100 if job.is_shuffled else False)
        if job.is_shuffled:
            dataset = dataset.shuffle(5000)
        name = "jpg" if job.dataset.is_encoded else "npy"
        return dataset.to_tuple(name, "id").map(_decoded(name))

    def loader(self, job: Job, batch_size: int, make: Any) -> Any:
        """Return what makes batches of the samples."""
        import webdataset

        dataset = self.samples(job, batch_size=batch_size).batched(batch_size, collation_fn=make)
        return webdataset.WebLoader(dataset, batch_size=None, num_workers=job.workers)


def _decoded(name: str) -> Callable[[Any], Any]:
    def decoded(row: Any) -> Any:
        value, number = row
        if name == "npy":
            value = np.load(io.BytesIO(value))
        return value, int(number)

    return decoded


register("LitData", LitData())
register("MosaicML Streaming", Mosaic())
register("WebDataset", WebDataset())
