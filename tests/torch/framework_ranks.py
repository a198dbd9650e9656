"""One rank of a training program in a framework: writes down which samples it was given."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import vstore
from vstore.torch import Loader, StreamingDataset


def numbers(batches: Any) -> list[int]:
    return [int(i) for batch in batches for i in batch["i"].reshape(-1)]


def accelerate_(table: Any, kind: str, workers: int) -> list[int]:
    """Prepare a `DataLoader` over whole batches or single samples, or a `Loader`."""
    accelerate = import_module("accelerate")
    dispatch = False if kind == "shards" else None
    config = accelerate.DataLoaderConfiguration(dispatch_batches=dispatch)
    accelerator = accelerate.Accelerator(cpu=True, dataloader_config=config)
    if kind == "loader":
        return numbers(accelerator.prepare(Loader(table, ["i"], batch_size=10, shuffle=True)))
    size = 10 if kind == "batches" else None
    dataset = StreamingDataset(table, ["i"], batch_size=size, shuffle=True)
    loader = DataLoader(dataset, batch_size=None if size else 10, num_workers=workers)
    return numbers(accelerator.prepare(loader))


def trainer(table: Any, kind: str, workers: int) -> list[int]:
    """Train two epochs with the Trainer of Transformers; return what the model was given."""
    transformers = import_module("transformers")
    given: list[int] = []

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def forward(self, i: torch.Tensor) -> dict[str, torch.Tensor]:
            given.extend(i.tolist())
            return {"loss": (self.weight * i.float()).mean()}

    dataset = StreamingDataset(table, ["i"], batch_size=None, shuffle=True)
    arguments = transformers.TrainingArguments(
        output_dir=str(Path(sys.argv[5]) / "trainer"),
        per_device_train_batch_size=10,
        num_train_epochs=2,
        dataloader_num_workers=workers,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    transformers.Trainer(model=Model(), args=arguments, train_dataset=dataset).train()
    return given


def main() -> None:
    torch.set_num_threads(1)
    framework, url, kind, workers = sys.argv[1:5]
    table = vstore.checkout(url, "main")["t"]
    run = {"accelerate": accelerate_, "trainer": trainer}[framework]
    found = run(table, kind, int(workers))
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    (Path(sys.argv[5]) / f"{rank}.json").write_text(json.dumps(found))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
