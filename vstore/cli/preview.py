"""Samples at a glance: a line for each value, and small pictures on a terminal."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

from vstore.lazy import lazy
from vstore.wording import format_nbytes, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = lazy("numpy")

_TEXT_LENGTH = 60
_LIST_LENGTH = 6
_BYTES_LENGTH = 12
_PICTURE_WIDTH = 64
_PICTURE_HEIGHT = 64


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
    return " ".join(filter(None, (f"{values.dtype} {values.shape}", _spread(values))))


def _spread(values: "NDArray[Any]") -> str:
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


def encoded(data: bytes, format_of: Callable[[bytes], str]) -> str:
    """Return which format some bytes have, and how many they are.

    >>> encoded(bytes(1000), lambda data: "PNG")
    'PNG, 1 kB'
    """
    return f"{format_of(data)}, {format_nbytes(len(data))}" if data else "empty"


def lines(value: Any) -> str:
    """Return a value in as many lines as it takes; long arrays with their middle left out."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=1000)
    return re.sub(r"[^\S\n]", " ", printable(value)) if isinstance(value, str) else one_line(value)


def is_picture(value: Any) -> bool:
    """Return whether a value looks like an image: uint8, (height, width) or with channels."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim not in (2, 3):
        return False
    return min(value.shape[:2]) >= 4 and (value.ndim == 2 or value.shape[2] in (1, 3, 4))


def picture(values: "NDArray[Any]", *, width: int) -> Text:
    """Return an image as coloured half blocks, two rows of pixels in a line of text."""
    step = max(
        1, -(-values.shape[1] // min(width, _PICTURE_WIDTH)), -(-values.shape[0] // _PICTURE_HEIGHT)
    )
    pixels = values[::step, ::step]
    colours = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels[..., :3]
    colours = np.broadcast_to(colours, (*colours.shape[:2], 3))
    rows = []
    for top in range(0, len(colours), 2):
        upper = colours[top]
        lower = colours[top + 1] if top + 1 < len(colours) else None
        rows.append(_half_blocks(upper, lower))
    return Text("\n").join(rows)


def _half_blocks(upper: "NDArray[Any]", lower: "NDArray[Any] | None") -> Text:
    row = Text()
    for i, pixel in enumerate(upper.tolist()):
        below = None if lower is None else _rgb(lower[i].tolist())
        row.append("▀", Style(color=_rgb(pixel), bgcolor=below))
    return row


def _rgb(pixel: list[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)
