"""Walking everything that commits refer to, each document once, several requests at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vstore.errors import FormatError, NotFoundError, VstoreError
from vstore.format import commit as commits
from vstore.format import document, node_codec, object_keys
from vstore.format.buckets import Buckets
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.format.index import Index, check_totals, root_page
from vstore.format.nodes import ArrayNode, Node, NodeRef
from vstore.format.page import Inner, Leaf, Page, decode_page
from vstore.storage.store import Key

Kind = Literal["commit", "node", "page"]
THREADS = 16
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Task:
    """A document to read: a commit, a node that stands alone (or a bucket), or an index page."""

    kind: Kind
    digest: Digest
    nbytes: int | None = None
    path: str = ""
    height: int = 0
    array: ArrayNode | None = None

    @property
    def key(self) -> Key:
        """Where the document is."""
        return (
            object_keys.commit(self.digest)
            if self.kind == "commit"
            else object_keys.index(self.digest)
        )

    @property
    def what(self) -> str:
        """What the document is, for messages."""
        noun = {"commit": "commit", "node": "node", "page": "index page"}[self.kind]
        return f"{noun} {self.digest}"


class Visitor(Protocol):
    """What a walk tells; all on the thread that walks."""

    def is_new(self, kind: Kind, digest: Digest) -> bool:
        """Take note of a document, and tell whether to go there."""

    def commit(self, digest: Digest, found: CommitDocument) -> None:
        """Take a commit that was read."""

    def array(self, path: str, node: ArrayNode) -> None:
        """Take an array that is not the same as the last one at its path."""

    def leaf(self, leaf: Leaf, node: ArrayNode, path: str) -> None:
        """Take a page of chunks."""

    def failed(self, task: Task, error: VstoreError) -> None:
        """Take a document that is missing or malformed, or raise to end the walk."""


Read = Callable[[Task], bytes]
"""Return the verified bytes of a document; called on several threads."""


def crawl(starts: Iterable[Digest], read: Read, visitor: Visitor) -> None:
    """Walk all that the commits `starts` reach, through parents, trees and indexes.

    Depth first, so that what waits stays small. Jump pointers are followed along with
    parents, so that a long line of commits is read side by side and not one by one.
    """
    walk = _Walk(read, visitor)
    stack = [task for start in starts for task in walk.new("commit", start)]
    running: dict[Future[bytes], Task] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="vstore-walk") as pool:
        try:
            while stack or running:
                while stack and len(running) < 2 * THREADS:
                    task = stack.pop()
                    running[pool.submit(read, task)] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    stack += walk.below(running.pop(future), future)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass(slots=True)
class _Walk:
    """Turns a document that was read into those to read next."""

    read: Read
    visitor: Visitor
    last: dict[str, ArrayNode] = field(default_factory=dict)

    def new(
        self,
        kind: Kind,
        digest: Digest,
        nbytes: int | None = None,
        *,
        path: str = "",
        height: int = 0,
        array: ArrayNode | None = None,
    ) -> Iterator[Task]:
        if self.visitor.is_new(kind, digest):
            yield Task(kind, digest, nbytes, path, height, array)

    def below(self, task: Task, future: "Future[bytes]") -> list[Task]:
        found: list[Task] = []
        try:
            for below in self._below(task, future.result()):
                found.append(below)  # noqa: PERF402 - what came before a failure still counts
        except (NotFoundError, FormatError) as exc:
            self.visitor.failed(task, exc)
        return found

    def _below(self, task: Task, data: bytes) -> Iterator[Task]:
        if task.kind == "commit":
            yield from self._below_commit(task, data)
        elif task.kind == "node":
            value = document.parse(data, what=task.what)
            yield from self._below_node(self._decoded(value, task), task.path)
        elif task.array is not None:
            page = decode_page(data, height=task.height, what=task.what)
            index = task.array.chunks
            if index is not None and index.ref is not None and index.ref[0] == task.digest:
                check_totals(index, page)
            yield from self._below_page(page, task.height, task.array, task.path)

    def _below_commit(self, task: Task, data: bytes) -> Iterator[Task]:
        found = commits.decode(data, CommitDocument, what=task.what)
        self.visitor.commit(task.digest, found)
        for name in [*found.parents, *(name for _, name in found.ancestors)]:
            yield from self.new("commit", Digest(name))
        yield from self._below_node(self._decoded(found.tree, task), "")

    def _decoded(self, value: object, task: Task) -> Node:
        def load(refs: Sequence[NodeRef]) -> list[bytes]:
            """Read buckets of a group right here: they are few."""
            tasks = [Task("node", ref.digest, ref.nbytes, task.path) for ref in refs]
            return [self.read(each) for each in tasks]

        return node_codec.decode(value, load, what=task.what)

    def _below_node(self, node: Node, path: str) -> Iterator[Task]:
        if isinstance(node, ArrayNode):
            yield from self._below_array(node, path)
            return
        children = node.children
        items = iter(children.items())
        if isinstance(children, Buckets):
            items = children.items_in(lambda ref: self.visitor.is_new("node", ref.digest))
        for name, child in items:
            below = f"{path}/{name}".lstrip("/")
            if isinstance(child, NodeRef):
                yield from self.new("node", child.digest, child.nbytes, path=below)
            else:
                yield from self._below_node(child, below)

    def _below_array(self, node: ArrayNode, path: str) -> Iterator[Task]:
        if self.last.get(path) == node:
            return
        if len(self.last) >= _REMEMBERED:
            self.last.clear()
        self.last[path] = node
        self.visitor.array(path, node)
        index = node.chunks
        if index is None:
            return
        if index.ref is not None:
            digest, nbytes = index.ref
            yield from self._page_task(Digest(digest), nbytes, index.height, node, path)
        else:
            yield from self._below_page(_inline(index), index.height, node, path)

    def _below_page(self, page: Page, height: int, node: ArrayNode, path: str) -> Iterator[Task]:
        if isinstance(page, Leaf):
            self.visitor.leaf(page, node, path)
        elif isinstance(page, Inner):
            for ref in page.children:
                yield from self._page_task(ref.digest, ref.nbytes, height - 1, node, path)

    def _page_task(
        self, digest: Digest, nbytes: int, height: int, node: ArrayNode, path: str
    ) -> Iterator[Task]:
        yield from self.new("page", digest, nbytes, path=path, height=height, array=node)


def _inline(index: Index) -> Page:
    return root_page(index, lambda _: [])
