"""Keras's `fit`, with a generator of whole batches or a `DataLoader` of samples."""

from typing import Any

import keras

from benchmarks.frameworks import with_torchdata
from benchmarks.frameworks.job import BATCH, EPOCHS, Job
from vstore.torch import Loader


class Model(keras.Sequential):
    """One layer, which writes down what it was trained on."""

    def note(self, job: Job, loader: Any, first: int) -> None:
        """Say where to write, what to save, and which epoch comes first."""
        self.job, self.loader, self.epoch = job, loader, first

    def train_step(self, data: Any) -> Any:
        """Train on a batch."""
        logs = super().train_step(data)
        if self.job.took(self.epoch, data[0].detach().cpu()):
            self.job.save(self.loader.state_dict())
        return logs


class Epochs(keras.callbacks.Callback):
    """Tells the model which epoch it is in."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell it."""
        del logs
        self.model.epoch = epoch


def train(job: Job) -> None:
    """Train through a `Loader`, or samples of which a `StatefulDataLoader` makes batches."""
    job.join()
    loader: Any
    columns, options = ["x", "i"], {"collate": "tuple"}
    if job.way == "Loader":
        loader = Loader(
            job.table, columns, batch_size=BATCH, shuffle=True, num_workers=job.workers, **options
        )
    else:
        loader = with_torchdata.made(job, columns, **options)
    if job.is_resumed:
        loader.load_state_dict(job.saved())
    model = Model([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    first = 1 if job.is_resumed else 0
    model.note(job, loader, first)
    for epoch in range(first, EPOCHS):
        data = (batch for batch in loader) if job.way == "Loader" else loader
        model.fit(data, initial_epoch=epoch, epochs=epoch + 1, callbacks=[Epochs()], verbose=0)
