"""Reading ranges of local files into memory that is used again, or showing them in place."""

from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vstore.errors import NotFoundError
from vstore.format import object_keys
from vstore.format.page import ChunkRef
from vstore.reading.buffers import BufferPool
from vstore.storage.local import LocalStore
from vstore.storage.local_file import OpenFile
from vstore.storage.open_files import OpenFiles
from vstore.storage.store import Key, ObjectStore

POOL = BufferPool()
"""Memory of this process for what is read and soon forgotten: what one read leaves is warm."""

_BYTES = np.dtype(np.uint8)


@runtime_checkable
class ShowingStore(Protocol):
    """A store whose chunks may be shown in memory instead of being read."""

    def show(self, ref: ChunkRef, target: NDArray[Any]) -> bool:
        """Show a chunk's bytes in place of an array's memory, as they are in the file.

        Returns False, changing nothing, where that is impossible.
        """


class ScratchStore:
    """The reading half of a local store, whose ranges are in lent memory, and files stay open."""

    def __init__(self, inner: LocalStore, pool: BufferPool) -> None:
        self.inner = inner
        self.pool = pool
        self._files = OpenFiles(inner.open)

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.inner.url

    @property
    def is_local(self) -> bool:
        """Whether it never waits for a network."""
        return self.inner.is_local

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        return self.inner.get(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> memoryview:
        """Return exactly `nbytes` bytes from `start`, on loan until the view is gone.

        The view is read-only: two chunks may be in the same place of a pack.
        """
        memory = self.pool.lend((nbytes,), _BYTES).data
        self.open(key).read_into(start, memory)
        return memory.toreadonly()

    def open(self, key: Key) -> OpenFile:
        """Return an object, open for reading. Safe to use from several threads."""
        return self._files.get(key)

    def show(self, ref: ChunkRef, target: NDArray[Any]) -> bool:
        """Show a chunk's bytes in place of an array's memory, as they are in the file.

        Returns False, changing nothing, where that is impossible.
        """
        if ref.nbytes != target.nbytes or ref.pack.is_source:
            return False
        try:
            file = self.open(object_keys.pack(ref.pack.digest))
        except NotFoundError:
            return False  # the pack may have been repacked; its reader finds the new one
        return file.map_over(ref.offset, target.ctypes.data, target.nbytes)


def with_scratch(store: ObjectStore, pool: BufferPool = POOL) -> ObjectStore:
    """Return a store to read from that avoids fresh memory where that is possible."""
    if isinstance(store, LocalStore):
        # What reads chunks takes any buffer for the bytes of a range.
        return cast("ObjectStore", ScratchStore(store, pool))
    return store
