"""IDX files: the format of MNIST and its kin, often inside gzip."""

import os
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.addresses import open_source
from vstore.importers.array_source import ArraySource, name_of, nbytes_there
from vstore.importers.reading import Reader
from vstore.importers.source import SourceFile

_DTYPES: Final = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def is_idx(start: bytes) -> bool:
    """Return whether a file that starts so is IDX: two zeros, a known type, an axis or more."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _DTYPES and start[3] > 0


@exported_from("vstore.importers")
def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the whole array of an IDX file, plain or compressed, at a path or URL.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: not an IDX file, or it is truncated.
    """
    (file,) = open_source(path).files()
    return idx_source(file).read()


def idx_source(file: SourceFile) -> ArraySource:
    """Return the array of an IDX file, reading its header only."""
    with file.open() as stream:
        reader = Reader(stream, file)
        start = reader.read(4)
        if not is_idx(start):
            raise InvalidInputError(f"{file} is not an IDX file: it begins with {start!r}")
        rank = start[3]
        sizes = reader.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise InvalidInputError(f"{file} is truncated: it ends inside its header")
    shape = struct.unpack(f">{rank}I", sizes)
    return ArraySource(
        name=name_of(file.name),
        file=file,
        shape=shape,
        stored_dtype=np.dtype(_DTYPES[start[2]]),
        offset=4 + 4 * rank,
        nbytes_there=nbytes_there(file),
    )
