"""Deleting refs on stores that cannot delete an object on a condition.

A ref is deleted by a conditional write first: its document says that it is. From then on it
is gone for everybody, and no move that was acknowledged can be lost. Only then the object
is removed, at leisure; nobody makes a ref of that name before it is.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from vstore.errors import StorageError
from vstore.faces import pickled
from vstore.format import commit as commits
from vstore.format import document
from vstore.format.commit import FORMAT, BranchDocument, TagDocument, Tombstone
from vstore.history.fence import SLOW_SECONDS, Stopwatch
from vstore.storage.store import Key, ObjectInfo, ObjectStore, Version

Find = Callable[[str], tuple[BranchDocument | TagDocument | Tombstone, Version] | None]
"""Return what is in the place of a ref, None where there is nothing."""

TOMBSTONE_NBYTES = 250
"""How long a tombstone is at most besides its name; a branch is longer, a tag as a rule."""

PATIENCE_SECONDS = 2 * SLOW_SECONDS
"""How long a deleted ref must be seen unchanged before another than its deleter removes it.

A deleter gives up removing it after half of that.
"""

_POLL_SECONDS = 0.05


@pickled
class Tombstones:
    """The deleted refs of one kind."""

    def __init__(self, store: ObjectStore, find: Find) -> None:
        self._store = store
        self._find = find

    def bury(self, name: str, key: Key, version: Version) -> bool:
        """Delete a ref that is still at `version`; return False, changing nothing, if not.

        Where removing the object fails the ref is deleted all the same.
        """
        since = Stopwatch()
        tombstone = commits.encode(Tombstone(FORMAT, name, secrets.token_hex(16)))
        buried = self._store.compare_and_swap(key, tombstone, version)
        if buried is None:
            return False
        if not since.is_slow:
            with suppress(StorageError):
                self._store.delete_if_version(key, buried)
        return True

    def is_cleared(self, name: str, key: Key) -> bool:
        """Wait until a deleted ref is out of the way; return False if a living one is there."""
        watched, since = None, Stopwatch()
        while (found := self._find(name)) is not None:
            if not isinstance(found[0], Tombstone):
                return False
            if found[1] != watched:
                watched, since = found[1], Stopwatch()
            if since.seconds > PATIENCE_SECONDS:
                self._store.delete_if_version(key, found[1])
            time.sleep(_POLL_SECONDS)
        return True

    def names(self, listed: Iterable[tuple[str, ObjectInfo]]) -> Iterator[str]:
        """Yield the names that are not those of deleted refs; reads what is short enough."""
        for name, info in listed:
            is_long = info.nbytes > TOMBSTONE_NBYTES + len(document.dumps(name))
            if is_long or self._is_living(name):
                yield name

    def _is_living(self, name: str) -> bool:
        found = self._find(name)
        return found is not None and not isinstance(found[0], Tombstone)
