"""Masks and lists of positions as users give them: what is missing in them picks nothing."""

from reprlib import repr as shortened
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.missing import Given, given, is_missing


def index_array(item: Any) -> NDArray[Any]:
    """Return what picks several places as an array; every such index is taken by this.

    What is missing in a mask is False: a condition says nothing of what is not there.

    Raises:
        InvalidInputError: a position is missing.

    >>> index_array(np.ma.MaskedArray([True, True, False], [False, True, False])).tolist()
    [True, False, False]
    """
    found = _by_element(given(item))
    array = np.asarray(found.values)
    if found.missing is None or not found.has_missing:
        return array
    if array.dtype.kind != "b":
        raise missing_positions(item)
    return array & ~found.missing


def missing_positions(item: Any) -> InvalidInputError:
    """Return the error for positions of which some are missing."""
    return InvalidInputError(
        f"some of the positions {shortened(item)} are missing",
        code="missing-positions",
        hint="leave these out, for instance with `positions.compressed()`",
    )


def _by_element(found: Given) -> Given:
    """Return an index whose elements say themselves that they are missing: `[True, None]`."""
    array = np.asarray(found.values)
    if not array.dtype.hasobject or array.ndim != 1:
        return Given(array, found.missing)
    absent = np.array([is_missing(each, nan=True) for each in array], bool)
    if found.missing is not None:
        absent |= found.missing
    there = np.array(array[~absent].tolist())
    if there.ndim != 1:
        return found
    filled = np.zeros(len(array), there.dtype if len(there) else bool)
    filled[~absent] = there
    return Given(filled, absent)
