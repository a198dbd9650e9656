"""Packs of which only a part is left: the part is copied, and the document that leads there."""

from vstore.errors import ConflictError, CorruptionError, NotFoundError
from vstore.format import forwarding, object_keys
from vstore.format.commit import FORMAT
from vstore.format.digest import RESTORE, Digest, digest_of, read_verified
from vstore.format.forwarding import Moved, MovedDocument, runs_of
from vstore.history.documents import read_again
from vstore.history.fence import is_there
from vstore.history.forwarding import MOST_HOPS, find_moved
from vstore.storage.store import Key, ObjectStore, Version

_ATTEMPTS = 5


def copy_thinned(source: ObjectStore, target: ObjectStore, pack: Digest) -> int:
    """Copy what the source has of a pack that is not there whole any more; return the bytes sent.

    What the target has of it stays: both parts are joined where they differ.

    Raises:
        CorruptionError: the source has nothing of the pack.
        ConflictError: the target's part changed again and again.
    """
    if is_there(target, object_keys.pack(pack)):
        return 0
    found = find_moved(source, pack)
    if found is None:
        raise CorruptionError(
            f"{object_keys.pack(pack)} is missing from {source.url}",
            code="damaged-object",
            hint=RESTORE,
        )
    parts = _parts(source, found)
    for _ in range(_ATTEMPTS):
        there = _read_moved(target, pack)
        sent = _join(target, found, parts, there)
        if sent is not None:
            return sent
    raise ConflictError(
        f"garbage collection of {target.url} went on repacking {object_keys.pack(pack)}",
        code="gc-is-repacking",
        hint="try again when it is over",
    )


_Parts = dict[tuple[int, int], bytes]
"""What there is of a pack, by place: (offset, bytes)."""


def _parts(store: ObjectStore, found: Moved) -> _Parts:
    """Return what is left of a pack, wherever it went."""
    data = _whole(store, found.into.digest)
    parts: _Parts = {}
    start = 0
    for offset, nbytes in found.document.runs:
        parts[offset, nbytes] = data[start : start + nbytes]
        start += nbytes
    return parts


def _whole(store: ObjectStore, pack: Digest, hops: int = 0) -> bytes:
    """Return a pack as it was, from where it is or went; what was left out of it is zeros."""
    key = object_keys.pack(pack)
    try:
        where = f"{key} in {store.url}"
        return read_verified(lambda: store.get(key), bytes.fromhex(pack), what=where)
    except NotFoundError:
        found = find_moved(store, pack) if hops < MOST_HOPS else None
        if found is None:
            raise CorruptionError(
                f"{key} is missing from {store.url}", code="damaged-object", hint=RESTORE
            ) from None
    data = _whole(store, found.into.digest, hops + 1)
    whole = bytearray(max((sum(run) for run in found.document.runs), default=0))
    start = 0
    for offset, nbytes in found.document.runs:
        whole[offset : offset + nbytes] = data[start : start + nbytes]
        start += nbytes
    return bytes(whole)


def _read_moved(store: ObjectStore, pack: Digest) -> tuple[Moved, Version] | None:
    key = object_keys.moved(pack)
    try:
        return read_again(
            lambda: store.get_versioned(key), lambda data: forwarding.decode(data, pack)
        )
    except NotFoundError:
        return None


def _join(
    target: ObjectStore, found: Moved, parts: _Parts, there: tuple[Moved, Version] | None
) -> int | None:
    """Store the parts of both sides; return the bytes sent, or None if the target changed."""
    pack, key = found.pack, object_keys.moved(found.pack)
    if there is not None:
        moved, _ = there
        if all(moved.find(offset, nbytes) is not None for offset, nbytes in parts):
            return 0
        parts = {**_parts(target, moved), **parts}
    data, document = _joined(pack, parts)
    target.put(object_keys.pack(Digest(document.into[0])), data)
    encoded = forwarding.encode(document)
    if there is None:
        version = target.put_if_absent(key, encoded)
    else:
        version = target.compare_and_swap(Key(key), encoded, there[1])
    return None if version is None else len(data) + len(encoded)


def _joined(pack: Digest, parts: _Parts) -> tuple[bytes, MovedDocument]:
    """Return a pack of all parts, and the document that leads there."""
    runs = runs_of(parts)
    pieces: list[bytes] = []
    for first, nbytes in runs:
        piece = bytearray(nbytes)
        for (offset, length), data in parts.items():
            if first <= offset < first + nbytes:
                piece[offset - first : offset - first + length] = data
        pieces.append(bytes(piece))
    data = b"".join(pieces)
    return data, MovedDocument(FORMAT, pack, (digest_of(data), len(data)), runs)
