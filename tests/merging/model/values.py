"""What a column may hold, as plain values that are equal where every bit is.

A cell is None (missing), a text, bytes, or `(data type, shape, bits)` for numbers and images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import vstore
from vstore import ColumnSpec

Cell = Any


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"

    def __copy__(self) -> "_Unset":
        return self

    def __deepcopy__(self, _: Any) -> "_Unset":
        return self


UNSET = _Unset()
"""In the place of a value that nobody gave: it reads as the column's fill value, or as missing."""


@dataclass(frozen=True)
class Form:
    """What samples of a column are: everything but whether they may be missing."""

    kind: str
    dtype: str = ""
    shape: tuple[int | None, ...] = ()
    fill: int = 0

    @property
    def is_plain(self) -> bool:
        """Return whether samples have one shape, and can be cast."""
        return self.kind == "ndarray"

    def spec(self, *, optional: bool) -> ColumnSpec:
        """Return the form as vstore takes it."""
        made = self._spec()
        return made.as_optional() if optional else made

    def _spec(self) -> ColumnSpec:
        if self.kind == "text":
            return vstore.text(rows_per_chunk=2)
        if self.kind == "bytes":
            return vstore.bytes_(rows_per_chunk=2)
        if self.kind == "image":
            return vstore.image(rows_per_chunk=2)
        fill = self.fill or None
        return vstore.ndarray(self.shape, self.dtype, fill_value=fill, rows_per_chunk=2)

    def unset(self) -> Cell:
        """Return what a sample reads as that was never given, where it cannot be missing."""
        if self.kind == "text":
            return ""
        if self.kind == "bytes":
            return b""
        if self.kind == "image":
            return cell(np.zeros((0, 0), "uint8"))
        shape = tuple(0 if length is None else length for length in self.shape)
        fill = "NaT" if self.dtype.startswith("datetime") else self.fill
        return cell(np.full(shape, fill, self.dtype))

    def number(self, value: int) -> Any:
        """Return a number of the form's data type."""
        return np.dtype(self.dtype).type(value)

    def pool(self) -> list[Cell]:
        """Return a few values, so that two sides often choose the same one; unset is first."""
        if self.kind == "text":
            return ["", "a", "ä", "b\n"]
        if self.kind == "bytes":
            return [b"", b"\0", b"ab"]
        if self.kind == "image":
            grey = [np.full((2, 3), value, "uint8") for value in (0, 9)]
            return [cell(image) for image in (*grey, np.full((1, 1, 3), 5, "uint8"))]
        if None in self.shape:
            lengths = [tuple(n if each is None else each for each in self.shape) for n in (0, 1, 2)]
            found = [np.full(shape, 1, self.dtype) for shape in lengths]
            return [cell(array) for array in (*found, np.zeros(lengths[1], self.dtype))]
        return [cell(np.full(self.shape, value, self.dtype)) for value in self._numbers()]

    def _numbers(self) -> list[Any]:
        if self.dtype == "bool":
            return [False, True]
        if self.dtype.startswith("datetime"):
            return [np.datetime64(day, "D") for day in (0, 20_000)]
        more = [-0.0, float("nan")] if self.dtype.startswith("float") else [3]
        return [self.fill, 0, 1, 2, *more]


INT16 = Form("ndarray", "int16", fill=7)
INT32 = Form("ndarray", "int32")
INT64 = Form("ndarray", "int64")
FLOAT64 = Form("ndarray", "float64")
PAIR = Form("ndarray", "float32", (2,))
BOXES = Form("ragged", "float32", (None, 2))
TEXT = Form("text")

FORMS = (
    INT32,
    INT16,
    TEXT,
    PAIR,
    Form("ragged", "int16", (None,)),
    Form("bytes"),
    Form("image"),
    Form("ndarray", "datetime64[D]"),
    BOXES,
    Form("ndarray", "bool"),
    Form("ndarray", "float32"),
    Form("ndarray", "uint8", (0,)),
)

WIDER = {
    "int16": ("int32", "int64", "float64"),
    "int32": ("int64", "float64"),
    "float32": ("float64",),
    "uint8": ("int32",),
    "bool": ("int64",),
}


def cell(value: Any) -> Cell:
    """Return a value, as it was read or is to be written, as the model holds it."""
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        if mask.any() or (value.size == 0 and mask.shape != value.shape):
            return None
        value = value.data
    array = np.asarray(value)
    return array.dtype.str, array.shape, array.tobytes()


def given(held: Cell) -> Any:
    """Return a cell as it is given to vstore."""
    if not isinstance(held, tuple):
        return held
    dtype, shape, bits = held
    array = np.frombuffer(bits, dtype).reshape(shape)
    return array[()] if not shape else array


def batch(cells: Sequence[Cell]) -> list[Any]:
    """Return cells as a column of a batch."""
    return [given(held) for held in cells]


def cast(held: Cell, form: Form) -> Cell:
    """Return a cell in the data type of another form of one shape."""
    if held is None or held is UNSET:
        return held
    return cell(np.asarray(given(held)).astype(form.dtype))


def shown(held: Cell) -> str:
    """Return a cell as it is printed in a listing."""
    if not isinstance(held, tuple):
        return repr(held)
    dtype, shape, _ = held
    array = np.asarray(given(held))
    return f"{array.tolist()}" if shape in ((), (2,)) else f"<{dtype} {shape} {array.tolist()}>"
