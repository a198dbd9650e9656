"""The index of one array: chunk number to where the chunk is.

A radix tree of pages with a fan-out of 512. Its form follows from its contents alone:
the same chunks give the same pages, whatever the history, so equal digests mean equal
subtrees and changing one chunk rewrites one page per level.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import msgspec
import numpy as np

from vstore.errors import FormatError
from vstore.format import document
from vstore.format.digest import Digest, digest_of, parse_digest
from vstore.format.numbers import ChunkNumbers, Ints
from vstore.format.page import (
    FANOUT,
    Inner,
    Leaf,
    Page,
    PageRef,
    StoredChunk,
    decode_page,
    encode_inner,
    encode_leaf,
)

INLINE_PAGE_NBYTES = 8192
MAX_HEIGHT = 6
PAGES_AT_ONCE = 16
"""How many pages of each side are opened at a time where two indexes are compared."""
MOST_WALKED = 2**28
"""How many chunks of one array are listed at most."""

LoadPages = Callable[[Sequence[tuple[PageRef, int]]], Sequence[Page]]
"""Return the pages behind (reference, height) pairs, verified and decoded."""


class Index(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, weakref=True
):
    """The root of an array's index, as it is in the array's node.

    `chunks` and `stored` count the stored chunks and their bytes. The root page sits in
    `page` when it is small, else `ref` gives its digest and size.
    """

    height: int
    chunks: int
    stored: int
    page: dict[str, Any] | None = None
    ref: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if (self.page is None) == (self.ref is None):
            raise ValueError("an index has either a page or a reference to one")
        if not 0 <= self.height <= MAX_HEIGHT:
            raise ValueError(f"an index is at most {MAX_HEIGHT} levels high")
        if self.ref is not None:
            parse_digest(self.ref[0], what="index page")

    @property
    def root_ref(self) -> PageRef:
        """Where the root page is, which sits in no node."""
        if self.ref is None:
            raise FormatError("the index page sits inside its node")
        return PageRef(Digest(self.ref[0]), self.ref[1], self.chunks, self.stored)


class _Sink(Protocol):
    def __call__(self, data: bytes) -> Digest: ...


def span(height: int) -> int:
    """Return how many chunk numbers a page of this height covers."""
    return int(FANOUT ** (height + 1))


def root_page(index: Index, load: LoadPages) -> Page:
    """Return the root page; one inside its node is decoded once for as long as the index lives."""
    if index.page is None:
        return load([(index.root_ref, index.height)])[0]
    held = _INLINE.get(id(index))
    if held is not None and held[0]() is index:
        return held[1]
    page = decode_page(document.dumps(index.page), height=index.height, what="inline index")
    check_totals(index, page)
    name = id(index)
    _INLINE[name] = (weakref.ref(index, lambda _: _INLINE.pop(name, None)), page)
    return page


_INLINE: dict[int, tuple[weakref.ref[Index], Page]] = {}
"""Decoded root pages of the indexes that are in use, by identity: to hash one is to encode it."""


def locate(index: Index | None, numbers: ChunkNumbers, load: LoadPages) -> list[StoredChunk | None]:
    """Return where each chunk is, None for those not stored.

    `numbers` must be ascending. The pages of one level load together, so the depth is
    the tree's height.
    """
    found: list[StoredChunk | None] = [None] * len(numbers)
    if index is None or not len(numbers):
        return found
    where = np.arange(len(numbers))
    inside = (numbers >= 0) & (numbers < span(index.height))
    frontier = [(root_page(index, load), numbers[inside], where[inside])]
    for height in range(index.height, 0, -1):
        wanted: list[tuple[PageRef, int]] = []
        below: list[tuple[ChunkNumbers, Ints]] = []
        for page, inner_numbers, positions in frontier:
            for child, slot in _children(page, inner_numbers, height):
                below.append((inner_numbers[slot] % span(height - 1), positions[slot]))
                wanted.append((child, height - 1))
        pages = load(wanted) if wanted else []
        frontier = [(page, *rest) for page, rest in zip(pages, below, strict=True)]
    for page, leaf_numbers, positions in frontier:
        _take(page, leaf_numbers, positions, found)
    return found


def _children(page: Page, numbers: ChunkNumbers, height: int) -> Iterator[tuple[PageRef, slice]]:
    if not isinstance(page, Inner):
        raise FormatError("an index page is less high than its parent says")
    slots, first = np.unique(numbers // span(height - 1), return_index=True)
    bounds = [*first.tolist(), len(numbers)]
    at = np.searchsorted(page.slots, slots)
    for i, slot in enumerate(slots):
        if at[i] < len(page.slots) and page.slots[at[i]] == slot:
            yield page.children[at[i]], slice(bounds[i], bounds[i + 1])


def _take(
    page: Page, numbers: ChunkNumbers, positions: Ints, found: list[StoredChunk | None]
) -> None:
    if not isinstance(page, Leaf):
        raise FormatError("an index page is higher than its parent says")
    at = np.searchsorted(page.slots, numbers)
    for number, position, i in zip(numbers, positions, at.tolist(), strict=True):
        if i < len(page.slots) and page.slots[i] == number:
            found[position] = page.ref(i)


def walk(index: Index | None, load: LoadPages) -> Iterator[tuple[int, StoredChunk]]:
    """Yield every chunk's number and place, in order.

    Raises:
        FormatError: they are more than the index says, or than anyone can list.
    """
    if index is None:
        return
    if index.chunks > MOST_WALKED:
        raise FormatError(
            f"an array says that it stores {index.chunks:,} chunks: at most {MOST_WALKED:,} are "
            "listed"
        )
    found = _walk(index, load)
    yield from islice(found, index.chunks)
    if next(found, None) is not None:
        raise FormatError(f"an array stores more chunks than the {index.chunks:,} it says")


def _walk(index: Index, load: LoadPages) -> Iterator[tuple[int, StoredChunk]]:
    stack: list[tuple[Page, int, int]] = [(root_page(index, load), index.height, 0)]
    while stack:
        page, height, base = stack.pop()
        if isinstance(page, Leaf):
            yield from ((base + slot, ref) for slot, ref in page.refs().items())
            continue
        children = list(page.refs().items())
        pages = load([(ref, height - 1) for _, ref in children])
        step = span(height - 1)
        for (slot, _), child in reversed(list(zip(children, pages, strict=True))):
            stack.append((child, height - 1, base + slot * step))


def page_refs(index: Index | None, load: LoadPages) -> Iterator[tuple[PageRef, int]]:
    """Yield every page object of the index with its height, parents first, each once.

    One page may be in any number of places.
    """
    if index is None:
        return
    if index.ref is not None:
        yield index.root_ref, index.height
    level, height = [root_page(index, load)], index.height
    while height > 0:
        inner = [page for page in level if isinstance(page, Inner)]
        refs = list({ref.digest: ref for page in inner for ref in page.children}.values())
        height -= 1
        yield from ((ref, height) for ref in refs)
        level = list(load([(ref, height) for ref in refs])) if height > 0 else []


def changed(ours: Index | None, theirs: Index | None, load: LoadPages) -> Iterator[int]:
    """Yield, in order, the numbers of the chunks whose digests differ or that one side lacks.

    Subtrees with equal digests are not read.
    """
    height = max(index.height if index else 0 for index in (ours, theirs))
    yield from _changed(_lifted(ours, height, load), _lifted(theirs, height, load), height, 0, load)


def _lifted(index: Index | None, height: int, load: LoadPages) -> dict[int, Any]:
    """Return the slots of the index's root as if it were `height` levels high."""
    if index is None:
        return {}
    slots: dict[int, Any] = dict(root_page(index, load).refs())
    for _ in range(height - index.height):
        slots = {0: _Opened(slots)}
    return slots


