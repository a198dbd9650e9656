"""Long lines of commits crossed by the ancestors that each lists: where one ends, or two meet.

A commit counts the merges at or before it on its first-parent line. Where a commit and an
ancestor on that line count the same, nothing was merged in between: the ancestor is all that
can be reached at its generation, and what is between need not be read.
"""

import msgspec

from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit, first_parent, last_before

ROOT = -1
"""A generation that no commit has: descending to it ends at a merge or a first commit."""


def descend(digest: Digest, generation: int, read: ReadCommit) -> Digest:
    """Return the only ancestor at `generation`, or the merge or first commit above it.

    O(log n) reads. A commit at that generation or below it is returned as it is.
    """
    document = read(digest)
    while document.generation > generation and len(document.parents) == 1:
        digest = _step(document, generation, read)
        document = read(digest)
    return digest


def _step(document: CommitDocument, generation: int, read: ReadCommit) -> Digest:
    """Return the farthest listed ancestor with no merge in between, not below `generation`."""
    if document.merges is msgspec.UNSET:
        return Digest(document.parents[0])
    lowest = document.depth - (document.generation - generation)
    within = [Digest(name) for depth, name in document.ancestors if depth >= lowest]

    def has_merges_since(name: Digest) -> bool:
        return read(name).merges != document.merges

    if within and not has_merges_since(within[-1]):
        return within[-1]
    return last_before(within, has_merges_since) or Digest(document.parents[0])


def meeting(a: Digest, b: Digest, read: ReadCommit) -> Digest | None:
    """Return the newest commit that is on the first-parent lines of both; O(log n) reads."""
    depths = read(a).depth, read(b).depth
    a = first_parent(a, max(depths[0] - depths[1], 0), read)
    b = first_parent(b, max(depths[1] - depths[0], 0), read)
    while a != b:
        one, other = read(a), read(b)
        if not one.parents:
            return None
        beside = dict(other.ancestors)
        apart = [
            (Digest(name), Digest(beside[depth]))
            for depth, name in one.ancestors
            if beside.get(depth, name) != name
        ]
        a, b = apart[-1] if apart else (Digest(one.parents[0]), Digest(other.parents[0]))
    return a
