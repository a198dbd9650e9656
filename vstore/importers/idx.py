"""IDX files: the format of MNIST and its kin, often inside gzip."""

import os
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.array_source import ArraySource, name_of
from vstore.importers.content import Content, open_content

_DTYPES: Final = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def is_idx(start: bytes) -> bool:
    """Return whether a file that starts so is IDX: two zeros, a known type, an axis or more."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _DTYPES and start[3] > 0


@exported_from("vstore.importers")
def open_idx(path: str | os.PathLike[str]) -> ArraySource:
    """Open an IDX file, plain or in gzip, reading its header only.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: not an IDX file, or it is truncated.
    """
    return idx_source(open_content(path))


@exported_from("vstore.importers")
def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the whole array of an IDX file; raises as `open_idx` does."""
    return open_idx(path).read()


def idx_source(content: Content) -> ArraySource:
    """Return the array of an IDX file's content."""
    with content.open() as reader:
        start = reader.read(4)
        if not is_idx(start):
            raise InvalidInputError(f"{content} is not an IDX file: it begins with {start!r}")
        rank = start[3]
        sizes = reader.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise InvalidInputError(f"{content} is truncated: it ends inside its header")
    shape = struct.unpack(f">{rank}I", sizes)
    return ArraySource(
        name=name_of(content.path),
        content=content,
        shape=shape,
        stored_dtype=np.dtype(_DTYPES[start[2]]),
        offset=4 + 4 * rank,
    )
