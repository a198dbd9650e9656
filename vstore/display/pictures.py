"""Arrays as pictures: pixels, maps of numbers, differences; encoded as PNG without a library."""

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.html import Markup, element

Pixels = NDArray[np.uint8]
"""(height, width), or (height, width, channels) of 2 to 4 channels; 2 are gray and opacity."""

_LEVEL = 4
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}

_SEQUENTIAL = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_DIVERGING = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))
MAPS = {"viridis": _SEQUENTIAL, "diverging": _DIVERGING, "gray": ((0, 0, 0), (255, 255, 255))}
"""The color maps, each as colors at equal distances."""


def png(pixels: Pixels) -> bytes:
    """Return pixels as a PNG file.

    >>> png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    data = zlib.compress(lines.tobytes(), _LEVEL)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def is_image(values: NDArray[Any]) -> bool:
    """Return whether an array looks like an image: uint8, (height, width) or with channels.

    >>> is_image(np.zeros((4, 4), np.uint8)), is_image(np.zeros((4, 4, 5), np.uint8))
    (True, False)
    """
    if values.dtype != np.uint8 or values.ndim not in (2, 3) or min(values.shape[:2]) < 2:
        return False
    return values.ndim == 2 or 1 <= values.shape[2] <= 4


def as_pixels(
    values: NDArray[Any], *, limit: int, scale: tuple[float, float] | None = None
) -> Pixels:
    """Return an array of two axes, or an image, as pixels of at most `limit` on a side.

    What is not an image of 8 bits is shown from its least to its greatest value, or over
    `scale`, in the colors of `viridis`; values that are not finite are gray.
    """
    small = shrunk(values, limit)
    if is_image(small) and scale is None:
        return small[..., 0] if small.ndim == 3 and small.shape[2] == 1 else small
    if small.dtype == np.bool_:
        return small.astype(np.uint8) * np.uint8(255)
    return colored(small, scale=scale)


def shrunk(values: NDArray[Any], limit: int) -> NDArray[Any]:
    """Return an array with every n-th row and column, or of an image the means of blocks."""
    step = max(1, -(-max(values.shape[:2]) // limit))
    if step == 1 or not is_image(values) or min(values.shape[:2]) < step:
        return values[::step, ::step]
    height, width = (length // step for length in values.shape[:2])
    blocks = values[: height * step, : width * step]
    parts = blocks.reshape(height, step, width, step, *values.shape[2:])
    return np.asarray(parts.mean(axis=(1, 3), dtype=np.float32), np.uint8)


def limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the greatest finite value; 0 and 0 where there is none."""
    numbers = np.asarray(values, np.float64)
    finite = numbers[np.isfinite(numbers)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def colored(
    values: NDArray[Any], *, scale: tuple[float, float] | None = None, map_name: str = "viridis"
) -> Pixels:
    """Return numbers as colors: (height, width, 3)."""
    numbers = np.asarray(values, np.float64)
    low, high = limits(numbers) if scale is None else scale
    where = np.isfinite(numbers)
    width = high - low
    spread = (np.where(where, numbers, low) - low) / (width if width > 0 else 1.0)
    colors = MAPS[map_name]
    at = np.linspace(0, 1, len(colors))
    channels = [np.interp(spread, at, [color[i] for color in colors]) for i in range(3)]
    pixels = np.stack(channels, axis=-1).astype(np.uint8)
    pixels[~where] = 128
    return pixels


def difference(old: NDArray[Any], new: NDArray[Any], *, limit: int) -> Pixels | None:
    """Return where two arrays differ: gray for nothing, red for more, blue for less.

    Colors are averaged over channels. None where the arrays differ in shape.
    """
    if old.shape != new.shape or old.ndim not in (2, 3) or not old.size:
        return None
    moved = np.asarray(new, np.float64) - np.asarray(old, np.float64)
    flat = moved.mean(axis=2) if moved.ndim == 3 else moved
    step = max(1, -(-max(flat.shape) // limit))
    height, width = (max(1, length // step) for length in flat.shape)
    blocks = flat[: height * step, : width * step]
    if step > 1 and blocks.shape == (height * step, width * step):
        parts = blocks.reshape(height, step, width, step).swapaxes(1, 2).reshape(height, width, -1)
        strongest = np.nan_to_num(np.abs(parts), nan=0.0).argmax(axis=2)
        flat = np.take_along_axis(parts, strongest[..., np.newaxis], axis=2)[..., 0]
    most = float(np.nanmax(np.abs(flat))) if np.isfinite(flat).any() else 0.0
    return colored(flat, scale=(-most or -1.0, most or 1.0), map_name="diverging")


def picture(pixels: Pixels, *, alt: str, size: int) -> Markup:
    """Return pixels as an element that needs nothing from elsewhere; small ones are enlarged."""
    height, width = pixels.shape[:2]
    times = max(1, size // max(height, width, 1))
    data = base64.b64encode(png(pixels)).decode()
    return element(
        "img",
        src=f"data:image/png;base64,{data}",
        alt=alt,
        width=width * times,
        height=height * times,
        class_="vstore-pixels" if times > 1 else None,
    )
