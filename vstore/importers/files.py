"""Files of any known format, recognised by their first bytes."""

import os
from collections.abc import Sequence

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.array_source import ArraySource, name_of
from vstore.importers.content import Content, open_content
from vstore.importers.idx import idx_source, is_idx
from vstore.importers.npy import NPY_MAGIC, ZIP_MAGIC, npy_source, open_npz

HEAD_NBYTES = 8
"""How many of a file's first bytes tell its format."""


@exported_from("vstore.importers")
def open_arrays(
    path: str | os.PathLike[str], *, select: Sequence[str] | None = None
) -> list[ArraySource]:
    """Open the arrays in a file: IDX or `.npy`, plain or in gzip, or `.npz`.

    Args:
        path: the file; its name does not matter, its first bytes do.
        select: the arrays to take from an `.npz` file, in this order; all when None.

    Raises:
        NotFoundError: no such file, or no such array in it.
        InvalidInputError: of no known format, truncated, damaged, or holding pickled objects.
    """
    content = open_content(path)
    start = start_of(content)
    if content.is_plain and start.startswith(ZIP_MAGIC):
        return open_npz(path, select=select)
    if select is not None:
        raise InvalidInputError(f"{content} holds one array; selecting is for .npz files")
    if start.startswith(NPY_MAGIC):
        return [npy_source(content, name=name_of(content.path))]
    if is_idx(start):
        return [idx_source(content)]
    raise unknown_format(content, start)


def is_array(head: bytes) -> bool:
    """Return whether a file that begins with these bytes may hold arrays."""
    return head.startswith((NPY_MAGIC, ZIP_MAGIC)) or is_idx(head)


def start_of(content: Content) -> bytes:
    """Return the first bytes of a content."""
    with content.open() as reader:
        return reader.read(HEAD_NBYTES)


def unknown_format(content: object, start: bytes) -> InvalidInputError:
    """Return the error for a content of which the first bytes tell no format that is known."""
    if not start:
        return InvalidInputError(f"{content} is empty")
    kinds = "IDX or .npy (plain or in gzip) and .npz can be imported"
    if start[:1] == b"\x80":
        return InvalidInputError(f"{content} looks like a pickle, which is never read; {kinds}")
    return InvalidInputError(f"{content} is of no known format: it begins with {start!r}. {kinds}")
