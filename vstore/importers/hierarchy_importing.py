"""Importing a hierarchy: its groups and arrays become those of a transaction."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, Literal, get_args

import numpy as np

from vstore.errors import AlreadyExistsError, InvalidInputError, VstoreError
from vstore.faces import exported_from
from vstore.format.object_keys import path_below, split_path
from vstore.importers.errors import Skipped, located, skipped
from vstore.importers.hierarchy import Hierarchy, HierarchyArray, Region, nbytes_of
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_arrays import TransactionArray

BLOCK_NBYTES = 2**25
"""About how much of an array is read at a time."""

_AHEAD = 2
ExistingArrays = Literal["error", "skip", "replace"]


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class ImportedHierarchy:
    """What an import did: to which group, and which arrays it wrote there."""

    path: str
    arrays: tuple[str, ...]
    groups: int
    nbytes: int
    """How many bytes of values were read, texts as about 32 bytes each."""
    equal: int = 0
    """How many arrays were there and were left, with `existing="skip"`."""
    skipped: tuple[Skipped, ...] = ()
    """What has no place here, and with `on_error="skip"` what could not be imported."""


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyOptions:
    """How the import of a hierarchy goes."""

    existing: ExistingArrays = "error"
    """What happens to arrays that are there: `skip` leaves them, `replace` writes them again,
    which stores only chunks that differ."""

    on_error: Literal["stop", "skip"] = "stop"
    """`skip` leaves out arrays that cannot be read, or that no array of vstore holds."""

    on_batch: Callable[[int], object] | None = None
    """Is told how many bytes were written, again and again."""

    on_skip: Callable[[Skipped], object] | None = None
    """Is told of each array and link that is left out."""

    def __post_init__(self) -> None:
        if self.existing not in get_args(ExistingArrays):
            raise InvalidInputError(
                f"existing is 'error', 'skip' or 'replace' for a hierarchy, not {self.existing!r}"
            )
        if self.on_error not in ("stop", "skip"):
            raise InvalidInputError(f"on_error is 'stop' or 'skip', not {self.on_error!r}")


@exported_from("vstore.importers")
def import_hierarchy(
    tx: Transaction, path: str, hierarchy: Hierarchy, options: HierarchyOptions | None = None
) -> ImportedHierarchy:
    """Write the groups and arrays of a source into a group of a transaction.

    Data types, shapes, dimension names, fill values and attributes stay as they are; chunks
    do where they suit an object store. Arrays are read in blocks of about 32 MiB, so memory is
    bounded.

    Args:
        tx: the transaction; nothing is committed before it ends.
        path: the group, "" for the root. It need not be there.
        hierarchy: what `open_hierarchy` found.
        options: how to go about it.

    Raises:
        AlreadyExistsError: something is at the path of an array.
        InvalidInputError: an array cannot be read or held; the error names it.
    """
    return _Import(tx, "/".join(split_path(path)), options or HierarchyOptions()).run(hierarchy)


@dataclass(slots=True)
class _Import:
    """An import that is going on."""

    tx: Transaction
    root: str
    options: HierarchyOptions
    left_out: list[Skipped] = field(default_factory=list)
    nbytes: int = 0

    def run(self, hierarchy: Hierarchy) -> ImportedHierarchy:
        """Write everything."""
        for path, reason in hierarchy.left_out.items():
            self._leave_out(Skipped(path, None, None, f"{reason} is left out"))
        for path in sorted(hierarchy.groups):
            self._group(self._where(path), hierarchy.groups[path])
        done, equal = [], 0
        for path, array in sorted(hierarchy.arrays.items()):
            where = self._where(path)
            if where in self.tx and self.options.existing == "skip":
                equal += 1
            elif self._array(path, where, array):
                done.append(where)
        groups = len(hierarchy.groups)
        left_out = tuple(self.left_out)
        return ImportedHierarchy(self.root, tuple(done), groups, self.nbytes, equal, left_out)

    def _where(self, path: str) -> str:
        return path_below(self.root, path) if path else self.root

    def _leave_out(self, what: Skipped) -> None:
        self.left_out.append(what)
        if self.options.on_skip is not None:
            self.options.on_skip(what)

    def _group(self, where: str, attributes: Any) -> None:
        if where not in self.tx and where:
            self.tx.create_group(where, attributes=attributes)
            return
        group = self.tx.group(where)
        own = group.attributes
        if {**own, **attributes} != own:
            group.set_attributes({**own, **attributes})

    def _array(self, path: str, where: str, array: HierarchyArray) -> bool:
        """Write an array; return False where it is left out."""
        is_new = where not in self.tx
        try:
            target = self._target(path, where, array)
            self._fill(target, array)
        except AlreadyExistsError:
            raise
        except VstoreError as exc:
            if self.options.on_error == "stop" or not (is_new or array.refused):
                raise located(exc, path) from exc
            if where in self.tx and is_new:
                self.tx.delete(where)
            self._leave_out(skipped(exc, path))
            return False
        return True

    def _target(self, path: str, where: str, array: HierarchyArray) -> TransactionArray:
        if array.refused is not None:
            raise InvalidInputError(
                f"{path} {array.refused}, which no array holds",
                code="array-not-held",
                hint="choose other arrays, or leave this one out with `on_error='skip'`",
            )
        if where in self.tx:
            found = self.tx[where]
            if self.options.existing == "error" or not isinstance(found, TransactionArray):
                raise _taken(where)
            if self._is_alike(found, array):
                return found
            self.tx.delete(where)
        return self.tx.create_array(
            where,
            shape=array.shape,
            dtype="T" if array.is_text else array.dtype,
            chunk_shape=array.chunk_shape,
            fill_value=array.fill_value,
            dimension_names=array.dimension_names,
            attributes=array.attributes,
        )

    def _is_alike(self, found: TransactionArray, array: HierarchyArray) -> bool:
        """Return whether values can go into an array that is there."""
        own = found.metadata
        names = None if array.dimension_names is None else tuple(array.dimension_names)
        is_text = array.is_text and found.dtype.hasobject
        return (
            found.shape == array.shape
            and (is_text or found.dtype == array.dtype)
            and (None if own.dimension_names is None else tuple(own.dimension_names)) == names
            and (array.chunk_shape is None or own.chunk_shape == array.chunk_shape)
            and dict(found.attributes) == dict(array.attributes)
        )

    def _fill(self, target: TransactionArray, array: HierarchyArray) -> None:
        with ThreadPoolExecutor(1, "vstore-import") as pool:
            for region, values in _read_ahead(pool, array, target.metadata.chunk_shape):
                target[region] = values
                nbytes = nbytes_of(array, [part.stop - part.start for part in region])
                self.nbytes += nbytes
                if self.options.on_batch is not None:
                    self.options.on_batch(nbytes)


def _taken(where: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"there is something at {where!r} already",
        code="path-exists",
        hint="import into another group, or replace arrays that are there",
        path=where,
    )


def _read_ahead(
    pool: ThreadPoolExecutor, array: HierarchyArray, chunk_shape: Sequence[int]
) -> Iterator[tuple[Region, Any]]:
    """Yield the parts of an array with their values, one or two of them read ahead of use."""
    rest = regions(array, chunk_shape)
    waiting: deque[tuple[Region, Future[Any]]] = deque()
    while True:
        for region in islice(rest, _AHEAD - len(waiting)):
            waiting.append((region, pool.submit(array.read, region)))
        if not waiting:
            return
        region, future = waiting.popleft()
        values = np.asarray(future.result())
        expected = tuple(part.stop - part.start for part in region)
        if values.shape != expected:
            raise InvalidInputError(f"read values of shape {values.shape} in place of {expected}")
        del future
        yield region, values


def regions(array: HierarchyArray, chunk_shape: Sequence[int]) -> Iterator[Region]:
    """Yield parts that make up an array, each of whole chunks and of about 32 MiB at most."""
    shape = array.shape
    if 0 in shape:
        return
    steps = list(chunk_shape)
    for axis in reversed(range(len(steps))):
        room = max(1, BLOCK_NBYTES // max(1, nbytes_of(array, steps)))
        steps[axis] *= min(room, math.ceil(shape[axis] / steps[axis]))
    starts = (range(0, length, step) for length, step in zip(shape, steps, strict=True))
    for corner in product(*starts):
        yield tuple(
            slice(start, min(length, start + step))
            for start, length, step in zip(corner, shape, steps, strict=True)
        )
