"""Ways to reach samples: singly, in batches that torch makes, with transforms and workers."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.loading.data import BATCH_SIZE
from benchmarks.loading.loader import Batches, Job, Loader, register
from benchmarks.loading.ours import Ours
from benchmarks.loading.shards import LitData, Mosaic, WebDataset, collate

SMALL_BATCH = 32
ROUNDS_OF_5_MS = 22_000


@dataclass(frozen=True)
class Way:
    """How a loader that converts as `base` does is opened."""

    base: Loader
    opened: Callable[[Job], Callable[[int], Batches]]
    datasets: tuple[str, ...]
    workers: tuple[int, ...] = (0,)

    def prepare(self, samples: Any, job: Job) -> None:
        """Convert the samples."""
        self.base.prepare(samples, job)

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Return a function that begins an epoch."""
        return self.opened(job)


# What is done to samples -------------------------------------------------------------------


def costly(value: Any) -> Any:
    """Return a sample after work of about 5 ms that leaves the interpreter's lock alone."""
    hashlib.pbkdf2_hmac("sha256", b"a sample", b"salt", ROUNDS_OF_5_MS)
    return value


def flipped(value: Any, generator: np.random.Generator) -> Any:
    """Return a sample, every second time the other way round."""
    return value[..., ::-1] if generator.random() < 0.5 else value


def _flipped_at_random(value: Any) -> Any:
    if np.random.random() >= 0.5:
        return value
    return value.flip(-1) if hasattr(value, "flip") else value[..., ::-1]


def _collate(rows: list[Any], change: Callable[[Any], Any]) -> Any:
    return collate([(change(row[0]), row[1]) for row in rows], is_encoded=False)


# vstore ------------------------------------------------------------------------------------

OURS = Ours("auto")


def _pairs(job: Job, batches: Any) -> Batches:
    name = job.dataset.column
    for batch in batches:
        yield batch[name], batch["number"]


@dataclass(frozen=True)
class Stream:
    """A `StreamingDataset`, iterated over itself or through a `DataLoader`."""

    options: dict[str, Any] = field(default_factory=dict)
    transform: Any = None
    loader: dict[str, Any] | None = None

    def __call__(self, job: Job) -> Callable[[int], Batches]:
        """Return a function that begins an epoch."""
        from torch.utils.data import DataLoader

        from vstore.torch import StreamingDataset

        options = dict(self.options)
        if self.transform is not None:
            options["transforms"] = {job.dataset.column: self.transform}
        dataset = StreamingDataset(OURS.table(job), shuffle=job.is_shuffled, **options)
        given: Any = dataset
        if self.loader is not None or job.workers:
            more = {"batch_size": None} | (self.loader or {})
            given = DataLoader(
                dataset, num_workers=job.workers, persistent_workers=job.workers > 0, **more
            )
        return lambda _: _pairs(job, given)


def _own_loader(job: Job) -> Callable[[int], Batches]:
    from vstore.torch import Loader

    loader = Loader(
        OURS.table(job), batch_size=BATCH_SIZE, shuffle=job.is_shuffled, num_workers=job.workers
    )
    return lambda _: _pairs(job, loader)


def _by_position(job: Job) -> Callable[[int], Batches]:
    from torch.utils.data import DataLoader

    from vstore.torch import make_torch_dataset

    table = OURS.table(job)
    dataset = make_torch_dataset((table[job.dataset.column], table["number"]))
    loader = DataLoader(
        dataset, BATCH_SIZE, shuffle=True, num_workers=job.workers, persistent_workers=False
    )
    return lambda _: iter(loader)


# Others ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Other:
    """Another loader's samples, one by one, or in batches that a `DataLoader` makes of them."""

    base: Any
    batch_size: int | None = None
    change: Any = None

    def __call__(self, job: Job) -> Callable[[int], Batches]:
        """Return a function that begins an epoch."""
        if self.batch_size is None:
            dataset = self.base.samples(job, batch_size=1)
            return lambda _: iter(dataset)
        make: Any = partial(collate, is_encoded=False)
        if self.change is not None:
            make = partial(_collate, change=self.change)
        loader = self.base.loader(job, self.batch_size, make)
        return lambda _: iter(loader)


