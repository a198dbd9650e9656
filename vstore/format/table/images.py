"""Encoded images to arrays and back. Pillow and simplejpeg are imported here alone."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError, MissingExtraError
from vstore.faces import exported_from
from vstore.format.table.orientation import jpeg_orientation, turned

MAX_PIXELS = 2**28
MODES = ("L", "LA", "RGB", "RGBA", "I16", "P", "1", "CMYK")
"""What pixels may be, in Pillow's words: gray, colors, ids of colors, bits, inks."""

_PLAIN = ("L", "LA", "RGB", "RGBA")
"""The modes whose values are kept without saying so."""

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_GRAY = 0


@exported_from("vstore")
class ImageInfo(msgspec.Struct, frozen=True):
    """What the file of an image says of it, without decoding.

    `width` and `height` are those of the stored pixels, before the image is turned; `mode` is
    what pixels are, in the words of `vstore.image`.
    """

    format: str
    width: int
    height: int
    mode: str


def dtype_of(mode: str | None) -> np.dtype[Any]:
    """Return the data type of pixels."""
    return np.dtype({"I16": "uint16", "1": "bool"}.get(mode or "", "uint8"))


def decode_image(data: bytes, mode: str | None = None, *, is_turned: bool = True) -> NDArray[Any]:
    """Return the pixels of an encoded image: (height, width), or (height, width, channels).

    Args:
        data: a JPEG, PNG or WebP file.
        mode: what pixels are to be; None for gray or colors, transparent or not, as they are.
        is_turned: turn the image as the file says that it is to be seen.

    Raises:
        FormatError: no such image, damaged, or with pixels that the mode does not have.
        MissingExtraError: neither simplejpeg nor Pillow is installed.
    """
    pixels = _decode_jpeg(data, mode) if data.startswith(_JPEG) else None
    if pixels is not None:
        return turned(pixels, jpeg_orientation(data)) if is_turned else pixels
    return _decode_any(data, mode, is_turned=is_turned)


def _decode_jpeg(data: bytes, mode: str | None) -> NDArray[np.uint8] | None:
    """Return gray or colors; None where they are to be something else."""
    try:
        import simplejpeg  # noqa: PLC0415
    except ImportError:
        return None
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        own = {"Gray": "L", "CMYK": "CMYK", "YCCK": "CMYK"}.get(colorspace, "RGB")
        if height * width > MAX_PIXELS or own == "CMYK" or mode not in (None, own):
            return None
        pixels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if own == "L" else "RGB")
    except ValueError as exc:
        raise _undecodable(exc) from exc
    array: NDArray[np.uint8] = pixels[:, :, 0] if own == "L" else pixels
    return array


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as exc:
        raise MissingExtraError("Pillow", extra="image", purpose="An image column") from exc
    return Image


