"""vstore's `StreamingDataset`, with each preset of codecs."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.loading.loader import ALL, DENSE, Batches, Job, register


@dataclass(frozen=True)
class Ours:
    """A commit, read in its place, with the default options."""

    codecs: str
    is_remote: bool = False
    workers: tuple[int, ...] = (0,)
    datasets: tuple[str, ...] = DENSE
    options: dict[str, Any] = field(default_factory=dict)

    def prepare(self, samples: Any, job: Job) -> None:
        """Commit the samples."""
        import vstore

        url, options = self._where(job)
        try:
            repo = vstore.create(url, storage_options=options)
        except vstore.AlreadyExistsError:
            return  # one repository serves several loaders
        if job.dataset.is_encoded:
            column = vstore.image()
        else:
            column = vstore.ndarray(samples.shape[1:], samples.dtype, codecs=self.codecs)
        columns = {job.dataset.column: column, "number": vstore.ndarray((), "int64")}
        with repo.transaction("main", message="Add the samples") as tx:
            table = tx.create_table("train", columns)
            table.extend({job.dataset.column: samples, "number": np.arange(len(samples))})

    def _where(self, job: Job) -> tuple[str, dict[str, Any] | None]:
        if not self.is_remote:
            return str(job.folder / "repository"), None
        return f"{job.url}/{job.dataset.name}-{self.codecs}", json.loads(job.storage_options)

    def table(self, job: Job) -> Any:
        """Return the table that the samples are in."""
        import vstore

        url, storage = self._where(job)
        return vstore.checkout(f"{url}@main", storage_options=storage)["train"]

    def open(self, job: Job) -> Callable[[int], Batches]:
        """Return a function that begins an epoch."""
        from vstore.torch import StreamingDataset

        table = self.table(job)
        options = dict(self.options)
        if options.get("cache_dir"):
            options["cache_dir"] = job.folder / options["cache_dir"]
        dataset = StreamingDataset(table, batch_size=256, shuffle=job.is_shuffled, **options)
        if options.get("cache_dir"):
            dataset.prefetch()

        def begin(epoch: int) -> Batches:
            dataset.set_epoch(epoch)
            for batch in dataset:
                yield batch[job.dataset.column], batch["number"]

        return begin


register("vstore auto", Ours("auto", datasets=ALL))
register("vstore lz4", Ours("fast"))
register("vstore zstd", Ours("balanced"))
register("vstore raw", Ours("none"))
register("vstore auto, S3", Ours("auto", is_remote=True, datasets=ALL))
register(
    "vstore auto, S3, disk cache",
    Ours("auto", is_remote=True, options={"cache_dir": "cache"}, datasets=ALL),
)
