"""Who iterates over a dataset: what a `DataLoader` does not say, and would be wrong in silence."""

import sys

from torch.utils.data._utils.fetch import _IterableDatasetFetcher

from vstore.errors import InvalidInputError


def refuse_batching() -> None:
    """Raise if a `DataLoader` with a batch size iterates over the caller of the caller.

    Raises:
        InvalidInputError: it would make batches of batches.
    """
    frame = sys._getframe(2)  # noqa: SLF001 - a DataLoader does not say it otherwise
    fetcher = frame.f_locals.get("self")
    if isinstance(fetcher, _IterableDatasetFetcher) and fetcher.auto_collation:
        raise InvalidInputError(
            "the dataset makes whole batches, and the DataLoader would make batches of them: give "
            "it batch_size=None, or make the dataset with batch_size=None for single samples"
        )
