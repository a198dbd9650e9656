"""What is chosen for a new column once enough of its samples are known, and from which.

Rows per chunk and codecs follow from the first rows alone: not from how these were cut into
batches, so that equal data have equal commits. Until then a column is kept as it came, in
chunks that are not full yet.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format.table.specs import ColumnSpec
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.writing.new_column import OBJECT_NBYTES, column_metadata, rows_per_chunk

ENOUGH_SAMPLES = 1024
FEW_SAMPLES = 16
ENOUGH_NBYTES = 4 * 2**20
"""With this much a few samples are enough."""

MOST_NBYTES = 64 * 2**20
"""With this much whatever there is must do."""

TYPICAL_NBYTES = 2**20
"""With this much, and `ENOUGH_SAMPLES`, a codec shows what it can do."""


@dataclass(slots=True)
class OpenChoice:
    """A new column, how many rows it got, and how large they are together.

    `rows` is the number of rows in a chunk, None where samples differ in size and nobody
    chose it; `codecs_stay` where only the rows are to be chosen. No choice takes more than
    `most_rows` in a chunk.
    """

    spec: ColumnSpec
    rows: int | None = None
    codecs_stay: bool = False
    most_rows: int | None = None
    count: int = 0
    nbytes: int = 0

    def enough_after(self, elements: NDArray[Any]) -> int | None:
        """Return after how many further rows there are enough, None if there are not by then."""
        if self.spec.info.kind.is_plain:
            needed = (self.rows or 1) - self.count
            return needed if needed <= len(elements) else None
        lengths = np.fromiter(map(len, elements.tolist()), np.int64, len(elements))
        count = self.count + np.arange(1, len(elements) + 1)
        nbytes = self.nbytes + np.cumsum(lengths)
        held = nbytes + OBJECT_NBYTES * count
        enough = (count >= ENOUGH_SAMPLES) & (held >= TYPICAL_NBYTES)
        enough |= (count >= FEW_SAMPLES) & (nbytes >= ENOUGH_NBYTES)
        enough |= nbytes >= MOST_NBYTES
        if self.rows is not None:
            enough |= count >= self.rows
        return int(np.argmax(enough)) + 1 if enough.any() else None

    def add(self, elements: NDArray[Any]) -> None:
        """Count more rows, given as they are stored."""
        self.count += len(elements)
        if not self.spec.info.kind.is_plain:
            self.nbytes += sum(map(len, elements.tolist()))

    def made(self, before: ArrayMetadata, first: NDArray[Any], *, name: str) -> ArrayMetadata:
        """Return the metadata of the column's array, chosen by its first rows."""
        rows = self.rows or rows_per_chunk(OBJECT_NBYTES + self.nbytes / max(1, self.count))
        rows = min(rows, self.most_rows or rows)
        if self.codecs_stay:
            return before.rechunked(rows)
        spec = replace(self.spec, rows_per_chunk=rows)
        chosen = column_metadata(spec, first[:rows], name=name)
        document = before.rechunked(rows).to_dict() | {"codecs": list(chosen.codecs)}
        return ArrayMetadata.from_dict(document)
