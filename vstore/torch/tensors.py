"""Between NumPy arrays and tensors, without copying."""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.reader.load.forms import Library, is_array, stacked
from vstore.reading.buffers import allocate

_KINDS = frozenset("biufc")


@pickled
def as_tensors(value: Any) -> Any:
    """Return an array as a tensor over the same memory, and a list with its arrays as tensors.

    Dates and durations are int64: the number of units of their data type. What else torch has
    no type for comes as Python objects: text of fixed length and raw bytes as `str` and
    `bytes`, a record as a dict of its fields. So a batch passes a `DataLoader` unchanged.
    """
    if isinstance(value, np.ndarray):
        return _as_tensor(value)
    if isinstance(value, list) and any(isinstance(each, _CONTAINED) for each in value):
        return [as_tensors(each) for each in value]
    if isinstance(value, np.generic):
        return _as_tensor(np.asarray(value))
    if type(value) is dict:
        return {name: as_tensors(each) for name, each in value.items()}
    return value


_CONTAINED = (np.ndarray, np.generic, list, dict)


def _as_tensor(array: NDArray[Any]) -> Any:
    if _has_tensors(array.dtype):
        return torch.from_numpy(array)
    if array.dtype.kind in "mM":
        return torch.from_numpy(array.view(np.int64))
    return _as_objects(array)


def _as_objects(array: NDArray[Any]) -> Any:
    """Return an array as lists of Python objects; one without axes as one object."""
    if array.dtype.names is None:
        numbers: NDArray[Any] = array.view(np.int64) if array.dtype.kind in "mM" else array
        return numbers.tolist()
    if array.ndim:
        return [_as_objects(each) for each in array]
    return {name: _as_objects(np.asarray(array[name])) for name in array.dtype.names}


@cache
def _has_tensors(dtype: np.dtype[Any]) -> bool:
    """Return whether torch has a type for the elements of an array."""
    if dtype.kind not in _KINDS:
        return False
    try:
        torch.from_numpy(np.empty(0, dtype))
    except TypeError:
        return False
    return True


@pickled
def stacked_tensors(samples: list[Any]) -> Any:
    """Return samples of one shape as one tensor, or as one array."""
    if isinstance(samples[0], torch.Tensor) and all(isinstance(e, torch.Tensor) for e in samples):
        return torch.stack(samples)
    return stacked(samples)


@pickled
def is_array_or_tensor(value: Any) -> bool:
    """Return whether values like this one can be stacked."""
    return isinstance(value, torch.Tensor) or is_array(value)


@pickled
def nested(samples: list[NDArray[Any]], shape: tuple[int | None, ...] | None) -> torch.Tensor:
    """Return arrays that differ in shape as one nested tensor.

    It has the layout `torch.jagged` where, after their `shape`, only one axis differs.
    """
    is_jagged = shape is not None and shape.count(None) == 1
    tensors = [_as_tensor(sample) for sample in samples]
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise InvalidInputError(f"torch has no type for {samples[0].dtype}; choose another ragged")
    layout = torch.jagged if is_jagged else torch.strided
    try:
        return torch.nested.nested_tensor(tensors, layout=layout)
    except RuntimeError as exc:
        shapes = sorted({sample.shape for sample in samples})[:4]
        raise InvalidInputError(
            f"arrays of the shapes {shapes} do not make a nested tensor",
            code="not-nestable",
            hint="choose another form, such as `ragged='list'`",
        ) from exc


@pickled
def pinned(nbytes: int) -> NDArray[np.uint8]:
    """Return fresh page-locked memory, which a GPU reads without help of the processor.

    In a worker process it is plain memory: what it sends is copied again, and a fork must not
    touch the GPU.
    """
    if get_worker_info() is not None:
        return allocate(nbytes)
    memory: NDArray[np.uint8] = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True).numpy()
    return memory


def require_accelerator() -> None:
    """Raise `InvalidInputError` where page-locked memory would be of no use."""
    if not getattr(torch, "accelerator", torch.cuda).is_available():
        raise InvalidInputError(
            "pin_memory needs a GPU or another accelerator, and torch finds none here"
        )


TORCH = Library(as_tensors, is_array_or_tensor, stacked_tensors, nested)
