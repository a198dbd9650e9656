"""Find what is reachable from refs, their logs and young commits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vstore.errors import CorruptionError, NotFoundError, VstoreError
from vstore.format.commit import CommitDocument
from vstore.format.digest import RESTORE, Digest
from vstore.format.nodes import ArrayNode
from vstore.format.page import Leaf, PackRef
from vstore.maintenance.crawl import Kind, Task, crawl
from vstore.maintenance.digest_set import DigestSet
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.gc.gc_report import DeadSpace
from vstore.maintenance.objects import DocumentReader
from vstore.maintenance.progress import Progress, ProgressStep, silent
from vstore.maintenance.promises import Promises
from vstore.storage.store import ObjectStore


@dataclass(slots=True, eq=False)
class Live:
    """What was found to be reachable, and what that took."""

    digests: DigestSet = field(default_factory=DigestSet)
    commits: int = 0
    documents: int = 0
    is_complete: bool = True
    """Whether nothing was missing or damaged."""
    failures: int = 0
    """How many documents could not be read."""
    promises: Promises | None = None
    """What remotes promise: a document that is missing and theirs ends only the way below it."""
    known: "KnownCommits | None" = None
    """Commits that need not be looked into, because all they reach is known not to be pending."""

    def keeps(self, commit: Digest) -> bool:
        """Return whether a commit was found to be needed."""
        return commit in self.digests or (self.known is not None and commit in self.known)


@dataclass(slots=True, eq=False)
class KnownCommits:
    """Commits that were there when a pending list was made."""

    there: DigestSet = field(default_factory=DigestSet)
    pending: DigestSet = field(default_factory=DigestSet)

    def __contains__(self, digest: Digest) -> bool:
        return digest in self.there and digest not in self.pending


def mark(
    store: ObjectStore,
    roots: Iterable[Digest],
    live: Live,
    *,
    tolerate: tuple[type[VstoreError], ...] = (),
    space: "PackSpace | None" = None,
    progress: Progress = silent,
) -> None:
    """Add all that `roots` reach to `live`, visiting nothing that is in it already.

    What `tolerate` names ends only the way below it. Call first with the roots that must be
    whole, then with the others.

    Raises:
        CorruptionError: something is missing or damaged. What it refers to is unknown then, and
            nothing may be deleted.
    """
    visitor = _Marker(live, tolerate, space, progress)
    crawl(roots, DocumentReader(store), visitor)


@dataclass(slots=True, eq=False)
class _Marker:
    live: Live
    tolerate: tuple[type[VstoreError], ...]
    space: "PackSpace | None"
    progress: Progress

    def is_new(self, kind: Kind, digest: Digest) -> bool:
        known = self.live.known
        if kind == "commit" and known is not None and digest in known:
            return False
        if not self.live.digests.add(digest):
            return False
        self.live.documents += 1
        return True

    def commit(self, digest: Digest, found: CommitDocument) -> None:  # noqa: ARG002
        self.live.commits += 1
        self.progress(ProgressStep("walking commits", self.live.commits))

    def array(self, path: str, node: ArrayNode) -> None:
        """Nothing to mark: an array is stored in its commit or its node."""

    def leaf(self, leaf: Leaf, node: ArrayNode, path: str) -> None:  # noqa: ARG002
        for pack in leaf.packs:
            self.live.digests.add(pack.digest)
        if self.space is not None:
            self.space.add(leaf)

    def failed(self, task: Task, error: VstoreError) -> None:
        if isinstance(error, self.tolerate) or self._is_promised(task, error):
            self.live.is_complete = False
            self.live.failures += 1
            return
        raise CorruptionError(
            f"{task.what} cannot be read, so what it needs is unknown; nothing was deleted. "
            f"{error}",
            code="damaged-object",
            hint=RESTORE,
        ) from error

    def _is_promised(self, task: Task, error: VstoreError) -> bool:
        """Return whether a remote holds a document that is missing, and so what it refers to.

        Raises:
            NotHereError: that cannot be known, since the remote cannot be listed.
        """
        promises = self.live.promises
        return (
            promises is not None and isinstance(error, NotFoundError) and promises.holds(task.key)
        )


_ROWS = 1 << 18


class PackSpace:
    """Which parts of each live pack are chunks that something needs: 24 bytes a chunk.

    Chunks of repacked packs are counted where they are now.
    """

    def __init__(self, forwards: Forwards) -> None:
        self._forwards = forwards
        self._numbers: dict[Digest, int] = {}
        self._sizes: list[int] = []
        self._rows: list[NDArray[np.int64]] = []
        self._pending = 0
        self._limit = _ROWS

    def add(self, leaf: Leaf) -> None:
        """Take the chunks of a page that are in packs; those that are known already count once."""
        leaf = self._forwards.translated(leaf)
        numbers = np.array([self._number(pack.digest, pack.nbytes) for pack in leaf.packs])
        rows = np.stack([numbers[leaf.pack], leaf.offset, leaf.nbytes], axis=1)
        here = ~np.array([pack.is_source for pack in leaf.packs])[leaf.pack]
        self._rows.append(rows[here])
        self._pending += len(self._rows[-1])
        if self._pending > self._limit:
            self._limit = 2 * len(self._compacted()) + _ROWS

    def _number(self, digest: Digest, nbytes: int) -> int:
        number = self._numbers.setdefault(digest, len(self._numbers))
        if number == len(self._sizes):
            self._sizes.append(nbytes)
        return number

    def _compacted(self) -> NDArray[np.int64]:
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, 3), np.int64)
        rows = np.unique(rows, axis=0)
        self._rows, self._pending = [rows], len(rows)
        return rows

    def _dead(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = self._compacted()
        sizes = np.array(self._sizes, np.int64)
        used = np.zeros(len(sizes), np.int64)
        np.add.at(used, rows[:, 0], rows[:, 2])
        return sizes, np.maximum(sizes - used, 0)

    def parts(self, pack: Digest) -> NDArray[np.int64]:
        """Return the parts of a pack that are needed, as rows of (offset, bytes)."""
        number = self._numbers.get(pack)
        if number is None:
            return np.zeros((0, 2), np.int64)
        rows = self._compacted()
        first, last = np.searchsorted(rows[:, 0], [number, number + 1])
        return rows[first:last, 1:]

    def mostly_dead(self, share: float) -> Iterator[PackRef]:
        """Yield packs of which at least this share is dead."""
        sizes, dead = self._dead()
        digests = list(self._numbers)
        for number in np.flatnonzero((dead > 0) & (dead >= share * sizes)):
            yield PackRef(digests[number], int(sizes[number]))

    def dead(self) -> DeadSpace:
        """Return what is dead inside the packs that are needed."""
        sizes, dead = self._dead()
        return DeadSpace(int(dead.sum()), len(sizes), int((2 * dead > sizes).sum()))
