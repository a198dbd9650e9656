"""Grain, which shuffles and batches by itself and reads samples by their position."""

import grain
from absl import flags

from benchmarks.frameworks.job import BATCH, EPOCHS, SAMPLES, Job
from vstore.torch import make_torch_dataset


def train(job: Job) -> None:
    """Train on samples by position."""
    flags.FLAGS.mark_as_parsed()  # Grain's worker processes need that; `absl.app.run` does it, too
    source = make_torch_dataset([job.table["i"]])
    data = grain.MapDataset.source(source).seed(0).shuffle().repeat(EPOCHS)
    batches = data[job.rank :: job.ranks].batch(BATCH).to_iter_dataset()
    if job.workers:
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=job.workers))
    iterator = iter(batches)
    if job.is_resumed:
        iterator.set_state(job.saved())
    before = job.saved_step if job.is_resumed else 0
    for step, batch in enumerate(iterator, before):
        epoch = step * BATCH * job.ranks // SAMPLES
        if job.took(epoch, batch.i):
            job.save(iterator.get_state())
