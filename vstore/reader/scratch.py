"""Reading ranges of local files into memory that is used again."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from vstore.reader.buffers import BufferPool
from vstore.storage.local import LocalStore
from vstore.storage.store import Key, ObjectStore

_BYTES = np.dtype(np.uint8)


@dataclass(frozen=True, slots=True)
class ScratchStore:
    """The reading half of a local store, whose ranges lie in lent memory."""

    inner: LocalStore
    pool: BufferPool

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.inner.url

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        return self.inner.get(key)

    def get_range(self, key: Key, start: int, nbytes: int) -> memoryview:
        """Return exactly `nbytes` bytes from `start`, on loan until the view is gone."""
        memory = self.pool.lend((nbytes,), _BYTES).data
        self.inner.read_into(key, start, memory)
        return memory


def is_local(store: ObjectStore) -> bool:
    """Tell whether requests cost no waiting, so that few at a time are enough."""
    return isinstance(store, LocalStore)


def with_scratch(store: ObjectStore, pool: BufferPool) -> ObjectStore:
    """Return a store to read from that avoids fresh memory where that is possible."""
    if isinstance(store, LocalStore):
        # What reads chunks takes any buffer for the bytes of a range.
        return cast("ObjectStore", ScratchStore(store, pool))
    return store
