"""Which objects one side needs of the other."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from vstore.errors import NotFoundError
from vstore.format import object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.history.closure import Need, fresh_in
from vstore.history.read_ahead import ReadAhead
from vstore.storage.store import Key
from vstore.transfer.documents import Documents
from vstore.transfer.missing import missing_commits

TREES_AT_ONCE = 64
"""How many commits have their trees compared with their parents' at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be copied.

    Attributes:
        heads: the commits that are wanted, with all that they reach.
        haves: commits that the other side has, with all that they reach.
        packs: whether chunks are wanted too, or documents only.
        depth: how many generations of commits are wanted; None for all.
    """

    heads: tuple[Digest, ...]
    haves: tuple[Digest, ...] = ()
    packs: bool = True
    depth: int | None = None


@dataclass(slots=True)
class Walk:
    """Finds out what is needed, each object once; several commits at a time."""

    source: Documents
    near: Documents
    """Where ancestors of what the other side has are read: it costs less, or nothing."""
    wanted: Wanted
    commits: list[Digest] = field(default_factory=list)
    """The commits that are missing on the other side, as far as they were told."""
    merges: int = 0
    """How many of them have several parents."""
    _seen: set[Key] = field(default_factory=set)

    def needs(self) -> Iterator[Need]:
        """Yield every object that is needed, commits behind what they name.

        Raises:
            NotFoundError: something that is needed is missing at the source.
            CorruptionError: something that is needed is damaged there.
        """
        missing = self._missing()
        if self.wanted.depth is not None:
            missing = iter(list(missing))  # which ones stay behind is known at the end only
        pool = ThreadPoolExecutor(TREES_AT_ONCE, thread_name_prefix="vstore-walk")
        running: deque[tuple[Digest, Future[list[Need]]]] = deque()
        try:
            with pool:
                for digest in missing:
                    running.append((digest, pool.submit(self._needs_of, digest)))
                    if len(running) >= 2 * TREES_AT_ONCE:
                        yield from self._fresh(*running.popleft())
                while running:
                    yield from self._fresh(*running.popleft())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise

    def _fresh(self, digest: Digest, found: "Future[list[Need]]") -> Iterator[Need]:
        for need in [*found.result(), Need(object_keys.commit(digest), digest)]:
            if need.key in self._seen or (need.pack is not None and not self.wanted.packs):
                continue
            self._seen.add(need.key)
            yield need

    def _missing(self) -> Iterator[Digest]:
        """Yield the commits that are missing, within the depth that is wanted."""
        read = ReadAhead(self.source, most=self._most())
        lowest: dict[Digest, int] = dict.fromkeys(self.wanted.heads, 1)
        told = 0
        for digest in missing_commits(self.wanted.heads, self.wanted.haves, read, self._read_had):
            if self.wanted.depth is not None and lowest.get(digest, 0) == 0:
                continue
            self.commits.append(digest)
            parents = [Digest(name) for name in read(digest).parents]
            self.merges += len(parents) > 1
            if self.wanted.depth is not None:
                below = lowest[digest] + 1
                for parent in parents if below <= self.wanted.depth else ():
                    lowest[parent] = min(below, lowest.get(parent, below))
            yield digest
            told += 1
            if self.wanted.depth is not None and told == len(lowest):
                return  # all others are beyond the depth, and not even read

    def _read_had(self, digest: Digest) -> CommitDocument:
        try:
            return self.near.commit(digest)
        except NotFoundError:
            return self.source.commit(digest)

    def _most(self) -> int:
        """Return how many commits of the longest line will be read, at most."""
        depths = [self.source.commit(head).depth for head in self.wanted.heads]
        had = [found.depth for head in self.wanted.haves if (found := self._find(head))]
        most = max(depths) + 1
        below = [depth for depth in had if depth < most]
        if below:
            most -= max(below) + 1
        return max(1, min(most, self.wanted.depth or most))

    def _find(self, digest: Digest) -> CommitDocument | None:
        try:
            return self._read_had(digest)
        except NotFoundError:
            return None

    def _needs_of(self, digest: Digest) -> list[Need]:
        """Return what a commit needs that its parents do not; runs on a thread."""
        found = self.source.commit(digest)
        parents = [Digest(name) for name in found.parents]
        if self._is_cut(parents):
            return self._fresh_in(found, None)
        needs = self._fresh_in(found, self._read_had(parents[0]) if parents else None)
        for parent in parents[1:]:
            beside = {need.key for need in self._fresh_in(found, self._read_had(parent))}
            needs = [need for need in needs if need.key in beside]
        return needs

    def _fresh_in(self, new: CommitDocument, old: CommitDocument | None) -> list[Need]:
        # One chunk says which pack it is: of a large commit, those of all would take much memory.
        return [need._replace(chunks=need.chunks[:1]) for need in fresh_in(self.source, new, old)]

    def _is_cut(self, parents: Sequence[Digest]) -> bool:
        """Return whether some parents stay behind, so that nothing of theirs is there."""
        if self.wanted.depth is None:
            return False
        return not {*self.commits, *self.wanted.haves}.issuperset(parents)
