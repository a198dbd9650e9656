"""Groups and arrays of Zarr hierarchies. zarr is needed for this alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from vstore.errors import InvalidInputError, VstoreError
from vstore.format.zarr.dtypes import data_type_of
from vstore.importers.foreign_attributes import FILL_VALUE, held_attributes
from vstore.importers.hierarchy import Hierarchy, HierarchyArray, Region
from vstore.importers.source import Source, SourceFile

_DIMENSIONS = "_ARRAY_DIMENSIONS"


def read_headers(source: Source, files: Mapping[str, SourceFile]) -> Hierarchy:
    """Return the groups and arrays in files, given by their paths below the root.

    Raises:
        InvalidInputError: metadata are damaged, or name a codec that zarr does not have.
    """
    opened = _Opened(str(source), files)
    with opened.reported():
        root = opened.root
        if isinstance(root, zarr.Array):
            name = source.url.rstrip("/").rpartition("/")[2].partition(".")[0] or "array"
            return Hierarchy({name: _array("", root, opened)})
        members = sorted(root.members(max_depth=None), key=lambda each: each[0])
        groups = {"": held_attributes(dict(root.attrs))}
        arrays = {}
        for path, node in members:
            if isinstance(node, zarr.Array):
                arrays[path] = _array(path, node, opened)
            else:
                groups[path] = held_attributes(dict(node.attrs))
        return Hierarchy(arrays, groups)


class _Opened:
    """A hierarchy that is opened when it is first used."""

    def __init__(self, called: str, files: Mapping[str, SourceFile]) -> None:
        self._called = called
        self._files = files
        self._root: Any = None

    def __getstate__(self) -> tuple[str, Mapping[str, SourceFile]]:
        return self._called, self._files

    def __setstate__(self, state: tuple[str, Mapping[str, SourceFile]]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def root(self) -> Any:
        """The root: a group, or the one array."""
        if self._root is None:
            self._root = zarr.open(FilesStore(self._files), mode="r")
        return self._root

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Turn what zarr raises into an error that names the source."""
        try:
            yield
        except VstoreError:
            raise
        except Exception as exc:  # zarr and codecs have errors of their own
            raise InvalidInputError(
                f"{self._called} cannot be read: {type(exc).__name__}: {exc}"
            ) from exc

    def read(self, path: str, region: Region) -> Any:
        """Return the values in a part of an array."""
        with self.reported():
            array = self.root[path] if path else self.root
            values = np.asarray(array[region])
            return values.astype(object) if _is_text(array) else values


def _array(path: str, array: Any, opened: _Opened) -> HierarchyArray:
    _require_data(path, array.metadata.to_dict())
    attributes = dict(array.attrs)
    names = array.metadata.dimension_names if array.metadata.zarr_format == 3 else None
    fill = array.fill_value
    if names is None and isinstance(attributes.get(_DIMENSIONS), list):
        names = attributes.pop(_DIMENSIONS)
        if fill is not None and FILL_VALUE not in attributes:
            attributes[FILL_VALUE] = fill  # what xarray takes for missing in version 2
            held = held_attributes(attributes, array.dtype)
        else:
            held = held_attributes(attributes)
    else:
        held = held_attributes(attributes)
    dtype: Any = "string" if _is_text(array) else array.dtype.newbyteorder("=")
    return HierarchyArray(
        array.shape,
        dtype,
        partial(opened.read, path),
        chunk_shape=_chunk_shape(array),
        fill_value=None if dtype == "string" or array.dtype.names else fill,
        dimension_names=None if names is None else tuple(names),
        attributes=held,
        refused=_refused(dtype),
    )


def _require_data(path: str, metadata: Mapping[str, Any]) -> None:
    """Raise `InvalidInputError` for an array with a codec that would run what is stored."""
    codecs = [metadata.get(name) for name in ("compressor", "filters", "codecs")]
    if "pickle" in repr(codecs).lower():
        raise InvalidInputError(f"the array {path!r} holds pickled objects, which are never read")


def _chunk_shape(array: Any) -> tuple[int, ...] | None:
    try:
        return tuple(max(1, length) for length in array.chunks) or None
    except NotImplementedError:  # chunks of different sizes
        return None


def _refused(dtype: Any) -> str | None:
    try:
        data_type_of(dtype)
    except InvalidInputError:
        return f"holds {dtype}"
    return None


def _is_text(array: Any) -> bool:
    if array.dtype.char == "T":
        return True
    name = type(array.metadata.dtype).__name__ if array.dtype == object else ""
    return "String" in name or "UTF8" in name


class FilesStore(Store):
    """The files of a source as a Zarr store that is read."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, files: Mapping[str, SourceFile]) -> None:
        super().__init__(read_only=True)
        self._files = files
        self._names: dict[str, dict[str, None]] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FilesStore) and self._files is other._files

    def __hash__(self) -> int:
        return id(self._files)

    def with_read_only(self, read_only: bool = False) -> "FilesStore":  # noqa: FBT001, FBT002
        """Return this store, which is read-only."""
        if not read_only:
            raise ValueError("files of a source are only read")
        return self

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the bytes of a file, or a part of them."""
        file = self._files.get(key)
        if file is None:
            return None
        data = await asyncio.to_thread(_bytes, file, byte_range)
        return prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of files."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return whether there is a file."""
        return key in self._files

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 - it refuses
        """Refuse: sources are only read."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002 - it refuses
        """Refuse: sources are only read."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """Yield all paths."""
        for key in self._files:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the paths that begin so."""
        for key in self._files:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below a path."""
        if self._names is None:
            self._names = _names_in_folders(self._files)
        for name in self._names.get(prefix.strip("/"), ()):
            yield name


def _names_in_folders(paths: Iterable[str]) -> dict[str, dict[str, None]]:
    """Return the names directly in each folder, in order."""
    found: dict[str, dict[str, None]] = {}
    for path in paths:
        rest = path
        while rest:
            folder, _, name = rest.rpartition("/")
            names = found.setdefault(folder, {})
            if name in names:
                break
            names[name] = None
            rest = folder
    return found


def _bytes(file: SourceFile, byte_range: ByteRequest | None) -> bytes:
    if byte_range is None:
        return file.bytes()
    with file.place.open(file.name_there) as stream:
        if isinstance(byte_range, RangeByteRequest):
            stream.seek(byte_range.start)
            return stream.read(byte_range.end - byte_range.start)
        if isinstance(byte_range, OffsetByteRequest):
            stream.seek(byte_range.offset)
            return stream.read()
        assert isinstance(byte_range, SuffixByteRequest)
        size = stream.seek(0, 2)
        stream.seek(max(0, size - byte_range.suffix))
        return stream.read()
