"""NumPy's files: one array in `.npy`, several in `.npz`. Pickled ones are refused."""

import ast
import os
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from numpy.lib.format import descr_to_dtype

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.importers.array_source import ArraySource, name_of
from vstore.importers.content import Content, Reader, open_content, translated

NPY_MAGIC: Final = b"\x93NUMPY"
ZIP_MAGIC: Final = b"PK"
_LENGTHS: Final = {
    b"\1\0": ("<H", "latin1"),
    b"\2\0": ("<I", "latin1"),
    b"\3\0": ("<I", "utf-8"),
}
_MAX_HEADER_NBYTES: Final = 10_000
_SUFFIX: Final = ".npy"


@exported_from("vstore.importers")
def open_npy(path: str | os.PathLike[str]) -> ArraySource:
    """Open a `.npy` file, plain or in gzip, reading its header only.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: not such a file, truncated, or holding pickled objects.
    """
    content = open_content(path)
    return npy_source(content, name=name_of(content.path))


@exported_from("vstore.importers")
def open_npz(
    path: str | os.PathLike[str], *, select: Sequence[str] | None = None
) -> list[ArraySource]:
    """Open the arrays of an `.npz` file in their order, or those that `select` names in its.

    Raises:
        NotFoundError: no such file, or no array of that name in it.
        InvalidInputError: not such a file, truncated, or holding pickled objects.
    """
    where = Path(path)
    with translated(where), zipfile.ZipFile(where) as archive:
        members = {info.filename: info.file_size for info in archive.infolist()}
    names = [member.removesuffix(_SUFFIX) for member in members if member.endswith(_SUFFIX)]
    if not names:
        raise InvalidInputError(f"{where} holds no arrays")
    for name in select or ():
        if name not in names:
            raise NotFoundError(
                f"{where} holds no array {name!r}", hint=f"it holds {', '.join(names)}"
            )
    return [
        npy_source(Content(where, members[name + _SUFFIX], name + _SUFFIX), name=name)
        for name in (names if select is None else select)
    ]


def npy_source(content: Content, *, name: str) -> ArraySource:
    """Return the array of a `.npy` file's content."""
    with content.open() as reader:
        header, offset = _header(reader, content)
    try:
        dtype = descr_to_dtype(header["descr"])
        shape = tuple(int(length) for length in header["shape"])
        is_column_major = bool(header["fortran_order"]) and len(shape) > 1
    except (TypeError, ValueError, KeyError, OverflowError) as exc:
        raise _malformed(content) from exc
    if dtype.hasobject:
        raise InvalidInputError(
            f"{content} holds Python objects, which only pickle could read; pickle runs any code "
            "that the file contains, so it is refused",
            code="pickled-file",
            hint="save the array with a plain dtype",
        )
    if min(shape, default=0) < 0:
        raise _malformed(content)
    return ArraySource(name, content, shape, dtype, offset, is_column_major)


def _header(reader: Reader, content: Content) -> tuple[dict[str, Any], int]:
    start = reader.read(len(NPY_MAGIC) + 2)
    if start[: len(NPY_MAGIC)] != NPY_MAGIC:
        raise InvalidInputError(f"{content} is not a .npy file: it begins with {start[:6]!r}")
    form = _LENGTHS.get(start[len(NPY_MAGIC) :])
    if form is None:
        raise InvalidInputError(f"{content} has an unknown version of the .npy format")
    length = reader.read(struct.calcsize(form[0]))
    if len(length) < struct.calcsize(form[0]):
        raise _malformed(content)
    (nbytes,) = struct.unpack(form[0], length)
    text = reader.read(min(nbytes, _MAX_HEADER_NBYTES + 1))
    if len(text) < nbytes:
        raise _malformed(content)
    return _parse(text, form[1], content), len(start) + len(length) + nbytes


def _parse(text: bytes, encoding: str, content: Content) -> dict[str, Any]:
    try:
        header = ast.literal_eval(text.decode(encoding))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as exc:
        raise _malformed(content) from exc
    if not isinstance(header, dict):
        raise _malformed(content)
    return header


def _malformed(content: Content) -> InvalidInputError:
    return InvalidInputError(f"{content} is truncated or damaged: its .npy header is malformed")
