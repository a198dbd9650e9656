"""Which objects a commit needs besides those of another one.

Reads what differs and no more. What is yielded may include objects that both have, where
something moved to another place in the tree; it never lacks one that only the first has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vstore.format import commit as commits
from vstore.format import node_codec, object_keys
from vstore.format.buckets import differing_names
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, read_verified
from vstore.format.index import Index, root_page
from vstore.format.node_codec import load_node
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef
from vstore.format.page import ChunkRef, Inner, Leaf, PackRef, Page, PageRef, decode_page
from vstore.history.merge_base import is_ancestor
from vstore.storage.store import Key, ObjectStore


class Need(NamedTuple):
    """An object that a commit needs; of a pack, which chunks in it."""

    key: Key
    chunks: tuple[ChunkRef, ...] = ()


def fresh_objects(store: ObjectStore, start: Digest, base: Digest | None) -> Iterator[Need]:
    """Yield the objects that `start` reaches and `base` does not, commits first.

    Raises:
        NotFoundError: a document among them is missing.
        CorruptionError: a document among them is damaged.
    """
    reader = _Reader(store)
    frontier, seen = [start], {start}
    while frontier:
        digest = frontier.pop()
        if base is not None and is_ancestor(digest, base, reader.commit):
            continue
        yield Need(object_keys.commit(digest))
        found = reader.commit(digest)
        parents = [Digest(name) for name in found.parents]
        before = reader.commit(parents[0]) if parents else None
        yield from reader.fresh_in(found, before)
        frontier += [parent for parent in parents if parent not in seen]
        seen.update(parents)


@dataclass(slots=True)
class _Reader:
    """Reads documents, and keeps those commits that the walk comes back to.

    `loaded` are the nodes and buckets of the newer commit that were read and not told yet.
    """

    store: ObjectStore
    known: dict[Digest, CommitDocument] = field(default_factory=dict)
    loaded: list[NodeRef] = field(default_factory=list)

    def commit(self, digest: Digest) -> CommitDocument:
        if digest not in self.known:
            data = self._read(object_keys.commit(digest), digest)
            self.known[digest] = commits.decode(data, CommitDocument, what=f"commit {digest}")
        return self.known[digest]

    def fresh_in(self, new: CommitDocument, old: CommitDocument | None) -> Iterator[Need]:
        before = None
        if old is not None:
            before = node_codec.decode(old.tree, self._load, what="commit")
        after = node_codec.decode(new.tree, self._noting, what="commit")
        yield from self._fresh_nodes(after, before)
        yield from self._told()

    def _told(self) -> Iterator[Need]:
        yield from (Need(object_keys.index(ref.digest)) for ref in self.loaded)
        self.loaded.clear()

    def _fresh_nodes(self, new: Node, old: Node | None) -> Iterator[Need]:
        """Yield what a loaded node needs; buckets of names are loaded where they differ."""
        yield from self._told()
        if isinstance(new, ArrayNode):
            before = old.chunks if isinstance(old, ArrayNode) else None
            yield from self._fresh_chunks(new.chunks, before)
            return
        beside = old.children if isinstance(old, GroupNode) else {}
        for name in differing_names(new.children, beside):
            child, other = new.children.get(name), beside.get(name)
            if child is None or child == other:
                continue
            if isinstance(other, NodeRef):
                other = load_node(other, self._load, what=f"node {other.digest}")
            if isinstance(child, NodeRef):
                child = load_node(child, self._noting, what=f"node {child.digest}")
            yield from self._fresh_nodes(child, other)

    def _noting(self, refs: Sequence[NodeRef]) -> list[bytes]:
        self.loaded += refs
        return self._load(refs)

    def _load(self, refs: Sequence[NodeRef]) -> list[bytes]:
        return [self._read(object_keys.index(ref.digest), ref.digest) for ref in refs]

    def _fresh_chunks(self, new: Index | None, old: Index | None) -> Iterator[Need]:
        if new is None or new == old:
            return
        if new.ref is not None:
            yield Need(object_keys.index(Digest(new.ref[0])))
        before = None if old is None else root_page(old, self._load_pages)
        height = new.height if old is None else old.height
        page = root_page(new, self._load_pages)
        yield from self._fresh_below(page, new.height, before, height)

    def _fresh_below(
        self, page: Page, height: int, before: Page | None, before_height: int
    ) -> Iterator[Need]:
        """Yield what is below a page; `before` covers at least as much from the same start."""
        while isinstance(before, Inner) and before_height > height:
            before_height -= 1
            first = before.refs().get(0)
            before = None if first is None else self._page(first, before_height)
        if isinstance(page, Leaf):
            yield from _fresh_packs(page, before)
            return
        lower = before_height < height
        beside = before.refs() if isinstance(before, Inner) and not lower else {}
        for slot, ref in page.refs().items():
            other = beside.get(slot)
            if other is not None and other.digest == ref.digest:
                continue
            yield Need(object_keys.index(ref.digest))
            below = before if lower and slot == 0 else None
            if other is not None:
                below = self._page(other, height - 1)
            child = self._page(ref, height - 1)
            yield from self._fresh_below(
                child, height - 1, below, before_height if lower else height - 1
            )

    def _load_pages(self, refs: Sequence[tuple[PageRef, int]]) -> list[Page]:
        return [self._page(ref, height) for ref, height in refs]

    def _page(self, ref: PageRef, height: int) -> Page:
        what = f"index page {ref.digest}"
        data = self._read(object_keys.index(ref.digest), ref.digest)
        return decode_page(data, height=height, what=what)

    def _read(self, key: Key, digest: Digest) -> bytes:
        where = f"{key} in {self.store.url}"
        return read_verified(lambda: self.store.get(key), bytes.fromhex(digest), what=where)


def _fresh_packs(page: Leaf, before: Page | None) -> Iterator[Need]:
    """Yield packs with those chunks in them that the page before did not have."""
    same = set(before.parts()) if isinstance(before, Leaf) else set()
    fresh: dict[PackRef, list[ChunkRef]] = {}
    for ref in page.parts():
        if ref not in same:
            fresh.setdefault(ref.pack, []).append(ref)
    for pack, chunks in fresh.items():
        yield Need(object_keys.pack(pack.digest), tuple(chunks))
