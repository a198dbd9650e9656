"""What reading has cost."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field

from vstore.faces import exported_from
from vstore.reader.load.channel import Channel
from vstore.reader.load.hedging import Meter
from vstore.reading.disk_cache import DiskCache


@exported_from("vstore.reader")
@dataclass(frozen=True, slots=True)
class ReaderStatistics:
    """What reading has cost; with worker processes, what it has cost all of them together.

    `chunks_found` were in memory, `chunks_loaded` were not; `disk_hits` of these came from the
    cache on disk. The store got `requests` requests, which brought `nbytes` bytes; `hedged` of
    them were sent a second time, because they took much longer than others. `waited_seconds` is
    how long the program waited for batches, and `samples_skipped` how many samples were left out
    with `on_error="skip"`.
    """

    chunks_found: int
    chunks_loaded: int
    disk_hits: int
    requests: int
    nbytes: int
    hedged: int
    waited_seconds: float
    samples_skipped: int = 0

    @classmethod
    def total(cls, parts: Iterable["ReaderStatistics"]) -> "ReaderStatistics":
        """Return what several readers have cost together."""
        values = [astuple(part) for part in parts]
        return cls(*(sum(column) for column in zip(*values, strict=True)))

    def __str__(self) -> str:
        total = max(1, self.chunks_found + self.chunks_loaded)
        skipped = f", {self.samples_skipped:,} samples skipped" if self.samples_skipped else ""
        return (
            f"{self.chunks_loaded:,} chunks loaded ({self.disk_hits:,} from the cache on disk), "
            f"{self.chunks_found:,} found in memory ({self.chunks_found / total:.0%}), "
            f"{self.nbytes / 1e6:,.1f} MB in {self.requests:,} requests "
            f"({self.hedged:,} sent twice), "
            f"waited {self.waited_seconds:.2f} s{skipped}"
        )


@dataclass(slots=True, eq=False)
class Costs:
    """Counts what reading costs this process. A forked process begins at nothing."""

    disk: DiskCache | None = None
    meter: Meter = field(default_factory=Meter)
    waited_seconds: float = 0.0
    samples_skipped: int = 0
    _open: list[Mapping[str, Channel]] = field(default_factory=list)
    _closed: tuple[int, int] = (0, 0)
    _hits_before: int = 0
    _pid: int = field(default_factory=os.getpid)

    def settle(self) -> None:
        """Forget what was counted if that was in another process, of which this is a fork."""
        if self._pid == os.getpid():
            return
        self._pid, self.meter = os.getpid(), Meter()
        self.waited_seconds, self.samples_skipped = 0.0, 0
        self._open, self._closed = [], (0, 0)
        self._hits_before = 0 if self.disk is None else self.disk.hits

    def count_opened(self, channels: Mapping[str, Channel]) -> None:
        """Count what these cost from now on."""
        self._open.append(channels)

    def count_closed(self, channels: Mapping[str, Channel]) -> None:
        """Keep what these have cost, and let go of them."""
        if any(each is channels for each in self._open):
            self._open = [each for each in self._open if each is not channels]
            self._closed = _chunks(channels, self._closed)

    def count_skipped(self, samples: int) -> None:
        """Count samples that were left out."""
        self.samples_skipped += samples

    def statistics(self) -> ReaderStatistics:
        """Return what was counted so far."""
        self.settle()
        chunks = self._closed
        for channels in self._open:
            chunks = _chunks(channels, chunks)
        hits = 0 if self.disk is None else self.disk.hits - self._hits_before
        asked = self.meter.requests, self.meter.nbytes, self.meter.hedged
        return ReaderStatistics(*chunks, hits, *asked, self.waited_seconds, self.samples_skipped)


def _chunks(channels: Mapping[str, Channel], before: tuple[int, int]) -> tuple[int, int]:
    """Return how many chunks were found in memory and how many loaded, and those before."""
    feeds = [{id(each): each for each in (c.feed, c.spare)} for c in channels.values()]
    counts = [feed.statistics() for both in feeds for feed in both.values()]
    found, loaded = (sum(each) for each in zip(before, *counts, strict=True))
    return found, loaded
