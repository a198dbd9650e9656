"""Reading a line of commits side by side, along the ancestors that each of them lists."""

from collections.abc import Sequence
from typing import Protocol

from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest

MOST_AHEAD = 100
"""How many commits are read at one time at most."""

FEWEST_AHEAD = 4
"""How many are read at first where nobody says how many will be wanted."""


class CommitSource(Protocol):
    """Reads commits, and keeps them."""

    def commit(self, digest: Digest) -> CommitDocument:
        """Return a commit, or raise `NotFoundError`."""

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that is at hand, without a request."""

    def prefetch_commits(self, digests: Sequence[Digest]) -> None:
        """Read commits side by side and keep them; what cannot be read is left out."""

    def recent(self, digest: Digest) -> Sequence[Digest]:
        """Return the heads that a branch had before this one, as far as it was read."""


class ReadAhead:
    """Reads commits for a caller that walks from newer ones to older ones.

    A commit lists ancestors, the farther the sparser. So one that is asked for comes together
    with others that will be: a hundred take three rounds of requests, and each further round
    brings up to `MOST_AHEAD`.
    """

    def __init__(self, source: CommitSource, *, most: int | None = None) -> None:
        """Read from a source.

        Args:
            source: What reads commits.
            most: How many will be asked for, if that is known.
        """
        self._source = source
        self._most = most
        self._ahead = FEWEST_AHEAD if most is None else MOST_AHEAD
        self._floor: int | None = None
        self._known: dict[Digest, int] = {}
        self._read: set[Digest] = set()

    def __call__(self, digest: Digest) -> CommitDocument:
        """Return a commit, or raise `NotFoundError`."""
        found = self._source.find_commit(digest)
        if found is None:
            self._source.prefetch_commits([digest, *self._next(digest)])
            if self._most is None:
                self._ahead = min(2 * self._ahead, MOST_AHEAD)
            found = self._source.commit(digest)
        self._note(digest, found)
        return found

    def _note(self, digest: Digest, commit: CommitDocument) -> list[Digest]:
        """Learn where further commits are from one that was read; return those not known before."""
        self._known.pop(digest, None)
        if digest in self._read:
            return []
        self._read.add(digest)
        if self._floor is None and self._most is not None:
            self._floor = commit.depth - self._most
        pointers = [*commit.ancestors]
        pointers += [(commit.depth - 1, name) for name in commit.parents[:1]]
        pointers += [
            (commit.depth - 1 - i, name) for i, name in enumerate(self._source.recent(digest))
        ]
        floor = 0 if self._floor is None else self._floor
        fresh = {
            Digest(name): depth
            for depth, name in pointers
            if depth >= floor and name not in self._read and name not in self._known
        }
        self._known |= fresh
        return list(fresh)

    def _next(self, digest: Digest) -> list[Digest]:
        """Return which commits to read besides one: the nearest that are known."""
        unlooked = list(self._known)
        while unlooked:
            name = unlooked.pop()
            found = self._source.find_commit(name)
            if found is not None:
                unlooked += self._note(name, found)
        soonest = sorted(self._known, key=lambda name: -self._due(self._known[name]))
        return [name for name in soonest if name != digest][: self._ahead - 1]

    def _due(self, depth: int) -> int:
        """Return the depth at which a commit should be at hand.

        One that lists ten others which nobody else does is read a round before them, and one
        that lists ten of these two rounds before.
        """
        rounds = 0
        while depth and depth % 10 ** (rounds + 1) == 0:
            rounds += 1
        return depth + rounds * self._ahead
