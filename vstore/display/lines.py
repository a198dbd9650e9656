"""Values as one line of text each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.wording import format_nbytes, printable

TEXT_LENGTH = 60
LIST_LENGTH = 6
_BYTES_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Unshown:
    """What stands for a sample that is not decoded: which format it has, how large, and why."""

    form: str
    nbytes: int
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.form}, {format_nbytes(self.nbytes)}" if self.nbytes else "empty"


def one_line(value: Any) -> str:
    """Return a value in one short line.

    >>> one_line(np.uint8(3)), one_line("a" * 3), one_line(b"abc")
    ('3', "'aaa'", "b'abc'")
    >>> one_line(np.arange(100, dtype="uint8"))
    'uint8 (100,) 0…99 mean 49.5'
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return array_line(value)
    if isinstance(value, (bytes, bytearray)):
        return _bytes(bytes(value))
    if isinstance(value, str):
        cut = value[:TEXT_LENGTH]
        return repr(str(cut)) + ("…" if len(value) > len(cut) else "")
    return printable(str(value))


def array_line(values: NDArray[Any]) -> str:
    """Return what an array is and how its values are spread, in one line."""
    if values.ndim == 1 and values.size <= LIST_LENGTH:
        return " ".join(np.array2string(values, max_line_width=10**6).split())
    return " ".join(filter(None, (f"{values.dtype} {values.shape}", _spread(values))))


def _spread(values: NDArray[Any]) -> str:
    """Return the least, the greatest and the mean value, where values have an order."""
    if values.dtype.kind == "b":
        return f"{np.count_nonzero(values):,} true"
    if values.dtype.kind not in "iuf" or not values.size:
        return ""
    numbers = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if not numbers.size:
        return "all NaN"
    mean = numbers.mean(dtype=np.float64)
    missing = values.size - numbers.size
    rest = f", {missing:,} NaN" if missing else ""
    return f"{numbers.min():.6g}…{numbers.max():.6g} mean {mean:.4g}{rest}"


def _bytes(value: bytes) -> str:
    if len(value) <= _BYTES_LENGTH:
        return repr(value)
    return f"{format_nbytes(len(value))}, {value[:_BYTES_LENGTH]!r}…"
