"""Which chunks are near each other in a pack, so that one request brings them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vstore.format import object_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vstore.errors import NotFoundError
    from vstore.format.digest import Digest
    from vstore.format.page import ChunkRef
    from vstore.storage.store import Key

MAX_GAP_NBYTES = 64 * 1024
MAX_RANGE_NBYTES = 8 * 2**20
LOCAL_RANGE_NBYTES = 2**20
"""How much is asked for at a time: over a network much, so that few requests are made; of a file
what stays in the processor's caches until it is decoded."""


@dataclass(frozen=True, slots=True)
class Range:
    """One request for several chunks that are near each other in one pack."""

    key: Key
    start: int
    nbytes: int
    members: tuple[int, ...]


class Missed(NamedTuple):
    """Chunks by number whose packs are missing, where they were looked for, and one error."""

    refs: dict[int, ChunkRef]
    places: dict[int, ChunkRef]
    error: NotFoundError

    @classmethod
    def joined(cls, several: Sequence[Missed]) -> Missed:
        """Return all of them as one."""
        refs = {i: ref for each in several for i, ref in each.refs.items()}
        places = {i: place for each in several for i, place in each.places.items()}
        return cls(refs, places, several[0].error)


def coalesced(refs: Mapping[int, ChunkRef], *, is_local: bool = False) -> Iterator[Range]:
    """Yield the requests that bring chunks, those near each other with one."""
    most = min(LOCAL_RANGE_NBYTES, MAX_RANGE_NBYTES) if is_local else MAX_RANGE_NBYTES
    placed = sorted((ref.pack.digest, ref.offset, ref.nbytes, i) for i, ref in refs.items())
    group: list[tuple[Digest, int, int, int]] = []
    end = 0
    for item in placed:
        digest, offset, nbytes, _ = item
        fits = (
            group
            and group[0][0] == digest
            and offset - end <= MAX_GAP_NBYTES
            and offset + nbytes - group[0][1] <= most
        )
        if not fits:
            if group:
                yield _as_range(group, end)
            group, end = [], 0
        group.append(item)
        end = max(end, offset + nbytes)
    if group:
        yield _as_range(group, end)


def _as_range(group: list[tuple[Digest, int, int, int]], end: int) -> Range:
    digest, start, _, _ = group[0]
    return Range(object_keys.pack(digest), start, end - start, tuple(i for *_, i in group))
