"""Find the chunks of packs that were repacked; see docs/design/011-repacking.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstore.errors import NotFoundError
from vstore.format import object_keys
from vstore.history.documents import read_again
from vstore.lazy import lazy
from vstore.storage.forking import ForkSafeLock
from vstore.storage.store import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vstore.format import forwarding
    from vstore.format.digest import Digest
    from vstore.format.forwarding import Moved
    from vstore.format.page import ChunkRef
    from vstore.storage.store import ObjectStore
else:
    forwarding = lazy("vstore.format.forwarding")

MOST_HOPS = 16
"""How many forwarding documents may lead from one pack to the next."""


def find_moved(store: ObjectStore, pack: Digest) -> Moved | None:
    """Return a pack's forwarding document, None if it was never repacked; one request.

    Raises:
        FormatError: the document is malformed, or of a newer version.
        CorruptionError: it is damaged.
    """
    key = object_keys.moved(pack)
    try:
        found, _ = read_again(
            lambda: (store.get(key), Version("")), lambda data: forwarding.decode(data, pack)
        )
    except NotFoundError:
        return None
    return found


class Moves:
    """The forwarding documents read so far: none, until a pack is missing."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[Digest, Moved] = {}
        self._lock = ForkSafeLock()

    def place(self, ref: ChunkRef) -> ChunkRef:
        """Return where a chunk is, as far as is known."""
        for _ in range(MOST_HOPS if self._known else 0):
            known = self._known.get(ref.pack.digest)
            there = None if known is None else known.place(ref)
            if there is None:
                break
            ref = there
        return ref

    def is_news(self, ref: ChunkRef, missed: ChunkRef) -> bool:
        """Look again where a chunk is that was missed; return whether that is elsewhere."""
        return bool(self.find_news([(ref, missed)]))

    def find_news(self, missed: Sequence[tuple[ChunkRef, ChunkRef]]) -> list[int]:
        """Look again where chunks are that were missed, each given with where that was.

        Returns which of them are elsewhere, by their places in `missed`. What became of a pack
        is asked once.
        """
        looked: set[Digest] = set()
        news: list[int] = []
        for i, (ref, place) in enumerate(missed):
            for pack in dict.fromkeys((place.pack.digest, ref.pack.digest)):
                # What led there may have been written again, or may not be needed any more.
                if self.place(ref) == place and pack not in looked:
                    looked.add(pack)
                    self._look(pack)
            if self.place(ref) != place:
                news.append(i)
        return news

    def _look(self, pack: Digest) -> None:
        found = find_moved(self._store, pack)
        with self._lock:
            if found is None:
                self._known.pop(pack, None)
            else:
                self._known[pack] = found
