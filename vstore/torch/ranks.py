"""Which rank of how many this process is."""

import os

from torch import distributed
from torch.distributed import distributed_c10d

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.reader.plan.cursor import Cursor


def rank_and_world_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return what was given, else what `torch.distributed` or its launcher says, else 0 of 1.

    Raises:
        InvalidInputError: one was given without the other, or the environment is malformed.
    """
    if (rank is None) != (world_size is None):
        raise InvalidInputError(
            "of rank and world_size only one was given", hint="give both, or neither"
        )
    if rank is not None and world_size is not None:
        return rank, world_size
    if is_distributed():
        return distributed.get_rank(), distributed.get_world_size()
    return _launched()


def is_distributed() -> bool:
    """Return whether this process belongs to an initialized process group."""
    return distributed.is_available() and distributed.is_initialized()


def _launched() -> tuple[int, int]:
    """Return what the launcher set in the environment, else 0 of 1.

    torchrun sets RANK; Lightning starts other processes with LOCAL_RANK and NODE_RANK alone.
    """
    world_size, rank = _from_environment("WORLD_SIZE"), _from_environment("RANK")
    if rank is None and world_size is not None:
        rank = _rank_on_node(world_size)
    rank, world_size = rank or 0, world_size or 1
    if rank >= world_size:
        raise InvalidInputError(
            f"the environment says rank {rank} of {world_size} ranks, which cannot be: set RANK "
            "and WORLD_SIZE, or give rank and world_size"
        )
    return rank, world_size


def _rank_on_node(world_size: int) -> int:
    local, node = _from_environment("LOCAL_RANK"), _from_environment("NODE_RANK") or 0
    size = _from_environment("LOCAL_WORLD_SIZE")
    if world_size == 1:
        return 0
    if local is None or (node and size is None):
        raise InvalidInputError(
            f"the environment says WORLD_SIZE={world_size} and not which rank this is: set RANK, "
            "or give rank and world_size"
        )
    return node * (size or 0) + local


def _from_environment(name: str) -> int | None:
    text = os.environ.get(name, "")
    if not text:
        return None
    if not text.isdecimal():
        raise InvalidInputError(f"the environment variable {name} is not a number: {text!r}")
    return int(text)


@pickled
class Alike:
    """Notices ranks that would read different epochs in their passes over the same data."""

    def __init__(self, data: str) -> None:
        self._data = data
        self._passes = 0

    def check_pass(self, begin: Cursor) -> None:
        """Do as `check` does for a pass that began there."""
        self.check(begin.epoch)

    def check(self, epoch: int) -> None:
        """Compare the epoch of this rank's next pass that counts with that of the others.

        The first rank to get there writes its epoch down, so this costs one request and
        waits for nobody.

        Raises:
            InvalidInputError: another rank reads another epoch in that pass.
        """
        if not is_distributed() or distributed.get_world_size() == 1:
            return
        self._passes += 1
        store = distributed_c10d._get_default_store()  # noqa: SLF001 - all ranks share it
        key = f"vstore/{self._data}/{self._passes}"
        found = store.compare_set(key, "", str(epoch)).decode()
        if found != str(epoch):
            raise InvalidInputError(
                f"rank {distributed.get_rank()} reads epoch {epoch} in its pass {self._passes} "
                f"over these data, and another rank read epoch {found}: load the same state and "
                "choose the same epochs on all ranks, and give rank=0, world_size=1 to a dataset "
                "that one rank reads alone"
            )