@dataclass(frozen=True, slots=True)
class _Opened:
    """A page that is already in memory, standing where a reference would."""

    slots: dict[int, Any]


def _changed(
    ours: dict[int, Any], theirs: dict[int, Any], height: int, base: int, load: LoadPages
) -> Iterator[int]:
    differing = [
        slot for slot in sorted(ours.keys() | theirs.keys()) if not _same(ours, theirs, slot)
    ]
    if height == 0:
        yield from (base + slot for slot in differing)
        return
    step = span(height - 1)
    for start in range(0, len(differing), PAGES_AT_ONCE):
        slots = differing[start : start + PAGES_AT_ONCE]
        pages = [side.get(slot) for side in (ours, theirs) for slot in slots]
        below = _opened(pages, height - 1, load)
        for i, slot in enumerate(slots):
            pair = below[i], below[len(slots) + i]
            yield from _changed(*pair, height - 1, base + slot * step, load)


def _same(ours: dict[int, Any], theirs: dict[int, Any], slot: int) -> bool:
    a, b = ours.get(slot), theirs.get(slot)
    if a is None or b is None or isinstance(a, _Opened) or isinstance(b, _Opened):
        return False
    return bool(a.digest == b.digest)


def _opened(children: Sequence[Any], height: int, load: LoadPages) -> list[dict[int, Any]]:
    """Return the slots of pages, read side by side; none for what is not there."""
    wanted = dict.fromkeys(child for child in children if isinstance(child, PageRef))
    pages = dict(zip(wanted, load([(ref, height) for ref in wanted]), strict=True))
    found: list[dict[int, Any]] = []
    for child in children:
        if isinstance(child, PageRef):
            found.append(dict(pages[child].refs()))
        else:
            found.append({} if child is None else child.slots)
    return found


