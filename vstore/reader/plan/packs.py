"""Packing: sequences of any length, one behind the other in blocks of one length. No I/O."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.digest import digest_of
from vstore.format.numbers import Ints, Positions


@exported_from("vstore.reader")
@dataclass(frozen=True, eq=False)
class Packed:
    """Blocks of `length` elements, for `rows` of a reader: which parts of which samples each has.

    Block i consists of the pieces `cuts[i]` to `cuts[i + 1]`, one behind the other. A piece is
    the elements from `starts` to `stops` of the sample at `positions`, which has `wholes` of
    them. What is left of a block is padding. Made by `packed`.
    """

    length: int
    cuts: Ints
    positions: Positions
    starts: Ints
    stops: Ints
    wholes: Ints

    def __len__(self) -> int:
        return len(self.cuts) - 1

    def pick(self, blocks: Ints) -> "Packed":
        """Return some of the blocks, by their numbers."""
        at = pieces_of(self, blocks)
        counts = self.cuts[blocks + 1] - self.cuts[blocks]
        cuts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        picked = (each[at] for each in (self.positions, self.starts, self.stops, self.wholes))
        return Packed(self.length, cuts, *picked)

    @property
    def padding(self) -> Ints:
        """How many elements of each block are padding: shape (blocks,)."""
        until = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.stops - self.starts)])
        padding: Ints = self.length - np.diff(until[self.cuts])
        return padding


def pieces_of(packs: Packed, blocks: Ints) -> Ints:
    """Return the numbers of all pieces of some blocks, in order."""
    first, counts = packs.cuts[blocks], packs.cuts[blocks + 1] - packs.cuts[blocks]
    return np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def between(packs: Packed, start: int, stop: int) -> Packed:
    """Return the blocks from one to another, copying little."""
    pieces = slice(packs.cuts[start], packs.cuts[stop])
    cuts = packs.cuts[start : stop + 1] - packs.cuts[start]
    parts = (packs.positions, packs.starts, packs.stops, packs.wholes)
    return Packed(packs.length, cuts, *(each[pieces] for each in parts))


def fingerprint(packs: Packed) -> str:
    """Return what tells blocks from others of the same samples."""
    parts = (packs.cuts, packs.positions, packs.starts, packs.stops)
    return digest_of(b"".join([str(packs.length).encode(), *(each.tobytes() for each in parts)]))


def segments(packs: Packed) -> NDArray[np.int32]:
    """Return which piece of its block each element is in, from 1 on; 0 is padding.

    Shape (blocks, length).
    """
    number = np.arange(1, len(packs.positions) + 1, dtype=np.int32)
    number -= np.repeat(packs.cuts[:-1].astype(np.int32), np.diff(packs.cuts))
    found: NDArray[np.int32] = np.repeat(np.insert(number, packs.cuts[1:], 0), _lengths(packs))
    return found.reshape(len(packs), packs.length)


def places(packs: Packed) -> NDArray[np.int32]:
    """Return the place of each element in its piece, or in the padding, from 0 on.

    Shape (blocks, length).
    """
    lengths = _lengths(packs)
    steps = np.ones(len(packs) * packs.length, np.int32)
    if len(steps):
        there = lengths[lengths > 0]
        steps[0] = 0
        steps[np.cumsum(there)[:-1]] = 1 - there[:-1]
    return np.cumsum(steps, dtype=np.int32, out=steps).reshape(len(packs), packs.length)


def _lengths(packs: Packed) -> Ints:
    """Return how long all pieces are, behind those of each block its padding."""
    lengths: Ints = np.insert(packs.stops - packs.starts, packs.cuts[1:], packs.padding)
    return lengths


class _Pieces(NamedTuple):
    """Pieces of sequences in the order of packing, and the block that each is in."""

    sequence: Ints
    starts: Ints
    stops: Ints
    blocks: Ints


def pack(lengths: Ints, length: int, *, split: bool, pad: bool) -> Packed:
    """Return sequences in blocks, in their order; `positions` are their numbers.

    >>> blocks = pack(np.array([3, 4, 2]), 5, split=True, pad=True)
    >>> blocks.cuts.tolist(), blocks.positions.tolist()
    ([0, 2, 4], [0, 1, 1, 2])
    >>> pack(np.array([3, 4, 2]), 5, split=False, pad=True).cuts.tolist()
    [0, 1, 2, 3]
    """
    made = _divided(lengths, length) if split else _whole(lengths, length)
    blocks = int(made.blocks[-1]) + 1 if len(made.blocks) else 0
    cuts = np.searchsorted(made.blocks, np.arange(blocks + 1)).astype(np.int64)
    wholes = lengths[made.sequence]
    packed = Packed(length, cuts, made.sequence, made.starts, made.stops, wholes)
    return packed if pad else packed.pick(np.flatnonzero(packed.padding == 0))


def _divided(lengths: Ints, length: int) -> _Pieces:
    """Return pieces that fill every block but the last."""
    until = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    edges = np.union1d(until, np.arange(0, until[-1], length))
    first = edges[:-1]
    sequence = np.searchsorted(until, first, "right") - 1
    begin = until[sequence]
    return _Pieces(sequence, first - begin, edges[1:] - begin, first // length)


def _whole(lengths: Ints, length: int) -> _Pieces:
    """Return pieces of which only those of sequences that are longer than a block are parts."""
    counts = -(-lengths // length)
    sequence = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(sequence)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = number * length
    stops = np.minimum(starts + length, lengths[sequence])
    until = np.cumsum(stops - starts)
    begins = []
    first = 0
    while first < len(sequence):
        begins.append(first)
        before = until[first - 1] if first else 0
        first = int(np.searchsorted(until, before + length, "right"))
    blocks = np.zeros(len(sequence), np.int64)
    blocks[begins[1:]] = 1
    return _Pieces(sequence, starts, stops, np.cumsum(blocks))


def checked_length(length: Any) -> int:
    """Return how long blocks are, or raise `InvalidInputError`."""
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
        raise InvalidInputError(f"the length of blocks is a number of 1 or more, not {length!r}")
    return int(length)
