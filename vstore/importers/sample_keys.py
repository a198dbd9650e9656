"""The keys of samples, read from a file."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.importers.addresses import open_source
from vstore.importers.idx import idx_source, is_idx
from vstore.importers.npy import NPY_MAGIC, npy_source
from vstore.importers.source import SourceFile


def read_keys(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the keys in a file, held in memory: int64, or an object array of strings.

    The file is a one-dimensional array of integers or strings in `.npy` or IDX, or else
    UTF-8 text with one key on each line; any of them may be compressed.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: keys of another kind, an empty line, or not UTF-8.
    """
    source = open_source(path)
    if not source.is_file:
        raise InvalidInputError(f"{source} is no file of keys", hint="name one file")
    (file,) = source.files()
    start = file.head(8)
    if start.startswith(NPY_MAGIC):
        return _checked(npy_source(file).read(), file)
    if is_idx(start):
        return _checked(idx_source(file).read(), file)
    return _lines(file)


def _checked(keys: NDArray[Any], file: SourceFile) -> NDArray[Any]:
    if keys.ndim != 1 or keys.dtype.kind not in "iuU":
        raise InvalidInputError(
            f"{file} holds {keys.dtype} of shape {keys.shape}; keys are integers or strings, "
            "one for each sample"
        )
    return keys.astype(object) if keys.dtype.kind == "U" else keys


def _lines(file: SourceFile) -> NDArray[Any]:
    with file.open() as stream:
        data = stream.read()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{file} is neither an array of keys nor UTF-8 text with one key on each line"
        ) from None
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, start=1):
        if not line:
            raise InvalidInputError(f"{file} has an empty line, {number}, where a key should be")
    keys = np.empty(len(lines), object)
    keys[:] = lines
    return keys
