"""Arrays of Arrow as NumPy's or Python's own values.

The library is not imported: an array is asked what its type is, by what such types have.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError

Mask = NDArray[np.bool_]
Found = tuple[Any, Mask | None]
"""Values, and a mask of those that are missing where any is."""


def is_arrow(values: Any) -> bool:
    """Return whether values are an array of Arrow, in one piece or in several."""
    return all(hasattr(values, name) for name in ("null_count", "to_pylist", "is_null", "type"))


def of_arrow(values: Any) -> Found:
    """Return the values of an array, and which are missing.

    Lists of one length and tensors are an array with further axes, lists that differ are a list
    of arrays, or of lists of texts.

    Raises:
        InvalidInputError: elements of a type that NumPy has not, or that are missing within a
            sample.
    """
    values = _in_one_piece(values)
    kind = values.type
    if hasattr(kind, "storage_type"):
        return _of_extension(values)
    if hasattr(values, "dictionary_decode"):
        return of_arrow(values.dictionary_decode())
    if hasattr(kind, "list_size"):
        return _of_fixed_lists(values)
    if hasattr(kind, "value_type") and hasattr(values, "offsets"):
        return _of_lists(values)
    return _of_elements(values)


def _in_one_piece(values: Any) -> Any:
    if not hasattr(values, "combine_chunks"):
        return values
    whole = values.combine_chunks()
    return whole.chunk(0) if hasattr(whole, "num_chunks") and whole.num_chunks == 1 else whole


def _missing(values: Any) -> Mask | None:
    if not values.null_count:
        return None
    found: Mask = np.asarray(values.is_null().to_numpy(zero_copy_only=False), bool)
    return found


def _of_elements(values: Any) -> Found:
    missing = _missing(values)
    try:
        dtype = np.dtype(values.type.to_pandas_dtype())
    except (NotImplementedError, TypeError):
        dtype = np.dtype(object)
    name = str(values.type)
    if dtype.kind in "biuf":
        filled = values if missing is None else values.fill_null(dtype.type(0).item())
        return np.asarray(filled), missing
    if dtype.kind in "mM":
        found = values.to_numpy(zero_copy_only=False)
        return (found.astype("datetime64[D]") if name.startswith("date32") else found), missing
    held = np.empty(len(values), object)
    held[:] = values.to_pylist()
    return held, missing


def _of_extension(values: Any) -> Found:
    """Return tensors in their shape; of other types of libraries what they are stored as."""
    found, missing = of_arrow(values.storage)
    shape = getattr(values.type, "shape", None)
    if shape is None or not isinstance(found, np.ndarray):
        return found, missing
    order = getattr(values.type, "permutation", None)
    if order is not None and list(order) != sorted(order):
        raise InvalidInputError(
            f"tensors of {values.type} are in another order than that of their axes",
            code="unsupported-tensor",
            hint="make them row-major first",
        )
    return found.reshape(len(values), *shape), missing


def _of_fixed_lists(values: Any) -> Found:
    missing, size = _missing(values), values.type.list_size
    # Where a list is missing its elements are there all the same.
    first = values.offset * size
    inner = values.values.slice(first, len(values) * size)
    elements, absent = of_arrow(inner)
    if isinstance(elements, list):
        return [
            None if missing is not None and missing[i] else elements[i * size : (i + 1) * size]
            for i in range(len(values))
        ], missing
    shape = (len(values), size)
    if absent is not None and not _are_times(elements):
        by_sample = absent.reshape(*shape, -1).any(axis=(1, 2))
        _require_whole(by_sample if missing is None else by_sample & ~missing)
    return elements.reshape(*shape, *elements.shape[1:]), missing


def _of_lists(values: Any) -> Found:
    """Return lists that differ in length as arrays, one for each; those of text as lists."""
    missing = _missing(values)
    bounds = np.asarray(values.offsets).astype(np.int64)
    elements, absent = of_arrow(values.values.slice(int(bounds[0]), int(bounds[-1] - bounds[0])))
    bounds = bounds - bounds[0]
    empty = _empty(values.type) if isinstance(elements, list) else None
    if absent is not None and not _are_times(elements):
        counts = np.concatenate([[0], np.cumsum(absent)])
        _require_whole(counts[bounds[1:]] > counts[bounds[:-1]])
    found: list[Any] = []
    for i, (start, stop) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        if missing is not None and missing[i]:
            found.append(None)
            continue
        sample = elements[start:stop] if start < stop or empty is None else empty
        is_list = isinstance(sample, np.ndarray) and sample.dtype.hasobject and sample.ndim == 1
        found.append(sample.tolist() if is_list else sample)
    return found, missing


def _empty(kind: Any) -> NDArray[Any] | None:
    """Return an empty list of lists with its axes, which it does not show; None for lists of text.

    Those inside may have a length that is known.
    """
    shape: list[int] = []
    while hasattr(kind, "value_type"):
        shape.append(getattr(kind, "list_size", 0))
        kind = kind.value_type
    dtype = np.dtype(kind.to_pandas_dtype())
    return None if dtype.hasobject else np.zeros(shape, dtype)


def _are_times(elements: Any) -> bool:
    """Return whether a null element is not-a-time, which is a value."""
    return isinstance(elements, np.ndarray) and elements.dtype.kind in "mM"


def _require_whole(are_partly_missing: Any) -> None:
    if are_partly_missing.any():
        raise InvalidInputError(
            f"elements within sample {int(np.argmax(are_partly_missing))} are null: samples are "
            "there or missing as a whole",
            code="missing-values",
        )
