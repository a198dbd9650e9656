"""How many variable-length samples go into a chunk: decided once enough of them are known.

The first batch alone may mislead: users append one sample at a time, and the first is
often the shortest. Until the sizes are known a column's rows are few enough to be put
into other chunks.
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from vstore.writing.new_column import OBJECT_NBYTES, rows_per_chunk

ENOUGH_SAMPLES = 1024
FEW_SAMPLES = 16
ENOUGH_NBYTES = 4 * 2**20
"""With this much a few samples are enough."""

MOST_NBYTES = 64 * 2**20
"""With this much whatever there is must do."""


@dataclass(slots=True)
class SampleSizes:
    """How many samples a new column got, and how large they are together."""

    count: int = 0
    nbytes: int = 0

    def add(self, samples: NDArray[Any]) -> None:
        """Count more samples, given as they are stored."""
        self.count += len(samples)
        self.nbytes += sum(map(len, samples.tolist()))

    @property
    def are_known(self) -> bool:
        """Whether the samples so far tell what those to come will be like."""
        return (
            self.count >= ENOUGH_SAMPLES
            or self.nbytes >= MOST_NBYTES
            or (self.count >= FEW_SAMPLES and self.nbytes >= ENOUGH_NBYTES)
        )

    @property
    def rows(self) -> int:
        """The rows that a chunk of such samples should have."""
        return rows_per_chunk(OBJECT_NBYTES + self.nbytes / max(1, self.count))
