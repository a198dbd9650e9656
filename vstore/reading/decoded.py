"""Decoded chunks that are kept for the next read of a few of their elements."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.reading import caches
from vstore.reading.caches import LruCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
else:
    np = lazy("numpy")


MOST_NOTED = 8192
"""Of how many chunks it is known that they were asked for, though they were not kept."""


class DecodedChunks:
    """The chunks used last, by what names them, bounded by their bytes. Safe for threads.

    Kept chunks are read-only: everybody gets the same.
    """

    def __init__(self) -> None:
        limit = caches.DECODED_NBYTES
        self._chunks: LruCache[Any, NDArray[Any]] = LruCache(limit, _nbytes, largest=limit // 4)
        self._asked: LruCache[Any, int] = LruCache(MOST_NOTED, int)
        self._many_nbytes = limit // 4

    def find(self, name: Any) -> NDArray[Any] | None:
        """Return a chunk if it is kept."""
        return self._chunks.find(name)

    def worth_keeping(self, names: Sequence[Any], *, each: int) -> set[Any]:
        """Return which chunks of one read, of so many bytes each, are worth being kept.

        All of them where they are few. Of many, which would need fresh memory and drive out what
        others read, only those that were asked for before.
        """
        if len(names) * each <= self._many_nbytes:
            return set(names)
        again = {name for name in names if self._asked.find(name)}
        for name in names:
            self._asked.put(name, 1)
        return again

    def keep(self, name: Any, chunk: NDArray[Any]) -> None:
        """Keep a chunk, which must not change any more, instead of those used longest ago.

        One of more than a quarter of what is kept in all is not.
        """
        was_writeable = chunk.flags.writeable
        chunk.flags.writeable = False
        if not self._chunks.put(name, chunk):
            chunk.flags.writeable = was_writeable


def _nbytes(chunk: NDArray[Any]) -> int:
    """Return how much memory a chunk takes, or keeps others from giving back."""
    if chunk.dtype.hasobject:
        return int(chunk.nbytes) + sum(map(sys.getsizeof, chunk.ravel().tolist()))
    base: Any = chunk
    while isinstance(base.base, np.ndarray):
        base = base.base
    return max(int(chunk.nbytes), int(base.nbytes))
