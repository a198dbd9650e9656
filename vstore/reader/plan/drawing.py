"""Drawing samples by weight, as a pure function of a few numbers. No I/O."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, pickled
from vstore.format.digest import digest_of
from vstore.format.numbers import Positions
from vstore.reader.plan.permutation import fractions


@pickled
@dataclass(frozen=True, eq=False)
class Weights:
    """How often each sample is drawn, compared with the others: shape (samples,), float64."""

    values: NDArray[np.float64]

    @classmethod
    def of(cls, given: Any, *, samples: int) -> "Weights":
        """Return the weights of this many samples.

        Raises:
            InvalidInputError: they are not that many numbers of 0 or more, or all are 0.
        """
        try:
            values = np.array(given, np.float64)
        except (TypeError, ValueError):
            values = np.full(1, np.nan)
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise InvalidInputError(
                "weights are finite numbers of 0 or more, at least one of them more, not "
                f"{given!r:.100}"
            )
        if values.shape != (samples,):
            raise InvalidInputError(
                f"{samples:,} samples are read, and the weights have the shape {values.shape}: "
                "give one number for each sample that is read; after a choice by rows, for each "
                "of the chosen ones"
            )
        return cls(values / values.max())

    def draw(self, count: int, key: tuple[int, ...]) -> Positions:
        """Return the positions of `count` samples, ascending; the same ones for the same key.

        The sum of all weights is cut into `count` equal parts and one place is drawn in each,
        so every sample comes as often as its weight says, in the mean, and any group of
        neighbors comes that often in every draw, give or take one.

        >>> Weights.of([1, 0, 3], samples=3).draw(8, (0,)).tolist()
        [0, 0, 2, 2, 2, 2, 2, 2]
        """
        total = self._until[-1]
        places = (np.arange(count) + fractions(count, key)) * (total / count)
        found = np.searchsorted(self._until, places, "right")
        # The last place may be rounded up to the sum itself.
        drawn: Positions = np.minimum(found, self._last).astype(np.int64)
        return drawn

    @cached_property
    def _until(self) -> NDArray[np.float64]:
        return np.cumsum(self.values)

    @cached_property
    def _last(self) -> int:
        return int(np.flatnonzero(self.values)[-1])

    @cached_property
    def digest(self) -> str:
        """What tells these weights from others."""
        return digest_of(self.values.tobytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return Weights, (self.values,)


@exported_from("vstore.reader")
def balanced(labels: ArrayLike) -> NDArray[np.float64]:
    """Return weights with which every label is drawn equally often: shape (samples,), float64.

    Args:
        labels: the label of each sample that is read, such as `table["label"][:]`.

    >>> balanced(["cat", "cat", "cat", "dog"]).round(3).tolist()
    [0.333, 0.333, 0.333, 1.0]
    """
    values = np.asarray(labels)
    if values.ndim != 1:
        msg = f"labels are one value for each sample, not an array of the shape {values.shape}"
        raise InvalidInputError(msg)
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / counts[which]
    return weights
