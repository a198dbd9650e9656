"""Values as JSON that any language reads: flat lists of elements, each as a fill value is written.

Integers beyond 2^53 are texts, since not every parser of JSON keeps them.
"""

import base64
import hashlib
import json
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ELEMENTS = 600
"""Of how many elements each is written down; of more, those that differ from the fill value."""


def array_value(array: NDArray[Any], fill: Any = None) -> dict[str, Any]:
    """Return the elements of an array in C order."""
    shape = list(array.shape)
    if fill is None or array.size <= MOST_ELEMENTS:
        return {"shape": shape, "elements": elements(array)}
    flat = array.reshape(-1)
    others = np.flatnonzero(flat != fill).tolist()
    found = [[i, element(flat[i])] for i in others]
    return {"shape": shape, "fill": element(np.asarray(fill)[()]), "others": shortened(found)}


def elements(array: NDArray[Any]) -> list[Any]:
    return [element(each) for each in array.reshape(-1)]


def shortened(values: list[Any]) -> Any:
    """Return a list, or of a long one its ends and the SHA-256 of its JSON without spaces."""
    if len(values) <= MOST_ELEMENTS:
        return values
    data = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
    ends = {"first": values[:5], "last": values[-5:]}
    return {"count": len(values), **ends, "sha256": hashlib.sha256(data).hexdigest()}


def element(value: Any) -> Any:
    """Return one element as JSON, as docs/format.md writes the fill value of its type."""
    if type(value) is str:
        return value
    if type(value) is bytes:
        return base64.b64encode(value).decode()
    write: Callable[[Any], Any] = KINDS.get(np.asarray(value).dtype.kind, packed)
    return write(value)


def packed(value: Any) -> str:
    dtype = np.asarray(value).dtype
    little = np.asarray(value).astype(dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(little.rstrip(b"\0") if dtype.kind == "S" else little).decode()


def time(value: Any) -> int | str:
    return integer(int(np.asarray(value).view("int64")))


def integer(value: int) -> int | str:
    return value if abs(value) <= 2**53 else str(value)


def floating(value: Any) -> float | str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        bits = np.asarray(value).astype(value.dtype.newbyteorder(">")).tobytes()
        usual = {2: "7e00", 4: "7fc00000", 8: "7ff8000000000000"}
        return "NaN" if bits.hex() == usual[len(bits)] else f"0x{bits.hex()}"
    return float(value)


KINDS: dict[str, Callable[[Any], Any]] = {
    "b": lambda value: bool(value),
    "U": lambda value: str(value),
    "f": floating,
    "c": lambda value: [floating(value.real), floating(value.imag)],
    **dict.fromkeys("iu", lambda value: integer(int(value))),
    **dict.fromkeys("mM", time),
}
"""How an element is written, by the kind of its dtype; as its bytes in base64 for the others."""


# Pictures whose files no library makes: the same bytes everywhere


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the file of an image of 8 bits, gray or RGB, without compression."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    stored = b"\1" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    data = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(rows))
    color = 0 if pixels.ndim == 2 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_part, parts))


def _part(part: tuple[bytes, bytes]) -> bytes:
    name, data = part
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a file of `png`."""
    width, height, _, color = struct.unpack(">IIBB", data[16:26])
    start = data.index(b"IDAT") + 4
    (nbytes,) = struct.unpack(">I", data[start - 8 : start - 4])
    rows = np.frombuffer(zlib.decompress(data[start : start + nbytes]), np.uint8)
    rows = rows.reshape(height, -1)[:, 1:]
    return rows.reshape((height, width) if color == 0 else (height, width, 3))


def wav(values: NDArray[np.int16], rate: int) -> bytes:
    """Return the file of a sound of 16 bits."""
    channels = values.shape[1]
    data = values.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    parts = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts
