"""Which commits one side has and the other lacks."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vstore.errors import NotFoundError
from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit
from vstore.history.lines import descend

_WANTED, _HAD = 1, 2


def missing_commits(
    wanted: Iterable[Digest], had: Iterable[Digest], read: ReadCommit, read_had: ReadCommit
) -> Iterator[Digest]:
    """Yield the commits that `wanted` reach and `had` do not, the newest generation first.

    Reads what it yields, and O(log n) of lines of n commits without merges among the others.
    A commit among the ancestors of `had` that cannot be read ends that line: nothing is known
    of what is below it, so that more may be yielded than is missing, never less.
    """
    walk = _Walk(read, read_had)
    for digest in had:
        walk.reach(digest, _HAD)
    for digest in wanted:
        walk.reach(digest, _WANTED)
    while walk.wanted:
        digest = walk.pop()
        if walk.flags[digest] & _HAD:
            walk.pass_on_had(digest)
        else:
            yield digest
            for parent in read(digest).parents:
                walk.reach(Digest(parent), _WANTED)


@dataclass(slots=True)
class _Walk:
    """The commits that lines of history have come down to, the newest generation first.

    Whoever is taken has met all its descendants among them, so that its flags are final.
    """

    read: ReadCommit
    read_had: ReadCommit
    flags: dict[Digest, int] = field(default_factory=dict)
    heap: list[tuple[int, Digest]] = field(default_factory=list)
    queued: set[Digest] = field(default_factory=set)
    wanted: set[Digest] = field(default_factory=set)
    """Those in the heap of which it is not known yet that the other side has them."""

    def reach(self, digest: Digest, flag: int) -> None:
        """Note that a commit is an ancestor of what `flag` says."""
        if digest not in self.flags:
            read = self.read_had if flag == _HAD else self.read
            try:
                generation = read(digest).generation
            except NotFoundError:
                if flag != _HAD:
                    raise
                return
            self.flags[digest] = flag
            self.queued.add(digest)
            heapq.heappush(self.heap, (-generation, digest))
        self.flags[digest] |= flag
        if digest in self.queued:
            if self.flags[digest] & _HAD:
                self.wanted.discard(digest)
            else:
                self.wanted.add(digest)

    def pop(self) -> Digest:
        """Take the newest commit."""
        _, digest = heapq.heappop(self.heap)
        self.queued.discard(digest)
        self.wanted.discard(digest)
        return digest

    def pass_on_had(self, digest: Digest) -> None:
        """Go on below a commit that both sides have.

        Down a line without merges at once to where one that is still wanted may be: nothing
        in between is an ancestor of anything else that waits here.
        """
        if not self.wanted:
            return
        level = max(self.read(each).generation for each in self.wanted)
        try:
            below = descend(digest, level, self.read_had)
        except NotFoundError:
            return
        if below != digest:
            self.reach(below, _HAD)
            return
        for parent in self.read_had(digest).parents:
            self.reach(Digest(parent), _HAD)
