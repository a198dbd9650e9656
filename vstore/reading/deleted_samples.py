"""Reading which rows of a table are marked as deleted, as far as that is asked for."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from vstore.format.deleted_rows import BLOCK_ROWS, DeletedRows
from vstore.format.numbers import StoredRows
from vstore.reading.array import ChunkSource, read
from vstore.reading.assembly import Load


def deleted_rows(marks: ChunkSource, counts: Sequence[int]) -> DeletedRows:
    """Return the rows that an array marks, in blocks of which this many are."""

    def load(blocks: Sequence[int]) -> list[StoredRows]:
        length = marks.metadata.shape[0]
        if marks.metadata.chunk_shape != (BLOCK_ROWS,):
            return [
                block * BLOCK_ROWS
                + np.flatnonzero(read(marks, slice(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS)))
                for block in blocks
            ]
        found: dict[int, StoredRows] = {}

        def take(i: int, load: Load) -> None:
            first = blocks[i] * BLOCK_ROWS
            found[i] = first + np.flatnonzero(load(None)[: max(0, length - first)])

        marks.visit(blocks, take)
        return [found[i] for i, _ in zip(count(), blocks, strict=False)]

    return DeletedRows(counts, load)
