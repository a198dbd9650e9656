"""Bringing data here that a remote promised, and keeping it."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from vstore.errors import CorruptionError, NotFoundError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format.digest import RESTORE, Digest, read_verified
from vstore.format.page import ChunkRef, PackRef
from vstore.maintenance.progress import NOTHING, Amount, Progress, ProgressStep, silent
from vstore.partial.holdings import Holdings, amount, by_pack
from vstore.partial.selecting import Selection, chunks_in
from vstore.partial.thinning import store_parts, without_overlaps
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.storage.store import ObjectStore

_THREADS = 8
_WHOLE = 0.5
"""From which share of it on a pack is brought whole."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedData:
    """What was brought here.

    Attributes:
        fetched: the chunks that were wanted and were not here.
        here: the chunks that were wanted and were here already.
        left: the chunks that were left out because of the limit.
        nbytes: how much was stored, whole packs included.
    """

    fetched: Amount = NOTHING
    here: Amount = NOTHING
    left: Amount = NOTHING
    nbytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def fetch_data(
    snapshots: Iterable[Snapshot],
    selection: Selection,
    fetcher: Fetcher,
    *,
    limit: int | None = None,
    progress: Progress = silent,
) -> FetchedData:
    """Store what of a selection is missing, as whole packs where half or more of one is wanted.

    A command that was killed at any moment has stored what it had stored, and the next one does
    not bring that again.

    Args:
        snapshots: the commits, the most important first.
        selection: what is wanted of each.
        fetcher: reads the repository and its remotes.
        limit: how many bytes are brought at most.
        progress: told how far it is.

    Raises:
        NotFoundError: no remote promises anything, though something is missing.
        NotHereError: the remotes cannot be read.
        CorruptionError: no remote has something that is missing.
    """
    holdings = Holdings.read(fetcher.store)
    wanted = by_pack(ref for snapshot in snapshots for ref in chunks_in(snapshot, selection))
    run = _Run(fetcher, holdings, progress, limit)
    for pack, chunks in wanted.items():
        run.plan(pack, list(chunks.values()))
    if run.jobs and not fetcher.elsewhere.promising:
        raise NotFoundError(
            f"{run.fetched.nbytes:,} bytes of data are missing from {fetcher.store.url}, and no "
            "remote promises any",
            code="no-promise",
        )
    return run.run()


@dataclass(frozen=True, slots=True)
class _Job:
    pack: PackRef
    missing: list[ChunkRef]
    is_whole: bool


@dataclass(slots=True, eq=False)
class _Run:
    fetcher: Fetcher
    holdings: Holdings
    progress: Progress
    limit: int | None
    jobs: list[_Job] = field(default_factory=list)
    fetched: Amount = NOTHING
    here: Amount = NOTHING
    left: Amount = NOTHING
    planned: int = 0
    _stored: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, pack: PackRef, chunks: list[ChunkRef]) -> None:
        """Take the chunks that are wanted of a pack."""
        missing = [ref for ref in chunks if self.holdings.place(ref) is None]
        self.here += amount(chunks) + _negative(amount(missing))
        if not missing:
            return
        wanted = amount(missing)
        is_whole = pack.is_source or wanted.nbytes >= _WHOLE * pack.nbytes
        cost = pack.nbytes if is_whole else wanted.nbytes
        if self.limit is not None and self.planned + cost > self.limit:
            self.left += wanted
            return
        self.planned += cost
        self.fetched += wanted
        self.jobs.append(_Job(pack, missing, is_whole))

    def run(self) -> FetchedData:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="vstore-fetch-data") as pool:
            try:
                for count, _ in enumerate(pool.map(self._bring, self.jobs), 1):
                    self.progress(
                        ProgressStep("fetching data", count, len(self.jobs), self._stored)
                    )
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return FetchedData(
            fetched=self.fetched, here=self.here, left=self.left, nbytes=self._stored
        )

    def _bring(self, job: _Job) -> None:
        stored = self._bring_whole(job.pack) if job.is_whole else None
        if stored is None:
            stored = self._bring_parts(job)
        with self._lock:
            self._stored += stored

    def _bring_whole(self, pack: PackRef) -> int | None:
        """Store a pack, None if the remotes have it only in parts."""
        key = object_keys.pack(pack.digest)
        data = self.fetcher.elsewhere.object(key, pack.digest)
        if data is None:
            return None
        self.fetcher.store.put(key, data)
        return len(data)

    def _bring_parts(self, job: _Job) -> int:
        """Store parts of a pack, with those that are here already."""
        parts: dict[tuple[int, int], bytes | memoryview] = {}
        lock = threading.Lock()

        def take(i: int, chunk: memoryview) -> None:
            ref = job.missing[i]
            with lock:
                parts[ref.offset, ref.nbytes] = bytes(chunk)

        lost = self.fetcher.elsewhere.chunks(dict(enumerate(job.missing)), take)
        if lost:
            key = object_keys.pack(job.pack.digest)
            raise CorruptionError(
                f"{len(lost):,} chunks of {key} are neither in {self.fetcher.store.url} nor at a "
                "remote",
                code="damaged-object",
                hint=RESTORE,
            )
        for place, data in parts_here(self.fetcher.store, self.holdings, job.pack.digest):
            parts.setdefault(place, data)
        return store_parts(self.fetcher.store, job.pack, without_overlaps(parts))


def parts_here(
    store: ObjectStore, holdings: Holdings, pack: Digest
) -> Iterator[tuple[tuple[int, int], memoryview]]:
    """Yield the parts of a pack that are here in its place, verified."""
    moved = holdings.forwards.moved.get(pack)
    if moved is None or not holdings.has(moved.into):
        return
    into = moved.into.digest
    key = object_keys.pack(into)
    try:
        data = memoryview(read_verified(lambda: store.get(key), bytes.fromhex(into), what=key))
    except (NotFoundError, CorruptionError):
        return
    start = 0
    for offset, nbytes in moved.document.runs:
        yield (offset, nbytes), data[start : start + nbytes]
        start += nbytes


def _negative(found: Amount) -> Amount:
    return Amount(-found.objects, -found.nbytes)
