"""JAX on one process or several: a `Reader`, or a `Loader` where worker processes are wanted."""

import os
from collections.abc import Iterator
from typing import Any

import jax

from benchmarks.frameworks.job import BATCH, EPOCHS, Job
from vstore.reader import Reader
from vstore.torch import Loader


def train(job: Job) -> None:
    """Train on arrays that are on the device."""
    if job.ranks > 1:
        address = f"localhost:{os.environ['MASTER_PORT']}"
        jax.distributed.initialize(address, job.ranks, int(os.environ["RANK"]))
    ranks: Any = {"rank": jax.process_index(), "world_size": jax.process_count()}
    options: Any = {"batch_size": BATCH, "shuffle": True, **ranks}
    reader: Any
    if job.way == "Reader":
        reader = Reader(job.table, ["i"], **options)
    else:
        reader = Loader(
            job.table, ["i"], num_workers=job.workers, multiprocessing_context="spawn", **options
        )
    if job.is_resumed:
        reader.load_state_dict(job.saved())
    for epoch in range(reader.epoch, EPOCHS):
        for batch in _on_device(reader):
            if job.took(epoch, batch["i"]):
                job.save(reader.state_dict())


def _on_device(reader: Any) -> Iterator[Any]:
    for batch in reader:
        yield jax.device_put({name: jax.numpy.asarray(each) for name, each in batch.items()})
