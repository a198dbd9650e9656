"""How an image is to be turned to be seen upright, as cameras write it into files (EXIF)."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TAG = 0x0112
_START_OF_SCAN = 0xDA
_APP1 = 0xE1


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return pixels as they are to be seen, given the number of their orientation, 1 to 8.

    >>> turned(np.array([[1, 2]]), 6).tolist(), turned(np.array([[1, 2]]), 3).tolist()
    ([[1], [2]], [[2, 1]])
    """
    if not 2 <= orientation <= 8:
        return pixels
    seen = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (2, 3, 6, 7):
        seen = seen[:, ::-1]
    if orientation in (3, 4, 7, 8):
        seen = seen[::-1]
    return np.ascontiguousarray(seen)


def jpeg_orientation(data: bytes) -> int:
    """Return the orientation that a JPEG file names, 1 where it names none.

    What is malformed says nothing.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _START_OF_SCAN:
        length = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == _APP1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return _in_tiff(data[at + 10 : at + 2 + length])
        at += 2 + length
    return 1


def _in_tiff(data: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, first)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, first + 2 + 12 * i)
            if tag == _TAG:
                return int(value)
    except struct.error:
        pass
    return 1
