"""Formats of rows in columns: HF datasets, Lance, LanceDB's loader, Deep Lake."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loading.arrays import spans
from benchmarks.loading.data import BATCH_SIZE
from benchmarks.loading.loader import ALL, DENSE, Batches, Job, decode, register


def arrow_table(samples: Any, job: Job) -> Any:
    """Return the samples as an Arrow table; dense ones as lists of fixed size."""
    import pyarrow as pa

    numbers = pa.array(np.arange(len(samples)))
    if job.dataset.is_encoded:
        return pa.table({"value": pa.array(samples.tolist(), pa.binary()), "number": numbers})
    flat = samples.reshape(len(samples), -1)
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1])
    return pa.table({"value": values, "number": numbers})


def from_arrow(found: Any, *, is_encoded: bool) -> tuple[Any, Any]:
    """Return an Arrow table or batch as samples and numbers, without copying dense ones."""
    value, number = found.column("value"), found.column("number")
    if hasattr(value, "combine_chunks"):
        value, number = value.combine_chunks(), number.combine_chunks()
    if is_encoded:
        return [decode(each) for each in value.to_pylist()], number.to_numpy()
    flat = value.flatten().to_numpy()
    return flat.reshape(len(value), -1), number.to_numpy(zero_copy_only=False)


def picks(count: int, job: Job, epoch: int) -> Any:
    """Yield the numbers of the samples of each batch."""
    order = np.arange(count)
    if job.is_shuffled:
        order = np.random.default_rng(epoch).permutation(count)
    for start, stop in spans(count):
        yield order[start:stop]


@dataclass(frozen=True)
class HuggingFace:
    """HF datasets on disk, mapped, whole batches in Arrow's form."""

    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Save a dataset."""
        import datasets

        made = datasets.Dataset(datasets.table.InMemoryTable(arrow_table(samples, job)))
        made.save_to_disk(str(job.folder / "hf"))

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Load it from disk."""
        import datasets

        dataset = datasets.load_from_disk(str(job.folder / "hf")).with_format("arrow")

        def begin(epoch: int) -> Batches:
            for picked in picks(len(dataset), job, epoch):
                yield from_arrow(dataset[picked], is_encoded=job.dataset.is_encoded)

        return begin


@dataclass(frozen=True)
class Lance:
    """Lance's own reader: random rows by `take`, all rows by a scan."""

    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Write a Lance dataset."""
        import lance

        lance.write_dataset(arrow_table(samples, job), str(job.folder / "data.lance"))

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open it."""
        import lance

        dataset = lance.dataset(str(job.folder / "data.lance"))
        count, is_encoded = dataset.count_rows(), job.dataset.is_encoded

        def begin(epoch: int) -> Batches:
            if not job.is_shuffled:
                for batch in dataset.to_batches(batch_size=BATCH_SIZE):
                    yield from_arrow(batch, is_encoded=is_encoded)
                return
            for picked in picks(count, job, epoch):
                yield from_arrow(dataset.take(picked), is_encoded=is_encoded)

        return begin


@dataclass(frozen=True)
class LanceDB:
    """LanceDB's `StreamingDataset`, rows put together to batches here."""

    workers: tuple[int, ...] = (0,)  # its own threads are faster than processes
    datasets: tuple[str, ...] = ALL

    def prepare(self, samples: Any, job: Job) -> None:
        """Write a table."""
        import lancedb

        lancedb.connect(str(job.folder / "lancedb")).create_table(
            "train", arrow_table(samples, job)
        )

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open it."""
        import lancedb
        import torch
        from lancedb.streaming import StreamingDataset
        from torch.utils.data import DataLoader

        table = lancedb.connect(str(job.folder / "lancedb")).open_table("train")
        is_encoded = job.dataset.is_encoded

        def rows(batch: Any) -> list[Any]:
            values, numbers = from_arrow(batch, is_encoded=is_encoded)
            return list(zip(values, numbers.tolist(), strict=True))

        def collate(found: list[Any]) -> tuple[Any, Any]:
            values = [row[0] for row in found]
            numbers = torch.tensor([row[1] for row in found])
            return (values if is_encoded else torch.from_numpy(np.stack(values))), numbers

        def begin(epoch: int) -> Batches:
            dataset = StreamingDataset(
                table,
                shuffle=job.is_shuffled,
                epoch=epoch,
                read_batch_size=BATCH_SIZE,
                transform=rows,
            )
            yield from DataLoader(dataset, batch_size=BATCH_SIZE, collate_fn=collate)

        return begin


@dataclass(frozen=True)
class DeepLake:
    """Deep Lake's columns, indexed by the numbers of a batch."""

    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = DENSE

    def prepare(self, samples: Any, job: Job) -> None:
        """Write a dataset."""
        import deeplake

        dataset = deeplake.create(str(job.folder / "deeplake"))
        kind = deeplake.types.Array(samples.dtype.name, list(samples.shape[1:]))
        dataset.add_column("value", kind)
        dataset.add_column("number", "int64")
        for start in range(0, len(samples), 8192):
            part = samples[start : start + 8192]
            dataset.append({"value": part, "number": np.arange(start, start + len(part))})
        dataset.commit()

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Open it."""
        import deeplake

        dataset = deeplake.open_read_only(str(job.folder / "deeplake"))
        value, number = dataset["value"], dataset["number"]

        def begin(epoch: int) -> Batches:
            for picked in picks(len(dataset), job, epoch):
                chosen = picked.tolist()
                yield np.asarray(value[chosen]), np.asarray(number[chosen])

        return begin


register("HF datasets", HuggingFace())
register("Lance", Lance())
register("LanceDB Streaming", LanceDB())
register("Deep Lake", DeepLake())
