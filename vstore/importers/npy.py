"""NumPy's files, of one array each; `.npz` is an archive of them. Pickled ones are refused."""

import ast
import struct
from typing import Any, Final

from numpy.lib.format import descr_to_dtype

from vstore.errors import InvalidInputError
from vstore.importers.array_source import ArraySource, name_of, nbytes_there
from vstore.importers.reading import Reader
from vstore.importers.source import SourceFile

NPY_MAGIC: Final = b"\x93NUMPY"
_LENGTHS: Final = {
    b"\1\0": ("<H", "latin1"),
    b"\2\0": ("<I", "latin1"),
    b"\3\0": ("<I", "utf-8"),
}
_MAX_HEADER_NBYTES: Final = 10_000


def npy_source(file: SourceFile) -> ArraySource:
    """Return the array of a `.npy` file, reading its header only.

    Raises:
        InvalidInputError: not such a file, truncated, or holding pickled objects.
    """
    with file.open() as stream:
        header, offset = _header(Reader(stream, file), file)
    try:
        dtype = descr_to_dtype(header["descr"])
        shape = tuple(int(length) for length in header["shape"])
        is_column_major = bool(header["fortran_order"]) and len(shape) > 1
    except (TypeError, ValueError, KeyError, OverflowError) as exc:
        raise _malformed(file) from exc
    if dtype.hasobject:
        raise InvalidInputError(
            f"{file} holds Python objects, which only pickle could read; pickle runs any code "
            "that the file contains, so it is refused",
            code="pickled-file",
            hint="save the array with a plain dtype",
        )
    if min(shape, default=0) < 0:
        raise _malformed(file)
    return ArraySource(
        name=name_of(file.name),
        file=file,
        shape=shape,
        stored_dtype=dtype,
        offset=offset,
        nbytes_there=nbytes_there(file),
        is_column_major=is_column_major,
    )


def _header(reader: Reader, file: SourceFile) -> tuple[dict[str, Any], int]:
    start = reader.read(len(NPY_MAGIC) + 2)
    if start[: len(NPY_MAGIC)] != NPY_MAGIC:
        raise InvalidInputError(f"{file} is not a .npy file: it begins with {start[:6]!r}")
    form = _LENGTHS.get(start[len(NPY_MAGIC) :])
    if form is None:
        raise InvalidInputError(f"{file} has an unknown version of the .npy format")
    length = reader.read(struct.calcsize(form[0]))
    if len(length) < struct.calcsize(form[0]):
        raise _malformed(file)
    (nbytes,) = struct.unpack(form[0], length)
    text = reader.read(min(nbytes, _MAX_HEADER_NBYTES + 1))
    if len(text) < nbytes:
        raise _malformed(file)
    return _parse(text, form[1], file), len(start) + len(length) + nbytes


def _parse(text: bytes, encoding: str, file: SourceFile) -> dict[str, Any]:
    try:
        header = ast.literal_eval(text.decode(encoding))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as exc:
        raise _malformed(file) from exc
    if not isinstance(header, dict):
        raise _malformed(file)
    return header


def _malformed(file: SourceFile) -> InvalidInputError:
    return InvalidInputError(f"{file} is truncated or damaged: its .npy header is malformed")
