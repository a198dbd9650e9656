"""Three-way merge of a plain array: by chunk, and element by element inside one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.format import document
from vstore.format.index import changed, locate
from vstore.format.zarr.differing import differing_elements
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_strides
from vstore.merging.attributes import AttributeMerge
from vstore.merging.conflicts import Answers, Conflict, Conflicts
from vstore.reading.array import StoredArray
from vstore.writing.staged_array import StagedArray


@dataclass(frozen=True)
class ArrayMerge:
    """A plain array in the base (None where both sides made it), ours and theirs.

    `staged` begins as ours and becomes the result; `unmake` takes the array out of it.
    """

    path: str
    base: StoredArray | None
    ours: StoredArray
    theirs: StoredArray
    staged: StagedArray
    unmake: Callable[[], None]

    def merge_attributes(self, conflicts: Conflicts) -> None:
        """Put the attributes that theirs changed into the result."""
        AttributeMerge(
            self.path,
            {} if self.base is None else self.base.metadata.attributes,
            self.ours.metadata.attributes,
            self.theirs.metadata.attributes,
            lambda: self.staged.metadata.attributes,
            self.staged.set_attributes,
        ).run(conflicts)

    def merge_elements(self, conflicts: Conflicts) -> None:
        """Put the elements that theirs changed into the result; all sides have one form."""
        load = self.ours.fetcher.pages
        before = self.ours.node.chunks if self.base is None else self.base.node.chunks
        theirs = list(changed(before, self.theirs.node.chunks, load))
        mine = set(theirs if self.base is None else changed(before, self.ours.node.chunks, load))
        for number in theirs:
            if number in mine:
                self._merge_chunk(number, conflicts)
            else:
                ref = locate(self.theirs.node.chunks, np.array([number]), load)[0]
                self.staged.adopt(number, ref)

    def _merge_chunk(self, number: int, conflicts: Conflicts) -> None:
        ours, theirs = _chunk(self.ours, number), _chunk(self.theirs, number)
        apart = differing_elements(ours, theirs)
        mine, others = apart, apart
        base = None if self.base is None else _chunk(self.base, number)
        if base is not None:
            mine, others = differing_elements(base, ours), differing_elements(base, theirs)
        origin = _origin(self.ours.metadata, number)
        plain = np.argwhere(others & ~mine) + origin
        if len(plain):
            inside = tuple((plain - origin).T)
            self.staged.write_points(plain, theirs[inside])
        for point in np.argwhere(others & mine & apart):
            where, inside = tuple(int(i) for i in point + origin), tuple(point)
            old = None if base is None else base[inside]
            conflicts.add(
                Conflict(
                    self.path,
                    "added" if base is None else "changed",
                    where,
                    old,
                    ours[inside],
                    theirs[inside],
                ),
                self._answers(where, old, theirs[inside]),
            )

    def _answers(self, where: tuple[int, ...], base: Any, theirs: Any) -> Answers:
        def put(value: Any) -> None:
            self.staged.write(where, np.asarray(value, self.staged.metadata.dtype))

        keep = self.unmake if self.base is None else lambda: put(base)
        return Answers(lambda: put(theirs), keep, put)


def form_of(array: StoredArray) -> bytes:
    """Return all that an array is but its attributes and elements, as a canonical document."""
    return document.dumps(array.metadata.with_attributes({}).to_dict())


def is_same_array(one: StoredArray, other: StoredArray) -> bool:
    """Return whether two states of an array say the same, however its chunks are packed."""
    if form_of(one) != form_of(other):
        return False
    attributes = [array.metadata.attributes for array in (one, other)]
    apart = changed(one.node.chunks, other.node.chunks, one.fetcher.pages)
    return document.is_same(*attributes) and next(iter(apart), None) is None


def _chunk(side: StoredArray, number: int) -> NDArray[Any]:
    found: list[NDArray[Any]] = []
    side.visit([number], lambda _, load: found.append(load(None)))
    return found[0]


def _origin(metadata: ArrayMetadata, number: int) -> NDArray[np.int64]:
    """Return where in the array a chunk's first element is."""
    origin = []
    for stride, length in zip(
        chunk_strides(metadata.shape, metadata.chunk_shape), metadata.chunk_shape, strict=True
    ):
        origin.append(number // stride * length)
        number %= stride
    return np.array(origin, np.int64)
