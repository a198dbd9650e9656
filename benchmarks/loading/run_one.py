"""One loader in one process: convert the data, or read epochs; prints what it measured as JSON."""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.loading import codecs_alone, ours, rows, shards  # noqa: F401 - they register theirs
from benchmarks.loading.arrays import blocks_per_batch
from benchmarks.loading.data import DATASETS
from benchmarks.loading.loader import LOADERS, Batches, Job
from benchmarks.loading.writing import WRITERS, measure_rows, measure_writing
from tests.core.peak_memory import own_peak_nbytes


class Sink:
    """A consumer that copies each batch, as tensors, to memory of its own, as training does."""

    def __init__(self) -> None:
        self._memory: torch.Tensor | None = None
        self.samples = 0
        self.numbers: list[torch.Tensor] = []

    def take(self, batch: tuple[Any, Any]) -> None:
        """Copy a batch."""
        values, numbers = batch
        self.samples += len(numbers)
        self.numbers.append(_as_tensor(numbers).clone())
        if isinstance(values, list):
            for value in values:
                self._copy(_as_tensor(value).reshape(-1))
        else:
            self._copy(_as_tensor(values))

    def _copy(self, values: torch.Tensor) -> None:
        memory = self._memory
        if memory is None or len(memory) < len(values):
            self._memory = values.clone()
        else:
            (memory if len(memory) == len(values) else memory[: len(values)]).copy_(values)


def _as_tensor(values: Any) -> torch.Tensor:
    return values if isinstance(values, torch.Tensor) else torch.as_tensor(values)


def epoch(begin: Callable[[int], Batches], number: int, sink: Sink) -> dict[str, float]:
    """Read one epoch; return how long the first batch took, and samples a second after it."""
    sink.samples = 0
    sink.numbers = []
    started = time.perf_counter()
    batches = iter(begin(number))
    sink.take(next(batches))
    first, before = time.perf_counter(), sink.samples
    for batch in batches:
        sink.take(batch)
    ended = time.perf_counter()
    rate = (sink.samples - before) / max(1e-9, ended - first)
    return {"first_seconds": first - started, "rate": rate, "samples": sink.samples}


def read(loader: Any, job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """Read epochs of the loader, opened several times."""
    sink = Sink()
    first, later = [], []
    started = time.perf_counter()
    for i in range(options.openings):
        if i and time.perf_counter() - started > options.seconds:
            break
        begin = loader.open(job)
        first.append(epoch(begin, 0, sink))
        blocks = blocks_per_batch(sink.numbers)
        for number in range(1, options.epochs):
            if number > 1 and time.perf_counter() - started > options.seconds:
                break
            later.append(epoch(begin, number, sink))
        del begin
    check_complete(sink)
    return {"first": first, "later": later, "blocks": blocks}


def check_complete(sink: Sink) -> None:
    """Raise unless the last epoch gave each sample once, apart from a last batch left out."""
    numbers = np.concatenate([np.asarray(each) for each in sink.numbers])
    if len(np.unique(numbers)) != len(numbers):
        raise ValueError("samples came twice")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("prepare", "read", "writing", "rows"))
    parser.add_argument("loader", choices=sorted({*LOADERS, *WRITERS}))
    parser.add_argument("dataset", choices=sorted(DATASETS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--openings", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--url", default="")
    parser.add_argument("--storage-options", default="{}")
    return parser.parse_args()


def prepare(job: Job, name: str) -> dict[str, Any]:
    """Convert the data; return how long that took and what it takes on disk."""
    samples = job.dataset.samples(job.folder.parent)
    started = time.perf_counter()
    LOADERS[name].prepare(samples, job)
    seconds = time.perf_counter() - started
    files = [each for each in job.folder.rglob("*") if each.is_file()]
    return {"seconds": seconds, "nbytes": sum(each.stat().st_size for each in files)}


def main() -> None:
    """Run."""
    options = _options()
    job = Job(
        DATASETS[options.dataset],
        options.folder,
        options.shuffled,
        options.workers,
        options.url,
        options.storage_options,
    )
    result: dict[str, Any]
    if options.action == "prepare":
        result = prepare(job, options.loader)
    elif options.action == "read":
        result = read(LOADERS[options.loader], job, options)
    else:
        measure = measure_writing if options.action == "writing" else measure_rows
        samples = job.dataset.samples(job.folder.parent)
        result = {**measure(options.loader, samples, job.folder)}
    result["peak_nbytes"] = own_peak_nbytes()
    print(json.dumps(result), flush=True)
    os._exit(0)  # some loaders hang at exit; what was measured is out


if __name__ == "__main__":
    main()
