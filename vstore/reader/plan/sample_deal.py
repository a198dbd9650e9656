"""Dealing single samples to ranks, and an order in which what they took is always a beginning."""

from dataclasses import dataclass, field

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.numbers import Positions
from vstore.reader.plan.planner import Order


@dataclass(frozen=True, slots=True)
class SampleDeal:
    """How the samples of an order are dealt to ranks one by one, from sample `start` on.

    Rank r of n gets the samples `start + r`, `start + r + n`, and so on: so however many each
    has taken, all together have taken a beginning of the order. `block` of them are brought
    together. Some ranks get one sample more than others, unless `drop_last` leaves those out.
    """

    samples: int
    block: int
    world_size: int = 1
    rank: int = 0
    drop_last: bool = False
    start: int = 0
    batches: int = field(init=False)
    """How many blocks there are."""
    stop: int = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            msg = f"rank {self.rank} is not one of {self.world_size} ranks, numbered from 0"
            raise InvalidInputError(msg)
        left = self.samples - self.start
        if self.drop_last:
            left -= left % self.world_size
        object.__setattr__(self, "stop", self.start + left)
        object.__setattr__(self, "batches", -(-left // self.global_batch))

    @property
    def global_batch(self) -> int:
        """How many samples all ranks together bring at a time."""
        return self.block * self.world_size

    @property
    def step(self) -> int:
        """How far apart in the order the samples of one rank are."""
        return self.world_size

    def __len__(self) -> int:
        """Return how many samples this rank gets."""
        return len(range(self.start + self.rank, self.stop, self.step))

    def whole_span(self, batch: int) -> tuple[int, int]:
        """Return from where to where in the order a block of all ranks is."""
        begin = self.start + batch * self.global_batch
        return begin, min(begin + self.global_batch, self.stop)

    def spans(self, batches: range) -> tuple[list[int], list[int]]:
        """Return from where to where in the order this rank's parts of some blocks are."""
        begin = self.start + np.asarray(batches, np.int64) * self.global_batch
        stop = np.minimum(begin + self.global_batch, self.stop)
        return np.minimum(begin + self.rank, stop).tolist(), stop.tolist()

    def consumed(self, samples: int) -> int:
        """Return how many samples all ranks have taken once each has taken this many."""
        return min(self.start + samples * self.world_size, self.stop)


class InterleavedOrder:
    """The order of an epoch, whole global batches of it with the ranks' parts in turn.

    `ranks` of them take equal parts of a global batch of `order`. Here, the first sample of
    each part comes first, then the second of each.
    """

    def __init__(self, order: Order, ranks: int, *, global_batch: int) -> None:
        self.edges = order.edges
        self._order = order
        self._ranks = ranks
        self._global_batch = global_batch

    def positions(self, unit: int) -> Positions:
        """Return the positions of a unit's samples, in order."""
        positions = self._order.positions(unit)
        batch = self._global_batch
        whole = len(positions) // batch * batch
        parts = positions[:whole].reshape(-1, self._ranks, batch // self._ranks)
        return np.concatenate([parts.swapaxes(1, 2).reshape(-1), positions[whole:]])
