"""Indices as Hypothesis draws them, and what plain NumPy picks with them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    """Draw any slice: of either direction, reaching outside, or empty."""
    bound = st.none() | st.integers(-size - 3, size + 3)
    step = draw(st.none() | st.sampled_from([1, 1, 2, 3, 7, -1, -2, -5]))
    return slice(draw(bound), draw(bound), step)


@st.composite
def axis_indices(draw: st.DrawFn, size: int) -> Any:
    """Draw an integer, a slice, an index array (unsorted, repeated, empty) or a mask."""
    kinds = ["slice", "array", "mask"] + (["int", "list"] if size else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "slice":
        return draw(slices(size))
    if kind == "mask":
        return np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    if kind == "int":
        number = draw(st.integers(-size, size - 1))
        return draw(st.sampled_from([int, np.int32]))(number)
    picked = draw(st.lists(st.integers(-size, size - 1), max_size=12)) if size else []
    return picked if kind == "list" else np.array(picked, np.int64)


@st.composite
def array_indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Draw an index of an array: fewer items than axes, an ellipsis anywhere, or one item."""
    items: list[Any] = [draw(axis_indices(size)) for size in shape]
    if draw(st.booleans()) and shape:
        start = draw(st.integers(0, len(shape)))
        stop = draw(st.integers(start, len(shape)))
        items[start:stop] = [Ellipsis]
    elif draw(st.booleans()):
        items = items[: draw(st.integers(0, len(shape)))]
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def expanded(index: Any, ndim: int) -> tuple[Any, ...]:
    """Return one item an axis."""
    items = list(index) if isinstance(index, tuple) else [index]
    at = next((i for i, item in enumerate(items) if item is Ellipsis), None)
    if at is not None:
        items[at : at + 1] = [slice(None)] * (ndim - len(items) + 1)
    return (*items, *[slice(None)] * (ndim - len(items)))


def pick(array: NDArray[Any], index: Any) -> Any:
    """Return what NumPy picks, index arrays taken one axis at a time (their cross product)."""
    items = expanded(index, array.ndim)
    for axis, item in reversed(list(enumerate(items))):
        places = np.array([], np.int64) if isinstance(item, list) and not item else item
        array = array[(slice(None),) * axis + (places,)]
    return array


def mesh(index: Any, shape: tuple[int, ...]) -> Any:
    """Return the index in a form with which NumPy assigns to the same elements."""
    places = [
        np.arange(size)[np.array([], np.int64) if isinstance(item, list) and not item else item]
        for item, size in zip(expanded(index, len(shape)), shape, strict=True)
    ]
    return np.ix_(*[np.atleast_1d(place) for place in places]) if places else ()
