"""Index pages: columnar JSON on the wire, NumPy arrays in memory.

A page covers `FANOUT` slots. A leaf's slots are chunks, an inner page's slots are pages
one level down. Slot numbers are relative to the page, so a page says nothing of where it
is and cannot claim a place outside its own range.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from vstore.errors import FormatError
from vstore.format import document
from vstore.format.digest import DIGEST_NBYTES, Digest, parse_digest, raw_digest
from vstore.format.numbers import Ints

FANOUT = 512

MOST_PATCHES = 64
"""How many patches a chunk has at most."""


class PackRef(NamedTuple):
    """A pack: its digest and size in bytes.

    One that is a source has no chunks in it, but says in which files they are (`format.source`).
    """

    digest: Digest
    nbytes: int
    is_source: bool = False


class ChunkRef(NamedTuple):
    """Where the bytes of one encoded chunk are, and their 32-byte digest."""

    pack: PackRef
    offset: int
    nbytes: int
    digest: bytes

    @property
    def parts(self) -> "tuple[ChunkRef, ...]":
        """What is stored: this one chunk."""
        return (self,)


Runs = tuple[tuple[int, int], ...]
"""Rows of a chunk, as ascending runs `(first, count)` with gaps between them."""


class Patch(NamedTuple):
    """Some rows of a chunk, stored in their own right: encoded as a chunk of that many rows."""

    rows: Runs
    ref: ChunkRef


@dataclass(frozen=True, slots=True)
class Patched:
    """A chunk of which some rows were stored again since: each patch covers what is before it."""

    whole: ChunkRef
    patches: tuple[Patch, ...]

    @property
    def parts(self) -> tuple[ChunkRef, ...]:
        """What is stored: the whole chunk, then the patches in their order."""
        return (self.whole, *(patch.ref for patch in self.patches))

    @property
    def nbytes(self) -> int:
        """How many bytes are stored."""
        return sum(part.nbytes for part in self.parts)

    def holder(self, row: int) -> tuple[int, int]:
        """Return which part holds a row of the chunk, and as which of its own rows.

        >>> patch = Patch(((2, 3), (9, 1)), ChunkRef(PackRef(Digest(""), 9), 0, 9, b""))
        >>> chunk = Patched(patch.ref, (patch,))
        >>> chunk.holder(4), chunk.holder(9), chunk.holder(5)
        ((1, 2), (1, 3), (0, 5))
        """
        for i in range(len(self.patches), 0, -1):
            before = 0
            for first, count in self.patches[i - 1].rows:
                if first <= row < first + count:
                    return i, before + row - first
                before += count
        return 0, row

    @property
    def digest(self) -> bytes:
        """What tells it from every other chunk, patched or not."""
        parts = [f"{patch.rows} {patch.ref.digest.hex()}" for patch in self.patches]
        return raw_digest("\n".join([self.whole.digest.hex(), *parts]).encode())


StoredChunk = ChunkRef | Patched
"""Where a chunk is."""


class PageRef(NamedTuple):
    """An index page: its digest and size, and how many chunks and bytes are below it."""

    digest: Digest
    nbytes: int
    chunks: int
    stored: int


class _PatchDocument(msgspec.Struct, forbid_unknown_fields=True, array_like=True):
    of: int
    rows: list[tuple[int, int]]
    pack: int
    offset: int
    nbytes: int
    digest: str


class _LeafDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    at: list[tuple[int, int]]
    packs: list[tuple[str, int]]
    extents: list[tuple[int, int, int]]
    nbytes: list[int]
    digests: str
    patches: list[_PatchDocument] = []
    sources: list[int] = []


class _InnerDocument(msgspec.Struct, forbid_unknown_fields=True):
    at: list[tuple[int, int]]
    chunks: list[int]
    stored: list[int]
    nbytes: list[int]
    digests: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of chunks.

    `pack`, `offset`, `nbytes` and `digests` are parallel: first an entry for each occupied
    slot, in order, then one for each patch. The i-th patch is of the chunk in the occupied
    slot `patched[i]` and holds the rows `patch_rows[i]`.
    """

    slots: Ints
    packs: tuple[PackRef, ...]
    pack: Ints
    offset: Ints
    nbytes: Ints
    digests: bytes
    patched: tuple[int, ...] = ()
    patch_rows: tuple[Runs, ...] = ()

    def ref(self, i: int) -> StoredChunk:
        """Return the chunk in the page's i-th occupied slot."""
        if i not in self.patched:
            return self.part(i)
        patches = tuple(
            Patch(self.patch_rows[j], self.part(len(self.slots) + j))
            for j, of in enumerate(self.patched)
            if of == i
        )
        return Patched(self.part(i), patches)

    def part(self, i: int) -> ChunkRef:
        """Return the i-th entry: what is stored of a chunk whole, or as a patch."""
        return ChunkRef(
            self.packs[self.pack[i]],
            int(self.offset[i]),
            int(self.nbytes[i]),
            self.digests[DIGEST_NBYTES * i : DIGEST_NBYTES * (i + 1)],
        )

    def parts(self) -> Iterator[ChunkRef]:
        """Yield every entry: all that is stored of all chunks."""
        return map(self.part, range(len(self.pack)))

    def refs(self) -> dict[int, StoredChunk]:
        """Return every chunk by its slot."""
        return {int(slot): self.ref(i) for i, slot in enumerate(self.slots)}


