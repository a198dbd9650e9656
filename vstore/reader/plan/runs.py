"""Which samples a batch has, and where in the order of an epoch they are."""

from collections.abc import Sequence
from typing import NamedTuple

from vstore.format.numbers import Positions


class Run(NamedTuple):
    """Samples of one source that follow one another in an order, `step` places apart.

    `positions`, of shape (n,), are those in the source; `first` is the place of the first
    sample in the order, and `member` which source of a mixture it is.
    """

    positions: Positions
    first: int
    step: int = 1
    member: int = 0

    @property
    def places(self) -> range:
        """Where in the order the samples are."""
        return range(self.first, self.first + len(self.positions) * self.step, self.step)

    def one(self, index: int) -> "Run":
        """Return a run of one of the samples."""
        return self._replace(positions=self.positions[index : index + 1], first=self.places[index])


Runs = Sequence[Run]
"""The samples of a batch, in order."""


def count(runs: Runs) -> int:
    """Return how many samples there are."""
    return sum(len(run.positions) for run in runs)


def spot(runs: Runs, index: int) -> tuple[Run, int]:
    """Return the sample of a batch with a number: its run, and its number there."""
    for run in runs:
        if index < len(run.positions):
            return run, index
        index -= len(run.positions)
    raise IndexError(index)
