"""What the remotes of a repository promise, as their listings say."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vstore.errors import NotHereError, VstoreError
from vstore.format import object_keys
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.inventory import Inventory
from vstore.maintenance.progress import NOTHING, Amount, Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vstore.format.digest import Digest
    from vstore.format.page import ChunkRef, Leaf, PackRef
    from vstore.reading.elsewhere import Elsewhere
    from vstore.storage.store import Key, ObjectStore


@dataclass(slots=True, eq=False)
class Listing:
    """What one remote holds."""

    name: str
    store: ObjectStore
    inventory: Inventory
    _forwards: Forwards | None = None

    @property
    def forwards(self) -> Forwards:
        """What became of packs there; read when a pack is not listed."""
        if self._forwards is None:
            self._forwards = Forwards.read(self.store)
        return self._forwards


@dataclass(slots=True, eq=False)
class Promises:
    """The remotes that promise what is missing, each listed once, when something is.

    Safe to use from several threads.
    """

    elsewhere: Elsewhere
    progress: Progress = silent
    _listings: list[Listing] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the remotes that promise something."""
        return tuple(remote.name for remote in self.elsewhere.promising)

    def listings(self) -> list[Listing]:
        """Return what each of the remotes holds.

        Raises:
            NotHereError: one cannot or may not be listed.
        """
        with self._lock:
            if self._listings is None:
                self._listings = [
                    Listing(name, store, self._inventory(name, store))
                    for name, store in self.elsewhere.stores()
                ]
            return self._listings

    def _inventory(self, name: str, store: ObjectStore) -> Inventory:
        """List a remote; one that has vanished is told from one that lost its objects."""
        found = Inventory.take(store, self.progress)
        if not found.has_marker:
            why = f"there is no repository at {store.url}"
            code = "remote-unreachable"
            raise NotHereError.naming("what is missing", remote=name, why=why, code=code)
        return found

    def find_store(self) -> ObjectStore | None:
        """Return the first remote that promises something and can be reached, to restore from."""
        try:
            return next((store for _, store in self.elsewhere.stores()), None)
        except VstoreError:
            return None

    def copies(self, key: Key, nbytes: int | None = None) -> list[Listing]:
        """Return the remotes that list an object, of that size if one is given."""
        sizes = ((each, each.inventory.find_size(key)) for each in self.listings())
        return [each for each, size in sizes if size is not None and nbytes in (None, size)]

    def holds(self, key: Key, nbytes: int | None = None) -> bool:
        """Return whether a remote lists an object.

        Raises:
            NotHereError: that cannot be known, since a remote that promises cannot be listed.
        """
        return bool(self.names) and bool(self.copies(key, nbytes))

    def is_repacked(self, pack: Digest) -> bool:
        """Return whether a remote says that a pack was replaced by another one."""
        return bool(self.names) and any(pack in each.forwards.moved for each in self.listings())

    def holds_chunks(self, refs: Iterable[ChunkRef]) -> bool:
        """Return whether one remote holds all these chunks, in whatever pack they are there."""
        wanted = list(refs)
        for each in self.listings():
            packs = {each.forwards.place(ref).pack for ref in wanted}
            if all(each.inventory.packs.find(pack.digest) == pack.nbytes for pack in packs):
                return True
        return False


@dataclass(slots=True, eq=False)
class Promised:
    """What is missing in a repository and promised by its remotes."""

    promises: Promises
    amount: Amount = NOTHING
    unlisted: str = ""
    """Why the promise could not be checked, as a sentence."""
    repacked: set[Digest] = field(default_factory=set)
    """Packs that a remote replaced by others."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, key: Key, nbytes: int | None = None) -> bool:
        """Count a missing object if a remote holds it, or promised it and cannot be listed now."""
        if not self.promises.names:
            return False
        try:
            copies = self.promises.copies(key, nbytes)
            if not copies:
                return False
            size = copies[0].inventory.find_size(key) or 0
        except VstoreError as exc:
            self.unlisted, size = str(exc), nbytes or 0
        self._count(size)
        return True

    def takes_pack(self, pack: PackRef) -> bool:
        """Do as `takes` does; a pack that a remote replaced by another counts until looked into."""
        if self.takes(object_keys.pack(pack.digest), pack.nbytes):
            return True
        if not self.promises.is_repacked(pack.digest):
            return False
        self.repacked.add(pack.digest)
        self._count(pack.nbytes)
        return True

    def lacks(self, leaf: Leaf) -> list[PackRef]:
        """Return packs of a page with chunks that no remote kept when it replaced the pack."""
        found: list[PackRef] = []
        for pack in leaf.packs:
            refs = (ref for ref in leaf.parts() if ref.pack == pack)
            if pack.digest in self.repacked and not self.promises.holds_chunks(refs):
                self.repacked.discard(pack.digest)
                found.append(pack)
        return found

    def _count(self, nbytes: int) -> None:
        with self._lock:
            self.amount += Amount(1, nbytes)
