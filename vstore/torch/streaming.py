"""Whole batches of tensors, in a stream."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.reader.load.buffers import allocate
from vstore.reader.options import Choices, ReadOptions, as_integer
from vstore.reader.plan.cursor import Cursor, decode_state, encode_state
from vstore.reader.progress import progress_bar
from vstore.reader.statistics import ReaderStatistics
from vstore.torch.ranks import rank_and_world_size
from vstore.torch.tensors import TORCH, pinned

if TYPE_CHECKING:
    from vstore.reader.stream import Progress

_MOST_WORKERS = 512
_BEGUN = 4
"""The first four shared numbers are a place, the others count the epochs a worker began."""


@exported_from("vstore.torch")
class StreamingDataset(IterableDataset[Any]):
    """Batches of a commit's samples as tensors, in an order that follows from few numbers.

    ```python
    dataset = StreamingDataset(snapshot["train"], ["image", "label"], batch_size=256,
                               shuffle=True, seed=0)
    for batch in DataLoader(dataset, batch_size=None):      # or: for batch in dataset
        train(batch["image"], batch["label"])
    ```

    Iterate over it directly, or through a `DataLoader` with `batch_size=None`, since it
    makes whole batches. Threads load and gather them ahead of use, so `num_workers=0` is the
    fast way; worker processes make the same batches in the same order, and are worth their
    cost for transforms that keep Python busy.

    Args:
        data, columns, options: as those of `vstore.reader.Reader`. `rank` and `world_size`
            come from `torch.distributed`, or from the environment variables `RANK` and
            `WORLD_SIZE`, where they are not given. `ragged="nested"` makes nested tensors.
        pin_memory: make batches in page-locked memory, for `tensor.to(device,
            non_blocking=True)`. Worker processes cannot; there it is the `DataLoader`'s option.

    Each iteration is an epoch, and the next one comes in another order; `set_epoch` chooses
    it, also for worker processes that live on. `state_dict` and `load_state_dict` resume at
    the exact next batch, also on another number of ranks. A `StatefulDataLoader` finds them
    by itself; with a plain `DataLoader` and worker processes, tell `state_dict` how many
    batches were taken.

    A batch that is kept is never overwritten, and must not be written to by several owners:
    batches made together share memory, though no element.
    """

    def __init__(
        self,
        data: Any,
        columns: Sequence[str] | None = None,
        *,
        pin_memory: bool = False,
        **options: Unpack[ReadOptions],
    ) -> None:
        options["rank"], options["world_size"] = rank_and_world_size(
            options.get("rank"), options.get("world_size")
        )
        if pin_memory and not getattr(torch, "accelerator", torch.cuda).is_available():
            raise InvalidInputError(
                "pin_memory needs a GPU or another accelerator, and torch finds none here"
            )
        self._stream = Choices.of(options).stream(
            data,
            columns,
            library=TORCH,
            allocate=pinned if pin_memory else allocate,
        )
        # Worker processes see changes of this, and count in it which epochs they have begun.
        self._shared = _in_shared_memory(torch.zeros(_BEGUN + _MOST_WORKERS, dtype=torch.int64))
        self._own: Cursor | None = None
        self._progress: Progress | None = None
        self._pid = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"stream": self._stream, "shared": self._shared, "own": self._own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._stream = state["stream"]
        self._shared = _in_shared_memory(state["shared"])
        self._own = state["own"]
        self._progress = None
        self._pid = os.getpid()

    def __len__(self) -> int:
        """Return how many batches an epoch has on each rank."""
        return len(self._stream)

    def __iter__(self) -> Iterator[Any]:
        """Return the batches of the next epoch, or of the rest of one after `load_state_dict`."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if worker >= _MOST_WORKERS:
            raise InvalidInputError(f"at most {_MOST_WORKERS} worker processes are possible")
        cursor = self._upcoming(worker, workers)
        if self._own is not None:
            self._own = None
            self._shared[:_BEGUN] = _numbers(cursor)
            self._shared[_BEGUN + worker] = 0
        self._shared[_BEGUN + worker] += 1
        self._progress = self._stream.begin(cursor)
        self._pid = os.getpid()
        return self._stream.iterate(self._progress)

    def _upcoming(self, worker: int, workers: int) -> Cursor:
        """Return where the next iteration begins."""
        if self._own is not None:
            if (self._own.worker, self._own.workers) != (worker, workers):
                raise InvalidInputError(
                    f"the state is that of worker {self._own.worker} of {self._own.workers}; this "
                    f"is worker {worker} of {workers}: use as many, or save dataset.state_dict("
                    "batches) in the main process"
                )
            batch = self._stream.begin(Cursor()).layout.global_batch
            if workers > 1 and self._own.global_batch not in (0, batch):
                raise InvalidInputError(
                    f"the state of worker processes counts batches of {self._own.global_batch} "
                    f"samples over all ranks, not {batch}: keep batch_size * world_size, or save "
                    "dataset.state_dict(batches) in the main process"
                )
            return self._own
        cursor = Cursor(*self._shared[:_BEGUN].tolist())
        begun = int(self._shared[_BEGUN + worker])
        if begun:
            cursor = Cursor(cursor.epoch + begun)
        return replace(cursor, worker=worker, workers=workers)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration reads."""
        self._go_to(Cursor(as_integer("epoch", epoch, least=0)))

    def _go_to(self, cursor: Cursor) -> None:
        self._progress = None
        self._own = None
        self._shared.zero_()
        self._shared[:_BEGUN] = _numbers(cursor)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of the samples that an epoch gives this rank, reading nothing.

        The i-th batch holds those from `i * batch_size` on.
        """
        return self._stream.order(epoch)

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """Return the place behind the batch that was given out last, as JSON can hold it.

        Args:
            batches: how many batches of the epoch this rank has taken, where worker
                processes make them and this process cannot know.
        """
        if batches is not None:
            return encode_state(self._after(batches), self._stream.identity)
        return encode_state(self._cursor(), self._stream.identity)

    def _cursor(self) -> Cursor:
        if self._progress is not None and self._pid == os.getpid():
            return self._progress.cursor
        info = get_worker_info()
        if info is not None:
            return self._upcoming(info.id, info.num_workers)
        if self._shared[_BEGUN:].any():
            raise InvalidInputError(
                "worker processes make the batches, so this process cannot know how many were "
                "taken: call state_dict(batches), or use a StatefulDataLoader"
            )
        return self._upcoming(0, 1)

    def _after(self, batches: int) -> Cursor:
        cursor = Cursor(*self._shared[:_BEGUN].tolist())
        begun = int(self._shared[_BEGUN])
        if begun > 1:
            cursor = Cursor(cursor.epoch + begun - 1)
        progress = self._stream.begin(cursor)
        progress.given = batches
        return progress.cursor

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at a place with the next iteration; the number of ranks may be another.

        Raises:
            InvalidInputError: the state is of other data, or of another order.
        """
        samples = self._stream.deal(Cursor()).samples
        cursor = decode_state(state, self._stream.identity, samples=samples)
        if get_worker_info() is None and cursor.workers == 1:
            self._go_to(cursor)
        else:
            self._progress = None
            self._own = cursor

    def prefetch(self, *, progress: bool = True) -> int:
        """Fill the cache on disk with everything that will be read; return the bytes fetched.

        Raises:
            InvalidInputError: the reader has no `cache_dir`.
        """
        with progress_bar("fetching", is_shown=progress) as report:
            return self._stream.prefetch(report)

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost this process so far."""
        return self._stream.statistics()


def _numbers(cursor: Cursor) -> torch.Tensor:
    place = (cursor.epoch, cursor.samples, cursor.global_batch, cursor.window_samples)
    return torch.tensor(place)


def _in_shared_memory(tensor: torch.Tensor) -> torch.Tensor:
    tensor.share_memory_()  # type: ignore[no-untyped-call]
    return tensor