@dataclass(frozen=True, slots=True)
class Inner:
    """A page of pages: parallel arrays, in slot order."""

    slots: Ints
    children: tuple[PageRef, ...]

    def refs(self) -> dict[int, PageRef]:
        """Return every page below by its slot."""
        return dict(zip(self.slots.tolist(), self.children, strict=True))


Page = Leaf | Inner


def encode_leaf(chunks: dict[int, StoredChunk]) -> bytes:
    """Return the page that holds `chunks`, by slot."""
    slots = sorted(chunks)
    wholes = [chunks[slot].parts[0] for slot in slots]
    packs: dict[PackRef, int] = {}
    extents: list[list[int]] = []
    end = (-1, -1)
    for ref in wholes:
        pack = packs.setdefault(ref.pack, len(packs))
        if end == (pack, ref.offset):
            extents[-1][2] += 1
        else:
            extents.append([pack, ref.offset, 1])
        end = (pack, ref.offset + ref.nbytes)
    patches = [
        _PatchDocument(
            i,
            list(patch.rows),
            packs.setdefault(patch.ref.pack, len(packs)),
            *patch.ref[1:3],
            patch.ref.digest.hex(),
        )
        for i, slot in enumerate(slots)
        for patch in _patches(chunks[slot])
    ]
    page = _LeafDocument(
        at=_runs(slots),
        packs=[(pack.digest, pack.nbytes) for pack in packs],
        extents=[(pack, offset, count) for pack, offset, count in extents],
        nbytes=[ref.nbytes for ref in wholes],
        digests=_join(ref.digest for ref in wholes),
        patches=patches,
        sources=[i for i, pack in enumerate(packs) if pack.is_source],
    )
    return document.dumps(page)


def _patches(place: StoredChunk) -> tuple[Patch, ...]:
    return place.patches if isinstance(place, Patched) else ()


def encode_inner(children: dict[int, PageRef]) -> bytes:
    """Return the page that holds `children`, by slot."""
    refs = [children[slot] for slot in sorted(children)]
    page = _InnerDocument(
        at=_runs(sorted(children)),
        chunks=[ref.chunks for ref in refs],
        stored=[ref.stored for ref in refs],
        nbytes=[ref.nbytes for ref in refs],
        digests=_join(bytes.fromhex(ref.digest) for ref in refs),
    )
    return document.dumps(page)


def decode_page(data: bytes, *, height: int, what: str) -> Page:
    """Return the page encoded in `data`; height 0 is a leaf.

    Raises:
        FormatError: the page is malformed, or its members contradict each other.
    """
    if height == 0:
        return _decode_leaf(document.loads(data, _LeafDocument, what=what), what)
    return _decode_inner(document.loads(data, _InnerDocument, what=what), what)


def _decode_leaf(page: _LeafDocument, what: str) -> Leaf:
    slots = _slots(page.at, what)
    nbytes = _sizes(page.nbytes, len(slots), what)
    number, start, counts = (
        _sizes([extent[i] for extent in page.extents], len(page.extents), what) for i in range(3)
    )
    if (counts < 1).any() or (counts > FANOUT).any() or counts.sum() != len(slots):
        raise FormatError(f"{what}: the extents do not cover the {len(slots)} chunks")
    if page.sources != sorted({*page.sources} & {*range(len(page.packs))}):
        raise FormatError(f"{what}: the sources are out of order, or no packs")
    packs = tuple(
        PackRef(parse_digest(digest, what=f"{what}: pack"), size, i in page.sources)
        for i, (digest, size) in enumerate(page.packs)
    )
    if (number >= len(packs)).any():
        raise FormatError(f"{what}: an extent lies in a pack that is not listed")
    pack = np.repeat(number, counts)
    pack_size = _room(packs, what)
    before = np.cumsum(nbytes) - nbytes
    first = np.cumsum(counts) - counts
    offset = np.repeat(start - before[first], counts) + before
    if (offset + nbytes > pack_size[pack]).any():
        raise FormatError(f"{what}: a chunk lies outside its pack")
    whole = Leaf(slots, packs, pack, offset, nbytes, _split(page.digests, len(slots), what))
    return _with_patches(whole, page.patches, what) if page.patches else whole


