"""The keys of samples, read from a file."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.content import Content, open_content
from vstore.importers.files import start_of
from vstore.importers.idx import idx_source, is_idx
from vstore.importers.npy import NPY_MAGIC, npy_source


@exported_from("vstore.importers")
def read_keys(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the keys in a file, held in memory: int64, or an object array of strings.

    The file is a one-dimensional array of integers or strings in `.npy` or IDX, or else
    UTF-8 text with one key on each line; any of them may be in gzip.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: keys of another kind, an empty line, or not UTF-8.
    """
    content = open_content(path)
    start = start_of(content)
    if start.startswith(NPY_MAGIC):
        return _checked(npy_source(content, name="keys").read(), content)
    if is_idx(start):
        return _checked(idx_source(content).read(), content)
    return _lines(content)


def _checked(keys: NDArray[Any], content: Content) -> NDArray[Any]:
    if keys.ndim != 1 or keys.dtype.kind not in "iuU":
        raise InvalidInputError(
            f"{content} holds {keys.dtype} of shape {keys.shape}; keys are integers or strings, "
            "one for each sample"
        )
    return keys.astype(object) if keys.dtype.kind == "U" else keys


def _lines(content: Content) -> NDArray[Any]:
    with content.open() as reader:
        data = b"".join(iter(lambda: reader.read(2**20), b""))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{content} is neither an array of keys nor UTF-8 text with one key on each line"
        ) from None
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, start=1):
        if not line:
            raise InvalidInputError(f"{content} has an empty line, {number}, where a key should be")
    keys = np.empty(len(lines), object)
    keys[:] = lines
    return keys
