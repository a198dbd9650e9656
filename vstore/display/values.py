"""Values at a glance: as one line of text, and as the content of a cell."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display import pictures, plots
from vstore.display.boxes import shortened
from vstore.display.html import Content, Markup, element, joined
from vstore.wording import format_nbytes, printable

_TEXT_LENGTH = 60
_LIST_LENGTH = 6
_BYTES_LENGTH = 12
_CELL_TEXT = 160
_MOST_TEXTS = 8
_POINTS = 120


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
        return _array(value)
    if isinstance(value, (bytes, bytearray)):
        return _bytes(bytes(value))
    if isinstance(value, str):
        cut = value[:_TEXT_LENGTH]
        return repr(str(cut)) + ("…" if len(value) > len(cut) else "")
    return printable(str(value))


def _array(values: "NDArray[Any]") -> str:
    if values.ndim == 1 and values.size <= _LIST_LENGTH:
        return " ".join(np.array2string(values, max_line_width=10**6).split())
    return " ".join(filter(None, (f"{values.dtype} {values.shape}", spread(values))))


def spread(values: "NDArray[Any]") -> str:
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


def cell(value: Any, *, size: int, alt: str) -> Content:
    """Return a value as the content of a cell: a picture or a plot where one says more.

    `size` is how many pixels a picture has at most on a side; without any there is text alone.
    """
    if value is None or value is np.ma.masked:
        return element("span", "missing", class_="vstore-missing")
    if isinstance(value, Unshown):
        return element("span", str(value), title=value.reason or None)
    if isinstance(value, (str, list, tuple)):
        return shortened(value, _CELL_TEXT) if isinstance(value, str) else _texts(value)
    if isinstance(value, np.ndarray) and value.ndim and size:
        return _drawn(value, size=size, alt=alt)
    return one_line(value)


def _texts(values: Any) -> Content:
    shown = ", ".join(shortened(str(each), _TEXT_LENGTH) for each in values[:_MOST_TEXTS])
    return f"{shown}, …" if len(values) > _MOST_TEXTS else shown


def _drawn(values: NDArray[Any], *, size: int, alt: str) -> Content:
    plane = plane_of(values)
    if plane is not None:
        drawn = pictures.picture(pictures.as_pixels(plane, limit=size), alt=alt, size=size)
        return drawn if pictures.is_image(values) else joined(drawn, _said(values))
    if values.ndim == 1 and values.size > _LIST_LENGTH and values.dtype.kind in "biuf":
        step = max(1, values.size // _POINTS)
        points = values[::step].astype(np.float64).tolist()
        return joined(plots.curve(points), _said(values))
    return _array(values)


def _said(values: NDArray[Any]) -> Markup:
    return element("div", _array(values), class_="vstore-note")


def plane_of(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return what of an array is seen: an image, a plane, the middle plane of a volume."""
    if values.dtype.kind not in "biuf" or values.ndim < 2 or not values.size:
        return None
    if pictures.is_image(values):
        return np.ma.getdata(values)
    while values.ndim > 2:
        values = values[len(values) // 2]
    return np.ma.getdata(values) if min(values.shape) > 1 else None
