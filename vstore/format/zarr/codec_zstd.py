"""How much a Zstandard stream decodes to, found without decoding it.

numcodecs decodes a stream that does not declare its size into as much memory as it asks for, and
33 kB can ask for 1 GB. So the frame and block headers are read first (RFC 8878, section 3).
"""

from dataclasses import dataclass
from typing import Final

_MAGIC: Final = 0xFD2FB528
_SKIPPABLE_MAGIC: Final = 0x184D2A50
_MAX_BLOCK_NBYTES: Final = 128 * 1024
_RAW, _RLE, _COMPRESSED = range(3)
_DICTIONARY_ID_NBYTES: Final = (0, 1, 2, 4)


@dataclass(frozen=True, slots=True)
class ContentSize:
    """What a stream decodes to: as declared, and at the very most."""

    declared: int | None
    at_most: int


def content_size(data: memoryview) -> ContentSize:
    """Return the size of all frames together.

    Raises:
        ValueError: The frames are malformed or cut short.
    """
    declared: int | None = 0
    at_most = position = 0
    while position < len(data):
        magic = _integer(data, position, 4)
        if magic & 0xFFFFFFF0 == _SKIPPABLE_MAGIC:
            position += 8 + _integer(data, position + 4, 4)
            continue
        if magic != _MAGIC:
            raise ValueError("not a zstd frame")
        frame, position = _read_frame(data, position + 4)
        at_most += frame.at_most
        declared = None if None in (declared, frame.declared) else _sum(declared, frame.declared)
    if position != len(data):
        raise ValueError("the last zstd frame is cut short")
    return ContentSize(declared, at_most)


def _sum(one: int | None, other: int | None) -> int:
    return (one or 0) + (other or 0)


def _read_frame(data: memoryview, position: int) -> tuple[ContentSize, int]:
    descriptor = _integer(data, position, 1)
    position += 1
    is_single_segment = bool(descriptor & 0x20)
    position += 0 if is_single_segment else 1
    position += _DICTIONARY_ID_NBYTES[descriptor & 3]
    flag = descriptor >> 6
    width = (1 if is_single_segment else 0, 2, 4, 8)[flag]
    declared = _integer(data, position, width) + (256 if flag == 1 else 0) if width else None
    at_most, position = _read_blocks(data, position + width)
    checksum_nbytes = 4 if descriptor & 4 else 0
    return ContentSize(declared, at_most), position + checksum_nbytes


def _read_blocks(data: memoryview, position: int) -> tuple[int, int]:
    at_most = 0
    is_last = False
    while not is_last:
        header = _integer(data, position, 3)
        is_last = bool(header & 1)
        kind, nbytes = header >> 1 & 3, header >> 3
        if kind not in (_RAW, _RLE, _COMPRESSED):
            raise ValueError("a zstd block of a reserved kind")
        at_most += _MAX_BLOCK_NBYTES if kind == _COMPRESSED else nbytes
        position += 3 + (1 if kind == _RLE else nbytes)
    return at_most, position


def _integer(data: memoryview, position: int, width: int) -> int:
    if position + width > len(data):
        raise ValueError("the zstd frame is cut short")
    return int.from_bytes(data[position : position + width], "little")