def _decode_any(data: bytes, mode: str | None, *, is_turned: bool) -> NDArray[Any]:
    with _opened(data) as opened:
        _check(_info_of(data, opened), mode)
        kept = opened if mode in (None, "I16", "P", "1", "CMYK") else opened.convert(mode)
        pixels = np.array(kept, dtype_of(mode))
        seen = opened.getexif().get(_ORIENTATION, 1) if is_turned else 1
    return turned(pixels, seen)


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Open an image with Pillow, which reads pixels when they are asked for."""
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as opened:
            yield opened
    except FormatError:
        raise
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as exc:
        raise _undecodable(exc) from exc


def image_info(data: bytes) -> ImageInfo:
    """Return what the file of an image says of it.

    Raises:
        FormatError: no such file, or its header is damaged.
        MissingExtraError: Pillow is not installed.
    """
    with _opened(data) as opened:
        return _info_of(data, opened)


def _info_of(data: bytes, opened: Any) -> ImageInfo:
    mode = _mode_of(data, opened.mode)
    return ImageInfo(image_format(data), opened.width, opened.height, mode)


def _check(info: ImageInfo, mode: str | None) -> None:
    """Raise `FormatError` for an image that a column of a mode does not hold."""
    if info.width * info.height > MAX_PIXELS:
        raise _undecodable(f"{info.width}x{info.height} pixels are more than {MAX_PIXELS}")
    _check_mode(info.mode, mode)


def _mode_of(data: bytes, mode: str) -> str:
    """Return what the pixels of a file are: Pillow makes 8 bits of others in PNG files."""
    if not data.startswith(_PNG) or len(data) < 26:
        return mode
    depth, color = data[24], data[25]
    if color == _GRAY:
        return {1: "1", 8: "L", 16: "I16"}.get(depth, f"gray of {depth} bits")
    return "colors of 16 bits" if depth == 16 else mode


def _check_mode(own: str, mode: str | None) -> None:
    """Raise `FormatError` where pixels would be made something that nobody asked for."""
    if own == mode or (mode is None and own in _PLAIN):
        return
    can_be = mode in _PLAIN and own != "I16"
    if mode is None or not can_be:
        choices = [each for each in (own, "RGB") if each in MODES]
        raise FormatError(
            f"its pixels are {own}, which the mode {mode or 'auto'!r} does not take",
            code="undecodable-image",
            hint=f"describe the column with `vstore.image(mode={choices[0]!r})`",
        )


def _undecodable(reason: object) -> FormatError:
    return FormatError(f"the image cannot be decoded: {reason}", code="undecodable-image")


def encoded_image(data: bytes, mode: str | None, *, check: str, name: str) -> bytes:
    """Return the file of an image as it is, if it is one that the column holds.

    Raises:
        InvalidInputError: it cannot be decoded, or has pixels that the mode does not take.
    """
    if not (data.startswith((_JPEG, _PNG)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")):
        got = f"bytes that begin with {data[:12]!r}" if data else "no bytes"
        raise InvalidInputError(f"the column {name!r} holds JPEG, PNG or WebP images; got {got}")
    try:
        if check == "decode":
            decode_image(data, mode, is_turned=False)
        elif check == "header":
            _check(image_info(data), mode)
    except MissingExtraError:
        return data
    except FormatError as exc:
        raise InvalidInputError(
            f"the column {name!r} does not take an image: {exc}",
            code="image-not-taken",
            hint=exc.hint,
            column=name,
        ) from exc
    return data


def image_format(data: bytes) -> str:
    r"""Return which format the bytes of an image have, by how they begin.

    >>> image_format(b"\x89PNG\r\n"), image_format(b"?")
    ('PNG', 'image')
    """
    formats = {b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"RIFF": "WebP"}
    return next((name for start, name in formats.items() if data.startswith(start)), "image")


def encode_image(array: NDArray[Any], mode: str | None, *, name: str) -> bytes:
    """Return pixels as PNG, without loss."""
    channels = array.shape[2] if array.ndim == 3 else 1
    own = {1: ("L", "P"), 2: ("LA",), 3: ("RGB",), 4: ("RGBA",)}.get(channels, ())
    if array.dtype != np.uint8:
        own = {"uint16": ("I16",), "bool": ("1",)}.get(str(array.dtype), ())
    fits = array.ndim in (2, 3) and (mode in own or (mode is None and own[:1] in _OWN))
    if not fits:
        msg = (
            f"the column {name!r} holds images: encoded bytes, or arrays of shape "
            f"(height, width[, channels]) that its mode takes, uint8 with 1 to 4 channels where "
            f"it has none; got {array.dtype} {array.shape}"
        )
        raise InvalidInputError(msg)
    pixels = np.ascontiguousarray(array[:, :, 0] if array.ndim == 3 and channels == 1 else array)
    pillow, buffer = _pillow(), io.BytesIO()
    image = pillow.fromarray(pixels)
    if mode == "P":
        image = pillow.frombytes("P", image.size, pixels.tobytes())
        image.putpalette([value for value in range(256) for _ in range(3)])
    image.save(buffer, "PNG")
    return buffer.getvalue()


_OWN = (("L",), ("LA",), ("RGB",), ("RGBA",))