class Mapped:
    """A file that is mapped into memory, as a map-style dataset."""

    def __init__(self, job: Job) -> None:
        self._values = np.load(job.dataset.path(job.folder.parent), mmap_mode="r")

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> Any:
        """Return a sample and its number."""
        return np.array(self._values[index]), index

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in np.random.permutation(len(self)).tolist())


@dataclass(frozen=True)
class MappedFile:
    """What people do without any of these: a `DataLoader` over a file mapped into memory."""

    workers: tuple[int, ...] = (0, 2)
    datasets: tuple[str, ...] = ()

    def prepare(self, samples: Any, job: Job) -> None:
        """Do nothing."""

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Return a function that begins an epoch of whole batches."""
        loader = self.loader(job, BATCH_SIZE, partial(collate, is_encoded=False))
        return lambda _: iter(loader)

    def samples(self, job: Job, *, batch_size: int) -> Any:
        """Return a dataset of samples with their numbers."""
        del batch_size
        return Mapped(job)

    def loader(self, job: Job, batch_size: int, make: Any) -> Any:
        """Return what makes batches of the samples."""
        from torch.utils.data import DataLoader

        return DataLoader(
            Mapped(job),  # type: ignore[arg-type]
            batch_size,
            shuffle=True,
            num_workers=job.workers,
            persistent_workers=job.workers > 0,
            collate_fn=make,
        )


OTHERS: dict[str, Any] = {
    "mapped file, DataLoader": MappedFile(),
    "LitData": LitData(),
    "MosaicML Streaming": Mosaic(),
    "WebDataset": WebDataset(),
}

WAYS: dict[str, tuple[str, ...]] = {}
"""The loaders of each way."""


def _way(way: str, dataset: str, ours: dict[str, Any], other: Callable[[Any], Any]) -> None:
    """Register the loaders of one way; `ours` are those of vstore, by name, with workers."""
    names = []
    for name, (opened, workers) in ours.items():
        names.append(f"vstore auto: {name}")
        register(names[-1], Way(OURS, opened, (dataset,), workers))
    for name, base in OTHERS.items():
        opened = other(base)
        names.append(f"{name}: {way}")
        workers = (0,) if opened.batch_size is None else (0, 2)
        register(names[-1], Way(base, opened, (dataset,), workers))
    WAYS[way] = tuple(names)


_way(
    "single samples",
    "fashion",
    {"single samples": (Stream({"batch_size": None}), (0,))},
    Other,
)
_way(
    "batches of 32 from single samples",
    "fashion",
    {
        "single samples, DataLoader(32)": (
            Stream({"batch_size": None}, loader={"batch_size": SMALL_BATCH}),
            (0, 2),
        )
    },
    lambda base: Other(base, SMALL_BATCH),
)
_way(
    "batches of 256",
    "fashion",
    {
        "Loader": (_own_loader, (0, 2)),
        "StreamingDataset": (Stream({"batch_size": BATCH_SIZE}), (0, 2)),
        "collate": (Stream({"batch_size": BATCH_SIZE, "collate": dict}), (0,)),
        "make_torch_dataset, DataLoader": (_by_position, (0, 2)),
    },
    lambda base: Other(base, BATCH_SIZE),
)
_way(
    "a random flip",
    "fashion",
    {"a random flip": (Stream({"batch_size": BATCH_SIZE}, flipped), (0, 2))},
    lambda base: Other(base, BATCH_SIZE, _flipped_at_random),
)
_way(
    "a transform of 5 ms",
    "few",
    {"a transform of 5 ms": (Stream({"batch_size": SMALL_BATCH}, costly), (0, 2))},
    lambda base: Other(base, SMALL_BATCH, costly),
)
