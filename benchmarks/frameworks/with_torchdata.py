"""torchdata's loader, which saves the state of datasets in its worker processes."""

from typing import Any

from torchdata.stateful_dataloader import StatefulDataLoader

from benchmarks.frameworks.job import BATCH, EPOCHS, Job
from vstore.torch import StreamingDataset


def train(job: Job) -> None:
    """Train on whole batches or on samples."""
    job.join()
    loader = made(job, ["i"])
    if job.is_resumed:
        loader.load_state_dict(job.saved())
    for epoch in range(1 if job.is_resumed else 0, EPOCHS):
        for batch in loader:
            if job.took(epoch, batch["i"]):
                job.save(loader.state_dict())


def made(job: Job, columns: list[str], **options: Any) -> Any:
    """Return a loader of batches or samples, which saves its place."""
    size = BATCH if job.way == "batches" else None
    dataset = StreamingDataset(job.table, columns, batch_size=size, shuffle=True, **options)
    return StatefulDataLoader(dataset, batch_size=None if size else BATCH, num_workers=job.workers)
