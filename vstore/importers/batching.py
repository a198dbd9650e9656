"""Batches of about the same size, whatever an importer yields."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vstore.importers.work import Group

BATCH_NBYTES = 2**25
"""About how much one batch of all columns holds."""

MAX_BATCH_SAMPLES = 2**20


@dataclass(slots=True)
class Gathered:
    """Groups that are written together."""

    groups: list[Group] = field(default_factory=list)
    count: int = 0
    nbytes: int = 0

    def add(self, group: Group) -> None:
        """Take one more group."""
        self.groups.append(group)
        self.count += group.count
        self.nbytes += group.nbytes

    def is_full(self, nbytes: int) -> bool:
        """Return whether it is as large as a batch is to be."""
        return self.nbytes >= nbytes or self.count >= MAX_BATCH_SAMPLES

    @property
    def values(self) -> dict[str, Any]:
        """Whole columns."""
        full = [group for group in self.groups if group.count]
        return {name: _joined([group.values[name] for group in full]) for name in full[0].values}

    @property
    def keys(self) -> list[Any] | None:
        """The keys of all samples; None if they have none."""
        full = [group for group in self.groups if group.count]
        if not full or full[0].keys is None:
            return None
        return [key for group in full for key in group.keys or ()]

    def origin(self, i: int) -> tuple[Any, int | None]:
        """Return the item that a sample of the batch is from, and its number in there."""
        for group in self.groups:
            if i < group.count:
                return group.item(i), group.row(i)
            i -= group.count
        raise IndexError(i)

    @property
    def sources(self) -> list[Any]:
        """The item of each sample."""
        return [group.item(i) for group in self.groups for i in range(group.count)]


def gathered(groups: Iterable[Group], *, nbytes: int) -> Iterator[Gathered]:
    """Yield groups in batches of about so many bytes."""
    batch = Gathered()
    for group in groups:
        batch.add(group)
        if batch.is_full(nbytes):
            yield batch
            batch = Gathered()
    if batch.groups:
        yield batch


def _joined(parts: list[Any]) -> Any:
    """Return the values of groups as one: an array where all are arrays of one data type."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, np.ndarray) for part in parts) and len({p.dtype for p in parts}) == 1:
        has_gaps = any(isinstance(part, np.ma.MaskedArray) for part in parts)
        joined = np.concatenate([np.ma.getdata(part) for part in parts])
        if not has_gaps:
            return joined
        return np.ma.MaskedArray(joined, np.concatenate([np.ma.getmaskarray(p) for p in parts]))
    return [value for part in parts for value in part]
