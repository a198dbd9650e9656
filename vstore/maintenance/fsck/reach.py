"""Which commits, columns and samples damage reaches."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vstore.errors import CorruptionError, FormatError, NotFoundError, VstoreError
from vstore.faces import internals
from vstore.format import document, node_codec, object_keys
from vstore.format.digest import Digest
from vstore.format.index import Index, root_page, span
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef
from vstore.format.page import ChunkRef, Leaf, Page, PageRef
from vstore.format.table.names import DELETED
from vstore.format.table.rows import Rows
from vstore.format.walk_budget import WalkBudget
from vstore.format.zarr.selection import chunk_strides
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.fsck.findings import Findings
from vstore.maintenance.fsck.fsck_report import FsckReach
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table

_Span = tuple[int, int]


class _Bad(NamedTuple):
    """Chunk numbers, half-open, that cannot be read because of the object at `key`."""

    first: int
    stop: int
    key: str


class _Found(NamedTuple):
    """What one object makes unreadable in one commit; no spans means everything there."""

    key: str
    path: str
    spans: tuple[_Span, ...]


@dataclass(slots=True, eq=False)
class Attribution:
    """Walks commits once more, through what can be read, and notes where it cannot go on.

    Pages that are the same in many commits are looked at once.
    """

    fetcher: Fetcher
    findings: Findings
    forwards: Forwards
    _pages: dict[Digest, list[_Bad]] = field(default_factory=dict)
    _chunks: dict[ChunkRef, bool] = field(default_factory=dict)
    _reaches: dict[_Found, list[Digest]] = field(default_factory=dict)
    _budget: WalkBudget = field(default_factory=WalkBudget)

    def run(self, commits: Iterable[Digest]) -> dict[str, tuple[FsckReach, ...]]:
        """Return what each object that has a problem reaches."""
        for digest in commits:
            for found in sorted(set(self._in_commit(digest))):
                self._reaches.setdefault(found, []).append(digest)
        grouped: dict[str, list[FsckReach]] = {}
        for found, digests in self._reaches.items():
            reach = FsckReach(found.path, found.spans, tuple(digests))
            grouped.setdefault(found.key, []).append(reach)
        return {key: tuple(reaches) for key, reaches in grouped.items()}

    def _in_commit(self, digest: Digest) -> Iterator[_Found]:
        """Yield what is bad in a commit, as far as a walk through its tree may go."""
        self._budget = WalkBudget()
        with suppress(FormatError):
            yield from self._in_tree(digest)

    def _in_tree(self, digest: Digest) -> Iterator[_Found]:
        key = object_keys.commit(digest)
        if self.findings.is_open(key):
            yield _Found(key, "", ())
            return
        value = self.fetcher.commit(digest).tree
        yield from self._in_value(value, "", key, digest)

    def _in_value(self, value: object, path: str, key: str, commit: Digest) -> Iterator[_Found]:
        """Yield what is bad in a node that is in the object at `key`."""
        loaded: list[NodeRef] = []

        def load(refs: Sequence[NodeRef]) -> list[bytes]:
            found: list[bytes] = []
            for ref in refs:
                loaded.append(ref)
                found += self.fetcher.node_documents([ref])
            return found

        try:
            node = node_codec.decode(value, load, what=path)
            _load_buckets(node)
        except (NotFoundError, FormatError):
            at = object_keys.index(loaded[-1].digest) if loaded else key
            yield _Found(at if self.findings.is_open(at) else key, path, ())
            return
        yield from self._in_node(node, path, key, commit)

    def _in_node(self, node: Node, path: str, key: str, commit: Digest) -> Iterator[_Found]:
        if isinstance(node, ArrayNode):
            yield from self._in_array(node, path, commit)
            return
        for name, child in sorted(node.children.items()):
            below = f"{path}/{name}".lstrip("/")
            self._budget.take(below, child)
            if not isinstance(child, NodeRef):
                yield from self._in_node(child, below, key, commit)
                continue
            at = object_keys.index(child.digest)
            try:
                value = document.parse(self.fetcher.node_documents([child])[0], what=below)
            except (NotFoundError, FormatError):
                yield _Found(at, below, ())
            else:
                yield from self._in_value(value, below, at, commit)

    def _in_array(self, node: ArrayNode, path: str, commit: Digest) -> Iterator[_Found]:
        found: dict[str, list[_Bad]] = {}
        for bad in self._in_index(node.chunks):
            found.setdefault(bad.key, []).append(bad)
        for key, bads in found.items():
            spans = self._samples(node, path, commit, bads)
            if spans is None or spans:
                yield _Found(key, path, spans or ())

    def _in_index(self, index: Index | None) -> Iterator[_Bad]:
        if index is None:
            return
        if index.ref is not None:
            ref = PageRef(Digest(index.ref[0]), index.ref[1], index.chunks, index.stored)
            yield from self._in_page(ref, index.height)
        else:
            page = root_page(index, lambda _: [])
            yield from self._in_opened(page, index.height)

    def _in_page(self, ref: PageRef, height: int) -> list[_Bad]:
        found = self._pages.get(ref.digest)
        if found is None:
            key = object_keys.index(ref.digest)
            try:
                page = self.fetcher.pages([(ref, height)])[0]
            except (NotFoundError, FormatError):
                found = [_Bad(0, span(height), key)]
            else:
                found = list(self._in_opened(page, height))
            self._pages[ref.digest] = found
        return found

    def _in_opened(self, page: Page, height: int) -> Iterator[_Bad]:
        if isinstance(page, Leaf):
            for slot, stored in page.refs().items():
                places = map(self.forwards.place, stored.parts)
                damaged = next(filter(self._is_bad, places), None)
                if damaged is not None:
                    yield _Bad(slot, slot + 1, object_keys.pack(damaged.pack.digest))
            return
        step = span(height - 1)
        for slot, child in page.refs().items():
            base = slot * step
            for bad in self._in_page(child, height - 1):
                yield _Bad(base + bad.first, base + bad.stop, bad.key)

    def _is_bad(self, ref: ChunkRef) -> bool:
        pack = ref.pack.digest
        if pack in self.findings.lost_packs:
            return True
        if (pack, ref.offset, Digest(ref.digest.hex())) in self.findings.bad_chunks:
            return True
        if pack not in self.findings.doubtful:
            return False
        if ref not in self._chunks:
            try:
                self.fetcher.chunk(ref)
            except CorruptionError:
                self._chunks[ref] = True
            else:
                self._chunks[ref] = False
        return self._chunks[ref]

    def _samples(
        self, node: ArrayNode, path: str, commit: Digest, bads: Sequence[_Bad]
    ) -> tuple[_Span, ...] | None:
        """Return positions along the first axis; None where the array has none."""
        shape, chunk = _shapes(node)
        if not shape:
            return None
        stride = chunk_strides(shape, chunk)[0]
        spans = [
            (bad.first // stride * chunk[0], min(-(-bad.stop // stride) * chunk[0], shape[0]))
            for bad in bads
        ]
        return _merged(self._positions(spans, path, commit))

    def _positions(self, spans: list[_Span], path: str, commit: Digest) -> list[_Span]:
        """Return the positions that rows have for readers, who do not see deleted ones."""
        rows = self._rows(path, commit)
        if rows is None or not rows.has_deleted:
            return spans
        edges = rows.position(np.array(spans, np.int64))
        return [(int(first), int(stop)) for first, stop in edges]

    def _rows(self, path: str, commit: Digest) -> Rows | None:
        parent, _, name = path.rpartition("/")
        if name == DELETED:
            return None
        try:
            snapshot = Snapshot(self.fetcher, commit)
            group = internals(snapshot).tree.find(parent)
            if not isinstance(group, GroupNode) or DELETED not in group.children:
                return None
            table = snapshot[parent]
            return internals(table).rows if isinstance(table, Table) else None
        except VstoreError:
            return None  # which rows are deleted is lost too: name them as they are stored


def _load_buckets(node: Node) -> None:
    """Load the buckets of a node and of all that is inside it."""
    children = node.children.values() if isinstance(node, GroupNode) else ()
    for child in children:
        if isinstance(child, GroupNode):
            _load_buckets(child)


def _shapes(node: ArrayNode) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return an array's shape and that of its chunks, however odd its codecs are."""
    grid = node.metadata.get("chunk_grid")
    configuration = grid.get("configuration") if isinstance(grid, dict) else None
    chunk = configuration.get("chunk_shape") if isinstance(configuration, dict) else None
    shape = node.metadata.get("shape")
    if not isinstance(shape, list) or not isinstance(chunk, list) or len(shape) != len(chunk):
        return (), ()
    if not all(isinstance(n, int) and n >= 0 for n in shape) or not all(
        isinstance(n, int) and n > 0 for n in chunk
    ):
        return (), ()
    return tuple(shape), tuple(chunk)


def _merged(spans: Iterable[_Span]) -> tuple[_Span, ...]:
    merged: list[_Span] = []
    for first, stop in sorted(spans):
        if stop <= first:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((first, stop))
    return tuple(merged)
