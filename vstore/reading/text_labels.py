"""Labels of fixed length, as xarray writes them, read as the strings that keys are."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from vstore.format.zarr.dtypes import STRING
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.reading.array import ChunkSource
from vstore.reading.assembly import Load, Take


class TextLabels:
    """The chunks of an array of strings of fixed length, as chunks of Python strings."""

    def __init__(self, source: ChunkSource) -> None:
        self._source = source

    @property
    def metadata(self) -> ArrayMetadata:
        """The metadata of an array of strings of any length, which is chunked alike."""
        found = self._source.metadata
        return ArrayMetadata.create(
            shape=found.shape, dtype=STRING, chunk_shape=found.chunk_shape, fill_value=""
        )

    def visit(self, numbers: Sequence[int], take: Take) -> None:
        """Call `take` once for each chunk number, on several threads and in any order."""
        self._source.visit(numbers, lambda i, load: take(i, _as_strings(load)))


def _as_strings(load: Load) -> Load:
    def loaded(out: NDArray[Any] | None) -> NDArray[Any]:
        strings = load(None).astype(object)
        if out is None:
            return strings
        out[...] = strings
        return out

    return loaded
