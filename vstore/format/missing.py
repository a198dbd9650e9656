"""What is missing among values as users give them, and the values as NumPy or Python has them.

Other libraries are known by what their objects can do: none of them is imported.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.arrow_values import is_arrow, of_arrow

Mask = NDArray[np.bool_]


class Given(NamedTuple):
    """Values that are a NumPy array or what users wrote in Python, and what of it is missing.

    `missing` is None where nothing is known to be missing, else a mask with the shape of the
    values, or of their first axes. What stands in a missing place means nothing.
    """

    values: Any
    missing: Mask | None = None

    @property
    def has_missing(self) -> bool:
        """Whether some value is missing."""
        return self.missing is not None and bool(self.missing.any())


def given(values: Any) -> Given:
    """Return values of any library as NumPy's or Python's own, and which are missing.

    Masked arrays, arrays of strings with a missing value, and arrays, series and tensors of
    pandas, Arrow and PyTorch become NumPy arrays. Everything else stays as it is: in lists of
    samples `is_missing` tells what is missing.

    Raises:
        InvalidInputError: a tensor that NumPy cannot have.
    """
    if isinstance(values, np.ma.MaskedArray):
        return Given(values.data, _flat(np.ma.getmaskarray(values)))
    if isinstance(values, np.ndarray):
        return _of_array(values)
    for is_one, of_one in _LIBRARIES:
        if is_one(values):
            return of_one(values)
    return Given(values)


def _flat(mask: NDArray[Any]) -> Mask:
    """Return a mask with one element for each record, which are masked as a whole."""
    if mask.dtype.names is None:
        return mask
    fields = np.stack([_flat(mask[name]) for name in mask.dtype.names])
    whole: Mask = np.asarray(fields.all(axis=0))
    if (fields.any(axis=0) != whole).any():
        raise InvalidInputError(
            "records are there or missing as a whole; some of these are masked in part",
            code="masked-values",
            hint="give the fields that are masked a value",
        )
    return whole


def is_missing(sample: Any, *, nan: bool = False) -> bool:
    """Return whether a sample, or an element of one, stands for one that is missing.

    None does, and pandas' NA and NaT, a null of Arrow, `numpy.ma.masked`, a masked array of
    which nothing is left, and with `nan` NaN and NaT, where these are no values.

    >>> is_missing(None), is_missing(np.ma.masked), is_missing(0), is_missing(np.nan)
    (True, True, False, False)
    """
    if sample is None or type(sample) in _NEVER_MISSING:
        return sample is None
    if isinstance(sample, np.ma.MaskedArray):
        return bool(sample.size) and bool(np.ma.getmaskarray(sample).all())
    if isinstance(sample, float | np.floating | np.datetime64 | np.timedelta64):
        return nan and bool(sample != sample)
    if _is_arrow_scalar(sample):
        return not sample.is_valid
    kind = type(sample)
    return kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas")


_NEVER_MISSING = (int, str, bytes, bool, np.ndarray)


def plain(sample: Any) -> Any:
    """Return a sample of Arrow as Python's own, anything else as it is."""
    return sample.as_py() if _is_arrow_scalar(sample) else sample


def _is_arrow_scalar(value: Any) -> bool:
    return hasattr(value, "is_valid") and hasattr(value, "as_py")


def _of_array(values: NDArray[Any]) -> Given:
    dtype = values.dtype
    if isinstance(dtype, np.dtypes.StringDType):
        texts = np.array(values.tolist(), object).reshape(values.shape)
        if not hasattr(dtype, "na_object"):
            return Given(texts)
        absent = [text is dtype.na_object for text in texts.flat]
        return Given(texts, np.array(absent, bool).reshape(values.shape))
    return Given(np.asarray(values))


# pandas -------------------------------------------------------------------------------


def _is_pandas(values: Any) -> bool:
    return hasattr(values, "isna") and hasattr(values, "to_numpy") and hasattr(values, "dtype")


def _of_pandas(values: Any) -> Given:
    if isinstance(values.dtype, np.dtype):
        return _of_array(values.to_numpy())
    missing = np.asarray(values.isna(), bool)
    dtype = getattr(values.dtype, "numpy_dtype", None)
    if dtype is None or dtype.kind not in "biuf":
        return Given(_objects(values), missing)
    return Given(values.to_numpy(dtype=dtype, na_value=dtype.type(0)), missing)


def _objects(values: Any) -> NDArray[Any]:
    held = np.empty(len(values), object)
    held[:] = list(values)
    return held


# Arrow --------------------------------------------------------------------------------


def _of_arrow(values: Any) -> Given:
    return Given(*of_arrow(values))


# PyTorch ------------------------------------------------------------------------------


def _is_tensor(values: Any) -> bool:
    return all(hasattr(values, name) for name in ("detach", "to_dense", "is_sparse", "numpy"))


def _of_tensor(values: Any) -> Given:
    tensor = values.detach()
    try:
        if getattr(tensor, "is_nested", False):
            return Given([_of_tensor(each).values for each in tensor.unbind()])
        if str(tensor.layout) != "torch.strided":
            tensor = tensor.to_dense()
        tensor = tensor.cpu().resolve_conj().resolve_neg()
        return Given(_as_numpy(tensor))
    except (RuntimeError, TypeError, NotImplementedError) as exc:
        raise InvalidInputError(
            f"a tensor of {values.dtype} cannot be stored: {exc}",
            code="unsupported-tensor",
            hint="convert it first, for instance with `tensor.float()`",
        ) from exc


def _as_numpy(tensor: Any) -> NDArray[Any]:
    """Return a tensor as an array; numbers that NumPy lacks as wider ones, which are equal."""
    try:
        array: NDArray[Any] = tensor.numpy()
    except TypeError:
        if tensor.is_complex():
            wider = tensor.cfloat()
        elif tensor.is_floating_point():
            wider = tensor.float()
        else:
            raise
        array = wider.numpy()
    return array


_LIBRARIES = ((_is_pandas, _of_pandas), (is_arrow, _of_arrow), (_is_tensor, _of_tensor))
