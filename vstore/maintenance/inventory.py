"""Everything that a store holds, from one listing."""

from dataclasses import dataclass, field

from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.maintenance.digest_set import DigestSet, SizesByDigest
from vstore.maintenance.progress import NOTHING, Amount, Progress, ProgressStep
from vstore.storage.store import Key, ObjectInfo, ObjectStore

_SHOWN = 1000


@dataclass(slots=True, eq=False)
class Inventory:
    """The objects of a repository by kind, with their sizes; 40 bytes for each.

    `foreign` are objects that vstore did not put there, as far as their names tell (the
    first thousand); `working` are remotes, purges, policies, and what
    deletions, garbage collection and probes keep or left behind.
    """

    commits: SizesByDigest = field(default_factory=SizesByDigest)
    index: SizesByDigest = field(default_factory=SizesByDigest)
    packs: SizesByDigest = field(default_factory=SizesByDigest)
    refs: list[Key] = field(default_factory=list)
    signatures: dict[tuple[Digest, str], int] = field(default_factory=dict)
    foreign: list[Key] = field(default_factory=list)
    foreign_amount: Amount = NOTHING
    working: Amount = NOTHING
    has_marker: bool = False

    @classmethod
    def take(cls, store: ObjectStore, progress: Progress) -> "Inventory":
        """List the whole store."""
        inventory = cls()
        for count, info in enumerate(store.list_prefix(""), 1):
            inventory._add(info)
            if count % 1000 == 0:
                progress(ProgressStep("listing objects", count))
        return inventory

    def _add(self, info: ObjectInfo) -> None:
        digest = object_keys.digest_at(info.key)
        signature = object_keys.signature_at(info.key)
        amount = Amount(1, info.nbytes)
        if digest is not None:
            self._sizes(info.key).append(digest, info.nbytes)
        elif signature is not None:
            self.signatures[signature] = info.nbytes
        elif info.key == object_keys.REPOSITORY:
            self.has_marker = True
        elif info.key.startswith("refs/") and object_keys.find_ref_name(info.key) is not None:
            self.refs.append(info.key)
        elif (
            info.key.startswith((object_keys.COLLECTION, object_keys.PROBES))
            or object_keys.find_deleted(info.key)
            or object_keys.moved_at(info.key)
            or object_keys.remote_at(info.key)
            or object_keys.purge_at(info.key)
            or object_keys.policy_at(info.key)
        ):
            self.working += amount
        else:
            self.foreign_amount += amount
            if len(self.foreign) < _SHOWN:
                self.foreign.append(info.key)

    def _sizes(self, key: str) -> SizesByDigest:
        if key.startswith(object_keys.COMMITS):
            return self.commits
        return self.index if key.startswith(object_keys.INDEX) else self.packs

    def unreferenced(self, live: DigestSet) -> Amount:
        """Return how much nothing refers to."""
        found = NOTHING
        for sizes in (self.commits, self.index, self.packs):
            for digest, nbytes in sizes.items():
                if digest not in live:
                    found += Amount(1, nbytes)
        for (commit, _), nbytes in self.signatures.items():
            if commit not in live:
                found += Amount(1, nbytes)
        return found

    def find_size(self, key: Key) -> int | None:
        """Return the size of an object that a digest names, None if it was not listed."""
        digest = object_keys.digest_at(key)
        return None if digest is None else self._sizes(key).find(Digest(digest))
