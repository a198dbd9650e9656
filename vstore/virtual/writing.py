"""Arrays are written whose chunks stay where they are: each is read once, for its digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from vstore.errors import AlreadyExistsError, InvalidInputError
from vstore.faces import exported_from, internals
from vstore.format import source
from vstore.format.digest import raw_digest
from vstore.format.nodes import GroupNode
from vstore.format.page import ChunkRef, PackRef
from vstore.format.zarr.attributes import plain_attributes, with_attributes
from vstore.reading.fetch import RANGES, Fetcher
from vstore.reading.sources import Sources, Spot
from vstore.virtual.references import WHOLE, ArrayReferences, References
from vstore.writing.staged_tree import StagedTree
from vstore.writing.transaction import Transaction

_BATCH = 4096
"""How many chunks are asked for at a time."""


@exported_from("vstore.virtual")
@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written.

    Attributes:
        arrays: how many arrays.
        chunks: how many chunks stay where they are.
        nbytes: how many bytes they are.
        files: in how many files they are.
        skipped: what was left out, each with the reason.
    """

    arrays: int
    chunks: int
    nbytes: int
    files: int
    skipped: dict[str, str]


@exported_from("vstore.virtual")
def write(
    transaction: Transaction,
    references: Any,
    path: str = "",
    *,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> Written:
    """Write groups and arrays whose chunks stay in other files; every chunk is read once.

    The digest of each chunk is kept. So whoever reads one later gets the bytes of today, or an
    error that the file was changed.

    Args:
        transaction: what to write into.
        references: what `scan_hdf5` or `scan_zarr` found, a kerchunk reference document (a dict,
            or the path of its JSON), or a dataset of VirtualiZarr.
        path: the group that all goes into; the root when empty.
        sources: the places that may be read, as in `vstore.open`. Default: those that the
            repository was opened with.

    Raises:
        StorageError: a file is at no place that may be read, or cannot be read.
        InvalidInputError: the references are malformed.
        AlreadyExistsError: there is something at the path of an array.

    >>> import pathlib, tempfile, vstore
    >>> folder = tempfile.TemporaryDirectory()
    >>> _ = pathlib.Path(folder.name, "data").write_bytes(bytes(range(12)))
    >>> metadata = '{"zarr_format": 2, "shape": [8], "chunks": [4], "dtype": "|u1"}'
    >>> refs = {"x/.zarray": metadata, "x/0": [f"{folder.name}/data", 2, 4]}
    >>> repo = vstore.create(folder.name + "/repo", author="Ann")
    >>> with repo.transaction("main", message="Add an archive") as tx:
    ...     written = write(tx, refs, sources={folder.name: {}})
    >>> written.chunks
    1
    >>> vstore.open(repo.url, sources={folder.name: {}}).checkout()["x"][:].tolist()
    [2, 3, 4, 5, 0, 0, 0, 0]
    >>> folder.cleanup()
    """
    found, prefix = References.of(references), path.strip("/")
    draft = internals(transaction)
    fetcher = draft.fetcher
    reader = fetcher.sources
    if sources is not None:
        reader = Sources(sources, _no_document, fetcher.map, most=RANGES)
    with draft.door.changing():
        return _Writing(draft.staged, fetcher, reader).write(found, prefix, transaction)


def _no_document(pack: PackRef) -> bytes:
    raise AssertionError(pack)


class _Writing:
    def __init__(self, staged: StagedTree, fetcher: Fetcher, reader: Sources) -> None:
        self._staged = staged
        self._fetcher = fetcher
        self._reader = reader
        self._nbytes = 0

    def write(self, found: References, prefix: str, transaction: Transaction) -> Written:
        arrays = {_joined(prefix, path): each for path, each in sorted(found.arrays.items())}
        for each in arrays:
            if not each:
                raise InvalidInputError("an array has no name", hint="give a path to write to")
            if each in transaction:
                raise AlreadyExistsError(
                    f"there is something at {each!r} already",
                    code="path-exists",
                    hint=f"choose another path, or delete it first with `tx.delete({each!r})`",
                    path=each,
                )
        places = self._place_files(_files(arrays.values(), self._reader))
        for path, attributes in sorted(found.groups.items()):
            if _joined(prefix, path):
                self._staged.put_group_document(_joined(prefix, path), _group(attributes))
        chunks = 0
        for path, array in arrays.items():
            chunks += self._write_array(path, array, places)
        return Written(
            arrays=len(arrays),
            chunks=chunks,
            nbytes=self._nbytes,
            files=len(places),
            skipped=dict(found.skipped),
        )

    def _place_files(self, sizes: dict[str, int]) -> dict[str, tuple[PackRef, int]]:
        """Store lists of files; return the list of each, and where it begins in that."""
        by_place: dict[str, list[str]] = {}
        for url in sizes:
            by_place.setdefault(source.place_of(source.checked_url(url)), []).append(url)
        places: dict[str, tuple[PackRef, int]] = {}
        for urls in by_place.values():
            for first in range(0, len(urls), source.MOST_FILES):
                some = [(url, sizes[url]) for url in urls[first : first + source.MOST_FILES]]
                pack, start = self._staged.put_source(some), 0
                for url, nbytes in some:
                    places[url] = pack, start
                    start += nbytes
        return places

    def _write_array(
        self, path: str, array: ArrayReferences, places: dict[str, tuple[PackRef, int]]
    ) -> int:
        made = self._staged.put_array_document(path, array.metadata)
        for number, data in array.inline.items():
            made.put_encoded(number, data)
        numbers = iter(sorted(array.parts))
        while batch := list(islice(numbers, _BATCH)):
            spots = {number: self._spot(*array.parts[number]) for number in batch}
            digests = self._digests(spots)
            for number in batch:
                url, offset, nbytes = spots[number]
                pack, start = places[url]
                made.adopt(number, ChunkRef(pack, start + offset, nbytes, digests[number]))
        return len(array.parts)

    def _spot(self, url: str, offset: int, nbytes: int) -> Spot:
        return Spot(url, offset, self._reader.size(url) - offset if nbytes == WHOLE else nbytes)

    def _digests(self, spots: dict[int, Spot]) -> dict[int, bytes]:
        digests: dict[int, bytes] = {}

        def take(number: int, data: memoryview) -> None:
            digests[number] = raw_digest(data)

        self._reader.read_spots(spots, take)
        self._nbytes += sum(spot.nbytes for spot in spots.values())
        return digests


def _files(arrays: Iterable[ArrayReferences], reader: Sources) -> dict[str, int]:
    """Return the files in the order of their first use, each as long as chunks need it to be."""
    sizes: dict[str, int] = {}
    for array in arrays:
        for _, (url, offset, nbytes) in sorted(array.parts.items()):
            is_whole = nbytes == WHOLE
            end = sizes.get(url) or reader.size(url) if is_whole else offset + nbytes
            if min(offset, end) < 0:
                raise InvalidInputError(f"a chunk of {nbytes} bytes at {offset} of {url}")
            sizes[url] = max(end, sizes.get(url, 0))
    return sizes


def _joined(prefix: str, path: str) -> str:
    return f"{prefix}/{path}".strip("/")


def _group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return with_attributes(GroupNode().metadata, plain_attributes(attributes))
