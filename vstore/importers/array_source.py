"""An array in a file, read batch by batch along its first axis."""

import math
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.importers.reading import Reader
from vstore.importers.source import SourceFile

BATCH_NBYTES = 32 * 2**20
"""About how much one batch of all columns holds."""

MAX_BATCH_ROWS = 2**20
_MAX_RANK = 64

_FORM = re.compile(r"[-_.]idx\d+([-_.]ubyte)?$|\.(npy|npz|idx)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArraySource:
    """An array in a file whose header was read and whose size was checked, as far as known.

    `nbytes_there` is how many bytes the file holds, None if it is compressed. `stored_dtype` has
    the file's byte order, `dtype` this machine's. The array's data begins `offset` bytes into
    the file.
    """

    name: str
    file: SourceFile
    shape: tuple[int, ...]
    stored_dtype: np.dtype[Any]
    offset: int
    nbytes_there: int | None
    is_column_major: bool = False

    def __post_init__(self) -> None:
        if not self.shape:
            raise InvalidInputError(f"{self.file} holds one scalar, not a row of samples")
        if len(self.shape) > _MAX_RANK or (len(self) and not self.row_nbytes):
            raise InvalidInputError(
                f"{self.file} holds samples of the impossible shape {self.shape[1:]}"
            )
        expected, found = self.offset + self.nbytes, self.nbytes_there
        if found is not None and found != expected:
            problem = "is truncated" if found < expected else "goes on behind its array"
            raise InvalidInputError(
                f"{self.file} {problem}: its header describes {self.stored_dtype} of shape "
                f"{self.shape}, which makes {expected:,} bytes; it has {found:,}"
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type in native byte order, which batches have."""
        return self.stored_dtype.newbyteorder("=")

    @property
    def row_nbytes(self) -> int:
        """The size of one sample."""
        return math.prod(self.shape[1:]) * self.stored_dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The size of the whole array."""
        return math.prod(self.shape) * self.stored_dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def batches(self, rows: int | None = None) -> Generator[NDArray[Any]]:
        """Yield the array in pieces of `rows` samples, never holding more than one.

        A column-major array (NumPy's "Fortran order") inside gzip or npz is read whole,
        because its samples are not one behind the other.

        Raises:
            InvalidInputError: the file is shorter or longer than its header says, or damaged.
        """
        rows = batch_rows(self.row_nbytes) if rows is None else rows
        if self.is_column_major:
            yield from self._column_major(rows)
            return
        with self.file.open() as stream:
            reader = Reader(stream, self.file)
            reader.skip(self.offset)
            for start in range(0, len(self), rows):
                count = min(rows, len(self) - start)
                raw = self._buffer(count)
                reader.fill(raw.data)
                yield self._native(raw, (count, *self.shape[1:]))
            reader.require_end()

    def _buffer(self, rows: int) -> NDArray[np.uint8]:
        try:
            return np.empty(rows * self.row_nbytes, np.uint8)
        except (MemoryError, ValueError):
            raise InvalidInputError(
                f"{self.file} needs {rows * self.row_nbytes:,} bytes of memory at once, more "
                "than is available"
            ) from None

    def _native(self, raw: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[Any]:
        return raw.view(self.stored_dtype).reshape(shape).astype(self.dtype, copy=False)

    def _column_major(self, rows: int) -> Iterator[NDArray[Any]]:
        own = self.file.local_path
        is_mapped = own is not None and self.nbytes_there is not None and self.nbytes
        whole = self._mapped() if is_mapped else self._transposed()
        for start in range(0, len(self), rows):
            yield np.ascontiguousarray(whole[start : start + rows], dtype=self.dtype)

    def _mapped(self) -> NDArray[Any]:
        return np.memmap(
            self.file.local_path or "",
            self.stored_dtype,
            mode="r",
            offset=self.offset,
            shape=self.shape,
            order="F",
        )

    def _transposed(self) -> NDArray[Any]:
        raw = self._buffer(len(self))
        with self.file.open() as stream:
            reader = Reader(stream, self.file)
            reader.skip(self.offset)
            reader.fill(raw.data)
            reader.require_end()
        return raw.view(self.stored_dtype).reshape(self.shape[::-1]).T

    def read(self) -> NDArray[Any]:
        """Return the whole array."""
        batches = list(self.batches(max(1, len(self))))
        return batches[0] if batches else np.empty(self.shape, self.dtype)


def batch_rows(row_nbytes: int) -> int:
    """Return how many samples a batch holds: a power of two, so that chunks align with it.

    >>> batch_rows(28 * 28)
    32768
    """
    fitting = max(1, BATCH_NBYTES // max(1, row_nbytes))
    return int(min(MAX_BATCH_ROWS, 2 ** (fitting.bit_length() - 1)))


def nbytes_there(file: SourceFile) -> int | None:
    """Return how many bytes a file holds; None if it is compressed."""
    return None if file.is_compressed else file.size


def name_of(name: str) -> str:
    """Return the column name that a file's name suggests.

    >>> name_of("train-images-idx3-ubyte.gz")
    'train-images'
    """
    plain = re.sub(r"\.(gz|bz2|xz)$", "", name, flags=re.IGNORECASE)
    return _FORM.sub("", plain) or name
