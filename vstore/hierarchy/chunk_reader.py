"""Reading verified chunks for an event loop: those wanted at one time come together."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence

from vstore.fetch import Fetcher
from vstore.format.page import ChunkRef
from vstore.hierarchy.gathering import Gathering

KEPT_NBYTES = 64 * 2**20
"""How much of the chunks that are read in parts, such as shards, is kept."""


class ChunkReader:
    """Reads chunks by where they lie.

    A digest verifies a whole chunk, so a part of one costs all of it; chunks read in parts
    are kept, up to `KEPT_NBYTES` or one chunk, for the parts that follow.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: OrderedDict[bytes, memoryview] = OrderedDict()
        self._kept_nbytes = 0
        self._lock = threading.Lock()
        self._on_the_way: dict[tuple[int, bytes], asyncio.Future[memoryview]] = {}
        self._gathering = Gathering(self._read_all)

    @property
    def is_local(self) -> bool:
        """Tell whether looking something up never waits for a network."""
        return not self._fetcher.store.url.startswith(("s3:", "gs:", "az:", "http"))

    async def read(self, ref: ChunkRef, *, keep: bool = False) -> memoryview:
        """Return the verified bytes of a chunk; `keep` if more of it will be asked for."""
        found = self._find(ref)
        if found is not None:
            return found
        name = (id(asyncio.get_running_loop()), ref.digest)
        future = self._on_the_way.get(name)
        if future is None:
            future = self._on_the_way[name] = self._gathering.submit(ref)
            future.add_done_callback(lambda _: self._on_the_way.pop(name))
        data = await asyncio.shield(future)
        if keep:
            self._keep(ref, data)
        return data

    def read_sync(self, ref: ChunkRef, *, keep: bool = False) -> memoryview:
        """Return the verified bytes of a chunk, right here."""
        found = self._find(ref)
        if found is None:
            found = self._fetcher.chunk(ref)
            if keep:
                self._keep(ref, found)
        return found

    def _read_all(self, refs: Sequence[ChunkRef]) -> Sequence[memoryview]:
        found: list[memoryview] = [memoryview(b"")] * len(refs)

        def handle(i: int, data: memoryview | None) -> None:
            if data is not None:
                found[i] = data

        self._fetcher.each(refs, handle)
        return found

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
