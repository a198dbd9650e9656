"""Who iterates over a dataset: what is not said otherwise, and would be wrong in silence."""

import sys
from collections.abc import Iterator
from typing import Any

from torch.utils.data import ChainDataset, Subset, default_collate
from torch.utils.data._utils.fetch import _IterableDatasetFetcher, _MapDatasetFetcher
from torch.utils.data.dataloader import _BaseDataLoaderIter

from vstore.errors import InvalidInputError

_SHARING = {"IterableDatasetShard", "DataLoaderDispatcher"}
_LIBRARIES = ("accelerate", "transformers")


def refuse_batching() -> None:
    """Raise if what iterates over the caller would make batches of its batches.

    Raises:
        InvalidInputError: that is a `DataLoader` with a batch size, or one of Accelerate's, be
            it through a `ChainDataset`.
    """
    frame: Any = sys._getframe(2)  # noqa: SLF001 - a DataLoader does not say it
    while isinstance(frame.f_locals.get("self"), ChainDataset) and frame.f_back is not None:
        frame = frame.f_back
    caller = frame.f_locals.get("self")
    batches = isinstance(caller, _IterableDatasetFetcher) and caller.auto_collation
    if batches or type(caller).__name__ == "IterableDatasetShard":
        raise InvalidInputError(
            "the dataset makes whole batches, and the DataLoader would make batches of them, since "
            "it does not have batch_size=None",
            code="batches-of-batches",
            hint="give the DataLoader `batch_size=None`, or for single samples make the dataset "
            "with it",
        )


def asked_at_once() -> int:
    """Return how many samples a `DataLoader` takes at a time, where one asks; else 1.

    Called by the generator that it takes them from.
    """
    asking = sys._getframe(2).f_locals  # noqa: SLF001 - it does not say it when it begins
    caller = asking.get("self")
    if isinstance(caller, _IterableDatasetFetcher) and caller.auto_collation:
        return max(1, len(asking["possibly_batched_index"]))
    return 1


def is_shared_out() -> bool:
    """Return whether Accelerate or the Trainer of Transformers shares out what is read here.

    They do so after the dataset: each process takes its part of all samples, or the first
    process reads and sends the others theirs. Forked worker processes stand on the same stack.
    """
    if not any(library in sys.modules for library in _LIBRARIES):
        return False
    return any(type(caller).__name__ in _SHARING and _is_theirs(caller) for caller in _callers())


def prefetch_factor() -> int | None:
    """Return how many batches a `DataLoader` asks each worker for ahead; None if not known.

    It is known while the `DataLoader` starts a worker, and in a forked one.
    """
    for caller in _callers():
        if isinstance(caller, _BaseDataLoaderIter):
            factor: int | None = getattr(caller, "_prefetch_factor", None)
            return factor
    return None


def is_starting_worker() -> bool:
    """Return whether a `DataLoader` starts a worker process here, or has started this one."""
    return any(isinstance(caller, _BaseDataLoaderIter) for caller in _callers())


def _callers() -> Iterator[Any]:
    frame: Any = sys._getframe(1)  # noqa: SLF001 - they do not say it either
    while frame is not None:
        yield frame.f_locals.get("self")
        frame = frame.f_back


def _is_theirs(caller: Any) -> bool:
    return type(caller).__module__.partition(".")[0] in _LIBRARIES


def is_collated_by_torch() -> bool:
    """Return whether what the caller gives goes to torch's own collation, and nowhere else.

    That is so where a `DataLoader` with no `collate_fn` of the user asks, be it for a `Subset`.
    """
    frame = sys._getframe(2)  # noqa: SLF001 - a DataLoader does not say it otherwise
    while frame.f_code is Subset.__getitems__.__code__ and frame.f_back is not None:
        frame = frame.f_back
    fetcher: Any = frame.f_locals.get("self")
    is_fetching = frame.f_code is _MapDatasetFetcher.fetch.__code__
    return is_fetching and fetcher.collate_fn is default_collate
