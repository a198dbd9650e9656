"""Graphs of commits without contents: as large as wanted, and each read of one counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vstore.format.commit import Author, CommitDocument
from vstore.format.digest import Digest
from vstore.writing.commit_options import CommitOptions
from vstore.writing.committing import commit_document
from vstore.writing.staged_tree import Contents

OPTIONS = CommitOptions(message="", author=Author("Ann"), time=datetime(2026, 1, 1, tzinfo=UTC))


@dataclass
class Graph:
    """Commits that are called by their number."""

    commits: dict[Digest, CommitDocument] = field(default_factory=dict)
    reads: set[Digest] = field(default_factory=set)

    def read(self, digest: Digest) -> CommitDocument:
        """Return a commit, noting that it was read."""
        self.reads.add(digest)
        return self.commits[digest]

    def add(self, parents: Sequence[Digest] = ()) -> Digest:
        """Add a commit as vstore would write it."""
        options = CommitOptions(
            message="", author=OPTIONS.author, time=OPTIONS.time, merged=parents[1:]
        )
        base = parents[0] if parents else None
        document = commit_document(self.commits.__getitem__, base, options, Contents({}, {}, {}))
        digest = Digest(f"{len(self.commits):064x}")
        self.commits[digest] = document
        return digest

    def line(self, start: Digest | None, length: int) -> list[Digest]:
        """Add so many commits on top of each other and return them."""
        made: list[Digest] = [] if start is None else [start]
        for _ in range(length):
            made.append(self.add(made[-1:]))
        return made if start is None else made[1:]

    def ancestors(self, digest: Digest) -> set[Digest]:
        """Return a commit and all it descends from."""
        found, frontier = {digest}, [digest]
        while frontier:
            fresh = {Digest(p) for p in self.commits[frontier.pop()].parents} - found
            found |= fresh
            frontier += fresh
        return found

    def best_common(self, a: Digest, b: Digest) -> set[Digest]:
        """Return the merge bases by their definition."""
        common = self.ancestors(a) & self.ancestors(b)
        return common - {old for one in common for old in self.ancestors(one) - {one}}
