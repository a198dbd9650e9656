"""One process of a training program: `python -m benchmarks.frameworks.program MODULE ...`."""

import sys
from importlib import import_module
from pathlib import Path

import torch
from torch import distributed

from benchmarks.frameworks.job import Job


def main() -> None:
    """Train as a module of this package does."""
    torch.set_num_threads(1)
    module, way, workers, url, folder, attempt = sys.argv[1:]
    job = Job(url, Path(folder), way, int(workers), is_resumed=attempt == "1")
    import_module(f"benchmarks.frameworks.{module}").train(job)
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