def update(
    index: Index | None,
    changes: Mapping[int, StoredChunk | None],
    load: LoadPages,
    *,
    limit: int | None = None,
) -> tuple[Index | None, dict[Digest, bytes]]:
    """Return the index with `changes` applied, and the pages to store for it.

    A change to None removes the chunk; `limit` removes every chunk numbered `limit` or
    above. The result is None when no chunk is left.
    """
    if not changes and limit is None:
        return index, {}
    pages: dict[Digest, bytes] = {}

    def sink(data: bytes) -> Digest:
        digest = digest_of(data)
        pages[digest] = data
        return digest

    height = index.height if index else 0
    top = max((number for number, ref in changes.items() if ref is not None), default=0)
    while span(height) <= top:
        height += 1
    slots = _lifted(index, height, load)
    editor = _Editor(load, sink, limit)
    slots = editor.edit(slots, height, 0, sorted(changes.items()))
    while height > 0 and set(slots) == {0}:
        height -= 1
        fresh = pages.pop(slots[0].digest, None)
        slots = (
            editor.opened(slots[0], height)
            if fresh is None
            else dict(decode_page(fresh, height=height, what="index page").refs())
        )
    if not slots:
        return None, {}
    root = _root(slots, height, sink, pages)
    if index is not None and root.ref is not None and root.ref == index.ref:
        pages.pop(Digest(root.ref[0]))
    return root, pages


def _root(slots: dict[int, Any], height: int, sink: _Sink, pages: dict[Digest, bytes]) -> Index:
    data = encode_leaf(slots) if height == 0 else encode_inner(slots)
    chunks, stored = _totals(slots, height)
    pages.pop(digest_of(data), None)
    if len(data) <= INLINE_PAGE_NBYTES:
        return Index(height, chunks, stored, page=document.parse(data, what="index page"))
    return Index(height, chunks, stored, ref=(sink(data), len(data)))


def check_totals(index: Index, page: Page) -> None:
    """Refuse a root page whose chunks and bytes are not as many as the index says.

    Raises:
        FormatError: they are not.
    """
    found = _totals(page.refs(), index.height)
    if found != (index.chunks, index.stored):
        raise FormatError(
            f"an index has {found[0]:,} chunks of {found[1]:,} bytes, and says that it has "
            f"{index.chunks:,} of {index.stored:,}"
        )


def _totals(slots: Mapping[int, Any], height: int) -> tuple[int, int]:
    if height == 0:
        return len(slots), sum(ref.nbytes for ref in slots.values())
    return sum(ref.chunks for ref in slots.values()), sum(ref.stored for ref in slots.values())


@dataclass(frozen=True, slots=True)
class _Editor:
    """Applies sorted changes to a subtree, storing the pages that become different."""

    load: LoadPages
    sink: _Sink
    limit: int | None

    def opened(self, child: Any, height: int) -> dict[int, Any]:
        return _opened([child], height, self.load)[0]

    def edit(
        self,
        slots: dict[int, Any],
        height: int,
        base: int,
        changes: list[tuple[int, StoredChunk | None]],
    ) -> dict[int, Any]:
        """Return the slots of a page after the changes that fall into it."""
        if height == 0:
            return self._edit_leaf(slots, base, changes)
        step = span(height - 1)
        groups: dict[int, list[tuple[int, StoredChunk | None]]] = {}
        for number, ref in changes:
            groups.setdefault((number - base) // step, []).append((number, ref))
        edited: dict[int, Any] = {}
        for slot in sorted(slots.keys() | groups.keys()):
            child = self._edit_child(
                slots.get(slot), height - 1, base + slot * step, groups.get(slot, [])
            )
            if child is not None:
                edited[slot] = child
        return edited

    def _edit_leaf(
        self, slots: dict[int, Any], base: int, changes: list[tuple[int, StoredChunk | None]]
    ) -> dict[int, Any]:
        edited = slots | {number - base: ref for number, ref in changes}
        limit = self.limit
        return {
            slot: ref
            for slot, ref in edited.items()
            if ref is not None and (limit is None or base + slot < limit)
        }

    def _edit_child(
        self, child: Any, height: int, base: int, changes: list[tuple[int, StoredChunk | None]]
    ) -> PageRef | None:
        if self.limit is not None and base >= self.limit:
            return None
        cut = self.limit is not None and base + span(height) > self.limit
        if not changes and not cut and isinstance(child, PageRef):
            return child
        slots = self.edit(self.opened(child, height), height, base, changes)
        if not slots:
            return None
        data = encode_leaf(slots) if height == 0 else encode_inner(slots)
        chunks, stored = _totals(slots, height)
        digest = digest_of(data)
        if not (isinstance(child, PageRef) and child.digest == digest):
            self.sink(data)
        return PageRef(digest, len(data), chunks, stored)
