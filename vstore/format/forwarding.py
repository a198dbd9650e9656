"""The forwarding document of a repacked pack: where its chunks are now.

`moved/<2 digits>/<digest>.json` is read only where the pack `<digest>` is missing. The bytes that
were still needed are in another pack, back to back; indexes go on naming the old one. Nothing
of this is trusted: each chunk has its own digest in the index.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format import document
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest, digest_of, parse_digest
from vstore.format.page import ChunkRef, PackRef
from vstore.format.seal import break_seal, seal

Runs = list[tuple[int, int]]
"""Parts of a pack as (offset, bytes), ascending, with something between any two of them."""


class MovedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left of a pack: `runs` of it, in this order, are the whole of the pack `into`."""

    format: int
    pack: str
    into: tuple[str, int]
    runs: Runs

    def __post_init__(self) -> None:
        parse_digest(self.pack, what="pack")
        parse_digest(self.into[0], what="into")
        end = -1
        for offset, nbytes in self.runs:
            if offset <= end or nbytes < 1:
                raise ValueError("runs ascend, with gaps between them, and none is empty")
            end = offset + nbytes
        if sum(nbytes for _, nbytes in self.runs) != self.into[1] or end >= 2**53:
            raise ValueError("the runs are not as long as the pack that they make up")
        if self.pack == self.into[0]:
            raise ValueError("a pack cannot go into itself")


def encode(value: MovedDocument) -> bytes:
    """Return the document as it is stored."""
    return seal(value)


def decode(data: bytes, pack: Digest) -> "Moved":
    """Return what became of a pack.

    Raises:
        FormatError: malformed, of a newer format version, or about another pack.
        CorruptionError: it differs from its own check.
    """
    what = f"what became of pack {pack}"
    value = document.parse(data, what=what)
    if not isinstance(value, dict):
        raise FormatError(f"{what} must be a JSON object")
    members = break_seal(value, what=what)
    if members.get("format") != FORMAT:
        raise FormatError(f"{what} has the format version {members.get('format')!r}, not {FORMAT}")
    found = document.convert(members, MovedDocument, what=what)
    if found.pack != pack:
        raise FormatError(f"{what} is about {found.pack}")
    return Moved(found, digest_of(data))


class Moved:
    """What became of a pack, for looking up; `digest` is that of the document."""

    def __init__(self, document: MovedDocument, digest: Digest) -> None:
        self.document = document
        self.digest = digest
        self.pack = Digest(document.pack)
        self.into = PackRef(Digest(document.into[0]), document.into[1])
        runs = np.array(document.runs, np.int64).reshape(-1, 2)
        self._starts = runs[:, 0]
        self._ends = runs.sum(axis=1)
        self._shifts = np.cumsum(runs[:, 1]) - runs[:, 1] - runs[:, 0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moved) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def offsets(self, offset: NDArray[np.int64], nbytes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where parts of the pack are now, -1 for those that were left out."""
        run = np.searchsorted(self._starts, offset, side="right") - 1
        if not len(self._starts):
            return np.full(len(offset), -1)
        fits = (run >= 0) & (offset + nbytes <= self._ends[run])
        return np.where(fits, offset + self._shifts[run], -1)

    def find(self, offset: int, nbytes: int) -> int | None:
        """Return where a part of the pack is now, None if it was left out."""
        found = int(self.offsets(np.array([offset]), np.array([nbytes]))[0])
        return None if found < 0 else found

    def place(self, ref: ChunkRef) -> ChunkRef | None:
        """Return where a chunk of the pack is now, None if it was left out."""
        found = self.find(ref.offset, ref.nbytes)
        return None if found is None else ref._replace(pack=self.into, offset=found)

    def rebuild(self, data: bytes | memoryview) -> bytes:
        """Return the pack that the chunks went into, from the whole pack they were in."""
        view = memoryview(data)
        return b"".join(view[offset : offset + n] for offset, n in self.document.runs)


def runs_of(parts: Iterable[tuple[int, int]]) -> Runs:
    """Return parts as runs, joining those that touch or overlap.

    >>> runs_of([(4, 2), (0, 3), (6, 1), (6, 1)])
    [(0, 3), (4, 3)]
    """
    runs: Runs = []
    for offset, nbytes in sorted(parts):
        if runs and offset <= sum(runs[-1]):
            first = runs[-1][0]
            runs[-1] = (first, max(sum(runs[-1]), offset + nbytes) - first)
        elif nbytes:
            runs.append((offset, nbytes))
    return runs