def _with_patches(leaf: Leaf, patches: Sequence[_PatchDocument], what: str) -> Leaf:
    of = [patch.of for patch in patches]
    pack, offset, nbytes = (
        _sizes([getattr(patch, name) for patch in patches], len(patches), what)
        for name in ("pack", "offset", "nbytes")
    )
    if of != sorted(of) or not 0 <= of[0] <= of[-1] < len(leaf.slots):
        raise FormatError(f"{what}: the patches are of no chunk, or out of order")
    if max(map(of.count, set(of))) > MOST_PATCHES:
        raise FormatError(f"{what}: a chunk has more than {MOST_PATCHES} patches")
    if (pack >= len(leaf.packs)).any():
        raise FormatError(f"{what}: a patch lies in a pack that is not listed")
    if (offset + nbytes > _room(leaf.packs, what)[pack]).any():
        raise FormatError(f"{what}: a patch lies outside its pack")
    digests = (parse_digest(patch.digest, what=f"{what}: patch") for patch in patches)
    return Leaf(
        leaf.slots,
        leaf.packs,
        np.concatenate([leaf.pack, pack]),
        np.concatenate([leaf.offset, offset]),
        np.concatenate([leaf.nbytes, nbytes]),
        leaf.digests + b"".join(map(bytes.fromhex, digests)),
        tuple(of),
        tuple(_checked_runs(patch.rows, what) for patch in patches),
    )


def _room(packs: Sequence[PackRef], what: str) -> Ints:
    """Return where chunks end at most: in a source, what it says is known once it is read."""
    sizes = _sizes([pack.nbytes for pack in packs], len(packs), what)
    return np.where([pack.is_source for pack in packs], 2**53 - 1, sizes)


def _checked_runs(runs: list[tuple[int, int]], what: str) -> Runs:
    end = -1
    for first, count in runs:
        if first <= end or count < 1:
            raise FormatError(f"{what}: the rows [{first}, {count}] of a patch are out of order")
        end = first + count
    if not 0 < end < 2**53:
        raise FormatError(f"{what}: a patch has no rows, or too many")
    return tuple(runs)


def _decode_inner(page: _InnerDocument, what: str) -> Inner:
    slots = _slots(page.at, what)
    digests = _split(page.digests, len(slots), what)
    chunks, stored, nbytes = (
        _sizes(values, len(slots), what).tolist()
        for values in (page.chunks, page.stored, page.nbytes)
    )
    children = tuple(
        PageRef(
            Digest(digests[DIGEST_NBYTES * i : DIGEST_NBYTES * (i + 1)].hex()),
            nbytes[i],
            chunks[i],
            stored[i],
        )
        for i in range(len(slots))
    )
    return Inner(slots, children)


def _runs(slots: list[int]) -> list[tuple[int, int]]:
    runs: list[list[int]] = []
    for slot in slots:
        if runs and sum(runs[-1]) == slot:
            runs[-1][1] += 1
        else:
            runs.append([slot, 1])
    return [(first, count) for first, count in runs]


def _slots(runs: list[tuple[int, int]], what: str) -> Ints:
    end = 0
    for first, count in runs:
        if first < end or count < 1 or first + count > FANOUT:
            raise FormatError(f"{what}: the run [{first}, {count}] is out of order or range")
        end = first + count
    if not runs:
        raise FormatError(f"{what} is an empty page")
    return np.concatenate([np.arange(first, first + count) for first, count in runs])


def _sizes(values: list[int], count: int, what: str) -> Ints:
    if len(values) != count or any(not 0 <= value < 2**53 for value in values):
        raise FormatError(f"{what}: expected {count} numbers from 0 to 2**53 - 1")
    return np.array(values, np.int64)


def _join(digests: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(digests)).decode()


def _split(text: str, count: int, what: str) -> bytes:
    try:
        digests = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise FormatError(f"{what}: the digests are not base64") from exc
    if len(digests) != DIGEST_NBYTES * count:
        raise FormatError(f"{what}: expected {count} digests")
    return digests
