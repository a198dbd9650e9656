"""Decoded chunks that are kept for the next read of a few of their elements."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.storage.locks import ForkSafeLock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = lazy("numpy")

KEPT_NBYTES = 64 * 2**20
"""How much one repository object keeps at most."""

_SHARE = 4
"""What is larger than a quarter of that is not kept."""


class DecodedChunks:
    """The chunks used last, by what names them, bounded by their bytes. Safe for threads.

    Kept chunks are read-only: everybody gets the same.
    """

    def __init__(self) -> None:
        self._chunks: OrderedDict[Any, tuple[NDArray[Any], int]] = OrderedDict()
        self._nbytes = 0
        self._lock = ForkSafeLock()

    def find(self, name: Any) -> NDArray[Any] | None:
        """Return a chunk if it is kept."""
        with self._lock:
            found = self._chunks.get(name)
            if found is None:
                return None
            self._chunks.move_to_end(name)
        return found[0]

    def keep(self, name: Any, chunk: NDArray[Any]) -> None:
        """Keep a chunk, which must not change any more, in place of those used longest ago."""
        nbytes = _nbytes(chunk)
        if nbytes > KEPT_NBYTES // _SHARE:
            return
        chunk.flags.writeable = False
        with self._lock:
            self._forget(name)
            self._chunks[name] = chunk, nbytes
            self._nbytes += nbytes
            while self._nbytes > KEPT_NBYTES:
                self._forget(next(iter(self._chunks)))

    def _forget(self, name: Any) -> None:
        _, nbytes = self._chunks.pop(name, (None, 0))
        self._nbytes -= nbytes


def _nbytes(chunk: NDArray[Any]) -> int:
    """Return how much memory a chunk takes, or keeps others from giving back."""
    if chunk.dtype.hasobject:
        return int(chunk.nbytes) + sum(map(sys.getsizeof, chunk.ravel().tolist()))
    base: Any = chunk
    while isinstance(base.base, np.ndarray):
        base = base.base
    return max(int(chunk.nbytes), int(base.nbytes))
