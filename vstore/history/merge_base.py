"""Ancestry: who descends from whom, and where two lines of history parted."""

import heapq

from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit

_OURS, _THEIRS, _STALE = 1, 2, 4
_BOTH = _OURS | _THEIRS


def merge_bases(ours: Digest, theirs: Digest, read: ReadCommit) -> list[Digest]:
    """Return the best common ancestors: those that no other common ancestor descends from.

    One for plain histories, several where branches were merged crosswise, none where the
    commits share no history. Reads only commits that are not older than the result.
    """
    flags = {ours: _OURS}
    flags[theirs] = flags.get(theirs, 0) | _THEIRS
    heap = [(-read(digest).generation, digest) for digest in flags]
    heapq.heapify(heap)
    queued = set(flags)
    found: list[Digest] = []
    while any(flags[digest] & _STALE == 0 for digest in queued):
        _, digest = heapq.heappop(heap)
        queued.discard(digest)
        flag = flags[digest]
        if flag & _BOTH == _BOTH:
            if not flag & _STALE:
                found.append(digest)
            flag |= _STALE
        for name in read(digest).parents:
            parent = Digest(name)
            flags[parent] = flags.get(parent, 0) | flag
            if parent not in queued:
                queued.add(parent)
                heapq.heappush(heap, (-read(parent).generation, parent))
    return found


def is_ancestor(old: Digest, new: Digest, read: ReadCommit) -> bool:
    """Tell whether `new` is `old` or descends from it; reads no commit older than `old`."""
    floor = read(old).generation
    frontier, seen = [new], {new}
    while frontier:
        digest = frontier.pop()
        if digest == old:
            return True
        document = read(digest)
        if document.generation > floor:
            fresh = [Digest(name) for name in document.parents if name not in seen]
            seen.update(fresh)
            frontier += fresh
    return False
