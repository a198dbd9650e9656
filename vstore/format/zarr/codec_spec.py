"""What passes between the codecs of one array."""

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from vstore.errors import CorruptionError, FormatError
from vstore.format.zarr.dtypes import DataType

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes; a memoryview has one axis of bytes."""

MAX_CHUNK_NBYTES: Final = 2**31
"""Most bytes that one decoded chunk may take, whatever its kind."""


_ARRAY_STAGES: Final = frozenset(
    [
        *("transpose", "scale_offset", "cast_value"),
        *("numcodecs.delta", "numcodecs.fixedscaleoffset", "numcodecs.quantize"),
        *("numcodecs.packbits", "numcodecs.astype", "numcodecs.bitround"),
    ]
)


def is_array_stage(name: str) -> bool:
    """Return whether a codec turns arrays into arrays."""
    return name in _ARRAY_STAGES


@dataclass(frozen=True, slots=True, eq=False)
class ArraySpec:
    """One chunk's array at some point of its codecs: shape, dtype, fill value."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data_type: DataType
    fill_value: Any

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes in memory; of references only, where elements differ in size."""
        return self.size * self.dtype.itemsize

    @property
    def is_variable_length(self) -> bool:
        """Whether elements differ in size."""
        return self.dtype.hasobject


@dataclass(slots=True)
class Budget:
    """The bytes that decoding one chunk may still produce."""

    remaining: int

    def take(self, nbytes: int) -> None:
        """Use up some of it, or raise `CorruptionError`."""
        if nbytes > self.remaining:
            raise CorruptionError(
                f"the chunk decodes to {nbytes} bytes; at most {self.remaining} are possible"
            )
        self.remaining -= nbytes


def parse_named(document: Any, path: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the configuration of an extension in a Zarr v3 document."""
    if isinstance(document, str):
        return document, {}
    if not isinstance(document, dict):
        raise FormatError(f"{path}: expected a name, or an object with a name")
    name, configuration = document.get("name"), document.get("configuration")
    if not isinstance(name, str):
        raise FormatError(f"{path}.name: expected a string")
    if configuration is not None and not isinstance(configuration, dict):
        raise FormatError(f"{path}.configuration: expected an object")
    unknown = set(document) - {"name", "configuration", "must_understand"}
    if unknown:
        raise FormatError(f"{path}: unknown members {', '.join(map(str, sorted(unknown)))}")
    return name, dict(configuration or {})


def convert(configuration: Any, kind: Any, path: str) -> Any:
    """Return the configuration as `kind`, or raise `FormatError` with the member's path."""
    try:
        return msgspec.convert(configuration, kind)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
