"""Reading what lies under keys for an event loop: what is wanted at one time comes together."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vstore.fetch import Fetcher
from vstore.format.page import ChunkRef
from vstore.hierarchy.gathering import Gathering
from vstore.hierarchy.nodes import Place

KEPT_NBYTES = 64 * 2**20
"""How much of the chunks that are read in parts, such as shards, is kept."""


class Finding(Protocol):
    """Knows what lies under keys."""

    @property
    def fetcher(self) -> Fetcher:
        """What reads chunks."""

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they lie; None where there are none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key; `keep` if more of what lies there will be asked for."""

    key: str
    keep: bool = False


class ChunkReader:
    """Reads what lies under keys.

    A digest verifies a whole chunk, so a part of one costs all of it; chunks read in parts
    are kept, up to `KEPT_NBYTES` or one chunk, for the parts that follow.
    """

    def __init__(self, source: Finding) -> None:
        self._source = source
        self._fetcher = source.fetcher
        self._kept: OrderedDict[bytes, memoryview] = OrderedDict()
        self._kept_nbytes = 0
        self._lock = threading.Lock()
        self._gathering = Gathering(self.read_all, single_is_quick=self.is_local)

    @property
    def is_local(self) -> bool:
        """Tell whether looking something up never waits for a network."""
        return not self._fetcher.store.url.startswith(("s3:", "gs:", "az:", "http"))

    async def read(self, key: str, *, keep: bool = False) -> bytes | memoryview | None:
        """Return the verified bytes under a key; `keep` if more of them will be asked for."""
        return await self._gathering.ask(Wanted(key, keep))

    def read_all(self, wanted: Sequence[Wanted]) -> list[bytes | memoryview | None]:
        """Return the verified bytes under each key, right here."""
        found: list[bytes | memoryview | None] = []
        missing: dict[bytes, ChunkRef] = {}
        places = [self._source.find(item.key) for item in wanted]
        for place in places:
            data = self._find(place) if isinstance(place, ChunkRef) else place
            found.append(data)
            if data is None and isinstance(place, ChunkRef):
                missing[place.digest] = place
        if missing:
            read = self._fetched(list(missing.values()))
            for i, place in enumerate(places):
                if isinstance(place, ChunkRef) and found[i] is None:
                    found[i] = read[place.digest]
                    if wanted[i].keep:
                        self._keep(place, read[place.digest])
        return found

    def _fetched(self, refs: Sequence[ChunkRef]) -> dict[bytes, memoryview]:
        if len(refs) == 1:
            return {refs[0].digest: self._fetcher.chunk(refs[0])}
        read: dict[bytes, memoryview] = {}

        def handle(i: int, data: memoryview | None) -> None:
            if data is not None:
                read[refs[i].digest] = data

        self._fetcher.each(refs, handle)
        return read

    def _find(self, ref: ChunkRef) -> memoryview | None:
        with self._lock:
            found = self._kept.get(ref.digest)
            if found is not None:
                self._kept.move_to_end(ref.digest)
            return found

    def _keep(self, ref: ChunkRef, data: memoryview) -> None:
        with self._lock:
            if ref.digest in self._kept:
                return
            self._kept[ref.digest] = data
            self._kept_nbytes += len(data)
            while self._kept_nbytes > KEPT_NBYTES and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._kept_nbytes -= len(oldest)
