"""Dealing the samples of an order to ranks in batches, and batches to worker processes."""

from dataclasses import dataclass, field

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import pickled


@pickled
@dataclass(frozen=True, slots=True)
class Deal:
    """How the samples of an order are dealt to ranks, from sample `start` on.

    Every rank gets equally many batches and every sample goes to one rank. Without
    `drop_last` the last batch is smaller; where the samples left over are fewer than the
    ranks they join the batch before, which then has one more sample on some ranks.
    """

    samples: int
    batch_size: int
    world_size: int = 1
    rank: int = 0
    drop_last: bool = False
    start: int = 0
    batches: int = field(init=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InvalidInputError(f"batch_size must be at least 1, not {self.batch_size}")
        if not 0 <= self.rank < self.world_size:
            msg = f"rank {self.rank} is not one of {self.world_size} ranks, numbered from 0"
            raise InvalidInputError(msg)
        left = self.samples - self.start
        whole, rest = divmod(left, self.global_batch)
        if not self.drop_last and not whole and 0 < rest < self.world_size:
            raise InvalidInputError(
                f"{left} samples cannot give each of {self.world_size} ranks one",
                code="fewer-samples-than-ranks",
                hint="read with fewer ranks, or with `drop_last=True`",
            )
        extra = not self.drop_last and rest > 0 and (rest >= self.world_size or not whole)
        object.__setattr__(self, "batches", whole + extra)

    @property
    def global_batch(self) -> int:
        """How many samples all ranks together take at a time."""
        return self.batch_size * self.world_size

    @property
    def step(self) -> int:
        """How far apart in the order the samples of one batch are: side by side."""
        return 1

    def __len__(self) -> int:
        """Return how many batches this rank gets."""
        return self.batches

    def whole_span(self, batch: int) -> tuple[int, int]:
        """Return from where to where in the order a global batch is."""
        begin = self.start + batch * self.global_batch
        end = begin + self.global_batch
        if batch == self.batches - 1 and not self.drop_last:
            end = self.samples
        return begin, end

    def spans(self, batches: range) -> tuple[list[int], list[int]]:
        """Return from where to where in the order this rank's parts of some batches are."""
        number = np.asarray(batches, np.int64)
        begin = self.start + number * self.global_batch
        size = np.full(len(number), self.global_batch, np.int64)
        if not self.drop_last:
            size[number == self.batches - 1] = self.samples - begin[number == self.batches - 1]
        return (
            (begin + size * self.rank // self.world_size).tolist(),
            (begin + size * (self.rank + 1) // self.world_size).tolist(),
        )

    def consumed(self, batches: int) -> int:
        """Return how many samples of the epoch all ranks have taken after this many batches."""
        return self.whole_span(batches - 1)[1] if batches else self.start


def worker_batches(batches: int, *, workers: int, worker: int, taken: int = 0) -> range:
    """Return the batches one of several worker processes makes, after the `taken` it has made.

    Batches go to workers in turn, which is how a `DataLoader` collects them; so the order
    is the same for every number of workers.
    """
    return range(worker + taken * workers, batches, workers)
