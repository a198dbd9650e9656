"""Holding a part of a pack: its runs as a pack of their own, and the document that leads there.

The pack is stored first, then the document, so that a reader and a killed command find the one or
the other. What came before is left to garbage collection.
"""

from collections.abc import Mapping

from vstore.format import forwarding, object_keys
from vstore.format.commit import FORMAT
from vstore.format.digest import digest_of
from vstore.format.forwarding import MovedDocument, runs_of
from vstore.format.page import PackRef
from vstore.storage.store import ObjectStore

Parts = Mapping[tuple[int, int], bytes | memoryview]
"""Parts of a pack by place: (offset, bytes). None of them overlap."""


def store_parts(store: ObjectStore, pack: PackRef, parts: Parts) -> int:
    """Store parts of a pack in its place; return the bytes that were written."""
    data = b"".join(parts[place] for place in sorted(parts))
    into = digest_of(data)
    if into == pack.digest:
        store.put(object_keys.pack(into), data)
        return len(data)
    runs = runs_of(parts)
    document = MovedDocument(FORMAT, pack.digest, (into, len(data)), runs)
    store.put(object_keys.pack(into), data)
    store.put(object_keys.moved(pack.digest), forwarding.encode(document))
    return len(data)


def without_overlaps(parts: Parts) -> dict[tuple[int, int], bytes | memoryview]:
    """Return parts that add up to the same, without those that lie within others."""
    kept: dict[tuple[int, int], bytes | memoryview] = {}
    end = 0
    for offset, nbytes in sorted(parts, key=lambda place: (place[0], -place[1])):
        if offset + nbytes <= end or not nbytes:
            continue
        skip = max(0, end - offset)
        kept[offset + skip, nbytes - skip] = memoryview(parts[offset, nbytes])[skip:]
        end = offset + nbytes
    return kept
