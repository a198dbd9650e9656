"""Encoded images to arrays and back. Pillow and simplejpeg are imported here alone."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, InvalidInputError, MissingExtraError

MAX_PIXELS = 2**28
_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """Return an encoded image as uint8: (height, width) for grey, else (height, width, channels).

    Raises:
        CorruptionError: no JPEG, PNG or WebP, or damaged.
        MissingExtraError: neither simplejpeg nor Pillow is installed.
    """
    if data[:3] == _JPEG:
        decoded = _decode_jpeg(data)
        if decoded is not None:
            return decoded
    return _decode_any(data)


def _decode_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    try:
        import simplejpeg  # noqa: PLC0415
    except ImportError:
        return None
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > MAX_PIXELS or colorspace == "CMYK":
            return None
        gray = colorspace == "Gray"
        pixels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if gray else "RGB")
    except ValueError as exc:
        raise _undecodable(exc) from exc
    array: NDArray[np.uint8] = pixels[:, :, 0] if gray else pixels
    return array


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as exc:
        raise MissingExtraError("Pillow", extra="image", purpose="An image column") from exc
    return Image


def _decode_any(data: bytes) -> NDArray[np.uint8]:
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                size = f"{opened.width}x{opened.height}"
                raise CorruptionError(f"an image of {size} pixels is larger than {MAX_PIXELS}")
            mode = opened.mode if opened.mode in ("L", "RGB", "RGBA") else "RGB"
            return np.array(opened.convert(mode), np.uint8)
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as exc:
        raise _undecodable(exc) from exc


def _undecodable(reason: Exception) -> CorruptionError:
    return CorruptionError(f"the image cannot be decoded: {reason}", code="undecodable-image")


def encoded_image(data: bytes, *, name: str) -> bytes:
    """Return the bytes of an image as they are, having looked at how they begin."""
    if data.startswith((_JPEG, _PNG)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return data
    got = f"bytes that begin with {data[:12]!r}" if data else "no bytes"
    raise InvalidInputError(f"the column {name!r} holds JPEG, PNG or WebP images; got {got}")


def image_format(data: bytes) -> str:
    r"""Return which format the bytes of an image have, by how they begin.

    >>> image_format(b"\x89PNG\r\n"), image_format(b"?")
    ('PNG', 'image')
    """
    formats = {b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"RIFF": "WebP"}
    return next((name for start, name in formats.items() if data.startswith(start)), "image")


def encode_image(array: NDArray[Any], *, name: str) -> bytes:
    """Return a uint8 array as PNG, without loss."""
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        msg = (
            f"the column {name!r} holds images: encoded bytes, or uint8 arrays of shape "
            f"(height, width[, 1|3|4]); got {array.dtype} {array.shape}"
        )
        raise InvalidInputError(msg)
    pixels = array[:, :, 0] if array.ndim == 3 and channels == 1 else array
    buffer = io.BytesIO()
    _pillow().fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()
