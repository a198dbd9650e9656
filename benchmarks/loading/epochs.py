"""Reading epochs of a loader, and what consumes them."""

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.loading.arrays import blocks_per_batch
from benchmarks.loading.loader import Batches, Job


class Sink:
    """A consumer that copies each batch, as tensors, to memory of its own, as training does."""

    def __init__(self) -> None:
        self._memory: torch.Tensor | None = None
        self.samples = 0
        self.numbers: list[torch.Tensor] = []

    def take(self, batch: tuple[Any, Any]) -> None:
        """Copy a batch."""
        values, numbers = batch
        numbers = torch.atleast_1d(torch.as_tensor(numbers))
        self.samples += len(numbers)
        self.numbers.append(numbers.clone())
        if isinstance(values, list):
            for value in values:
                self._copy(torch.as_tensor(value).reshape(-1))
        else:
            self._copy(torch.as_tensor(values))

    def _copy(self, values: torch.Tensor) -> None:
        if self._memory is None or len(self._memory) < len(values):
            self._memory = values.clone()
        else:
            self._memory[: len(values)].copy_(values)


def epoch(begin: Callable[[int], Batches], number: int, sink: Sink) -> dict[str, float]:
    """Read one epoch; return how long the first batch took, and samples a second after it.

    Also what the whole epoch took: seconds, and those of processors, worker processes included.
    """
    sink.samples = 0
    sink.numbers = []
    cpu_started, started = cpu_seconds(), time.perf_counter()
    batches = iter(begin(number))
    sink.take(next(batches))
    first, before = time.perf_counter(), sink.samples
    for batch in batches:
        sink.take(batch)
    ended = time.perf_counter()
    rate = (sink.samples - before) / max(1e-9, ended - first)
    return {
        "first_seconds": first - started,
        "rate": rate,
        "samples": sink.samples,
        "seconds": ended - started,
        "cpu_seconds": cpu_seconds() - cpu_started,
    }


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children, which may live on."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, file.read_text().split()):
                waiting.append(child)
                total += _times_of(child)
    return total


def _times_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


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
    numbers = torch.cat(sink.numbers)
    if len(numbers.unique()) != len(numbers):
        raise ValueError("samples came twice")
