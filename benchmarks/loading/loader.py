"""What a loader is to the benchmark, and the list of all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.loading.data import Dataset

Batches = Iterator[tuple[Any, Any]]
"""Pairs of the samples of a batch and their numbers."""


@dataclass(frozen=True)
class Job:
    """What is to be read: a data set, converted to `folder` before, in one of two orders."""

    dataset: Dataset
    folder: Path
    is_shuffled: bool
    workers: int = 0
    url: str = ""
    storage_options: str = ""


class Loader(Protocol):
    """One way to read batches."""

    workers: tuple[int, ...]
    """The numbers of worker processes that are tried; the best is what counts."""

    datasets: tuple[str, ...]

    def prepare(self, samples: Any, job: Job) -> None:
        """Convert the samples to what this loader reads."""

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Return what begins an epoch, by its number."""


LOADERS: dict[str, Loader] = {}
DENSE = ("fashion", "images", "tokens")
ALL = (*DENSE, "photos")


def register(name: str, loader: Loader) -> None:
    """Add a loader to the list."""
    LOADERS[name] = loader


def decode(data: bytes) -> Any:
    """Decode a photograph, for loaders that leave that to their users, as ours does."""
    import simplejpeg

    return simplejpeg.decode_jpeg(data)
