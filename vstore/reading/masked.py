"""Samples of one shape of which some are missing, in NumPy's terms."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError

_NAMES = (
    *("append", "average", "column_stack", "concatenate", "corrcoef", "cov", "diff", "dstack"),
    *("ediff1d", "hstack", "intersect1d", "median", "setdiff1d", "setxor1d", "stack"),
    *("union1d", "unique", "vstack", "where"),
)


def _isin(element: Any, test_elements: Any, **options: Any) -> Any:
    wanted = np.ma.asarray(test_elements).compressed()
    found = np.isin(np.ma.getdata(element), wanted, **options)
    return np.ma.MaskedArray(found, np.ma.getmaskarray(element))


_FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    np.isin: _isin,
    **{getattr(np, name): getattr(np.ma, name) for name in _NAMES},
}
"""Functions of NumPy that lose masks, and those of `numpy.ma` that keep them."""


class MaskedSamples(np.ma.MaskedArray[Any, Any]):
    """A masked array whose mask is kept by functions such as `numpy.isin`, too.

    NumPy's own take what lies below a mask for values: a condition would pick samples
    that are missing.
    """

    def __array_function__(
        self, func: Any, types: Iterable[Any], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call the function that keeps masks in the place of one that loses them."""
        if func in _FUNCTIONS:
            found = _FUNCTIONS[func](*_plain(tuple(args)), **_plain(kwargs))
            return found.view(MaskedSamples) if isinstance(found, np.ma.MaskedArray) else found
        return super().__array_function__(func, types, tuple(args), dict(kwargs))


def _plain(argument: Any) -> Any:
    if isinstance(argument, MaskedSamples):
        return argument.view(np.ma.MaskedArray)
    if isinstance(argument, list | tuple):
        return type(argument)(map(_plain, argument))
    if isinstance(argument, Mapping):
        return {name: _plain(each) for name, each in argument.items()}
    return argument


def masked(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Return samples as an array that masks those that are not valid.

    Below the mask stands NaN or NaT, where the data type has it.
    """
    nothing = nothing_of(values.dtype)
    if nothing is not None and not valid.all():
        values[~valid] = nothing
    mask = np.broadcast_to(~valid.reshape(-1, *[1] * (values.ndim - 1)), values.shape)
    return MaskedSamples(values, mask)


def nothing_of(dtype: np.dtype[Any]) -> Any:
    """Return the value of a data type that says that there is none; None where all are values."""
    if dtype.kind in "fc":
        return np.nan
    return np.array(-(2**63), np.int64).view(dtype)[()] if dtype.kind in "mM" else None


def unmasked(samples: NDArray[Any], dtype: Any, *, name: str) -> NDArray[Any]:
    """Return the samples of a column as an array without a mask; NaN or NaT where one is missing.

    Raises:
        InvalidInputError: a sample is missing, and the data type has no value that says so.
    """
    if not isinstance(samples, np.ma.MaskedArray) or not np.ma.is_masked(samples):
        return np.asarray(samples, dtype=dtype)
    wanted = samples.dtype if dtype is None else np.dtype(dtype)
    nothing = nothing_of(wanted)
    if nothing is None:
        raise InvalidInputError(
            f"samples of the column {name!r} are missing, and {wanted} has no value for that",
            code="missing-samples",
            hint=f"take a masked array, `table[{name!r}][:]`, or give another value with "
            f"`table[{name!r}][:].filled(0)`",
            column=name,
        )
    result = samples.data.astype(wanted)
    result[np.ma.getmaskarray(samples)] = nothing
    return result
