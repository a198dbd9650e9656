"""Which objects a commit needs besides those of another one.

Reads what differs and no more. What is yielded may include objects that both have, where
something moved to another place in the tree; it never lacks one that only the first has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

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
    """An object that a commit needs; of a pack, which chunks in it, and its size."""

    key: Key
    digest: Digest
    chunks: tuple[ChunkRef, ...] = ()

    @property
    def pack(self) -> PackRef | None:
        """The pack that is needed; None for a document."""
        return self.chunks[0].pack if self.chunks else None


class DocumentSource(Protocol):
    """Reads what is in `index/`."""

    def index_object(self, digest: Digest) -> bytes:
        """Return the verified bytes of a node, a bucket or a page."""

    def prefetch_index(self, digests: Sequence[Digest]) -> None:
        """Read objects side by side that are about to be asked for, or do nothing."""


def fresh_objects(store: ObjectStore, start: Digest, base: Digest | None) -> Iterator[Need]:
    """Yield the objects that `start` reaches and `base` does not, commits first.

    Raises:
        NotFoundError: a document among them is missing.
        CorruptionError: a document among them is damaged.
    """
    source = _OneByOne(store)
    frontier, seen = [start], {start}
    while frontier:
        digest = frontier.pop()
        if base is not None and is_ancestor(digest, base, source.commit):
            continue
        yield Need(object_keys.commit(digest), digest)
        found = source.commit(digest)
        parents = [Digest(name) for name in found.parents]
        before = source.commit(parents[0]) if parents else None
        yield from fresh_in(source, found, before)
        frontier += [parent for parent in parents if parent not in seen]
        seen.update(parents)


def fresh_in(
    source: DocumentSource, new: CommitDocument, old: CommitDocument | None
) -> Iterator[Need]:
    """Yield the objects that the tree of a commit needs and that of another does not."""
    return _Comparison(source).trees(new, old)


def fresh_below(source: DocumentSource, node: Node) -> Iterator[Need]:
    """Yield the objects that what is below a node needs."""
    return _Comparison(source).nodes(node)


@dataclass(slots=True)
class _OneByOne:
    """Reads documents of a store, and keeps those commits that the walk comes back to."""

    store: ObjectStore
    known: dict[Digest, CommitDocument] = field(default_factory=dict)

    def commit(self, digest: Digest) -> CommitDocument:
        if digest not in self.known:
            data = self._read(object_keys.commit(digest), digest)
            self.known[digest] = commits.decode(data, CommitDocument, what=f"commit {digest}")
        return self.known[digest]

    def index_object(self, digest: Digest) -> bytes:
        return self._read(object_keys.index(digest), digest)

    def prefetch_index(self, digests: Sequence[Digest]) -> None:
        pass

    def _read(self, key: Key, digest: Digest) -> bytes:
        where = f"{key} in {self.store.url}"
        return read_verified(lambda: self.store.get(key), bytes.fromhex(digest), what=where)


@dataclass(slots=True)
class _Comparison:
    """Walks two trees side by side.

    `loaded` are the nodes and buckets of the newer commit that were read and not told yet.
    """

    source: DocumentSource
    loaded: list[NodeRef] = field(default_factory=list)

    def trees(self, new: CommitDocument, old: CommitDocument | None) -> Iterator[Need]:
        before = None
        if old is not None:
            before = node_codec.decode(old.tree, self._load, what="commit")
        after = node_codec.decode(new.tree, self._noting, what="commit")
        yield from self._fresh_nodes(after, before)
        yield from self._told()

    def nodes(self, node: Node) -> Iterator[Need]:
        yield from self._fresh_nodes(node, None)
        yield from self._told()

    def _told(self) -> Iterator[Need]:
        yield from (_index_need(ref.digest) for ref in self.loaded)
        self.loaded.clear()

    def _fresh_nodes(self, new: Node, old: Node | None) -> Iterator[Need]:
        """Yield what a loaded node needs; buckets of names are loaded where they differ."""
        yield from self._told()
        if isinstance(new, ArrayNode):
            before = old.chunks if isinstance(old, ArrayNode) else None
            yield from self._fresh_chunks(new.chunks, before)
            return
        beside = old.children if isinstance(old, GroupNode) else {}
        pairs = [
            (child, beside.get(name))
            for name in differing_names(new.children, beside)
            if (child := new.children.get(name)) is not None
        ]
        changed = [(child, other) for child, other in pairs if child != other]
        alone = [node.digest for pair in changed for node in pair if isinstance(node, NodeRef)]
        self.source.prefetch_index(alone)
        for child, other in changed:
            if isinstance(other, NodeRef):
                other = load_node(other, self._load, what=f"node {other.digest}")
            if isinstance(child, NodeRef):
                child = load_node(child, self._noting, what=f"node {child.digest}")
            yield from self._fresh_nodes(child, other)

    def _noting(self, refs: Sequence[NodeRef]) -> list[bytes]:
        self.loaded += refs
        return self._load(refs)

    def _load(self, refs: Sequence[NodeRef]) -> list[bytes]:
        self.source.prefetch_index([ref.digest for ref in refs])
        return [self.source.index_object(ref.digest) for ref in refs]

    def _fresh_chunks(self, new: Index | None, old: Index | None) -> Iterator[Need]:
        if new is None or new == old:
            return
        roots = [Digest(index.ref[0]) for index in (new, old) if index and index.ref]
        self.source.prefetch_index(roots)
        if new.ref is not None:
            yield _index_need(Digest(new.ref[0]))
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
        changed = [
            (slot, ref, beside.get(slot))
            for slot, ref in page.refs().items()
            if slot not in beside or beside[slot].digest != ref.digest
        ]
        self.source.prefetch_index(
            [ref.digest for _, *pair in changed for ref in pair if ref is not None]
        )
        for slot, ref, other in changed:
            yield _index_need(ref.digest)
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
        return decode_page(self.source.index_object(ref.digest), height=height, what=what)


def _index_need(digest: Digest) -> Need:
    return Need(object_keys.index(digest), digest)


def _fresh_packs(page: Leaf, before: Page | None) -> Iterator[Need]:
    """Yield packs with those chunks in them that the page before did not have."""
    same = set(before.parts()) if isinstance(before, Leaf) else set()
    fresh: dict[PackRef, list[ChunkRef]] = {}
    for ref in page.parts():
        if ref not in same:
            fresh.setdefault(ref.pack, []).append(ref)
    for pack, chunks in fresh.items():
        yield Need(object_keys.pack(pack.digest), pack.digest, tuple(chunks))
