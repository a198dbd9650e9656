"""Packing a table's sequences to blocks of one length, as language models are trained on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.format.numbers import Positions
from vstore.format.zarr.selection import positions as resolve
from vstore.reader.load.channel import Channel, worked_out
from vstore.reader.load.packs import SegmentFeed
from vstore.reader.plan.packs import Packed, checked_length, pack
from vstore.reading.column import Column

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

PACK_SEGMENT, PACK_POSITION = "pack.segment", "pack.position"
"""Under these names batches have which sequence of its block an element is in, and where."""


@exported_from("vstore.reader")
def packed(
    lengths: "Column | ArrayLike",
    length: int,
    *,
    rows: Any = None,
    split: bool = True,
    pad: bool = True,
) -> Packed:
    """Return the sequences of a table one behind the other in blocks of one length.

    Give it as `rows` of a reader, whose samples are the blocks then: `batch["tokens"]` has the
    shape (batch, length). `batch["pack.segment"]` says which sequence of its block each element
    is in, from 1 on, 0 being padding, and `batch["pack.position"]` the place in that part of
    the sequence, from 0 on; both int32, (batch, length).

    Args:
        lengths: how long each sample is: the column of sequences, or numbers of shape (samples,).
            Other columns that are read need the same lengths.
        length: how many elements a block has.
        rows: which samples, in which order, as an index over positions; all when None. The
            order in which sequences follow one another is the same in every epoch.
        split: let sequences go on in the next block, so that only the last one has padding.
            Without it each is whole in a block, the last of a block followed by padding; only
            those that are longer than a block are divided.
        pad: also give blocks that have padding.

    >>> blocks = packed([3, 4, 2], 5)
    >>> len(blocks), blocks.positions.tolist(), blocks.starts.tolist(), blocks.stops.tolist()
    (2, [0, 1, 1, 2], [0, 0, 2, 0], [3, 2, 4, 2])

    Raises:
        InvalidInputError: the lengths are not one whole number of 0 or more for each sample.
        OutOfBoundsError: there is no such position.
    """
    values = np.asarray(lengths.lengths if isinstance(lengths, Column) else lengths)
    if values.ndim != 1 or values.dtype.kind not in "ui" or (values < 0).any():
        raise InvalidInputError(
            "lengths are the column of sequences, or one whole number of 0 or more for each sample"
        )
    values = values.astype(np.int64)
    if rows is None:
        return pack(values, checked_length(length), split=split, pad=pad)
    chosen = resolve(rows, len(values))
    made = pack(values[chosen], checked_length(length), split=split, pad=pad)
    return Packed(
        made.length, made.cuts, chosen[made.positions], made.starts, made.stops, made.wholes
    )


def segments(packs: Packed) -> dict[str, Channel]:
    """Return what batches of blocks have besides, by name."""
    kinds: dict[str, Literal["segment", "position"]]
    kinds = {PACK_SEGMENT: "segment", PACK_POSITION: "position"}
    return {
        name: worked_out(SegmentFeed(packs, kind), nbytes=4.0 * packs.length)
        for name, kind in kinds.items()
    }


def check_packed(
    columns: Mapping[str, Column], places: Mapping[str, Positions | None], packs: Packed
) -> None:
    """Raise unless all columns are sequences of the lengths that were packed.

    Args:
        columns: the columns by name.
        places: where in each column's table the samples of all pieces are.
        packs: the blocks.
    """
    for name, column in columns.items():
        if name in (PACK_SEGMENT, PACK_POSITION):
            raise InvalidInputError(
                f"a batch of blocks has something else called {name!r}: read the column under "
                "another name, from a mapping of names to columns"
            )
        info = internals(column).info
        if info.kind.flatten is None or None in (info.shape or ())[1:]:
            raise InvalidInputError(
                f"the column {name!r} ({info.kind_name}) holds no sequences to put one behind the "
                "other: name the columns to read"
            )
        picked = places[name]
        lengths = column.lengths if picked is None else column.lengths[picked]
        if not np.array_equal(lengths, packs.wholes):
            raise InvalidInputError(
                f"samples of the column {name!r} have other lengths than those that were packed"
            )
