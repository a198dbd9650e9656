"""Sets and maps of digests that take little more room than the digests."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vstore.format.digest import DIGEST_NBYTES, Digest

_RECENT = 512


@dataclass(slots=True, eq=False)
class _Bucket:
    """Digests that begin alike: most of them sorted and back to back, the last ones in a set."""

    merged: bytes = b""
    recent: set[bytes] = field(default_factory=set)

    def __contains__(self, raw: bytes) -> bool:
        return raw in self.recent or _position(self.merged, raw) is not None

    def add(self, raw: bytes) -> None:
        self.recent.add(raw)
        if len(self.recent) > max(_RECENT, len(self.merged) // (4 * DIGEST_NBYTES)):
            self.merged = b"".join(sorted([*_split(self.merged), *self.recent]))
            self.recent.clear()


class DigestSet:
    """A set of digests: 33 bytes for each of many, and a bounded rest.

    >>> found = DigestSet()
    >>> found.add(Digest("ab" * 32)), found.add(Digest("ab" * 32)), len(found)
    (True, False, 1)
    """

    def __init__(self) -> None:
        self._buckets = [_Bucket() for _ in range(256)]
        self._length = 0

    def add(self, digest: Digest) -> bool:
        """Add a digest; return whether it is new."""
        raw = bytes.fromhex(digest)
        bucket = self._buckets[raw[0]]
        if raw in bucket:
            return False
        bucket.add(raw)
        self._length += 1
        return True

    def __contains__(self, digest: Digest) -> bool:
        raw = bytes.fromhex(digest)
        return raw in self._buckets[raw[0]]

    def __len__(self) -> int:
        return self._length


class SizesByDigest:
    """Sizes by digest: 40 bytes an entry, twice that while they are sorted.

    They are sorted when they are first asked for, if they were not added in order.
    """

    def __init__(self) -> None:
        self._digests = bytearray()
        self._sizes = array("Q")
        self._is_sorted = True
        self.nbytes = 0

    def append(self, digest: Digest, nbytes: int) -> None:
        """Add an entry, in any order."""
        raw = bytes.fromhex(digest)
        self._is_sorted = self._is_sorted and raw > self._digests[-DIGEST_NBYTES:]
        self._digests += raw
        self._sizes.append(nbytes)
        self.nbytes += nbytes

    def _sort(self) -> None:
        if self._is_sorted:
            return
        words = np.frombuffer(bytes(self._digests), ">u8").reshape(-1, 4)
        order = np.lexsort(words.T[::-1])
        is_new = np.r_[True, (words[order[1:]] != words[order[:-1]]).any(axis=1)]
        order = order[is_new]
        self._digests = bytearray(words[order].tobytes())
        self._sizes = array("Q", np.frombuffer(self._sizes, np.uint64)[order].tobytes())
        self._is_sorted = True

    def find(self, digest: Digest) -> int | None:
        """Return the size, None for a digest that was not added."""
        self._sort()
        position = _position(self._digests, bytes.fromhex(digest))
        return None if position is None else self._sizes[position]

    def items(self, *, after: str = "") -> Iterator[tuple[Digest, int]]:
        """Yield the entries in order, those behind the digest `after` only."""
        self._sort()
        for position, nbytes in enumerate(self._sizes):
            start = position * DIGEST_NBYTES
            digest = Digest(self._digests[start : start + DIGEST_NBYTES].hex())
            if digest > after:
                yield digest, nbytes

    def __iter__(self) -> Iterator[Digest]:
        return (digest for digest, _ in self.items())

    def __len__(self) -> int:
        return len(self._sizes)


def _position(digests: bytes | bytearray, raw: bytes) -> int | None:
    count = len(digests) // DIGEST_NBYTES

    def at(position: int) -> bytes:
        return bytes(digests[position * DIGEST_NBYTES : (position + 1) * DIGEST_NBYTES])

    position = bisect_left(range(count), raw, key=at)
    return position if position < count and at(position) == raw else None


def _split(digests: bytes) -> Iterator[bytes]:
    for start in range(0, len(digests), DIGEST_NBYTES):
        yield digests[start : start + DIGEST_NBYTES]
