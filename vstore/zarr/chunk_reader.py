"""Reading what is under keys for an event loop: what is wanted at one time comes together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vstore.format.page import ChunkRef
from vstore.hierarchy.nodes import Place
from vstore.reading import caches
from vstore.reading.caches import LruCache
from vstore.reading.fetch import Fetcher
from vstore.zarr.gathering import Gathering, Give

Data = bytes | memoryview | None
"""What is under a key."""


class Finding(Protocol):
    """Knows what is under keys."""

    @property
    def fetcher(self) -> Fetcher:
        """What reads chunks."""

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; None where there are none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key; `keep` if more of what is there will be asked for."""

    key: str
    keep: bool = False


class ChunkReader:
    """Reads what is under keys.

    A digest verifies a whole chunk, so a part of one costs all of it; chunks read in parts
    are kept, up to `PARTLY_READ_NBYTES` or one chunk, for the parts that follow.
    """

    def __init__(self, source: Finding) -> None:
        self._source = source
        self._fetcher = source.fetcher
        self._kept: LruCache[bytes, memoryview] = LruCache(caches.PARTLY_READ_NBYTES, len)
        self._gathering = Gathering(self._read, single_is_quick=self.is_local)

    @property
    def is_local(self) -> bool:
        """Whether looking something up never waits for a network."""
        return self._fetcher.store.is_local

    async def read(self, key: str, *, keep: bool = False) -> Data:
        """Return the verified bytes under a key; `keep` if more of them will be asked for."""
        return await self._gathering.ask(Wanted(key, keep))

    def read_sync(self, key: str, *, keep: bool = False) -> Data:
        """Return the verified bytes under a key, right here."""
        found: list[Data] = []
        self._read([Wanted(key, keep)], lambda _, data: found.append(data))
        return found[0]

    def _read(self, wanted: Sequence[Wanted], give: Give[Data]) -> None:
        """Give what is under keys, each as soon as it is there; equal chunks are read once."""
        missing: dict[bytes, tuple[ChunkRef, list[int]]] = {}
        for i, item in enumerate(wanted):
            place = self._source.find(item.key)
            data = self._kept.find(place.digest) if isinstance(place, ChunkRef) else place
            if data is None and isinstance(place, ChunkRef):
                missing.setdefault(place.digest, (place, []))[1].append(i)
            else:
                give(i, data)
        found = list(missing.values())

        def handle(at: int, data: memoryview | None) -> None:
            ref, members = found[at]
            for i in members:
                if data is not None and wanted[i].keep:
                    self._kept.put(ref.digest, data)
                give(i, data)

        if len(found) == 1:
            handle(0, self._fetcher.chunk(found[0][0]))
        elif found:
            self._fetcher.each([ref for ref, _ in found], handle)
