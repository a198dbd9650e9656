"""Purges of a repository: which commits were rewritten, and what stands in their place."""

from collections.abc import Iterator
from dataclasses import dataclass

from vstore.errors import NotFoundError
from vstore.format import object_keys, purges
from vstore.format.digest import Digest
from vstore.format.purges import PurgeDocument
from vstore.history.documents import read_again
from vstore.storage.store import Key, ObjectStore, Version


def read_purge(store: ObjectStore, name: str) -> tuple[PurgeDocument, Version]:
    """Return a purge and its version, or raise `NotFoundError`."""
    key = object_keys.purge(name)
    return read_again(lambda: store.get_versioned(key), lambda data: purges.decode(data, name))


def list_purges(store: ObjectStore) -> Iterator[tuple[PurgeDocument, Version]]:
    """Yield all purges, oldest first, each with its version."""
    for info in store.list_prefix(object_keys.PURGES):
        name = object_keys.purge_at(Key(info.key))
        if name is not None:
            yield read_purge(store, name)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A commit that was rewritten, what is in its place now, and when that was."""

    old: Digest
    new: Digest
    time: str

    def error(self, url: str) -> NotFoundError:
        """Return the error for who asks for the old commit."""
        return NotFoundError(
            f"the commit {self.old} of {url} was rewritten on {self.time[:10]} to erase data; "
            f"{self.new} is in its place",
            code="commit-purged",
            commit=self.old,
            rewritten=self.new,
        )


def find_rewritten(store: ObjectStore, begins: str) -> Rewritten | None:
    """Return what became of the commit whose hash begins so; None if no purge rewrote it."""
    found: Rewritten | None = None
    for purge, _ in list_purges(store):
        for old, new in purge.commits.items():
            if (found is None and old.startswith(begins)) or (found and old == found.new):
                found = Rewritten(found.old if found else Digest(old), Digest(new), purge.time)
    return found


def rewritten_commits(store: ObjectStore) -> dict[Digest, Digest]:
    """Return all commits that were rewritten, each with the newest one in its place."""
    found: dict[Digest, Digest] = {}
    for purge, _ in list_purges(store):
        found = {old: Digest(purge.commits.get(new, new)) for old, new in found.items()}
        found |= {Digest(old): Digest(new) for old, new in purge.commits.items()}
    return found
