"""A loader that knows its place with any number of worker processes."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, replace
from typing import Any, NoReturn, Self, Unpack

import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, pickled
from vstore.reader.mixture import MixedStream
from vstore.reader.options import Choices, ReadOptions, as_integer
from vstore.reader.passes import LocalPlace, Passes
from vstore.reader.plan.cursor import Cursor, decode_state, encode_state
from vstore.reader.plan.progress import Progress
from vstore.reader.reader import not_by_position
from vstore.reader.statistics import ReaderStatistics
from vstore.reader.stream import Stream
from vstore.reading.buffers import allocate
from vstore.torch.ranks import Alike, rank_and_world_size
from vstore.torch.sharing import SharedFolder
from vstore.torch.tally import Tally
from vstore.torch.tensors import TORCH, pinned, require_accelerator


class _Batches(IterableDataset[Any]):
    """What worker processes iterate over: from the place that the loader wrote down."""

    def __init__(self, stream: Stream | MixedStream, tally: Tally) -> None:
        self._stream = stream
        self._tally = tally
        self._begin = torch.zeros(7, dtype=torch.int64)
        self._begin.share_memory_()  # type: ignore[no-untyped-call]

    def begin_at(self, cursor: Cursor, ranks: tuple[int, int]) -> None:
        """Say where the next pass begins, for all workers."""
        self._begin[:] = torch.tensor([*astuple(cursor)[:5], *ranks])

    def __iter__(self) -> Generator[Any, None, None]:
        info = get_worker_info()
        if info is None:
            raise AssertionError
        *place, rank, world_size = self._begin.tolist()
        self._stream.at_group(rank, world_size)
        cursor = replace(Cursor(*place), worker=info.id, workers=info.num_workers)
        batches = self._stream.batches(self._stream.begin(cursor))
        return self._tally.follow(batches, self._stream.statistics)


@exported_from("vstore.torch")
class Loader:
    """Batches of a commit's samples as tensors, resumed exactly with any number of workers.

    ```python
    loader = vstore.torch.Loader(snapshot["train"], ["image", "label"], batch_size=256,
                                 shuffle=True, seed=0)
    for epoch in range(loader.epoch, 10):
        loader.set_epoch(epoch)
        for batch in loader:
            train(batch["image"], batch["label"])
            save(loader.state_dict())
    ```

    Args:
        data, columns, options: as those of `vstore.torch.StreamingDataset`; with
            `batch_size=None` it gives single samples.
        num_workers: how many processes make batches. Threads load and gather ahead of use
            anyway, so 0 is the fast way unless transforms keep Python busy. Workers live as
            long as the loader.
        pin_memory: make batches in page-locked memory, for `tensor.to(device,
            non_blocking=True)`.
        prefetch_factor: how many batches each worker makes ahead.
        multiprocessing_context: how workers are started: `"fork"`, `"spawn"` or
            `"forkserver"`; as Python does when None.
        worker_init_fn: is called in each worker with its number when it starts.

    Each iteration is an epoch, and the next one comes in another order; `set_epoch` chooses
    it. One that is left after its first batch was a look, and leaves no trace. `state_dict`
    tells the place behind the batch that was given out last, however many were made ahead, and
    `load_state_dict` goes on there, with any number of workers and ranks.

    >>> import vstore
    >>> repo = vstore.create("memory://loader-doc")
    >>> with repo.transaction("main", message="Count") as tx:
    ...     table = tx.create_table("train", {"x": vstore.ndarray((), "int64")})
    ...     table.extend({"x": range(5)})
    >>> loader = Loader(repo.checkout("main")["train"], batch_size=2)
    >>> [batch["x"].tolist() for batch in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(  # noqa: PLR0913 - those of a DataLoader
        self,
        data: Any,
        columns: Sequence[str] | None = None,
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
        prefetch_factor: int = 2,
        multiprocessing_context: Any = None,
        worker_init_fn: Callable[[int], None] | None = None,
        **options: Unpack[ReadOptions],
    ) -> None:
        self._given_ranks = options.get("rank"), options.get("world_size")
        options["rank"], options["world_size"] = rank_and_world_size(*self._given_ranks)
        if pin_memory:
            require_accelerator()
        self._workers = as_integer("num_workers", num_workers, least=0)
        self._options = {
            "num_workers": self._workers,
            "pin_memory": pin_memory,
            "prefetch_factor": as_integer("prefetch_factor", prefetch_factor, least=1),
            "multiprocessing_context": multiprocessing_context,
            "worker_init_fn": worker_init_fn,
            "collate_fn": as_loaded,
        }
        memory = pinned if pin_memory and not self._workers else allocate
        self._stream = Choices.of(options).stream(data, columns, library=TORCH, allocate=memory)
        alike = Alike(self._stream.identity.data)
        compare = alike.check_pass if self._given_ranks == (None, None) else None
        self._passes = Passes(LocalPlace(), on_count=compare)
        self._source: tuple[_Batches, Any] | None = None
        self._is_lent = False
        self._tally = Tally(SharedFolder())

    def __len__(self) -> int:
        """Return how many batches, or samples, an epoch has on this rank."""
        self._settle_ranks()
        return len(self._stream)

    def __getitem__(self, index: Any) -> NoReturn:
        """Raise `InvalidInputError`: it gives batches in a stream."""
        raise not_by_position("a Loader", index)

    def __iter__(self) -> Iterator[Any]:
        """Return the batches of the next epoch, or of the rest of one after `load_state_dict`."""
        self._settle_ranks()
        choice, upcoming = self._passes.place.read()
        progress = self._stream.begin(upcoming)
        batches = self._made(progress) if self._workers else self._stream.batches(progress)
        return self._passes.follow(progress, _followed(progress, batches), choice=choice)

    def _made(self, progress: Progress) -> Generator[Any, None, None]:
        """Yield the batches of a pass, made by workers."""
        is_mine = not self._is_lent
        self._is_lent = True
        batches, loader = self._take_source(keep=is_mine)
        try:
            batches.begin_at(progress.begin, (progress.deal.rank, progress.deal.world_size))
            yield from loader
        finally:
            if is_mine:
                self._is_lent = False

    def _take_source(self, *, keep: bool) -> tuple[_Batches, Any]:
        """Return the workers that live on; others where a pass that is going on has those."""
        if keep and self._source is not None:
            return self._source
        batches = _Batches(self._stream, self._tally)
        loader: Any = DataLoader(batches, batch_size=None, persistent_workers=keep, **self._options)
        if keep:
            self._source = batches, loader
        return batches, loader

    def _settle_ranks(self) -> None:
        if self._given_ranks == (None, None):
            self._stream.at_rank(*rank_and_world_size(None, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes; iterating again starts others."""
        self._source = None

    @property
    def epoch(self) -> int:
        """The epoch that is being read; between two, the next one."""
        return self._passes.cursor.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration reads.

        A place in that epoch, loaded by `load_state_dict` and not passed yet, is kept.
        """
        self._passes.set_epoch(as_integer("epoch", epoch, least=0))

    def order(self, epoch: int) -> NDArray[Any]:
        """Return the positions of the samples that an epoch gives this rank, reading nothing."""
        self._settle_ranks()
        return self._stream.order(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the place behind the batch that was given out last, as JSON can hold it."""
        return encode_state(self._passes.cursor, self._stream.identity)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at a place with the next iteration; workers and ranks may be other ones.

        Raises:
            InvalidInputError: the state is of other data or of another order, or that of one
                worker process of a `StatefulDataLoader`.
        """
        samples = self._stream.deal(Cursor()).samples
        cursor = decode_state(state, self._stream.identity, samples=samples)
        if cursor.workers > 1:
            raise InvalidInputError(
                "the state is that of one of several worker processes: load it where it came from"
            )
        self._passes.go_to(cursor)

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost so far, worker processes included."""
        return self._tally.total(self._stream.statistics())


def _followed(
    progress: Progress, batches: Generator[Any, None, None]
) -> Generator[Any, None, None]:
    with closing(batches):
        yield from progress.follow(batches)


@pickled
def as_loaded(batch: Any) -> Any:
    """Return a batch as it was made; torch would make lists of tuples, and refuse dates."""
    return batch
