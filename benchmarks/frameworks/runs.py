"""Programs on several ranks: started, killed, resumed, and what they were given."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np

import vstore
from benchmarks.frameworks.job import BROKEN, EPOCHS, SAMPLES, SAVED

LIMIT = 300.0
"""How many seconds a program may take."""

PATIENCE = 20.0
"""How many seconds a rank may live on when another one was killed."""


@dataclass(frozen=True)
class Way:
    """One way to train with a framework: a module of this package, and what it is told.

    `needs` are the libraries it imports; `workers` the numbers of worker processes it knows.
    """

    framework: str
    module: str
    name: str
    needs: tuple[str, ...]
    workers: tuple[int, ...] = (0, 2)
    starts_ranks: bool = False

    @property
    def missing(self) -> list[str]:
        """The libraries that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


WAYS = [
    *(
        Way("Accelerate", "with_accelerate", name, ("accelerate",))
        for name in ("Loader", "batches", "samples", "shards")
    ),
    Way("Transformers", "with_transformers", "samples", ("accelerate", "transformers")),
    *(
        Way("Lightning", "with_lightning", name, ("lightning",), starts_ranks=True)
        for name in ("Loader", "batches")
    ),
    Way("Lightning", "with_lightning", "samples", ("lightning", "torchdata"), starts_ranks=True),
    *(Way("torchdata", "with_torchdata", name, ("torchdata",)) for name in ("batches", "samples")),
    Way("MONAI", "with_monai", "Loader", ("monai",)),
    Way("Keras", "with_keras", "Loader", ("keras",)),
    Way("Keras", "with_keras", "samples", ("keras", "torchdata")),
    Way("JAX", "with_jax", "Reader", ("jax",), workers=(0,)),
    Way("JAX", "with_jax", "Loader", ("jax",)),
    Way("Grain", "with_grain", "source", ("grain",)),
]


@dataclass
class Outcome:
    """What the ranks trained on, by epoch, without what was lost with the killed processes."""

    epochs: dict[int, list[list[int]]] = field(default_factory=dict)

    def counts(self, epoch: int) -> tuple[int, int]:
        """Return how many samples an epoch gave, and how many different ones."""
        given = list(chain.from_iterable(self.epochs.get(epoch, [])))
        return len(given), len(set(given))

    @property
    def whole(self) -> tuple[int, int]:
        """The counts of the worst epoch that was not interrupted."""
        return min(self.counts(epoch) for epoch in range(EPOCHS) if epoch != BROKEN)

    @property
    def resumed(self) -> tuple[int, int]:
        """The counts of the epoch in which the ranks were killed."""
        return self.counts(BROKEN)

    @property
    def is_right(self) -> bool:
        """Whether each epoch has every sample once, in its own order, and alike on all ranks."""
        orders = {json.dumps(epoch) for epoch in self.epochs.values()}
        is_even = all(len({len(rank) for rank in epoch}) == 1 for epoch in self.epochs.values())
        each_once = {self.whole, self.resumed} == {(SAMPLES, SAMPLES)}
        return each_once and is_even and len(orders) == EPOCHS == len(self.epochs)


def make_data(folder: Path) -> str:
    """Store the samples; return where."""
    url = str(folder / "repo")
    numbers = np.arange(SAMPLES)
    image = numbers[:, None, None] * 1000 + np.arange(64).reshape(8, 8)
    columns = {
        "i": vstore.ndarray((), "int64", rows_per_chunk=16),
        "x": vstore.ndarray((1,), "float32", rows_per_chunk=16),
        "image": vstore.ndarray((1, 8, 8), "float32", rows_per_chunk=16),
        "mask": vstore.ndarray((1, 8, 8), "float32", rows_per_chunk=16),
    }
    with vstore.create(url).transaction("main", message="Number samples") as tx:
        tx.create_table("t", columns).extend(
            {"i": numbers, "x": numbers[:, None], "image": image[:, None], "mask": image[:, None]}
        )
    return url


def run(way: Way, url: str, folder: Path, *, ranks: int, workers: int) -> Outcome:
    """Train, be killed in the middle of an epoch, resume, and return what was trained on."""
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in ("0", "1"):
        arguments = [way.module, way.name, str(workers), url, str(folder), attempt]
        codes = _start(arguments, folder, ranks=ranks, processes=1 if way.starts_ranks else ranks)
        is_expected = not any(codes) if attempt == "1" else -signal.SIGKILL in codes
        if not is_expected:
            errors = (path.read_text(encoding="utf-8") for path in folder.glob("*.err"))
            raise RuntimeError(f"{way}: exit codes {codes}: {''.join(errors)[-4000:]}")
    return _read(folder, ranks)


def _start(arguments: list[str], folder: Path, *, ranks: int, processes: int) -> list[int]:
    command = [sys.executable, "-m", "benchmarks.frameworks.program", *arguments]
    common = os.environ | {
        "RANKS": str(ranks),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "torch",
    }
    port = str(_free_port())
    started = []
    for rank in range(processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks)}
        place |= {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
        with (folder / f"{rank}.err").open("w") as errors:
            started.append(
                subprocess.Popen(
                    command,
                    env=common | (place if processes > 1 else {}),
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                )
            )
    return _wait(started)


def _wait(started: list[subprocess.Popen[bytes]]) -> list[int]:
    """Return the exit codes, ending what lives on when a rank was killed."""
    limit = deadline = time.monotonic() + LIMIT
    while any(process.poll() is None for process in started) and time.monotonic() < deadline:
        if any(process.returncode for process in started):
            deadline = min(deadline, time.monotonic() + PATIENCE)
        time.sleep(0.1)
    is_late = time.monotonic() >= limit
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    codes = [process.wait() for process in started]
    if is_late:
        raise TimeoutError(f"a program took longer than {LIMIT} seconds")
    return codes


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def _read(folder: Path, ranks: int) -> Outcome:
    outcome = Outcome()
    for rank in range(ranks):
        for epoch, numbers in _batches(folder, rank):
            by_rank = outcome.epochs.setdefault(epoch, [[] for _ in range(ranks)])
            by_rank[rank].extend(numbers)
    return outcome


def _batches(folder: Path, rank: int) -> Iterator[tuple[int, list[int]]]:
    """Yield what a rank trained on: before it saved its place, and after it was resumed."""
    left = SAVED
    for attempt in ("0", "1"):
        for line in (folder / f"{rank}-{attempt}").read_text(encoding="utf-8").splitlines():
            epoch, numbers = json.loads(line)
            if attempt == "0" and epoch == BROKEN:
                left -= 1
                if left < 0:
                    break
            yield epoch, numbers
