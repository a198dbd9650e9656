"""How samples are read, as a value that pickles."""

from dataclasses import dataclass
from pathlib import Path

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format.numbers import Ints
from vstore.reader.load.finishing import AS_ARRAYS, Finisher
from vstore.reader.plan.drawing import Weights
from vstore.reader.plan.planner import Shuffle
from vstore.reading.buffers import Allocate, allocate

CACHE_NBYTES = 16 * 2**30
"""How much a cache on disk holds when its size is not given."""

MEMORY_NBYTES = 512 * 2**20
"""How much memory decoded chunks take when it is not given."""


@pickled
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How samples are read.

    The first ten decide on the order of the samples; `window` counts samples.
    """

    batch_size: int
    as_samples: bool = False
    """Whether samples are given one by one; `batch_size` of them are brought together."""
    shuffle: Shuffle = "none"
    seed: int = 0
    window: int | None = None
    samples: int | None = None
    """How many samples an epoch has; every sample once where None."""
    weights: Weights | None = None
    """How often each sample is drawn; every sample comes equally often where None."""
    lengths: Ints | None = None
    """How long each sample is, where those of a batch are of similar length."""
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1
    replication: int = 1
    """How many neighboring ranks get the same samples; `rank` and `world_size` count groups."""
    memory_nbytes: int = MEMORY_NBYTES
    threads: int | None = None
    requests: int | None = None
    cache_dir: Path | None = None
    cache_nbytes: int = CACHE_NBYTES
    cache_shared: bool = False
    finish: Finisher = AS_ARRAYS
    allocate: Allocate = allocate


def group_of(rank: int, world_size: int, replication: int) -> tuple[int, int]:
    """Return the number of a rank's group, and how many groups of that many ranks there are.

    A process that is alone is a group.

    >>> group_of(5, 8, 2), group_of(0, 1, 2)
    ((2, 4), (0, 1))

    Raises:
        InvalidInputError: the ranks make no whole groups.
    """
    if world_size == 1:
        return rank, world_size
    if world_size % replication:
        raise InvalidInputError(
            f"{world_size} ranks make no whole groups of {replication}: replication is how many "
            "neighboring ranks get the same samples, and divides the number of ranks"
        )
    return rank // replication, world_size // replication
