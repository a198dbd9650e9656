"""Samples on a terminal: whole values as text, and small pictures."""

import re
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstore.display import lines as display
else:
    np = lazy("numpy")
    display = lazy("vstore.display.lines")

_PICTURE_WIDTH = 64
_PICTURE_HEIGHT = 64


def lines(value: Any) -> str:
    """Return a value in as many lines as it takes; long arrays with their middle left out."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=1000)
    if isinstance(value, str):
        return re.sub(r"[^\S\n]", " ", printable(value))
    return display.one_line(value)


def is_picture(value: Any) -> bool:
    """Return whether a value looks like an image: uint8, (height, width) or with channels."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim not in (2, 3):
        return False
    return min(value.shape[:2]) >= 4 and (value.ndim == 2 or 1 <= value.shape[2] <= 4)


def picture(values: "NDArray[Any]", *, width: int) -> Text:
    """Return an image as coloured half blocks, two rows of pixels in a line of text."""
    step = max(
        1, -(-values.shape[1] // min(width, _PICTURE_WIDTH)), -(-values.shape[0] // _PICTURE_HEIGHT)
    )
    pixels = values[::step, ::step]
    colours = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    colours = colours[..., : 3 if colours.shape[2] > 2 else 1]
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
