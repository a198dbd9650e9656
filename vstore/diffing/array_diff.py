"""What differs between two states of a plain array, in chunks."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vstore.diffing.attributes import AttributeChange, attribute_changes, plain, status
from vstore.diffing.prefetch import prefetch_roots
from vstore.diffing.statistics import Comparison, ValueStatistics, is_measurable
from vstore.faces import exported_from
from vstore.format.index import changed
from vstore.format.nodes import is_same_document
from vstore.format.zarr.selection import chunk_coordinates, chunk_strides
from vstore.lazy import lazy
from vstore.reading.array import StoredArray, read

if TYPE_CHECKING:
    from vstore.diffing import boxes
else:
    boxes = lazy("vstore.diffing.boxes")


@exported_from("vstore")
class ArrayDiff:
    """What differs between two states of a plain array; computed when asked for."""

    def __init__(self, path: str, old: StoredArray | None, new: StoredArray | None) -> None:
        self.path = path
        self.old = old
        self.new = new

    @property
    def status(self) -> str:
        """`added`, `removed` or `changed`."""
        return status(self.old, self.new)

    @property
    def shape(self) -> AttributeChange | None:
        """The shape before and after, None where it stayed."""
        a, b = (side.metadata.shape if side is not None else None for side in (self.old, self.new))
        return None if a == b else AttributeChange(a, b)

    @cached_property
    def chunks(self) -> list[int]:
        """The numbers of the chunks whose bytes differ."""
        return list(self._changed())

    def _changed(self) -> Iterator[int]:
        source = self.new or self.old
        if source is None:
            return iter(())
        prefetch_roots([side for side in (self.old, self.new) if side is not None])
        a, b = (side.node.chunks if side is not None else None for side in (self.old, self.new))
        return changed(a, b, source.fetcher.pages)

    def __bool__(self) -> bool:
        """Return whether anything differs but where chunks are stored."""
        if self.old is None or self.new is None:
            return True
        return not is_same_document(self.old.node.metadata, self.new.node.metadata) or any(
            True for _ in self._changed()
        )

    def statistics(self) -> ValueStatistics | None:
        """Return how far the values in chunks that differ moved, where both states have them.

        Reads those chunks, one at a time. None where the values are no numbers, or the two
        states are not chunked alike; `samples` are chunks.
        """
        old, new = self.old, self.new
        if old is None or new is None or not is_measurable(new.metadata.dtype):
            return None
        shapes = [side.metadata.shape for side in (old, new)]
        chunk = new.metadata.chunk_shape
        strides = chunk_strides(shapes[1], chunk)
        if (
            old.metadata.chunk_shape != chunk
            or chunk_strides(shapes[0], chunk) != strides
            or not is_measurable(old.metadata.dtype)
        ):
            return None
        found = Comparison()
        for number in self.chunks:
            places = chunk_coordinates(number, strides)
            region = tuple(
                slice(place * size, min((place + 1) * size, *lengths))
                for place, size, *lengths in zip(places, chunk, *shapes, strict=True)
            )
            found.samples += 1
            found.add(read(old, region), read(new, region))
        return found.result()

    @property
    def attributes(self) -> dict[str, AttributeChange]:
        """The attributes that differ."""
        a, b = (side.metadata.attributes if side else {} for side in (self.old, self.new))
        return attribute_changes(a, b)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        shape = self.shape
        return {
            "path": self.path,
            "status": self.status,
            "shape": None if shape is None else [shape.old, shape.new],
            "chunks": self.chunks,
            "attributes": plain(self.attributes),
        }

    def __repr__(self) -> str:
        return f"<vstore.ArrayDiff {self.path!r} {self.status}>"

    def _repr_html_(self) -> str:
        return boxes.array_diff_box(self)
