"""Groups and arrays as another format has them, before anything is read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format.table.specs import ColumnSpec, ndarray, text

Region = tuple[slice, ...]
"""A part of an array: a slice with start and stop for each axis."""


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class HierarchyArray:
    """An array of a hierarchy: what its headers say, and how parts of it are read."""

    shape: tuple[int, ...]
    dtype: DTypeLike
    """Its data type, `"string"` for texts of any length."""

    read: Callable[[Region], Any] = field(repr=False)
    """Return the values in a region."""

    chunk_shape: tuple[int, ...] | None = field(default=None, kw_only=True)
    """How it is cut into chunks; None leaves that to vstore."""

    fill_value: Any = field(default=None, kw_only=True)
    """What elements are that nobody wrote."""

    dimension_names: tuple[str | None, ...] | None = field(default=None, kw_only=True)

    attributes: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """What JSON has, NaN and the infinities."""

    column: ColumnSpec | None = field(default=None, kw_only=True, repr=False)
    """The column that it is in a table, where that does not follow from the rest."""

    refused: str | None = field(default=None, kw_only=True)
    """Why no array of vstore holds it; None if one does."""

    @property
    def is_text(self) -> bool:
        """Whether its elements are texts of any length."""
        return isinstance(self.dtype, str) and self.dtype == "string"

    def as_column(self, path: str) -> ColumnSpec:
        """Return the column of a table that holds it, along its first axis.

        Raises:
            InvalidInputError: there is none.
        """
        if self.column is not None:
            return self.column
        if self.refused is not None:
            raise InvalidInputError(
                f"the array {path!r} {self.refused}, which no column holds",
                hint="leave it out with --select",
            )
        attributes = dict(self.attributes)
        if self.is_text and len(self.shape) == 1:
            return text(attributes=attributes)
        dtype = "T" if self.is_text else self.dtype
        fill = None if self.is_text else self.fill_value
        return ndarray(self.shape[1:], dtype, fill_value=fill, attributes=attributes)


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The groups and arrays in a source, by their paths. Headers were read, and no data."""

    arrays: Mapping[str, HierarchyArray]
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The attributes of groups; the path of the root is ''."""

    left_out: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """What has no place in a hierarchy of vstore, such as links, and what it is."""

    provenance: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)
    """Where it is from, for the commit. vstore fills it in."""

    def below(self, group: str | None) -> "Hierarchy":
        """Return what is in a group, by the paths in it; all of it where that is None or ''.

        Raises:
            NotFoundError: there is no such group.
        """
        path = (group or "").strip("/")
        if not path:
            return self
        found = replace(
            self,
            arrays=_below(self.arrays, path),
            groups=_below(self.groups, path),
            left_out=_below(self.left_out, path),
        )
        if path in self.arrays or not (found.arrays or found.groups):
            known = ", ".join(each for each in self.groups if each) or "none"
            raise NotFoundError(f"there is no group {path!r}", hint=f"there are: {known}")
        return found

    def selected(self, paths: Sequence[str] | None) -> "Hierarchy":
        """Return only some arrays and the groups that lead to them; all where that is None.

        Raises:
            NotFoundError: there is no such array.
        """
        if paths is None:
            return self
        for path in paths:
            if path not in self.arrays:
                known = ", ".join(self.arrays) or "none"
                raise NotFoundError(f"there is no array {path!r}", hint=f"there are: {known}")
        groups = {
            path: attributes
            for path, attributes in self.groups.items()
            if not path or any(each.startswith(f"{path}/") for each in paths)
        }
        return replace(self, arrays={path: self.arrays[path] for path in paths}, groups=groups)

    @property
    def nbytes(self) -> int:
        """About how many bytes its arrays hold."""
        return sum(nbytes_of(each, each.shape) for each in self.arrays.values())


def _below(members: Mapping[str, Any], path: str) -> dict[str, Any]:
    found = {k[len(path) + 1 :]: v for k, v in members.items() if k.startswith(f"{path}/")}
    return {"": members[path], **found} if path in members else found


def nbytes_of(array: HierarchyArray, shape: Sequence[int]) -> int:
    """Return about how many bytes a part of an array with this shape takes."""
    itemsize = 32 if array.is_text else max(1, np.dtype(array.dtype).itemsize)
    return int(np.prod(shape, dtype=object)) * itemsize


_MIN_CHUNK_NBYTES = 2**16
_MAX_CHUNK_NBYTES = 2**26


def kept_chunk_shape(
    shape: Sequence[int] | None, itemsize: int, chunk_shape: Sequence[int] | None
) -> tuple[int, ...] | None:
    """Return the shape of chunks of another format, None where it suits no object store.

    >>> kept_chunk_shape((1000, 1000), 8, (100, 500)), kept_chunk_shape((10**6,), 8, (1,))
    ((100, 500), None)
    """
    if not shape or not chunk_shape:
        return None
    nbytes = math.prod(chunk_shape) * itemsize
    is_small = nbytes < _MIN_CHUNK_NBYTES and math.prod(shape) > math.prod(chunk_shape)
    return None if is_small or nbytes > _MAX_CHUNK_NBYTES else tuple(chunk_shape)
