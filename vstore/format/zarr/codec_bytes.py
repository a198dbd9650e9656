"""The codecs that turn bytes into bytes: compressors, byte shuffle, checksums.

Each decodes either into a buffer of exactly the right size or to at most a given number of bytes,
and looks at the declared size before it allocates or decodes anything.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from vstore.errors import CorruptionError, FormatError, MissingExtraError
from vstore.format.zarr.codec_compressors import (
    Blosc,
    Bz2,
    Gzip,
    Lz4,
    Lzma,
    Zlib,
    Zstd,
    copy_into,
    require_limit,
    require_size,
)
from vstore.format.zarr.codec_spec import Buffer, convert
from vstore.lazy import lazy

if TYPE_CHECKING:
    from numcodecs import checksum32, fletcher32, shuffle
else:
    checksum32 = lazy("numcodecs.checksum32")
    fletcher32 = lazy("numcodecs.fletcher32")
    shuffle = lazy("numcodecs.shuffle")


class BytesStage(Protocol):
    """A codec from bytes to bytes."""

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return what this many bytes become, or None if that depends on the bytes."""

    def encode(self, data: Buffer) -> Buffer:
        """Return the encoded form."""

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the decoded form, or raise before making more than `limit` bytes."""

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Fill `out` exactly, or raise."""


class Shuffle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`numcodecs.shuffle`: the first bytes of all elements, then the second ones, and so on."""

    elementsize: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 4

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return the same number."""
        return nbytes

    def encode(self, data: Buffer) -> Buffer:
        """Return the shuffled bytes."""
        shuffled: memoryview = shuffle.Shuffle(self.elementsize).encode(data).data
        return shuffled

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the bytes in order."""
        require_limit(len(data), limit)
        out = np.empty(len(data), np.uint8)
        self.decode_into(data, out)
        return out.data

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Put the bytes in order into `out`."""
        require_size(len(data), out.nbytes)
        shuffle.Shuffle(self.elementsize).decode(data, out)


@dataclass(frozen=True, slots=True)
class Checksum:
    """Four bytes of checksum before or after the data."""

    codec: Any

    def encoded_nbytes(self, nbytes: int) -> int | None:
        """Return four more."""
        return nbytes + 4

    def encode(self, data: Buffer) -> Buffer:
        """Return the bytes with their checksum."""
        return memoryview(self.codec.encode(data))

    def decode(self, data: Buffer, limit: int) -> Buffer:
        """Return the bytes, without copying, if their checksum is right."""
        if len(data) <= 4:
            raise CorruptionError("the chunk is cut short")
        require_limit(len(data) - 4, limit)
        return memoryview(self.codec.decode(data))

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Check and copy."""
        copy_into(self.decode(data, out.nbytes), out)


def bytes_stage(name: str, configuration: dict[str, Any], itemsize: int, path: str) -> BytesStage:
    """Return the codec that a Zarr v3 document describes.

    Raises:
        FormatError: It is not on the list of codecs that vstore allows, or malformed.
    """
    if name in _CHECKSUMS:
        return _checksum(name, configuration, path)
    if name not in _STAGES:
        raise FormatError(f"{path}: vstore does not read the codec {name!r}")
    if name == "numcodecs.shuffle" and configuration.get("elementsize") is None:
        configuration = {**configuration, "elementsize": itemsize}
    stage: Any = convert(configuration, _STAGES[name], f"{path}.configuration")
    if isinstance(stage, Blosc):
        return _complete_blosc(stage, itemsize)
    checked: BytesStage = stage
    return checked


_STAGES: Final[dict[str, Any]] = {
    "zstd": Zstd,
    "gzip": Gzip,
    "blosc": Blosc,
    "numcodecs.zstd": Zstd,
    "numcodecs.gzip": Gzip,
    "numcodecs.zlib": Zlib,
    "numcodecs.blosc": Blosc,
    "numcodecs.lz4": Lz4,
    "numcodecs.bz2": Bz2,
    "numcodecs.lzma": Lzma,
    "numcodecs.shuffle": Shuffle,
}
_CHECKSUMS: Final[dict[str, tuple[Any, str]]] = {
    "crc32c": (checksum32, "CRC32C"),
    "numcodecs.crc32c": (checksum32, "CRC32C"),
    "numcodecs.crc32": (checksum32, "CRC32"),
    "numcodecs.adler32": (checksum32, "Adler32"),
    "numcodecs.jenkins_lookup3": (checksum32, "JenkinsLookup3"),
    "numcodecs.fletcher32": (fletcher32, "Fletcher32"),
}


class _Location(msgspec.Struct, forbid_unknown_fields=True):
    location: Literal["start", "end"] | None = None


class _Jenkins(msgspec.Struct, forbid_unknown_fields=True):
    initval: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    prefix: None = None


class _NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    pass


def _checksum(name: str, configuration: dict[str, Any], path: str) -> Checksum:
    options = _CHECKSUM_OPTIONS.get(name, _Location)
    parsed = convert(configuration, options, f"{path}.configuration")
    kind = getattr(*_CHECKSUMS[name], None)
    if kind is None:
        raise MissingExtraError("google-crc32c", extra="zarr", purpose="the codec crc32c")
    return Checksum(kind(**msgspec.structs.asdict(parsed)))


_CHECKSUM_OPTIONS: Final[dict[str, Any]] = {
    "crc32c": _NoOptions,
    "numcodecs.jenkins_lookup3": _Jenkins,
    "numcodecs.fletcher32": _NoOptions,
}


def _complete_blosc(stage: Blosc, itemsize: int) -> Blosc:
    shuffle = stage.shuffle
    if shuffle is None:
        shuffle = "bitshuffle" if itemsize == 1 else "shuffle"
    typesize = itemsize if stage.typesize is None else stage.typesize
    return msgspec.structs.replace(stage, shuffle=shuffle, typesize=typesize)
