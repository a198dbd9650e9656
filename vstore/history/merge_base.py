"""Ancestry: who descends from whom, and where two lines of history parted."""

import heapq
from dataclasses import dataclass, field
from itertools import combinations

from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit
from vstore.history.lines import ROOT, descend, meeting

_OURS, _THEIRS, _STALE = 1, 2, 4
_BOTH = _OURS | _THEIRS

_PATIENCE = 8
"""How many commits are read one by one before it pays to look for the end of their line."""

_MOST_LINES = 6
"""How many lines at most are looked ahead on: each is compared with each."""


def is_ancestor(old: Digest, new: Digest, read: ReadCommit) -> bool:
    """Return whether `new` is `old` or descends from it.

    Reads no commit older than `old`, and O(log n) of a line of n without merges.
    """
    floor = read(old).generation
    frontier, seen = [new], {new}
    while frontier:
        digest = frontier.pop()
        if digest == old:
            return True
        document = read(digest)
        if document.generation <= floor:
            continue
        below = [Digest(name) for name in document.parents]
        if len(below) == 1:
            below = [descend(digest, floor, read)]
        fresh = [name for name in below if name not in seen]
        seen.update(fresh)
        frontier += reversed(fresh)
    return False


def merge_bases(ours: Digest, theirs: Digest, read: ReadCommit) -> list[Digest]:
    """Return the best common ancestors: those that no other common ancestor descends from.

    One for plain histories, several where branches were merged crosswise, none where the
    commits share no history. Reads only commits that are not older than the result, and
    O(log n) of lines of n without merges.
    """
    walk = _Walk(read)
    walk.reach(ours, _OURS)
    walk.reach(theirs, _THEIRS)
    found: list[Digest] = []
    while walk.may_find_more:
        digest = walk.pop()
        if walk.flags[digest] & _BOTH == _BOTH and not walk.flags[digest] & _STALE:
            found.append(digest)
            walk.flags[digest] |= _STALE
        walk.pass_on(digest)
    return found


@dataclass(slots=True)
class _Walk:
    """The commits that lines of history have come down to, the newest generation first."""

    read: ReadCommit
    flags: dict[Digest, int] = field(default_factory=dict)
    heap: list[tuple[int, Digest]] = field(default_factory=list)
    queued: set[Digest] = field(default_factory=set)
    plain: int = 0
    """How many commits in a row had one parent and were read one by one."""

    @property
    def may_find_more(self) -> bool:
        """Whether two sides may still meet at a commit that is not known to be common."""
        fresh = {self.flags[digest] for digest in self.queued}
        return _BOTH in fresh or {_OURS, _THEIRS} <= fresh

    def reach(self, digest: Digest, flag: int) -> None:
        """Note that a commit is an ancestor of what `flag` says."""
        self.flags[digest] = self.flags.get(digest, 0) | flag
        if digest not in self.queued:
            self.queued.add(digest)
            heapq.heappush(self.heap, (-self.read(digest).generation, digest))

    def pop(self) -> Digest:
        """Take the newest commit; of long lines without merges, one far down."""
        if self.plain >= _PATIENCE and len(self.queued) <= _MOST_LINES:
            self.plain = 0
            self._leap()
        _, digest = heapq.heappop(self.heap)
        self.queued.discard(digest)
        return digest

    def pass_on(self, digest: Digest) -> None:
        """Note what the parents of a commit are ancestors of, unless nobody will ask."""
        if self.flags[digest] & _STALE and not self.may_find_more:
            return
        parents = self.read(digest).parents
        self.plain = self.plain + 1 if len(parents) == 1 else 0
        for name in parents:
            self.reach(Digest(name), self.flags[digest])

    def _leap(self) -> None:
        """Follow every line down to the newest place at which one ends or two meet or met.

        Between here and there no line has a merge and none meets another, so that nothing
        there is a common ancestor of which that was not known.
        """
        lines = sorted(self.queued)
        ends = {line: descend(line, ROOT, self.read) for line in lines}
        ends |= {line: line for line in lines if self.flags[line] == _BOTH}
        stops = [self._generation(end) for end in ends.values()]
        for a, b in combinations(lines, 2):
            common = meeting(a, b, self.read)
            if common is not None:
                stops.append(self._generation(common))
        level = max(stops)
        for line in lines:
            if self._generation(line) > level:
                self.queued.discard(line)
                self.reach(descend(line, level, self.read), self.flags[line])
        self.heap = [(-self._generation(digest), digest) for digest in self.queued]
        heapq.heapify(self.heap)

    def _generation(self, digest: Digest) -> int:
        return self.read(digest).generation
