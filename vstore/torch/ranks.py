"""Which rank of how many this process is."""

import os

from torch import distributed

from vstore.errors import InvalidInputError


def rank_and_world_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return what was given, else what `torch.distributed` or its launcher says, else 0 of 1.

    Raises:
        InvalidInputError: one was given without the other, or the environment is malformed.
    """
    if (rank is None) != (world_size is None):
        raise InvalidInputError("give both rank and world_size, or neither")
    if rank is not None and world_size is not None:
        return rank, world_size
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return _from_environment("RANK", 0), _from_environment("WORLD_SIZE", 1)


def _from_environment(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise InvalidInputError(f"the environment variable {name} is not a number: {text!r}")
    return int(text)
