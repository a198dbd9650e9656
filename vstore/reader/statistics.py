"""What reading has cost."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from vstore.faces import exported_from
from vstore.reader.load.disk_cache import DiskCache
from vstore.reader.load.engine import Channel
from vstore.reader.load.hedging import Meter


@exported_from("vstore.reader")
@dataclass(frozen=True, slots=True)
class ReaderStatistics:
    """What reading has cost one process.

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
    def of(
        cls,
        channels: Iterable[Channel],
        meter: Meter,
        disk: DiskCache | None,
        *,
        waited_seconds: float,
        samples_skipped: int = 0,
    ) -> "ReaderStatistics":
        """Return what reading some columns has cost."""
        feeds = [{id(each): each for each in (c.feed, c.spare)} for c in channels]
        counts = [feed.statistics() for both in feeds for feed in both.values()]
        found, loaded = (sum(each) for each in zip((0, 0), *counts, strict=True))
        hits = 0 if disk is None else disk.hits
        asked = meter.requests, meter.nbytes, meter.hedged
        return cls(found, loaded, hits, *asked, waited_seconds, samples_skipped)

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
