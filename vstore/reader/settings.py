"""How samples are read, as a value that pickles."""

from dataclasses import dataclass
from pathlib import Path

from vstore.reader.load.buffers import Allocate, allocate
from vstore.reader.load.finishing import AS_ARRAYS, Finisher
from vstore.reader.plan.drawing import Weights
from vstore.reader.plan.planner import Shuffle

CACHE_NBYTES = 16 * 2**30
"""How much a cache on disk holds when its size is not given."""

MEMORY_NBYTES = 512 * 2**20
"""How much memory decoded chunks take when it is not given."""


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
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1
    memory_nbytes: int = MEMORY_NBYTES
    threads: int | None = None
    requests: int | None = None
    cache_dir: Path | None = None
    cache_nbytes: int = CACHE_NBYTES
    finish: Finisher = AS_ARRAYS
    allocate: Allocate = allocate
