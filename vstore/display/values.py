"""Values as the content of a cell: a picture, a plot, or text."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.display import pictures, plots
from vstore.display.boxes import shortened
from vstore.display.html import Content, Markup, element, joined
from vstore.display.lines import LIST_LENGTH, TEXT_LENGTH, Unshown, array_line, one_line

_CELL_TEXT = 160
_MOST_TEXTS = 8
_POINTS = 60
_CHANNELS = 8
_LONG = 64


class Draw(Protocol):
    """Returns the element that shows pixels."""

    def __call__(self, pixels: pictures.Pixels, *, alt: str, size: int) -> Markup:
        """Return an element of at most `size` pixels on a side."""


def cell(value: Any, *, size: int, alt: str, draw: Draw = pictures.picture) -> Content:
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
        return _drawn(value, size=size, alt=alt, draw=draw)
    return one_line(value)


def _texts(values: Any) -> Content:
    shown = ", ".join(shortened(str(each), TEXT_LENGTH) for each in values[:_MOST_TEXTS])
    return f"{shown}, …" if len(values) > _MOST_TEXTS else shown


def _drawn(values: NDArray[Any], *, size: int, alt: str, draw: Draw) -> Content:
    plane = plane_of(values)
    if is_series(values):
        values = values.mean(axis=1) if values.ndim == 2 else values
        step = max(1, len(values) // _POINTS)
        points = np.ma.filled(values[::step].astype(np.float64), np.nan).tolist()
        return joined(plots.curve(points), _said(values))
    if plane is not None:
        drawn = draw(pictures.as_pixels(plane, limit=size), alt=alt, size=size)
        return drawn if pictures.is_image(values) else joined(drawn, _said(values))
    return array_line(values)


def _said(values: NDArray[Any]) -> Markup:
    return element("div", array_line(values), class_="vstore-note")


def is_series(values: NDArray[Any]) -> bool:
    """Return whether an array looks like numbers over time, perhaps in a few channels."""
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2) or len(values) <= LIST_LENGTH:
        return False
    return values.ndim == 1 or (values.shape[1] <= _CHANNELS and len(values) >= _LONG)


def plane_of(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return what of an array is seen: an image, a plane, the middle plane of a volume."""
    if values.dtype.kind not in "biuf" or values.ndim < 2 or not values.size:
        return None
    if pictures.is_image(values):
        return np.ma.getdata(values)
    while values.ndim > 2:
        values = values[len(values) // 2]
    return np.ma.getdata(values) if min(values.shape) > 1 else None
