"""Accelerate: a `Loader` as it is, or a `DataLoader` that `prepare` shares out among the ranks."""

import accelerate
from torch.utils.data import DataLoader

from benchmarks.frameworks.job import BATCH, BROKEN, EPOCHS, SAVED, Job
from vstore.torch import Loader, StreamingDataset


def train(job: Job) -> None:
    """Train through a `Loader`, or whole batches or samples of a `DataLoader`."""
    # By itself, the first rank reads and sends; with "shards" each rank reads and leaves out.
    dispatch = False if job.way == "shards" else None
    config = accelerate.DataLoaderConfiguration(dispatch_batches=dispatch)
    accelerator = accelerate.Accelerator(cpu=True, dataloader_config=config)
    if job.way == "Loader":
        _train_with_loader(job, accelerator)
    else:
        _train_with_dataloader(job, accelerator)


def _train_with_loader(job: Job, accelerator: accelerate.Accelerator) -> None:
    loader = Loader(job.table, ["i"], batch_size=BATCH, shuffle=True, num_workers=job.workers)
    loader = accelerator.prepare(loader)
    if job.is_resumed:
        loader.load_state_dict(job.saved())
    for epoch in range(loader.epoch, EPOCHS):
        for batch in loader:
            if job.took(epoch, batch["i"]):
                job.save(loader.state_dict())


def _train_with_dataloader(job: Job, accelerator: accelerate.Accelerator) -> None:
    size = BATCH if job.way == "batches" else None
    dataset = StreamingDataset(job.table, ["i"], batch_size=size, shuffle=True)
    loader = accelerator.prepare(
        DataLoader(dataset, batch_size=None if size else BATCH, num_workers=job.workers)
    )
    for epoch in range(BROKEN if job.is_resumed else 0, EPOCHS):
        loader.set_epoch(epoch)
        is_broken = job.is_resumed and epoch == BROKEN
        left = accelerator.skip_first_batches(loader, SAVED) if is_broken else loader
        for batch in left:
            job.took(epoch, batch["i"])
