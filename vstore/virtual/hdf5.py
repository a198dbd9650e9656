"""HDF5 and NetCDF 4 files: where the chunks of each data set are in the file."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_strides
from vstore.importers.foreign_attributes import held_attributes
from vstore.optional import needed
from vstore.storage.foreign import ForeignFiles
from vstore.virtual.references import ArrayReferences, References, file_url

_MOST_CHUNK_NBYTES = 2**31
_OF_SCALES = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid"}
_OF_SCALES |= {"_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"}
_SHUFFLE, _FLETCHER32, _ZLIB, _ZSTD = 2, 3, 1, 32015


@exported_from("vstore.virtual")
def scan_hdf5(
    url: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None
) -> References:
    """Return where the chunks of all data sets of an HDF5 or NetCDF 4 file are.

    Data sets whose type or filters vstore does not read (`lzf`, `szip`, text of any length) are
    left out, and told in `skipped`.

    Args:
        url: the file; its address is what the repository will name.
        storage_options: the options of the filesystem that it is read from.

    Raises:
        InvalidInputError: it is no such file.
        MissingExtraError: h5py is not installed.
    """
    with needed("h5py", extra="hdf5", purpose="to find the chunks of HDF5 files"):
        import h5py  # noqa: PLC0415
    address = file_url(os.fspath(url))
    files = ForeignFiles(os.fspath(url), dict(storage_options or {}))
    found = References()
    with files.open(files.path) as stream:
        try:
            with h5py.File(stream, "r") as file:
                found.groups[""] = _attributes(file)
                file.visititems(lambda path, node: _take(found, path, node, address))
        except OSError as exc:
            raise InvalidInputError(f"{address} is no HDF5 file: {exc}") from exc
    return found


def _take(found: References, path: str, node: Any, address: str) -> None:
    if not hasattr(node, "shape"):
        found.groups[path] = _attributes(node)
        return
    try:
        found.arrays[path] = _array(node, address)
    except InvalidInputError as exc:
        found.skipped[path] = str(exc).splitlines()[0]


def _attributes(node: Any, dtype: Any = None) -> dict[str, Any]:
    found = {name: node.attrs[name] for name in node.attrs if name not in _OF_SCALES}
    return held_attributes(found, dtype, unwraps="_NCProperties" in node.file.attrs)


def _array(node: Any, address: str) -> ArrayReferences:
    if node.shape is None or node.dtype.hasobject or node.dtype.kind not in "biufcSV":
        raise InvalidInputError(f"elements of {node.dtype} do not stay in the file")
    if node.dtype.fields and {*node.dtype.fields} == {"r", "i"}:
        raise InvalidInputError("complex numbers of HDF5 do not stay in the file")
    chunks = node.chunks or _cut(node.shape, node.dtype.itemsize)
    metadata = ArrayMetadata.create(
        shape=node.shape,
        dtype=node.dtype.newbyteorder("="),
        chunk_shape=[max(1, length) for length in chunks],
        codecs=_codecs(node),
        fill_value=_fill(node),
        dimension_names=_names(node),
        attributes=_attributes(node, node.dtype),
    )
    made = ArrayReferences(metadata)
    if node.chunks is None:
        _take_contiguous(made, node, address)
    else:
        _take_chunks(made, node, address)
    return made


def _take_chunks(made: ArrayReferences, node: Any, address: str) -> None:
    strides = chunk_strides(made.metadata.shape, made.metadata.chunk_shape)
    count = node.id.get_num_chunks()
    for i in range(count):
        info = node.id.get_chunk_info(i)
        if info.filter_mask:
            raise InvalidInputError("a chunk does not have the filters of the others")
        place = (at // n for at, n in zip(info.chunk_offset, node.chunks, strict=True))
        number = sum(at * stride for at, stride in zip(place, strides, strict=True))
        made.parts[number] = (address, info.byte_offset, info.size)


def _take_contiguous(made: ArrayReferences, node: Any, address: str) -> None:
    offset = node.id.get_offset()
    if offset is None:
        if node.size and node.id.get_storage_size():
            raw = np.ascontiguousarray(node[...]).astype(node.dtype)
            made.inline[0] = raw.tobytes()  # so little that it is with the metadata
        return
    rows = made.metadata.chunk_shape[0] if node.shape else 1
    nbytes = node.dtype.itemsize * int(np.prod(node.shape[1:], dtype=np.int64))
    total = node.shape[0] if node.shape else 1
    for i, first in enumerate(range(0, total, rows)):
        if first + rows > total:
            raise InvalidInputError("an array of more than 2 GiB is not a number of equal parts")
        made.parts[i] = (address, offset + first * nbytes, rows * nbytes)


def _cut(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return chunks of an array in one piece that are short enough, and all as long."""
    if not shape:
        return ()
    row = itemsize * int(np.prod(shape[1:], dtype=np.int64))
    most = max(1, _MOST_CHUNK_NBYTES // max(1, row))
    if shape[0] <= most:
        return shape
    rows = next((n for n in range(most, 0, -1) if shape[0] % n == 0), 1)
    return (rows, *shape[1:])


def _codecs(node: Any) -> list[dict[str, Any]]:
    is_big = node.dtype.byteorder == ">"
    made: list[dict[str, Any]] = [
        {"name": "bytes", "configuration": {"endian": "big" if is_big else "little"}}
    ]
    filters = node.id.get_create_plist()
    for i in range(filters.get_nfilters()):
        number, _, values, name = filters.get_filter(i)
        if number == _SHUFFLE:
            made.append(_named("shuffle", elementsize=node.dtype.itemsize))
        elif number == _ZLIB:
            made.append(_named("zlib", level=int(values[0])))
        elif number == _FLETCHER32:
            made.append(_named("fletcher32"))
        elif number == _ZSTD:
            made.append(_named("zstd", level=int(values[0]) if values else 3))
        else:
            raise InvalidInputError(f"the filter {name.decode('utf-8', 'replace')} is not read")
    return made


def _named(name: str, **options: Any) -> dict[str, Any]:
    return {"name": f"numcodecs.{name}", "configuration": options}


def _fill(node: Any) -> Any:
    value = node.fillvalue
    return value if value is not None and np.ndim(value) == 0 else None


def _names(node: Any) -> list[str | None] | None:
    names: list[str | None] = []
    for dim in node.dims:
        scale = dim[0].name.rpartition("/")[2] if len(dim) else ""
        names.append(dim.label or scale or None)
    own = node.name.rpartition("/")[2]
    if node.ndim == 1 and names == [None] and node.attrs.get("CLASS") == b"DIMENSION_SCALE":
        return [own]
    return names if any(names) and len(set(names)) == len(names) else None
