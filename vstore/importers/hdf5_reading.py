"""Groups and data sets of HDF5 files. h5py is needed for this alone.

Files come from anywhere, and HDF5 lets one refer to others: data sets that are virtual, or
kept outside, could bring in any file of this machine. They are refused, and links left out.
"""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

import h5py
import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.table.specs import ColumnSpec, ndarray
from vstore.format.zarr.dtypes import data_type_of
from vstore.importers.foreign_attributes import held_attributes
from vstore.importers.hierarchy import Hierarchy, HierarchyArray, Region, kept_chunk_shape
from vstore.importers.source import SourceFile, in_any_order

_OF_DIMENSIONS = frozenset({
    *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"),
})  # fmt: skip
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def read_headers(file: SourceFile) -> Hierarchy:
    """Return the groups and data sets of a file.

    Raises:
        InvalidInputError: the file is damaged.
    """
    opened = _Opened(in_any_order(file))
    with opened.reported():
        return _Walk(opened).hierarchy()


class _Opened:
    """A file that is opened when it is first used, and once in each process."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._lock = Lock()
        self._root: Any = None

    def __getstate__(self) -> SourceFile:
        return self._file

    def __setstate__(self, file: SourceFile) -> None:
        self.__init__(file)  # type: ignore[misc]

    @property
    def root(self) -> Any:
        """The root group."""
        with self._lock:
            if self._root is None:
                with ExitStack() as stack:
                    stream = stack.enter_context(self._file.open())
                    self._root = stack.enter_context(h5py.File(stream, "r"))
                    weakref.finalize(self, stack.pop_all().close)
            return self._root

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Turn what h5py raises into an error that names the file."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as exc:
            raise InvalidInputError(f"{self._file} cannot be read: {exc}") from exc

    def read(self, path: str, region: Region) -> Any:
        """Return the values in a part of a data set."""
        with self.reported():
            node = self.root[path]
            values = (node.asstr() if _is_text(node.dtype) else node)[region]
            return np.asarray(values, object) if _is_text(node.dtype) else values


@dataclass(slots=True)
class _Walk:
    """Visits all groups and data sets of a file, each once."""

    opened: _Opened
    arrays: dict[str, HierarchyArray] = field(default_factory=dict)
    groups: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    seen: dict[int, str] = field(default_factory=dict)
    dimensions: dict[int, str] = field(default_factory=dict)
    is_netcdf: bool = False

    def hierarchy(self) -> Hierarchy:
        """Return what there is."""
        root = self.opened.root
        found = list(self._nodes(root))
        self.is_netcdf = "_NCProperties" in root.attrs or any(
            "_Netcdf4Dimid" in node.attrs or node.attrs.get("CLASS") == b"DIMENSION_SCALE"
            for _, node in found
        )
        for path, node in found:
            if "_Netcdf4Dimid" in node.attrs and node.attrs.get("CLASS") is not None:
                self.dimensions[int(node.attrs["_Netcdf4Dimid"])] = path.rpartition("/")[2]
        for path, node in found:
            if isinstance(node, h5py.Group):
                self.groups[path] = self._attributes(node)
            elif not node.attrs.get("NAME", b"").startswith(_NO_VARIABLE):
                self.arrays[path] = self._array(path, node)
        return Hierarchy(self.arrays, self.groups, left_out=self.left_out)

    def _nodes(self, group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
        self.seen[h5py.h5o.get_info(group.id).addr] = path or "/"
        waiting = [(path, group)]
        while waiting:
            path, group = waiting.pop()
            yield path, group
            for name in group:
                below = f"{path}/{name}".lstrip("/")
                node = self._node(group, name, below)
                if isinstance(node, h5py.Group):
                    waiting.append((below, node))
                elif node is not None:
                    yield below, node

    def _node(self, group: Any, name: str, path: str) -> Any:
        """Return a member of a group; None where it is a link, or no group or data set."""
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            self.left_out[path] = f"a link to {getattr(link, 'path', '?')!r}"
            return None
        node = group[name]
        first = self.seen.setdefault(h5py.h5o.get_info(node.id).addr, path)
        if first != path:
            self.left_out[path] = f"another name of {first!r}"
            return None
        if not isinstance(node, h5py.Group | h5py.Dataset):
            self.left_out[path] = "a named data type"
            return None
        return node

    def _attributes(self, node: Any, dtype: Any = None) -> dict[str, Any]:
        own = {name: _attribute(node, name) for name in node.attrs if name not in _OF_DIMENSIONS}
        return held_attributes(own, dtype, unwraps=self.is_netcdf)

    def _array(self, path: str, node: Any) -> HierarchyArray:
        dtype, refused, column = _typed(node)
        attributes = self._attributes(node, None if dtype == "string" else dtype)
        names = (node.dtype.metadata or {}).get("enum")
        if names and sorted(names.values()) == list(range(len(names))):
            attributes["classes"] = sorted(names, key=names.__getitem__)
        fill = None if refused or dtype == "string" or node.dtype.names else node.fillvalue
        return HierarchyArray(
            node.shape or (),
            dtype,
            partial(self.opened.read, path),
            chunk_shape=kept_chunk_shape(node.shape, node.dtype.itemsize, node.chunks),
            fill_value=fill,
            dimension_names=self._dimension_names(path, node),
            attributes=attributes,
            column=column,
            refused=refused,
        )

    def _dimension_names(self, path: str, node: Any) -> tuple[str | None, ...] | None:
        """Return the names of axes: those of the scales that go with them."""
        numbers = node.attrs.get("_Netcdf4Coordinates")
        if numbers is not None and len(numbers) == len(node.shape):
            return tuple(self.dimensions.get(int(number)) for number in numbers)
        if node.attrs.get("CLASS") == b"DIMENSION_SCALE" and len(node.shape or ()) == 1:
            return (path.rpartition("/")[2],)
        names = [
            axis[0].name.rpartition("/")[2] if len(axis) else axis.label or None
            for axis in node.dims
        ]
        return tuple(names) if any(names) else None


def _attribute(node: Any, name: str) -> Any:
    try:
        value = node.attrs[name]
    except (OSError, TypeError, ValueError):
        return None
    return "" if isinstance(value, h5py.Empty) else value


def _typed(node: Any) -> tuple[Any, str | None, ColumnSpec | None]:
    """Return the data type of a data set, why no array holds it, and the column that does."""
    if node.external or node.is_virtual or node.shape is None:
        kind = "nothing" if node.shape is None else "what is in other files"
        return "uint8", f"holds {kind}", None
    if _is_text(node.dtype):
        return "string", None, None
    inner = (node.dtype.metadata or {}).get("vlen")
    if isinstance(inner, np.dtype) and node.ndim == 1:
        return "uint8", "holds arrays of any length", ndarray((None,), inner)
    enum = (node.dtype.metadata or {}).get("enum")
    dtype = np.dtype(node.dtype.str) if enum or node.dtype.kind == "S" else node.dtype
    try:
        data_type_of(dtype)
    except InvalidInputError:
        return "uint8", f"holds {node.dtype.metadata or node.dtype}", None
    return dtype.newbyteorder("="), None, None


def _is_text(dtype: Any) -> bool:
    return h5py.check_string_dtype(dtype) is not None and dtype.hasobject
