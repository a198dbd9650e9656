"""The Trainer of Transformers, with its own checkpoints."""

import torch
import transformers

from benchmarks.frameworks.job import BATCH, EPOCHS, SAMPLES, Job
from vstore.torch import StreamingDataset


class Model(torch.nn.Module):
    """One weight, which writes down what it was trained on."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.job = job
        self.steps = job.saved_step if job.is_resumed else 0

    def forward(self, i: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return a loss."""
        epoch = self.steps // (SAMPLES // (BATCH * self.job.ranks))
        self.steps += 1
        self.job.took(epoch, i)
        return {"loss": (self.weight * i.float()).mean()}


def train(job: Job) -> None:
    """Train on samples, of which the Trainer makes batches."""
    arguments = transformers.TrainingArguments(
        output_dir=str(job.folder / "trainer"),
        per_device_train_batch_size=BATCH,
        num_train_epochs=EPOCHS,
        dataloader_num_workers=job.workers,
        save_strategy="steps",
        save_steps=job.saved_step,
        remove_unused_columns=False,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    dataset = StreamingDataset(job.table, ["i"], batch_size=None, shuffle=True)
    trainer = transformers.Trainer(model=Model(job), args=arguments, train_dataset=dataset)
    trainer.train(resume_from_checkpoint=job.is_resumed)
