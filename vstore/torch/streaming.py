"""Whole batches of tensors, in a stream."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info
from torch.utils.data._utils.worker import WorkerInfo

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.reader.options import Choices, ReadOptions, as_integer
from vstore.reader.passes import Passes
from vstore.reader.plan.cursor import Cursor, decode_state, encode_state
from vstore.reader.progress import progress_bar
from vstore.reader.reader import not_by_position
from vstore.reader.statistics import ReaderStatistics
from vstore.reading.buffers import allocate
from vstore.torch.board import Board
from vstore.torch.callers import asked_at_once, is_shared_out, refuse_batching
from vstore.torch.ranks import Alike, is_distributed, rank_and_world_size
from vstore.torch.tally import Tally
from vstore.torch.tensors import TORCH, pinned, require_accelerator

if TYPE_CHECKING:
    from vstore.reader.plan.progress import Progress


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
            come from `torch.distributed`, or from what the launcher set in the environment,
            where they are not given, each time an epoch begins. `ragged="nested"` makes nested
            tensors.
        pin_memory: make batches in page-locked memory, for `tensor.to(device,
            non_blocking=True)`. Worker processes cannot; there it is the `DataLoader`'s option.

    Each iteration is an epoch, and the next one comes in another order; `set_epoch` chooses
    it, also for worker processes that live on. One that is left after its first batch was a
    look, and leaves no trace. `state_dict` and `load_state_dict` resume at
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
        self._given_ranks = options.get("rank"), options.get("world_size")
        options["rank"], options["world_size"] = rank_and_world_size(*self._given_ranks)
        if pin_memory:
            require_accelerator()
        self._stream = Choices.of(options).stream(
            data,
            columns,
            library=TORCH,
            allocate=pinned if pin_memory else allocate,
        )
        board = Board()
        self._passes, self._tally = self._new_passes(board), Tally(board.folder)
        self._in_worker = _InWorker()
        self._sent_to: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        self._settle_ranks()
        return {
            "stream": self._stream,
            "ranks": self._given_ranks,
            "board": self._board,
            "tally": self._tally,
            "loaded": self._in_worker.loaded,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._stream = state["stream"]
        self._given_ranks = state["ranks"]
        self._passes, self._tally = self._new_passes(state["board"]), state["tally"]
        self._in_worker = _InWorker(state["loaded"])
        self._sent_to = os.getpid()

    def _new_passes(self, board: Board) -> Passes:
        if self._given_ranks != (None, None):
            return Passes(board)
        return Passes(board, on_count=partial(_compare_ranks, Alike(self._stream.identity.data)))

    @property
    def _board(self) -> Board:
        board: Board = self._passes.place  # type: ignore[assignment]
        return board

    def _settle_ranks(self) -> None:
        """Follow the rank that this process has now; a spawned worker has that of its parent.

        Where another library shares out what is read, this rank reads everything.
        """
        is_shared = is_shared_out()
        if self._given_ranks != (None, None):
            if is_shared and self._given_ranks[1] != 1:
                raise InvalidInputError(
                    "Accelerate would share out what the dataset has shared out by rank and "
                    "world_size: leave those out, or do not prepare the DataLoader"
                )
            return
        if is_shared:
            self._stream.at_group(0, 1)
            return
        is_told = self._sent_to == os.getpid() and get_worker_info() is not None
        if not is_told or is_distributed():
            self._stream.at_rank(*rank_and_world_size(None, None))

    def __len__(self) -> int:
        """Return how many batches an epoch has on each rank."""
        self._settle_ranks()
        return len(self._stream)

    def __getitem__(self, index: Any) -> NoReturn:
        """Raise `InvalidInputError`: a stream has no positions."""
        raise not_by_position("a StreamingDataset", index)

    def __iter__(self) -> Iterator[Any]:
        """Return the batches of the next epoch, or of the rest of one after `load_state_dict`.

        Raises:
            InvalidInputError: a `DataLoader` is about to make batches of these batches.
        """
        if self._stream.makes_batches:
            refuse_batching()
        self._settle_ranks()
        info = get_worker_info()
        if info is not None:
            return self._iterate_in_worker(info)
        choice, cursor = self._passes.place.read()
        progress = self._stream.begin(cursor)
        given = self._stream.iterate(progress)
        return self._passes.follow(progress, given, choice=choice, at_once=asked_at_once)

    def _iterate_in_worker(self, info: WorkerInfo) -> Iterator[Any]:
        here = self._in_worker
        choice, cursor = self._begin_in_worker(info)
        asks = self._board.asks(here.number, info.id, info.num_workers)
        here.number += 1
        here.loaded = None
        here.begun = progress = self._stream.begin(cursor)
        batches = self._tally.follow(self._stream.iterate(progress), self._stream.statistics)
        return self._passes.follow(
            progress,
            batches,
            choice=choice,
            counts=asks.count,
            at_once=asked_at_once,
        )

    def _begin_in_worker(self, info: WorkerInfo) -> tuple[int, Cursor]:
        """Return where the next pass of this worker begins, and after which choice."""
        loaded = self._in_worker.loaded
        if loaded is None:
            return self._board.agree(self._in_worker.number, info.id, info.num_workers)
        if (loaded.worker, loaded.workers) != (info.id, info.num_workers):
            raise InvalidInputError(
                f"the state is that of worker {loaded.worker} of {loaded.workers}; this "
                f"is worker {info.id} of {info.num_workers}",
                code="state-of-other-workers",
                hint="use as many workers, or save `dataset.state_dict(10)` in the main process, "
                "with the number of batches taken",
            )
        batch = self._stream.begin(Cursor()).layout.global_batch
        if info.num_workers > 1 and loaded.global_batch not in (0, batch):
            raise InvalidInputError(
                f"the state of worker processes counts batches of {loaded.global_batch} "
                f"samples over all ranks, not {batch}",
                code="state-of-other-workers",
                hint="keep batch_size * world_size, or save `dataset.state_dict(10)` in the main "
                "process, with the number of batches taken",
            )
        return self._board.read()[0], loaded

    @property
    def epoch(self) -> int:
        """The epoch that is being read; between two, the next one."""
        return self._passes.cursor.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration reads, also in workers that live on.

        A place in that epoch, loaded by `load_state_dict` and not passed yet, is kept.
        """
        self._passes.set_epoch(as_integer("epoch", epoch, least=0))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of the samples that an epoch gives this rank, reading nothing.

        The i-th batch holds those from `i * batch_size` on.
        """
        self._settle_ranks()
        return self._stream.order(epoch)

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """Return the place behind the batch that was given out last, as JSON can hold it.

        Args:
            batches: how many batches (or samples, where it gives those) of the epoch this rank
                has taken, those before a resume included; for worker processes, since this
                process cannot know.

        Raises:
            InvalidInputError: worker processes make the batches, and `batches` is not given;
                or the epoch has not as many.
        """
        self._settle_ranks()
        cursor = self._cursor() if batches is None else self._after(batches)
        return encode_state(cursor, self._stream.identity)

    def _cursor(self) -> Cursor:
        info = get_worker_info()
        if info is not None:
            here = self._in_worker
            return self._begin_in_worker(info)[1] if here.begun is None else here.begun.cursor
        if self._board.has_begun and not self._passes.is_going:
            raise InvalidInputError(
                "worker processes make the batches, so this process cannot know how many were "
                "taken",
                code="batches-unknown",
                hint="say how many batches were taken, as in `dataset.state_dict(10)`, or use a "
                "StatefulDataLoader",
            )
        return self._passes.cursor

    def _after(self, batches: int) -> Cursor:
        batches = as_integer("batches", batches, least=0)
        if self._stream.may_have_gaps:
            raise InvalidInputError(
                "a number of samples is no place where some may have been skipped",
                code="batches-unknown",
                hint="call `dataset.state_dict()` without a number, or use `vstore.torch.Loader`",
            )
        told = self._passes.told
        if self._board.has_begun and not self._passes.is_going:
            if not self._stream.makes_batches:
                raise InvalidInputError(
                    "worker processes give single samples, and a number of them is no place: use "
                    "vstore.torch.Loader or a StatefulDataLoader"
                )
            begin = self._board.begun(batches)
        else:
            begin = self._passes.place.read()[1] if told is None else told.begin
        progress = self._stream.begin(begin)
        deal = progress.deal
        at_once = deal.global_batch if self._stream.makes_batches else deal.world_size
        before = -(-begin.samples // at_once)
        if not before <= batches <= before + len(deal):
            what = "batches" if self._stream.makes_batches else "samples"
            raise InvalidInputError(
                f"{batches} {what} cannot have been taken: epoch {begin.epoch} has "
                f"{before + len(deal)} on this rank, and reading began behind {before}"
            )
        progress.given = batches - before
        return progress.cursor

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at a place with the next iteration; the number of ranks may be another.

        Raises:
            InvalidInputError: the state is of other data, or of another order.
        """
        samples = self._stream.deal(Cursor()).samples
        cursor = decode_state(state, self._stream.identity, samples=samples)
        if get_worker_info() is None and cursor.workers == 1:
            self._passes.go_to(cursor)
        else:
            self._in_worker.loaded, self._in_worker.begun = cursor, None
            if get_worker_info() is not None:
                self._board.keep_loaded(cursor)

    def prefetch(self, *, progress: bool = True) -> int:
        """Fill the cache on disk with everything that will be read; return the bytes fetched.

        Raises:
            InvalidInputError: the reader has no `cache_dir`.
        """
        with progress_bar("fetching", is_shown=progress) as report:
            return self._stream.prefetch(report)

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost so far, worker processes included."""
        return self._tally.total(self._stream.statistics())


def _compare_ranks(alike: Alike, begin: Cursor) -> None:
    if get_worker_info() is None and not is_shared_out():
        alike.check(begin.epoch)


@dataclass(slots=True)
class _InWorker:
    """What a worker process knows of its passes, and what it was told to go on with."""

    loaded: Cursor | None = None
    begun: "Progress | None" = None
    number: int = 0
