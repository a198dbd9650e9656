"""New values for samples that are there, checked whole before any of them is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.missing import given, is_missing
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.table.sample_rows import SampleForm, as_rows, as_samples
from vstore.format.zarr.conversion import as_elements
from vstore.format.zarr.selection import Selection
from vstore.writing.staged_array import StagedArray


class Target(NamedTuple):
    """One column: how its samples look, and its array and companion by suffix."""

    name: str
    info: ColumnInfo
    form: SampleForm
    arrays: Mapping[str, StagedArray]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Values that fit the places they are for."""

    array: StagedArray
    selection: Selection
    values: NDArray[Any]

    def store(self) -> None:
        """Put the values where they belong."""
        self.array.store(self.selection, self.values)


def assignments(target: Target, stored: Any, rest: Sequence[Any], values: Any) -> list[Assignment]:
    """Return what is to be stored where an index of one column points.

    `stored` says which rows of storage are meant, `rest` which part of each sample.

    Raises:
        OutOfBoundsError: a position outside a sample.
        InvalidInputError: values of another data type or shape, or another number of them.
    """
    kind = target.info.kind
    if kind.is_plain and not (target.info.optional and not rest):
        array = target.arrays[""]
        fitting = as_elements(values, target.form.data_type, name=target.name)
        fitting = kind.encode(target.info, fitting, target.name)
        found = [_fitted(array, (stored, *rest), fitting)]
        if target.info.optional:
            found.append(_fitted(target.arrays[VALID_SUFFIX], (stored,), np.ones((), bool)))
        return found
    if rest:
        raise InvalidInputError(
            f"parts of samples of the column {target.name!r} cannot be assigned",
            hint="assign whole samples",
        )
    where = slice(stored, stored + 1) if isinstance(stored, int) else stored
    samples = _samples(target, stored, values)
    rows = as_rows(target.name, target.info, target.form, samples)
    return [_fitted(target.arrays[suffix], (where,), rows[suffix]) for suffix in rows]


def _fitted(array: StagedArray, index: Any, values: NDArray[Any]) -> Assignment:
    selection, values = array.fit(index, values)
    return Assignment(array, selection, values)


def _samples(target: Target, stored: Any, values: Any) -> Any:
    """Return as many samples as there are places; one string is meant for each of them."""
    if isinstance(stored, int):
        return [values]
    wanted = _count(stored, target.arrays[""].metadata.shape[0])
    if is_missing(values) or isinstance(values, (str, bytes, bytearray, memoryview)):
        return [values] * wanted
    if target.info.kind.is_plain and _shape(values) == target.form.shape:
        return [values] * wanted
    samples = values if given(values).has_missing else as_samples(values, name=target.name)
    if len(samples) != wanted:
        raise InvalidInputError(f"{len(samples)} samples for {wanted} places in {target.name!r}")
    return samples


def _shape(values: Any) -> tuple[int, ...] | None:
    if isinstance(values, list | tuple) and any(map(is_missing, values)):
        return None
    try:
        return tuple(np.shape(values))
    except ValueError:  # samples among which some are None
        return None


def _count(stored: Any, size: int) -> int:
    return len(range(*stored.indices(size))) if isinstance(stored, slice) else np.size(stored)
