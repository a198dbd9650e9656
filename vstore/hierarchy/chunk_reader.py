"""Reading verified chunks for an event loop: those wanted at one time come together."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence

from vstore.fetch import Fetcher
from vstore.format.page import ChunkRef

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
        self._next: dict[int, list[ChunkRef]] = {}

    @property
    def is_local(self) -> bool:
        """Tell whether looking something up never waits for a network."""
        return not self._fetcher.store.url.startswith(("s3:", "gs:", "az:", "http"))

    async def read(self, ref: ChunkRef, *, keep: bool = False) -> memoryview:
        """Return the verified bytes of a chunk; `keep` if more of it will be asked for."""
        found = self._find(ref)
        if found is not None:
            return found
        loop = asyncio.get_running_loop()
        name = (id(loop), ref.digest)
        if name not in self._on_the_way:
            self._on_the_way[name] = loop.create_future()
            refs = self._next.setdefault(id(loop), [])
            refs.append(ref)
            if len(refs) == 1:
                loop.call_soon(self._start, loop)
        data = await asyncio.shield(self._on_the_way[name])
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

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send off what was asked for since the loop last came round."""
        refs = self._next.pop(id(loop))
        task = loop.run_in_executor(None, self._read_all, refs)

        def done(task: "asyncio.Future[Sequence[memoryview]]") -> None:
            for i, ref in enumerate(refs):
                future = self._on_the_way.pop((id(loop), ref.digest))
                _pass_on(task, i, future)

        task.add_done_callback(done)

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


def _pass_on(
    task: "asyncio.Future[Sequence[memoryview]]", i: int, future: "asyncio.Future[memoryview]"
) -> None:
    """Give a waiting reader its chunk, or what went wrong."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if future.cancelled():
        return
    if error is None:
        future.set_result(task.result()[i])
    else:
        future.set_exception(error)
