"""What a repository stores, and for what: by branch, table, column, or kind of object."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from vstore.errors import InvalidInputError, VstoreError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode
from vstore.format.page import Leaf
from vstore.maintenance.crawl import Kind, Task, crawl
from vstore.maintenance.objects import DocumentReader
from vstore.storage.store import ObjectStore
from vstore.wording import format_nbytes, printable

if TYPE_CHECKING:
    from vstore.format.numbers import Ints

By = Literal["branch", "table", "column", "kind"]

_KINDS = {
    object_keys.PACKS: "chunks",
    object_keys.COMMITS: "commits",
    object_keys.INDEX: "index",
    "refs/": "branches and tags",
    object_keys.SIGNATURES: "signatures",
}
_OTHER = "other"


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class UsageShare:
    """What one branch, table, column or kind of object stores.

    `shared_nbytes` are stored once for this one and others together; `own_nbytes` for this one
    alone. `count` says how many chunks these are; of kinds, how many objects.
    """

    name: str
    own_nbytes: int
    shared_nbytes: int
    count: int


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Usage:
    """How many bytes are stored, each counted once, and what shares them, largest first."""

    total_nbytes: int
    by: By
    shares: tuple[UsageShare, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        shares = [asdict(share) for share in self.shares]
        return {"total_nbytes": self.total_nbytes, "by": self.by, "shares": shares}

    def __str__(self) -> str:
        rows = [(self.by, "own", "shared"), *(_cells(share) for share in self.shares)]
        rows.append(("total", format_nbytes(self.total_nbytes), ""))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            f"{name:{widths[0]}}  {own:>{widths[1]}}  {shared:>{widths[2]}}".rstrip()
            for name, own, shared in rows
        )


def check_by(by: str) -> None:
    """Raise `InvalidInputError` for what usage is not told by."""
    if by not in get_args(By):
        raise InvalidInputError(f"usage is by {', '.join(get_args(By))}, not by {by!r}")


def usage_by_kind(store: ObjectStore) -> Usage:
    """Return what kinds of objects the store holds, garbage included, by one listing."""
    nbytes: dict[str, int] = {}
    count: dict[str, int] = {}
    for info in store.list_prefix(""):
        kind = next((name for at, name in _KINDS.items() if info.key.startswith(at)), _OTHER)
        nbytes[kind] = nbytes.get(kind, 0) + info.nbytes
        count[kind] = count.get(kind, 0) + 1
    shares = [UsageShare(name, nbytes[name], 0, count[name]) for name in nbytes]
    return Usage(sum(nbytes.values()), "kind", _largest_first(shares))


def usage_by_branch(store: ObjectStore, heads: Mapping[str, Digest]) -> Usage:
    """Return what chunks the histories of branches need."""
    chunks = _Chunks()
    for name, head in heads.items():
        crawl([head], DocumentReader(store), _History(partial(chunks.add, name)))
    return chunks.usage("branch", heads)


def usage_by_node(store: ObjectStore, commit: Digest, by: By, name_of: "NameOf") -> Usage:
    """Return what chunks the arrays of one commit need, each array under the name it is given."""
    chunks = _Chunks()
    visitor = _OneCommit(commit, lambda leaf, path: chunks.add(name_of(path), leaf))
    crawl([commit], DocumentReader(store), visitor)
    return chunks.usage(by, visitor.names(name_of))


NameOf = Callable[[str], str]
"""Returns what the array at a path is counted under."""
OnLeaf = Callable[[Leaf, str], None]
"""Takes a page of chunks, and the path of the array it belongs to."""


class _Chunks:
    """The chunks of each name, told apart by where they are."""

    def __init__(self) -> None:
        self._packs: dict[Digest, int] = {}
        self._rows: dict[str, list[Ints]] = {}

    def add(self, name: str, leaf: Leaf, _path: str = "") -> None:
        """Take the chunks of a page for a name."""
        numbers = [self._packs.setdefault(pack.digest, len(self._packs)) for pack in leaf.packs]
        place = np.array(numbers, np.int64)[leaf.pack]
        rows = np.stack([place, leaf.offset, leaf.nbytes], axis=1)
        self._rows.setdefault(name, []).append(rows)

    def usage(self, by: By, names: Iterable[str]) -> Usage:
        """Return what each name stores alone, and what with others."""
        found = {name: np.unique(np.concatenate(rows), axis=0) for name, rows in self._rows.items()}
        everything = np.concatenate([np.zeros((0, 3), np.int64), *found.values()])
        unique, inverse, users = np.unique(
            everything, axis=0, return_inverse=True, return_counts=True
        )
        is_own = (users == 1)[inverse.reshape(-1)]
        shares, start = [], 0
        for name in dict.fromkeys([*found, *names]):
            rows = found.get(name, everything[:0])
            own = is_own[start : start + len(rows)]
            start += len(rows)
            sizes = rows[:, 2]
            shares.append(
                UsageShare(name, int(sizes[own].sum()), int(sizes[~own].sum()), len(rows))
            )
        return Usage(int(unique[:, 2].sum()), by, _largest_first(shares))


@dataclass(slots=True, eq=False)
class _History:
    """Walks each document that a commit and its ancestors need once."""

    on_leaf: OnLeaf
    seen: set[Digest] = field(default_factory=set)

    def is_new(self, kind: Kind, digest: Digest) -> bool:  # noqa: ARG002 - of a visitor
        is_new = digest not in self.seen
        self.seen.add(digest)
        return is_new

    def commit(self, digest: Digest, found: CommitDocument) -> None:
        """Nothing is counted for a commit."""

    def array(self, path: str, node: ArrayNode) -> None:
        """Nothing is counted for an array but its chunks."""

    def leaf(self, leaf: Leaf, node: ArrayNode, path: str) -> None:  # noqa: ARG002 - of a visitor
        self.on_leaf(leaf, path)

    def failed(self, task: Task, error: VstoreError) -> None:  # noqa: ARG002 - of a visitor
        raise error


@dataclass(slots=True, eq=False)
class _OneCommit:
    """Walks the tree of one commit: what two arrays share is visited for each."""

    start: Digest
    on_leaf: OnLeaf
    paths: list[str] = field(default_factory=list)

    def is_new(self, kind: Kind, digest: Digest) -> bool:
        return kind != "commit" or digest == self.start

    def commit(self, digest: Digest, found: CommitDocument) -> None:
        """Nothing is counted for the commit."""

    def array(self, path: str, node: ArrayNode) -> None:  # noqa: ARG002 - of a visitor
        self.paths.append(path)

    def leaf(self, leaf: Leaf, node: ArrayNode, path: str) -> None:  # noqa: ARG002 - of a visitor
        self.on_leaf(leaf, path)

    def failed(self, task: Task, error: VstoreError) -> None:  # noqa: ARG002 - of a visitor
        raise error

    def names(self, name_of: NameOf) -> list[str]:
        """Return the names of all arrays, those without chunks too."""
        return [name_of(path) for path in self.paths]


def _largest_first(shares: Iterable[UsageShare]) -> tuple[UsageShare, ...]:
    return tuple(sorted(shares, key=lambda share: (-share.own_nbytes, share.name)))


def _cells(share: UsageShare) -> tuple[str, str, str]:
    shared = format_nbytes(share.shared_nbytes) if share.shared_nbytes else ""
    return printable(share.name), format_nbytes(share.own_nbytes), shared
