"""One loader in one process: convert the data, or read epochs; prints what it measured as JSON."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.loading import (  # noqa: F401 - they register theirs
    codecs_alone,
    ours,
    rows,
    shards,
    ways,
)
from benchmarks.loading.data import DATASETS
from benchmarks.loading.loader import LOADERS, Job
from benchmarks.loading.writing import WRITERS, measure_rows, measure_writing
from tests.peak_memory import own_peak_nbytes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("prepare", "read", "writing", "rows"))
    parser.add_argument("loader", choices=sorted({*LOADERS, *WRITERS}))
    parser.add_argument("dataset", choices=sorted(DATASETS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--openings", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--url", default="")
    parser.add_argument("--storage-options", default="{}")
    return parser.parse_args()


def prepare(job: Job, name: str) -> dict[str, Any]:
    """Convert the data; return how long that took and what it takes on disk."""
    samples = job.dataset.samples(job.folder.parent)
    started = time.perf_counter()
    LOADERS[name].prepare(samples, job)
    seconds = time.perf_counter() - started
    files = [each for each in job.folder.rglob("*") if each.is_file()]
    return {"seconds": seconds, "nbytes": sum(each.stat().st_size for each in files)}


def main() -> None:
    """Run."""
    options = _options()
    job = Job(
        DATASETS[options.dataset],
        options.folder,
        options.shuffled,
        options.workers,
        options.url,
        options.storage_options,
    )
    result: dict[str, Any]
    if options.action == "prepare":
        result = prepare(job, options.loader)
    elif options.action == "read":
        from benchmarks.loading.epochs import read  # needs torch, which Icechunk's process lacks

        result = read(LOADERS[options.loader], job, options)
    else:
        measure = measure_writing if options.action == "writing" else measure_rows
        samples = job.dataset.samples(job.folder.parent)
        result = {**measure(options.loader, samples, job.folder)}
    result["peak_nbytes"] = own_peak_nbytes()
    print(json.dumps(result), flush=True)
    os._exit(0)  # some loaders hang at exit; what was measured is out


if __name__ == "__main__":
    main()
