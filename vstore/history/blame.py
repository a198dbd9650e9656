"""Which commits touched a node, and which one last changed a sample."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vstore.format.commit import parse_time
from vstore.format.digest import Digest
from vstore.history.commits import Commit, ReadCommit, describe

State = Callable[[Digest], Any]
"""Return what stood somewhere in a commit, as a value that can be compared."""


def commits_between(
    starts: Sequence[Digest], excluded: Sequence[Digest], read: ReadCommit
) -> Iterator[Commit]:
    """Yield, newest first, what the starts descend from and the excluded ones do not."""
    hidden: dict[Digest, bool] = dict.fromkeys(starts, False) | dict.fromkeys(excluded, True)
    heap = [_entry(digest, read) for digest in hidden]
    heapq.heapify(heap)
    open_ends = sum(not is_hidden for is_hidden in hidden.values())
    while heap and open_ends:
        digest = heapq.heappop(heap)[-1]
        document = read(digest)
        if not hidden[digest]:
            open_ends -= 1
            yield describe(digest, document)
        for parent in map(Digest, document.parents):
            if parent not in hidden:
                hidden[parent] = hidden[digest]
                open_ends += not hidden[digest]
                heapq.heappush(heap, _entry(parent, read))
            elif hidden[digest] and not hidden[parent]:
                hidden[parent] = True
                open_ends -= 1


def _entry(digest: Digest, read: ReadCommit) -> tuple[int, float, Digest]:
    document = read(digest)
    return -document.generation, -parse_time(document.time).timestamp(), digest


def is_touched(commit: Commit, read: ReadCommit, state: State) -> bool:
    """Return whether a commit's state differs from that of every parent."""
    here = state(commit.id)
    for parent in commit.parents:
        read(parent)  # which may bring others with it, as `state` does not
    before = [state(parent) for parent in commit.parents] or [None]
    return all(other != here for other in before)


def last_changed(start: Digest, read: ReadCommit, state: State) -> Commit | None:
    """Return the commit that brought about what is in `start`; None for nothing there.

    A merge is passed through to a parent that holds the same.
    """
    here = state(start)
    if here is None:
        return None
    digest = start
    while True:
        document = read(digest)
        for parent in map(Digest, document.parents):
            read(parent)
        same = next((p for p in document.parents if state(Digest(p)) == here), None)
        if same is None:
            return describe(digest, document)
        digest = Digest(same)


def last_changed_each(start: Digest, read: ReadCommit, state: State) -> list[Commit]:
    """Do as `last_changed` does for each sample of a state that holds several, by their keys.

    The commits are in the order of the samples.
    """
    here: Mapping[Any, Any] = state(start)
    found: dict[Any, Commit] = {}
    unsettled = [(start, list(here))]
    while unsettled:
        digest, keys = unsettled.pop()
        document = read(digest)
        for parent in map(Digest, document.parents):
            read(parent)
            before = state(parent) or {}
            same = {key for key in keys if before.get(key) == here[key]}
            if same:
                unsettled.append((parent, list(same)))
                keys = [key for key in keys if key not in same]
        if keys:
            found |= dict.fromkeys(keys, describe(digest, document))
    return [found[key] for key in here]
