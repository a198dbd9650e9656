"""What lies over an image: the boxes and masks of other columns, as their attributes say.

A column whose attribute `over` names a column of images is drawn over them. Of shape (n, 4) it
holds boxes in pixels: left, top, right and bottom, or left, top, width and height where the
attribute `boxes` is "xywh". Of the image's height and width it holds a mask: each number but 0
has a color.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.pictures import Pixels

OVER = "over"
BOXES = "boxes"
MOST_BOXES = 1000

_COLORS = np.array(
    [(230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240)],
    np.uint8,
)
_OPACITY = 0.5
_SIDE_PER_LINE = 200


def overlaid(
    image: NDArray[Any], marks: Iterable[tuple[NDArray[Any], Mapping[str, Any]]]
) -> Pixels | None:
    """Return an image with what lies over it, None where nothing does.

    Args:
        image: of uint8, (height, width) or with channels.
        marks: boxes and masks, each with the attributes of its column. What is neither is left
            out, and so are the parts of boxes that are outside.

    >>> overlaid(np.zeros((4, 4), np.uint8), [(np.array([[0, 0, 2, 2]]), {})]).shape
    (4, 4, 3)
    """
    drawn = _as_rgb(image)
    is_drawn = False
    for values, attributes in marks:
        if values.ndim == 2 and values.shape == drawn.shape[:2] and values.dtype.kind in "biu":
            _blend(drawn, values)
        elif values.ndim == 2 and values.shape[1] == 4 and values.dtype.kind in "iuf":
            _outline(drawn, values[:MOST_BOXES], is_sized=attributes.get(BOXES) == "xywh")
        else:
            continue
        is_drawn = True
    return drawn if is_drawn else None


def _as_rgb(image: NDArray[Any]) -> Pixels:
    """Return a copy in three channels; opacity is left out."""
    if image.ndim == 2:
        image = image[..., np.newaxis]
    colors = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    return np.array(np.broadcast_to(colors, (*image.shape[:2], 3)))


def _blend(drawn: Pixels, mask: NDArray[Any]) -> None:
    where = mask != 0
    colors = _COLORS[(mask[where].astype(np.int64) - 1) % len(_COLORS)]
    drawn[where] = ((1 - _OPACITY) * drawn[where] + _OPACITY * colors).astype(np.uint8)


def _outline(drawn: Pixels, boxes: NDArray[Any], *, is_sized: bool) -> None:
    height, width = drawn.shape[:2]
    line = max(1, max(height, width) // _SIDE_PER_LINE)
    places = np.asarray(boxes, np.float64)
    places = places[np.isfinite(places).all(axis=1)]
    if is_sized:
        places[:, 2:] += places[:, :2]
    limits = np.array([width, height, width, height])
    for i, place in enumerate(np.clip(places, 0, limits).round().astype(np.int64).tolist()):
        left, top, right, bottom = place
        color = _COLORS[i % len(_COLORS)]
        for rows, columns in (
            (slice(top, top + line), slice(left, right)),
            (slice(max(top, bottom - line), bottom), slice(left, right)),
            (slice(top, bottom), slice(left, left + line)),
            (slice(top, bottom), slice(max(left, right - line), right)),
        ):
            drawn[rows, columns] = color
