"""Chunks that stay in other files are brought into the repository."""

from collections.abc import Iterator
from itertools import islice

from vstore.faces import exported_from, internals
from vstore.format.nodes import ArrayNode
from vstore.format.object_keys import split_path
from vstore.format.page import ChunkRef
from vstore.reading.fetch import Fetcher
from vstore.writing.staged_array import StagedArray
from vstore.writing.transaction import Transaction

_BATCH_NBYTES = 64 * 2**20


@exported_from("vstore.virtual")
def materialize(transaction: Transaction, path: str = "") -> int:
    """Bring the chunks of the arrays at and below a path here; return how many were elsewhere.

    Each is verified. Values stay as they are, and so do the digests of chunks: a diff finds
    nothing that changed. Earlier commits go on to name the files.

    Args:
        transaction: what to change.
        path: an array, or a group; everything when empty.

    Raises:
        StorageError: a file is at no place that may be read, or cannot be read.
        CorruptionError: a file is not what it was.
    """
    draft = internals(transaction)
    wanted = "/".join(split_path(path))
    count = 0
    with draft.door.changing():
        staged = draft.staged
        paths = [
            place
            for place, node in staged.nodes.walk(wanted)
            if isinstance(node, ArrayNode) and not staged.is_table(place.rpartition("/")[0])
        ]
        for each in paths:
            array = staged.array(each)
            found = _elsewhere(array)
            while batch := _batch(found):
                for number, data in _read(draft.fetcher, batch).items():
                    array.put_encoded(number, data)
                count += len(batch)
    return count


def _read(fetcher: Fetcher, batch: list[tuple[int, ChunkRef]]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}

    def take(i: int, data: memoryview | None) -> None:
        if data is not None:
            found[batch[i][0]] = bytes(data)

    fetcher.each([ref for _, ref in batch], take)
    return dict(sorted(found.items()))


def _elsewhere(array: StagedArray) -> Iterator[tuple[int, ChunkRef]]:
    for number in array.stored():
        place = array.encoded(number)
        if isinstance(place, ChunkRef) and place.pack.is_source:
            yield number, place


def _batch(found: Iterator[tuple[int, ChunkRef]]) -> list[tuple[int, ChunkRef]]:
    batch, nbytes = list(islice(found, 1)), 0
    while batch and (nbytes := nbytes + batch[-1][1].nbytes) < _BATCH_NBYTES:
        more = next(found, None)
        if more is None:
            break
        batch.append(more)
    return batch
