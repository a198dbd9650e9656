"""Samples that differ in shape, one behind the other: no Python object for each."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.numbers import Ints
from vstore.format.table.ragged import Shape, set_shapes

_MOST_ELEMENTS = 2.0**53
"""More than any memory holds, and few enough that a product of lengths is exact in float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Arrays of one data type, which may be indexed and iterated over as a list of them.

    The elements of sample i, in C order, are `values[offsets[i] : offsets[i + 1]]`, and its
    shape is `shapes[i]`. One that is not `valid` is missing: it has no elements, and is None.
    """

    values: NDArray[Any]
    offsets: Ints
    shapes: Ints
    valid: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, arrays: Sequence[NDArray[Any]]) -> "Flat":
        """Return arrays of one data type and number of axes, at least one of them.

        >>> flat = Flat.of([np.array([1, 2]), np.array([3])])
        >>> flat.values.tolist(), flat.offsets.tolist()
        ([1, 2, 3], [0, 2, 3])
        """
        shapes = np.array([each.shape for each in arrays], np.int64).reshape(len(arrays), -1)
        values = np.concatenate([each.reshape(-1) for each in arrays])
        return cls(values, offsets_of(shapes.prod(axis=1)), shapes)

    @classmethod
    def joined(cls, parts: "Sequence[Flat]") -> "Flat":
        """Return the samples of several as those of one."""
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        masks = [part.valid for part in parts if part.valid is not None]
        return cls(
            np.concatenate([part.values for part in parts]),
            offsets_of(counts),
            np.concatenate([part.shapes for part in parts]),
            np.concatenate(masks) if len(masks) == len(parts) else None,
        )

    def __len__(self) -> int:
        return len(self.shapes)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice | list[int]) -> "Flat": ...
    def __getitem__(self, index: int | slice | list[int]) -> Any:
        """Return a sample; or those that a slice or a list of places picks."""
        if isinstance(index, list):
            return Flat.joined([self[i : i + 1] for i in index] or [self[:0]])
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            offsets = self.offsets[start : stop + 1]
            return Flat(
                self.values[offsets[0] : offsets[-1]],
                offsets - offsets[0],
                self.shapes[index],
                None if self.valid is None else self.valid[index],
            )
        if self.valid is not None and not self.valid[index]:
            return None
        elements = self.values[self.offsets[index] : self.offsets[index + 1]]
        return elements.reshape(self.shapes[index])

    def tolist(self) -> list[Any]:
        """Return the samples as a list of arrays, which share the memory of `values`.

        >>> Flat.of([np.array([1, 2]), np.array([3])]).tolist()
        [array([1, 2]), array([3])]
        """
        edges = self.offsets.tolist()
        samples: list[Any] = [self.values[a:b] for a, b in itertools.pairwise(edges)]
        if self.shapes.shape[1] != 1:
            shapes = map(tuple, self.shapes.tolist())
            samples = [part.reshape(shape) for part, shape in zip(samples, shapes, strict=True)]
        if self.valid is not None:
            for index in np.flatnonzero(~self.valid).tolist():
                samples[index] = None
        return samples


def offsets_of(counts: Ints) -> Ints:
    """Return where each of some runs begins, given how long they are; last, where all end."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


@dataclass(frozen=True, slots=True)
class Stored:
    """How arrays of a column are stored: each element's bytes, and what is said of them.

    `elements` are `bytes`; `shapes` has the shape (samples, axes), and `valid` says which are
    there, where some may be missing.
    """

    elements: NDArray[Any]
    shapes: Ints
    valid: NDArray[np.bool_] | None = None


Parts = tuple[Ints, Ints]
"""From where to where along its first axis each of some arrays is wanted."""


def decode_flat(
    stored: Stored, dtype: np.dtype[Any], expected: Shape, parts: Parts | None = None
) -> Flat:
    """Return stored arrays, in memory of their own; with `parts`, only those parts of them.

    Raises:
        FormatError: some bytes are not an array of the shape that is said, or the column holds
            none such; the first one's number is `at` among the fields.
    """
    elements, shapes, valid = stored.elements, stored.shapes, stored.valid
    if valid is not None and not valid.all():
        elements, shapes = elements.copy(), shapes.copy()
        elements[~valid] = b""
        shapes[~valid] = 0
    pieces, shapes = elements.tolist(), set_shapes(expected, shapes)
    _check(pieces, shapes.prod(axis=1) * dtype.itemsize, expected, shapes)
    if parts is not None:
        shapes = _cut(pieces, dtype.itemsize, shapes, parts)
    values = np.frombuffer(bytearray().join(pieces), dtype.newbyteorder("<"))
    return Flat(values.astype(dtype, copy=False), offsets_of(shapes.prod(axis=1)), shapes, valid)


def _cut(pieces: list[Any], itemsize: int, shapes: Ints, parts: Parts) -> Ints:
    """Put parts of arrays in the place of whole ones, copying nothing; return their shapes."""
    starts, stops = parts
    at = np.flatnonzero((starts > 0) | (stops < shapes[:, 0]))
    row = itemsize * shapes[at, 1:].prod(axis=1)
    spans = zip((starts[at] * row).tolist(), (stops[at] * row).tolist(), strict=True)
    for i, (start, stop) in zip(at.tolist(), spans, strict=True):
        pieces[i] = memoryview(pieces[i])[start:stop]
    cut = shapes.copy()
    cut[:, 0] = stops - starts
    return cut


def _check(parts: Sequence[bytes], nbytes: Ints, expected: Shape, shapes: Ints) -> None:
    is_wrong = np.fromiter(map(len, parts), np.int64, len(parts)) != nbytes
    is_wrong |= (shapes < 0).any(axis=1)
    # A product that overflowed may be anything.
    is_wrong |= shapes.prod(axis=1, dtype=np.float64) > _MOST_ELEMENTS
    for axis, length in enumerate(expected):
        if length is not None:
            is_wrong |= shapes[:, axis] != length
    if is_wrong.any():
        at = int(is_wrong.argmax())
        shape = tuple(shapes[at].tolist())
        msg = f"a sample of {len(parts[at])} bytes cannot have the shape {shape}"
        raise FormatError(msg, at=at)
