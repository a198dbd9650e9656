"""Between NumPy arrays and tensors, without copying."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_KINDS = frozenset("biufc")


def as_tensors(value: Any) -> Any:
    """Return an array as a tensor over the same memory, and a list of arrays as one of tensors.

    What torch has no type for stays as it is: text, bytes, dates, records, wide floats.
    """
    if isinstance(value, np.ndarray):
        return _as_tensor(value)
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return [_as_tensor(each) if isinstance(each, np.ndarray) else each for each in value]
    return value


def _as_tensor(array: NDArray[Any]) -> Any:
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > 16 or array.dtype == np.longdouble:
        return array
    try:
        return torch.from_numpy(array)
    except TypeError:
        return array


def nested(samples: list[NDArray[Any]]) -> torch.Tensor:
    """Return arrays that differ in the length of their first axis as one nested tensor."""
    tensors = [torch.from_numpy(sample) for sample in samples]
    return torch.nested.nested_tensor(tensors, layout=torch.jagged)


def pinned(nbytes: int) -> NDArray[np.uint8]:
    """Return fresh page-locked memory, which a GPU reads without help of the processor."""
    memory: NDArray[np.uint8] = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True).numpy()
    return memory
