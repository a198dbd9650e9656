"""Between NumPy arrays and tensors, without copying."""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from vstore.errors import InvalidInputError
from vstore.reader.load.buffers import allocate
from vstore.reader.load.finishing import Library, stacked

_KINDS = frozenset("biufc")


def as_tensors(value: Any) -> Any:
    """Return an array as a tensor over the same memory, and a list of arrays as one of tensors.

    What torch has no type for stays as it is: text, bytes, dates, records, wide floats.
    """
    if isinstance(value, np.ndarray):
        return _as_tensor(value)
    if isinstance(value, list) and any(isinstance(each, np.ndarray) for each in value):
        return [_as_tensor(each) if isinstance(each, np.ndarray) else each for each in value]
    return value


def _as_tensor(array: NDArray[Any]) -> Any:
    return torch.from_numpy(array) if _has_tensors(array.dtype) else array


@cache
def _has_tensors(dtype: np.dtype[Any]) -> bool:
    """Tell whether torch has a type for the elements of an array."""
    if dtype.kind not in _KINDS:
        return False
    try:
        torch.from_numpy(np.empty(0, dtype))
    except TypeError:
        return False
    return True


def stacked_tensors(samples: list[Any]) -> Any:
    """Return samples as one tensor or array where they are tensors or arrays of one shape."""
    if not samples or not all(isinstance(sample, torch.Tensor) for sample in samples):
        return stacked(samples)
    return torch.stack(samples) if len({sample.shape for sample in samples}) == 1 else samples


def nested(samples: list[NDArray[Any]], shape: tuple[int | None, ...] | None) -> torch.Tensor:
    """Return arrays that differ in shape as one nested tensor.

    It has the layout `torch.jagged` where, after their `shape`, only one axis differs.
    """
    is_jagged = shape is not None and shape.count(None) == 1
    tensors = [torch.from_numpy(sample) for sample in samples]
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


TORCH = Library(as_tensors, stacked_tensors, nested)
