"""Chunks of one array to bytes and back.

Everything that a stored document can ask for is checked: codecs are on a list (none runs code or
makes objects other than `str` and `bytes`), and nothing decodes to more than its chunk holds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr import vlen
from vstore.format.zarr.codec_compressors import DECODE_ERRORS
from vstore.format.zarr.codec_serializers import Raw, VariableLength
from vstore.format.zarr.codec_spec import MAX_CHUNK_NBYTES, Budget
from vstore.format.zarr.dtypes import STRING
from vstore.format.zarr.fill import is_fill
from vstore.format.zarr.metadata import ArrayMetadata

__all__ = ["MAX_CHUNK_NBYTES", "ChunkCodec"]


class ChunkCodec:
    """The codecs of one array; immutable, and safe to use from several threads at once.

    Compressors release the GIL.

    >>> metadata = ArrayMetadata.create(shape=(4,), dtype="int16", chunk_shape=(4,))
    >>> codec = ChunkCodec(metadata)
    >>> codec.decode(codec.encode(np.arange(4, dtype="int16")))
    array([0, 1, 2, 3], dtype=int16)
    """

    def __init__(self, metadata: ArrayMetadata, *, max_nbytes: int = MAX_CHUNK_NBYTES) -> None:
        """Use an array's codecs.

        Args:
            metadata: Those of the array.
            max_nbytes: Most that samples of different sizes may take in one decoded chunk;
                chunks of fixed-width elements take what the metadata say.
        """
        self._pipeline = metadata.pipeline
        self._spec = metadata.pipeline.spec
        self._max_nbytes = max_nbytes

    @property
    def nbytes(self) -> int:
        """How much memory a decoded chunk takes; of elements of variable size, the references."""
        return self._spec.nbytes

    @property
    def is_plain(self) -> bool:
        """Whether a chunk's bytes are those of its elements in memory, whatever they are."""
        serializer = self._pipeline.serializer
        is_encoded = self._pipeline.filters or self._pipeline.stages
        is_number = self._spec.dtype.kind in "iufcmM"
        return isinstance(serializer, Raw) and serializer.is_native and is_number and not is_encoded

    def encode(self, chunk: NDArray[Any]) -> bytes | memoryview:
        """Return the bytes of a whole chunk, given in any memory and byte order.

        Where nothing needs to be done to the bytes the result is a view of the chunk.

        Raises:
            InvalidInputError: The chunk has another shape or dtype, or an element is not one of
                the array's.
        """
        chunk = self._own(chunk)
        try:
            data = self._pipeline.encode(chunk)
        except DECODE_ERRORS as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(f"the chunk cannot be encoded: {error}") from error
        return bytes(data) if isinstance(data, bytearray) else data

    def decode(self, data: bytes | memoryview, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the whole chunk, in C order.

        Args:
            out: Where to put it: an array of the chunk's shape and dtype, in C order. Without it
                the result may be a read-only view of `data`.

        Raises:
            CorruptionError: The data are malformed, or would decode to more than the chunk holds.
            InvalidInputError: `out` has another shape, dtype or order.
        """
        if out is not None:
            self._require_usable(out)
        return self._pipeline.decode(memoryview(data).cast("B"), out, Budget(self._max_nbytes))

    def unpack(self, data: bytes | memoryview) -> memoryview:
        """Return the elements of a chunk of variable length as `vlen` writes them, of no objects.

        Whether they are well formed is for the reader to say: only their number was checked.

        Raises:
            CorruptionError: The data are malformed, or hold another number of elements.
        """
        if not isinstance(self._pipeline.serializer, VariableLength) or self._pipeline.filters:
            return self.packed(self.decode(data))
        try:
            found = self._pipeline.unpack(memoryview(data).cast("B"), Budget(self._max_nbytes))
        except DECODE_ERRORS as error:
            raise CorruptionError(f"the chunk is malformed: {error}") from error
        vlen.require_count(found, self._spec.size)
        return memoryview(found)

    def packed(self, chunk: NDArray[Any]) -> memoryview:
        """Return the elements of a decoded chunk of variable length as `vlen` writes them."""
        return memoryview(vlen.encode(chunk, is_text=self._spec.data_type == STRING))

    def is_fill(self, chunk: NDArray[Any]) -> bool:
        """Return whether the chunk is the fill value everywhere, bit for bit."""
        return is_fill(self._own(chunk), self._spec.fill_value)

    def fill(self) -> NDArray[Any]:
        """Return a new chunk that is the fill value everywhere.

        Where that is all zeros, memory is taken only for what is written.
        """
        value = self._spec.fill_value
        if not self._spec.dtype.hasobject and not np.array(value, self._spec.dtype).tobytes().strip(
            b"\0"
        ):
            return np.zeros(self._spec.shape, self._spec.dtype)
        chunk = np.empty(self._spec.shape, self._spec.dtype)
        chunk[...] = self._spec.fill_value
        return chunk

    def _own(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Return the chunk in the array's dtype, if that changes no element."""
        if chunk.shape != self._spec.shape:
            raise InvalidInputError(f"a chunk has shape {self._spec.shape}, not {chunk.shape}")
        dtype = self._spec.dtype
        if chunk.dtype == dtype or self._spec.is_variable_length:
            return chunk
        if not _is_same_type(chunk.dtype, dtype):
            raise InvalidInputError(f"the array has dtype {dtype}, not {chunk.dtype}")
        return chunk.astype(dtype)

    def _require_usable(self, out: NDArray[Any]) -> None:
        spec = self._spec
        flags = out.flags
        # numcodecs writes into read-only memory without asking.
        is_usable = flags.c_contiguous and flags.writeable and flags.aligned
        if out.shape != spec.shape or out.dtype != spec.dtype or not is_usable:
            raise InvalidInputError(
                "out must be a writable, aligned, C-contiguous array of shape "
                f"{spec.shape} and dtype {spec.dtype}"
            )


def _is_same_type(given: np.dtype[Any], own: np.dtype[Any]) -> bool:
    """Return whether elements differ in byte order, padding or the length of text only."""
    if given.names is not None or own.names is not None:
        return given.names == own.names and all(
            _is_same_type(given[name], own[name]) for name in own.names or ()
        )
    if given.kind in "US" and given.kind == own.kind:
        return given.itemsize <= own.itemsize
    return given.newbyteorder("=") == own
