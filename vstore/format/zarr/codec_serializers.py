"""The codecs that turn an array into bytes: raw bytes, and samples of different sizes."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError
from vstore.format.zarr import vlen
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES, ArraySpec, Budget, Buffer
from vstore.format.zarr.dtypes import STRING

_LAST_CODE_POINT: Final = 0x10FFFF


class Serializer(Protocol):
    """A codec from an array to bytes."""

    @property
    def nbytes(self) -> int | None:
        """How many bytes the array becomes, or None if that depends on the array."""

    @property
    def limit(self) -> int:
        """How many bytes the array becomes at most."""

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the array as bytes."""

    def decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        """Return the array; in `out` if that is given."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Zarr's `bytes`: the elements in C order."""

    spec: ArraySpec
    stored: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """The exact number of bytes."""
        return self.spec.nbytes

    @property
    def limit(self) -> int:
        """The exact number of bytes."""
        return self.spec.nbytes

    @property
    def is_native(self) -> bool:
        """Whether the stored bytes are those in memory."""
        return self.stored == self.spec.dtype

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the bytes; those of the array itself if they are in order."""
        ordered = np.ascontiguousarray(array, self.stored)
        return ordered.reshape(-1).view(np.uint8).data

    def decode(self, data: Buffer, out: NDArray[Any] | None, _budget: Budget) -> NDArray[Any]:
        """Return the array; a view of the data if those are elements as they are in memory."""
        if len(data) != self.nbytes:
            raise CorruptionError(f"the chunk has {len(data)} bytes instead of {self.nbytes}")
        stored = np.frombuffer(data, self.stored).reshape(self.spec.shape)
        if out is None:
            is_usable = self.is_native and stored.flags.aligned
            out = stored if is_usable else stored.astype(self.spec.dtype)
        else:
            out[...] = stored
        return out


@dataclass(frozen=True, slots=True)
class VariableLength:
    """Zarr's `vlen-utf8` and `vlen-bytes`."""

    spec: ArraySpec

    @property
    def nbytes(self) -> None:
        """Unknown."""

    @property
    def limit(self) -> int:
        """The most for any chunk."""
        return MAX_CHUNK_NBYTES

    @property
    def is_text(self) -> bool:
        """Whether samples are `str`."""
        return self.spec.data_type == STRING

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the samples one behind the other."""
        return vlen.encode(array, is_text=self.is_text)

    def decode(self, data: Buffer, out: NDArray[Any] | None, budget: Budget) -> NDArray[Any]:
        """Return the samples as objects."""
        budget.take(len(data))
        samples = vlen.decode(data, self.spec.size, is_text=self.is_text)
        samples = samples.reshape(self.spec.shape)
        if out is None:
            return samples
        out[...] = samples
        return out


def check_elements(array: NDArray[Any]) -> None:
    """Refuse elements with which NumPy would fail later, or count wrongly: no bool, no character.

    Raises:
        CorruptionError: There is one.
    """
    for name in array.dtype.names or ():
        check_elements(array[name])
    if array.dtype.kind == "b" and array.size and int(array.view(np.uint8).max()) > 1:
        raise CorruptionError("the chunk has an element that is neither true nor false")
    if array.dtype.kind == "U" and array.size:
        points = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
        if int(points.max()) > _LAST_CODE_POINT:
            raise CorruptionError("the chunk's text has a character that Unicode does not")
