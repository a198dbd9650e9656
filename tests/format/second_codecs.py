"""Decoding chunks, written from docs/format.md, section 9; numcodecs does what needs a library."""

import math
import zlib
from collections.abc import Callable
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
from numpy.typing import NDArray

from tests.format.second_data_types import dtype_of, fill_of
from tests.format.second_encoder import Json, exactly, require

Shape = tuple[int, ...]

CHECKED: dict[str, tuple[Callable[[bytes], int], str]] = {
    "crc32c": (google_crc32c.value, "end"),
    "numcodecs.crc32c": (google_crc32c.value, "end"),
    "numcodecs.crc32": (zlib.crc32, "start"),
    "numcodecs.adler32": (zlib.adler32, "start"),
}
"""Checksums of four bytes: how they are calculated, and where they usually are."""

OWN = {"zstd": numcodecs.Zstd, "gzip": numcodecs.GZip, "blosc": numcodecs.Blosc}
NUMBERS = ("scale_offset", "cast_value")


def decode_chunk(data: bytes, metadata: Json, shape: Shape) -> NDArray[Any]:
    """Return the elements of a chunk, or of a patch, of an array."""
    first, *rest = metadata["codecs"]
    name, options = first["name"], first.get("configuration", {})
    inner = metadata | {"codecs": rest}
    if name in NUMBERS:
        return decode_numbers(data, metadata, shape)
    if name == "transpose":
        order = options["order"]
        turned = decode_chunk(data, inner, tuple(shape[axis] for axis in order))
        return turned.transpose(np.argsort(order))
    if name in ("bytes", "vlen-utf8", "vlen-bytes", "sharding_indexed"):
        for codec in reversed(rest):
            data = decompress(data, codec)
        return SERIALIZERS[name](data, options, metadata, shape)
    if name == "numcodecs.pcodec":
        for codec in reversed(rest):
            data = decompress(data, codec)
        numbers: NDArray[Any] = registered(name, options).decode(data)
        return numbers.reshape(shape)
    return decode_filter(data, metadata, shape)


def decompress(data: bytes, codec: Json) -> bytes:
    """Undo a codec from bytes to bytes."""
    name, options = codec["name"], codec.get("configuration", {})
    if name in CHECKED:
        checksum, place = CHECKED[name]
        at_end = options.get("location", place) == "end"
        said, data = (data[-4:], data[:-4]) if at_end else (data[:4], data[4:])
        require(int.from_bytes(said, "little") == checksum(data), "a checksum is wrong")
        return data
    if name in OWN:
        return bytes(OWN[name]().decode(data))
    return bytes(registered(name, options).decode(data))


def registered(name: str, options: Json) -> Any:
    return numcodecs.get_codec({"id": name.removeprefix("numcodecs."), **options})


def decode_filter(data: bytes, metadata: Json, shape: Shape) -> NDArray[Any]:
    """Undo a filter of numcodecs, whose elements may be of another type before it."""
    first, *rest = metadata["codecs"]
    name, options = first["name"], first.get("configuration", {})
    dtype = dtype_of(metadata["data_type"])
    if name == "numcodecs.packbits":
        for codec in reversed(rest[1:]):
            data = decompress(data, codec)
        elements: NDArray[Any] = np.frombuffer(data, "uint8")
    else:
        before = np.dtype(options.get("astype") or options.get("encode_dtype") or dtype)
        stored = {"data_type": before.newbyteorder("=").name, "codecs": rest}
        elements = decode_chunk(data, stored, shape)
    decoded = registered(name, options).decode(elements)
    return np.asarray(decoded).reshape(-1).view(dtype).reshape(shape)


def decode_numbers(data: bytes, metadata: Json, shape: Shape) -> NDArray[Any]:
    first, *rest = metadata["codecs"]
    options, dtype = first.get("configuration", {}), dtype_of(metadata["data_type"])
    if first["name"] == "cast_value":
        exactly(options, "data_type")
        stored = {"data_type": options["data_type"], "codecs": rest}
        return decode_chunk(data, stored, shape).astype(dtype)
    scaled = decode_chunk(data, {"data_type": metadata["data_type"], "codecs": rest}, shape)
    exactly(options, optional=("offset", "scale"))
    scale, offset = (dtype.type(options.get(*each)) for each in (("scale", 1), ("offset", 0)))
    return np.asarray(scaled / scale + offset)


def fixed(raw: bytes, options: Json, metadata: Json, shape: Shape) -> NDArray[Any]:
    dtype = dtype_of(metadata["data_type"])
    elements = np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape)
    is_big = options.get("endian", "little") == "big"
    return (elements.view(dtype.newbyteorder(">")) if is_big else elements).astype(dtype)


def variable(raw: bytes, metadata: Json, shape: Shape) -> NDArray[Any]:
    text = metadata["data_type"] == "string"
    elements, at = np.empty(math.prod(shape), object), 4
    require(int.from_bytes(raw[:4], "little") == len(elements), "another number of elements")
    for i in range(len(elements)):
        nbytes = int.from_bytes(raw[at : at + 4], "little")
        element = raw[at + 4 : at + 4 + nbytes]
        elements[i] = element.decode() if text else element
        at += 4 + nbytes
    require(at == len(raw), "there is something behind the elements")
    return elements.reshape(shape)


def shard(raw: bytes, options: Json, metadata: Json, shape: Shape) -> NDArray[Any]:
    inner = tuple(options["chunk_shape"])
    counts = tuple(n // size for n, size in zip(shape, inner, strict=True))
    nbytes = 16 * math.prod(counts) + 4  # with the checksum
    at_end = options.get("index_location", "end") == "end"
    index = decode_chunk(
        raw[-nbytes:] if at_end else raw[:nbytes],
        {"data_type": "uint64", "codecs": options["index_codecs"]},
        (*counts, 2),
    )
    whole = np.full(shape, fill_of(metadata), dtype_of(metadata["data_type"]))
    for place in np.ndindex(*counts):
        offset, length = (int(each) for each in index[place])
        if offset == 2**64 - 1:
            continue
        data = raw[offset : offset + length]
        chunk = decode_chunk(data, metadata | {"codecs": options["codecs"]}, inner)
        at = (slice(i * n, i * n + n) for i, n in zip(place, inner, strict=True))
        whole[tuple(at)] = chunk
    return whole


SERIALIZERS: dict[str, Callable[[bytes, Json, Json, Shape], NDArray[Any]]] = {
    "bytes": fixed,
    "vlen-utf8": lambda raw, _, metadata, shape: variable(raw, metadata, shape),
    "vlen-bytes": lambda raw, _, metadata, shape: variable(raw, metadata, shape),
    "sharding_indexed": shard,
}
"""How bytes become elements."""
