"""Arrays of a hierarchy that share their first axis, side by side as the columns of a table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.specs import ColumnSpec
from vstore.importers.array_source import BATCH_NBYTES
from vstore.importers.hierarchy import Hierarchy, HierarchyArray
from vstore.importers.importer import Columns, Rows
from vstore.importers.source import Source


@dataclass(frozen=True, slots=True)
class Span:
    """Some samples in a row."""

    called: str
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.called}, rows {self.start:,} to {self.stop:,}"


def rows_of(hierarchy: Hierarchy, source: Source) -> Rows:
    """Return the arrays of a hierarchy as the columns of a table; scalars are left out.

    Raises:
        NotFoundError: there are no arrays.
        InvalidInputError: arrays have different lengths, two would be one column, or no column
            holds one.
    """
    arrays = {path: array for path, array in hierarchy.arrays.items() if array.shape}
    if not arrays:
        raise NotFoundError(f"{source} has no arrays")
    lengths = {path: array.shape[0] for path, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{path} {length:,}" for path, length in lengths.items())
        raise InvalidInputError(
            f"the columns of a table have one length, but these arrays have several: {told}",
            hint="choose arrays with --select, or a group with --group",
        )
    named = {path.replace("/", "."): (path, array) for path, array in arrays.items()}
    if len(named) < len(arrays):
        raise InvalidInputError(f"two arrays of {source} would be one column")
    columns = {
        name: source.schema.get(name) or array.as_column(path)
        for name, (path, array) in named.items()
    }
    count = next(iter(lengths.values()))
    step = _step(list(columns.values()))
    reading = _Reading({name: array for name, (_, array) in named.items()})
    return Rows(
        columns,
        items=[Span(str(source), i, min(count, i + step)) for i in range(0, count, step)],
        read=reading,
        many=True,
        count=count,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads some samples of each array."""

    arrays: Mapping[str, HierarchyArray]

    def __call__(self, span: Span) -> Iterator[Columns]:
        found = {}
        for name, array in self.arrays.items():
            region = (slice(span.start, span.stop), *(slice(0, n) for n in array.shape[1:]))
            values = array.read(region)
            held = getattr(getattr(values, "dtype", None), "hasobject", False) or array.is_text
            found[name] = list(values) if held and len(array.shape) == 1 else values
        yield Columns(found)


def _step(specs: Sequence[ColumnSpec]) -> int:
    """Return how many samples are read at once."""
    nbytes = sum(
        math.prod(length or 16 for length in spec.shape) * max(1, spec.dtype.itemsize)
        for spec in specs
    )
    return max(1, min(2**16, BATCH_NBYTES // max(1, nbytes)))
