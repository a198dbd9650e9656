"""Text and bytes to Arrow without a Python object for each: Arrow's own decoder of Parquet.

Behind the number of its elements, a chunk of `vlen-utf8` or `vlen-bytes` is exactly what
Parquet calls PLAIN: each element behind its length in 32 bits. So a chunk becomes a page of a
Parquet file of one column, which Arrow reads at once, in memory.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, InvalidInputError
from vstore.optional import needed
from vstore.reading.scratch import POOL
from vstore.scanning.blocks import Packed

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa
    import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_COUNT_NBYTES = 4
_MOST_NBYTES = 2**31 - 1
"""What 32-bit offsets can tell."""

# Thrift's compact protocol, as far as Parquet's headers need it.
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_BYTE_ARRAY, _REQUIRED, _UTF8, _PLAIN, _RLE, _UNCOMPRESSED = 6, 0, 0, 0, 3, 0


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _i(number: int) -> bytes:
    return _varint(number * 2)


def _text(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind])
    return head + (b"" if len(items) < 15 else _varint(len(items))) + b"".join(items)


def _struct(*fields: tuple[int, int, bytes]) -> bytes:
    """Return a struct of fields given as (number, kind, value), in ascending order."""
    found, last = [], 0
    for number, kind, value in fields:
        found += [bytes([(number - last) << 4 | kind]), value]
        last = number
    return b"".join(found) + b"\0"


def _page(nbytes: int, elements: int) -> bytes:
    """Return the header of a page without levels, since its elements are required."""
    data = _struct(
        (1, _I32, _i(elements)), (2, _I32, _i(_PLAIN)), (3, _I32, _i(_RLE)), (4, _I32, _i(_RLE))
    )
    size = _i(nbytes)
    return _struct((1, _I32, _i(0)), (2, _I32, size), (3, _I32, size), (5, _STRUCT, data))


def _footer(elements: int, nbytes: int, *, is_text: bool) -> bytes:
    leaf = [(1, _I32, _i(_BYTE_ARRAY)), (3, _I32, _i(_REQUIRED)), (4, _BINARY, _text(b"x"))]
    leaf += [(6, _I32, _i(_UTF8))] if is_text else []
    schema = [_struct((4, _BINARY, _text(b"s")), (5, _I32, _i(1))), _struct(*leaf)]
    column = _struct(
        (1, _I32, _i(_BYTE_ARRAY)),
        (2, _LIST, _list(_I32, [_i(_PLAIN), _i(_RLE)])),
        (3, _LIST, _list(_BINARY, [_text(b"x")])),
        (4, _I32, _i(_UNCOMPRESSED)),
        (5, _I64, _i(elements)),
        (6, _I64, _i(nbytes)),
        (7, _I64, _i(nbytes)),
        (9, _I64, _i(len(_MAGIC))),
    )
    chunk = _struct((2, _I64, _i(0)), (3, _STRUCT, column))
    group = _struct(
        (1, _LIST, _list(_STRUCT, [chunk])), (2, _I64, _i(nbytes)), (3, _I64, _i(elements))
    )
    return _struct(
        (1, _I32, _i(1)),
        (2, _LIST, _list(_STRUCT, schema)),
        (3, _I64, _i(elements)),
        (4, _LIST, _list(_STRUCT, [group])),
    )


def _file(packed: Packed, *, is_text: bool) -> NDArray[np.uint8]:
    """Return a Parquet file of one column, with a page for each part, in lent memory.

    Each part is let go once it is there, so that all are not held twice.
    """
    parts = packed.parts
    heads = [_page(part.nbytes - _COUNT_NBYTES, packed.elements) for part in parts]
    nbytes = sum(len(h) + p.nbytes - _COUNT_NBYTES for h, p in zip(heads, parts, strict=True))
    footer = _footer(packed.elements * len(parts), nbytes, is_text=is_text)
    tail = footer + struct.pack("<I", len(footer)) + _MAGIC
    file = POOL.lend((len(_MAGIC) + nbytes + len(tail),), np.dtype(np.uint8))
    at = _put(file, 0, _MAGIC)
    for head in heads:
        at = _put(file, at, head)
        at = _put(file, at, parts.pop(0).data[_COUNT_NBYTES:])
    _put(file, at, tail)
    return file


def _put(file: NDArray[np.uint8], at: int, data: bytes | memoryview) -> int:
    """Put bytes at a place; return the place behind them."""
    end = at + len(data)
    file[at:end] = np.frombuffer(data, np.uint8)
    return end


def unpacked(packed: Packed, *, is_text: bool) -> "pa.Array":
    """Return packed elements as an array of text or bytes, one behind the other.

    Raises:
        CorruptionError: they are malformed.
    """
    kind = pa.string() if is_text else pa.binary()
    payload = sum(part.nbytes - _COUNT_NBYTES for part in packed.parts)
    wanted = packed.elements * len(packed.parts)
    if not wanted:
        return pa.array([], kind)
    if payload > _MOST_NBYTES:
        raise InvalidInputError(
            f"{wanted:,} samples take more than {_MOST_NBYTES:,} bytes, which one batch of Arrow "
            "cannot hold",
            code="batch-too-large",
            hint="make batches smaller, as in `table.arrow(batch_nbytes=2**16)`",
        )
    file = pa.py_buffer(_file(packed, is_text=is_text))
    try:
        found = pq.ParquetFile(pa.BufferReader(file)).read(use_threads=False).column(0)
        array = found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks)
        array.validate(full=is_text)
    except (pa.ArrowException, OSError) as error:
        raise _malformed(str(error)) from error
    nbytes = _offsets(array)[-1] - _offsets(array)[0] + 4 * len(array)
    # Arrow's reader ignores what follows the last element of a page.
    if len(array) != wanted or nbytes != payload:
        raise _malformed(f"{len(array)} of {wanted} are there, in {nbytes} bytes")
    return array


def _malformed(why: str) -> CorruptionError:
    return CorruptionError(f"the chunk's samples are malformed: {why}")


def _offsets(array: "pa.Array") -> NDArray[Any]:
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
