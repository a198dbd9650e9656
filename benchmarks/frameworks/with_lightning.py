"""Lightning's Trainer, with its own checkpoints, and its own processes on two ranks."""

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from benchmarks.frameworks import with_torchdata
from benchmarks.frameworks.job import BATCH, EPOCHS, Job
from vstore.torch import Loader, StreamingDataset


class Model(lightning.LightningModule):
    """One weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        """Return a loss."""
        del index
        return (self.weight * batch["i"].float()).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return how to learn."""
        return torch.optim.SGD(self.parameters(), lr=1e-3)


class Samples(lightning.LightningDataModule):
    """Whole batches through a `DataLoader`, whose place the data module saves."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.dataset = StreamingDataset(job.table, ["i"], batch_size=BATCH, shuffle=True)

    def train_dataloader(self) -> Any:
        """Return what the Trainer reads."""
        return DataLoader(self.dataset, batch_size=None, num_workers=self.job.workers)

    def state_dict(self) -> dict[str, Any]:
        """Return the place behind the last batch that was trained on."""
        return self.dataset.state_dict(self.job.taken)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on there."""
        self.dataset.load_state_dict(state_dict)


class Notes(lightning.Callback):
    """Writes down what was trained on."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Write down a batch."""
        self.job.took(trainer.current_epoch, _[2]["i"])


def train(job: Job) -> None:
    """Train through a `Loader`, whole batches of a `DataLoader`, or samples."""
    checkpoints = ModelCheckpoint(
        job.folder, "{step}", every_n_train_steps=job.saved_step, save_top_k=-1
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=job.ranks,
        strategy="ddp" if job.ranks > 1 else "auto",
        max_epochs=EPOCHS,
        callbacks=[Notes(job), checkpoints],
        default_root_dir=job.folder,
        logger=False,
        enable_progress_bar=False,
    )
    data: Any
    if job.way == "Loader":
        data = Loader(job.table, ["i"], batch_size=BATCH, shuffle=True, num_workers=job.workers)
    else:
        data = Samples(job) if job.way == "batches" else with_torchdata.made(job, ["i"])
    path = job.folder / f"step={job.saved_step}.ckpt" if job.is_resumed else None
    trainer.fit(Model(), data, ckpt_path=path)
