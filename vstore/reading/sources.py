"""Reading chunks that stay in files elsewhere, where the reader trusts these places.

Which places are trusted is the reader's to say, never the repository's: whoever wrote it chose the
addresses. Until a prefix of an address is on the reader's list, nothing is asked for it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vstore.errors import CorruptionError, StorageError
from vstore.format import source
from vstore.format.digest import raw_digest, read_verified
from vstore.reading import few_threads
from vstore.reading.caches import LruCache
from vstore.reading.coalescing import MAX_GAP_NBYTES, MAX_RANGE_NBYTES
from vstore.storage.forking import ForkSafeLock
from vstore.storage.ranges import check_range
from vstore.storage.source_files import open_place
from vstore.storage.store import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vstore.format.page import ChunkRef, PackRef
    from vstore.format.source import SourceFiles
    from vstore.storage.source_files import RangeReader

DOCUMENTS = 64
"""How many sources are remembered; each lists up to 512 files."""


class Spot(NamedTuple):
    """A part of a file."""

    url: str
    offset: int
    nbytes: int


def trusted_prefix(place: str | os.PathLike[str]) -> str:
    """Return a place as the beginning of URLs, ending in a slash.

    Raises:
        InvalidInputError: it is no address of a folder, bucket or server.

    >>> trusted_prefix("s3://noaa-goes16"), trusted_prefix("/data/archive/")
    ('s3://noaa-goes16/', 'file:///data/archive/')
    """
    text = os.fspath(place)
    if "://" not in text:
        text = f"file://{os.path.abspath(os.path.expanduser(text))}"
    prefix = re.sub("/*$", "/", text, count=1)
    source.checked_url(f"{prefix}a")
    return prefix


class Sources:
    """The files that the chunks of one repository stay in. Safe to use from several threads."""

    def __init__(
        self,
        trusted: Mapping[str, Mapping[str, Any]],
        read_document: Callable[[PackRef], bytes],
        on_threads: few_threads.OnThreads,
        *,
        most: int,
    ) -> None:
        """Open nothing yet.

        Args:
            trusted: the places that may be read, each with the options of its store.
            read_document: returns the verified bytes of a source.
            on_threads: applies a function side by side.
            most: how many ranges are read at a time.
        """
        prefixes = {trusted_prefix(place): dict(options) for place, options in trusted.items()}
        self._trusted = dict(sorted(prefixes.items(), key=lambda each: -len(each[0])))
        self._read_document = read_document
        self._on_threads = on_threads
        self._most = most
        self._documents: LruCache[str, SourceFiles] = LruCache(DOCUMENTS, lambda _: 1)
        self._places: dict[str, RangeReader] = {}
        self._lock = ForkSafeLock()

    def files(self, pack: PackRef) -> SourceFiles:
        """Return the files that a source lists."""
        found = self._documents.find(pack.digest)
        if found is None:
            what = f"source {pack.digest}"
            found = source.decode(self._read_document(pack), what=what)
            self._documents.put(pack.digest, found)
        return found

    def place(self, ref: ChunkRef) -> source.Place:
        """Return in which file a chunk is, and where.

        Raises:
            CorruptionError: it is in none of those that its source lists.
        """
        found = self.files(ref.pack).find(ref.offset, ref.nbytes)
        if found is None:
            raise CorruptionError(
                f"a chunk at {ref.offset} is in no file that the source {ref.pack.digest} lists",
                code="damaged-object",
            )
        return found

    def is_trusted(self, url: str) -> bool:
        """Return whether a file may be read."""
        return any(url.startswith(prefix) for prefix in self._trusted)

    def read(self, refs: Mapping[int, ChunkRef], take: Callable[[int, memoryview], None]) -> None:
        """Take chunks, each verified; those near each other in a file come with one request.

        Raises:
            StorageError: a file is at no place that is trusted, or cannot be read.
            CorruptionError: a file is not what it was when its chunks were listed.
        """
        spots = {i: Spot(*self.place(ref), ref.nbytes) for i, ref in refs.items()}
        self.read_spots(spots, lambda i, data: take(i, self._verified(data, refs[i], spots[i])))

    def read_spots(
        self, spots: Mapping[int, Spot], take: Callable[[int, memoryview], None]
    ) -> None:
        """Take parts of files as they are, on several threads and in any order."""
        for url in {spot.url for spot in spots.values()}:
            self._reader(url)

        def run(part: Sequence[int]) -> None:
            url, start, _ = spots[part[0]]
            stop = max(spots[i].offset + spots[i].nbytes for i in part)
            data = memoryview(self._read_range(url, start, stop - start))
            for i in part:
                first = spots[i].offset - start
                take(i, data[first : first + spots[i].nbytes])

        few_threads.on_few_threads(run, list(_coalesced(spots)), self._on_threads, most=self._most)

    def size(self, url: str) -> int:
        """Return how many bytes a file has."""
        prefix, reader = self._reader(url)
        return reader.size(url[len(prefix) :])

    def _verified(self, chunk: memoryview, ref: ChunkRef, spot: Spot) -> memoryview:
        if raw_digest(chunk) == ref.digest:
            return chunk

        def read() -> memoryview:
            return memoryview(self._read_range(*spot))

        try:
            return read_verified(read, ref.digest, what=spot.url, first=chunk)
        except CorruptionError as exc:
            raise CorruptionError(
                f"{spot.url} was changed: the chunk at {spot.offset} is not what it was",
                code="source-changed",
                hint="restore the file, or write its chunks again",
                url=spot.url,
            ) from exc

    def _read_range(self, url: str, start: int, nbytes: int) -> Any:
        prefix, reader = self._reader(url)
        check_range(Key(url), start, nbytes)
        if not nbytes:
            return b""
        return reader.read(url[len(prefix) :], start, nbytes)

    def _reader(self, url: str) -> tuple[str, RangeReader]:
        """Return what reads a file, or raise if it is at no place that is trusted."""
        prefix = next((each for each in self._trusted if url.startswith(each)), None)
        if prefix is None:
            folder = source.common_prefix([url])
            raise StorageError(
                f"chunks stay in {url}, which is at no place that may be read here",
                code="source-not-allowed",
                hint=f"if you trust it, open with `vstore.open(url, sources={{{folder!r}: {{}}}})`",
                url=url,
            )
        with self._lock:
            if prefix not in self._places:
                self._places[prefix] = open_place(prefix, self._trusted[prefix])
            return prefix, self._places[prefix]


def _coalesced(spots: Mapping[int, Spot]) -> Iterator[list[int]]:
    """Yield the parts that come with one request each, those near each other together."""
    group: list[int] = []
    end = 0
    for i in sorted(spots, key=lambda i: spots[i]):
        url, offset, nbytes = spots[i]
        is_near = (
            group
            and spots[group[0]].url == url
            and offset - end <= MAX_GAP_NBYTES
            and offset + nbytes - spots[group[0]].offset <= MAX_RANGE_NBYTES
        )
        if group and not is_near:
            yield group
            group, end = [], 0
        group.append(i)
        end = max(end, offset + nbytes)
    if group:
        yield group
