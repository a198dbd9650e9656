"""In which form samples are given as Arrow."""

from typing import Literal, TypedDict

from vstore.faces import exported_from


@exported_from("vstore")
class ArrowForms(TypedDict, total=False):
    """In which form samples become Arrow, and how much is read at a time.

    `tensors`: samples of one shape are Arrow's tensors, or lists (`"list"`) for libraries that
    know none. `images`: the bytes of their files, or pixels (`"tensor"`), as tensors that differ
    in shape. `batch_nbytes`: how large a batch is, about; 2 MiB if nothing is said.
    `memory_nbytes`: how much is read ahead, about; 32 MiB if nothing is said.
    """

    tensors: Literal["tensor", "list"]
    images: Literal["encoded", "tensor"]
    batch_nbytes: int
    memory_nbytes: int
