"""Arrays in one file or folder that share their first axis: HDF5 and Zarr."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.specs import ColumnSpec
from vstore.importers.array_source import BATCH_NBYTES
from vstore.importers.importer import Columns, Rows
from vstore.importers.source import Source


class Opened(Protocol):
    """A hierarchy that is open for reading."""

    def arrays(self) -> Mapping[str, tuple[int, ColumnSpec]]:
        """Return the length and the column of each array, by its path."""

    def read(self, path: str, start: int, stop: int) -> Any:
        """Return some samples of an array."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some samples in a row."""

    called: str
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.called}, rows {self.start:,} to {self.stop:,}"


def hierarchy_rows(
    source: Source, opened: Opened, *, group: str | None, select: Sequence[str] | None
) -> Rows:
    """Return arrays as the columns of a table.

    Args:
        source: what is imported.
        opened: the arrays in it.
        group: the group that the arrays are in; all of them when None.
        select: which arrays, by their paths below the group; all when None.

    Raises:
        NotFoundError: there is no such group or array.
        InvalidInputError: arrays have different lengths, or two would be one column.
    """
    prefix = f"{group.strip('/')}/" if group and group.strip("/") else ""
    below = {
        path[len(prefix) :]: each
        for path, each in opened.arrays().items()
        if path.startswith(prefix)
    }
    for path in select or ():
        if path not in below:
            known = ", ".join(below) or "none"
            raise NotFoundError(f"{source} has no array {path!r}", hint=f"it has {known}")
    chosen = below if select is None else {path: below[path] for path in select}
    if not chosen:
        raise NotFoundError(f"{source} has no arrays in {group or '/'!r}")
    if len({length for length, _ in chosen.values()}) > 1:
        told = ", ".join(f"{path} {length:,}" for path, (length, _) in chosen.items())
        raise InvalidInputError(
            f"the columns of a table have one length, but these arrays have several: {told}",
            hint="choose arrays with --select, or a group with --group",
        )
    paths = {_column_name(path): prefix + path for path in chosen}
    if len(paths) < len(chosen):
        raise InvalidInputError(f"two arrays of {source} would be one column")
    columns = {
        name: source.schema.get(name) or chosen[path[len(prefix) :]][1]
        for name, path in paths.items()
    }
    count = next(iter(chosen.values()))[0]
    step = _step([spec for _, spec in chosen.values()])
    spans = [Span(str(source), start, min(count, start + step)) for start in range(0, count, step)]

    def read(span: Span) -> Iterator[Columns]:
        found = {n: opened.read(path, span.start, span.stop) for n, path in paths.items()}
        yield Columns(found)

    return Rows(columns, items=spans, read=read, many=True, count=count)


def _column_name(path: str) -> str:
    return path.replace("/", ".")


def _step(specs: Sequence[ColumnSpec]) -> int:
    """Return how many samples are read at once."""
    nbytes = sum(
        math.prod(length or 16 for length in spec.shape) * max(1, spec.dtype.itemsize)
        for spec in specs
    )
    return max(1, min(2**16, BATCH_NBYTES // max(1, nbytes)))


def plain_attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON; those that are no JSON are left out."""
    made = {}
    for name, value in found.items():
        plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        plain = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain
        try:
            made[str(name)] = json.loads(json.dumps(plain, allow_nan=False))
        except (TypeError, ValueError):
            continue
    return made
