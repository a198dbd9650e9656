"""The keys under which Zarr knows the chunks of an array."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import chunk_coordinates, chunk_strides, is_inside


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """Turns the number of a chunk into its key below the array, and back.

    >>> metadata = ArrayMetadata.create(shape=(30, 20), dtype="int8", chunk_shape=(10, 10))
    >>> keys = ChunkKeys.of(metadata)
    >>> keys.key(5), keys.find_number("c/2/1"), keys.find_number("c/3/0")
    ('c/2/1', 5, None)
    """

    prefix: str
    separator: str
    strides: tuple[int, ...]
    grid_shape: tuple[int, ...]

    @classmethod
    def of(cls, metadata: ArrayMetadata) -> "ChunkKeys":
        """Return the keys of an array's chunks."""
        encoding: dict[str, Any] = metadata.chunk_key_encoding
        separator = str(encoding["configuration"]["separator"])
        return cls(
            "c" if encoding["name"] == "default" else "",
            separator,
            chunk_strides(metadata.shape, metadata.chunk_shape),
            metadata.grid_shape,
        )

    def key(self, number: int) -> str:
        """Return the key of the chunk with this number."""
        return self._join(chunk_coordinates(number, self.strides))

    def _join(self, place: Sequence[int]) -> str:
        parts = [self.prefix] if self.prefix else []
        return self.separator.join([*parts, *map(str, place)]) or "0"

    def find_number(self, key: str) -> int | None:
        """Return the number of the chunk with this key, None for what names no chunk."""
        if not self.grid_shape:
            return 0 if key == self.key(0) else None
        start = self.prefix + self.separator if self.prefix else ""
        place = _integers(key[len(start) :].split(self.separator))
        if not key.startswith(start) or place is None or len(place) != len(self.strides):
            return None
        if not is_inside(place, self.grid_shape):
            return None
        return sum(at * stride for at, stride in zip(place, self.strides, strict=True))


def _integers(parts: Sequence[str]) -> list[int] | None:
    """Return the parts as numbers; None if one is not written as numbers are."""
    if not all(part.isascii() and part.isdigit() and len(part) <= 19 for part in parts):
        return None
    if any(len(part) > 1 and part[0] == "0" for part in parts):
        return None
    return [int(part) for part in parts]
