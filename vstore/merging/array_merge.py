"""Three-way merge of a plain array: by chunk, and element by element inside one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.values import differing_elements
from vstore.format import document
from vstore.format.index import changed, locate
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_strides
from vstore.merging.conflicts import Conflict, Conflicts, merge_attributes
from vstore.reading.array import StoredArray
from vstore.writing.staged_array import StagedArray


def merge_arrays(
    path: str, sides: Sequence[StoredArray | None], staged: StagedArray, conflicts: Conflicts
) -> bool:
    """Put what theirs changed into `staged`, which begins as ours.

    `sides` are base (None where both made the array), ours and theirs. Returns False,
    having done nothing, where a side changed the array's shape or type.
    """
    base, ours, theirs = sides
    if ours is None or theirs is None:
        return False
    forms = {_form(side.metadata) for side in sides if side is not None}
    if len(forms) > 1:
        return False
    _merge_array_attributes(path, [base, ours, theirs], staged, conflicts)
    load = ours.fetcher.pages
    before = base.node.chunks if base is not None else None
    mine = set(changed(before, ours.node.chunks, load))
    for number in changed(before, theirs.node.chunks, load):
        if number in mine:
            _merge_chunk(path, number, (base, ours, theirs), staged, conflicts)
        else:
            ref = locate(theirs.node.chunks, np.array([number]), load)[0]
            staged.adopt(number, ref)
    return True


def _form(metadata: ArrayMetadata) -> bytes:
    form = metadata.to_dict()
    form.pop("attributes")
    return document.dumps(form)


def _merge_array_attributes(
    path: str, sides: Sequence[StoredArray | None], staged: StagedArray, conflicts: Conflicts
) -> None:
    values = [side.metadata.attributes if side is not None else {} for side in sides]
    merged, disagreed = merge_attributes(*values)
    if merged != values[1]:
        staged.set_attributes(merged)
    for name in disagreed:

        def take(value: Any, name: str = name) -> None:
            staged.set_attributes(staged.metadata.attributes | {name: value})

        note = f"the attribute {name!r} was set differently on both sides"
        base, ours, theirs = (side.get(name) for side in values)
        conflicts.add(Conflict(path, "attribute", name, base, ours, theirs, note, take))


def _merge_chunk(
    path: str,
    number: int,
    sides: tuple[StoredArray | None, StoredArray, StoredArray],
    staged: StagedArray,
    conflicts: Conflicts,
) -> None:
    base, ours, theirs = (_chunk(side, number) for side in sides)
    if ours is None or theirs is None:
        return
    apart = differing_elements(ours, theirs)
    if base is None:
        mine, others = apart, apart
    else:
        mine, others = differing_elements(base, ours), differing_elements(base, theirs)
    origin = _origin(sides[1].metadata, number)
    plain = np.argwhere(others & ~mine) + origin
    if len(plain):
        inside = tuple((plain - origin).T)
        staged.write_points(plain, theirs[inside])
    for point in np.argwhere(others & mine & apart):
        where = tuple(int(i) for i in point + origin)
        inside = tuple(point)
        old = None if base is None else base[inside]

        def take(value: Any, where: tuple[int, ...] = where) -> None:
            staged.write(where, np.asarray(value, staged.metadata.dtype))

        conflicts.add(
            Conflict(path, "changed", where, old, ours[inside], theirs[inside], take=take)
        )


def _chunk(side: StoredArray | None, number: int) -> NDArray[Any] | None:
    if side is None:
        return None
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
