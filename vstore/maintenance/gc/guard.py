"""Refusing to free anything while the store may hide a branch or a tag."""

from dataclasses import dataclass
from datetime import datetime

from vstore.errors import CorruptionError
from vstore.format import object_keys
from vstore.format.collection import SeenRef
from vstore.format.digest import Digest
from vstore.maintenance.gc.marking import Live
from vstore.maintenance.gc.roots import RefsFound, not_listed, read_refs
from vstore.maintenance.gc.seen import SeenRefs
from vstore.maintenance.promises import Promises
from vstore.storage.store import Key, ObjectStore

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold of refs before anything is freed.

    One listing is not believed: refs that may be there are asked for by name, and those that
    an earlier collection saw must be there, or have a note, or lead to what is needed anyway.
    """

    store: ObjectStore
    default_branch: str
    accepts_losses: bool
    promises: Promises | None = None

    def read(self) -> RefsFound:
        """Return all refs, and what the last collection saw of them.

        Raises:
            StorageError: the store does not list a ref that can be read.
        """
        seen = SeenRefs.read(self.store)
        expected = {object_keys.branch(self.default_branch), *seen.refs}
        return read_refs(self.store, seen, sorted(expected))

    def require_refs(self, refs: RefsFound, live: Live, *, has_garbage_commits: bool) -> None:
        """Check that no ref vanished whose commit would be freed now.

        Raises:
            CorruptionError: one did, or there are commits but no ref at all.
        """
        if self.accepts_losses:
            return
        noted = {object_keys.find_deleted(key) for key in refs.deleted}
        lost = [
            ref
            for key, ref in refs.seen.refs.items()
            if key not in refs.found and key not in noted and not live.keeps(Digest(ref.commit))
        ]
        if lost:
            raise _lost(
                f"{len(lost)} branches or tags are gone although nobody deleted them: "
                + ", ".join(_shown(ref) for ref in lost[:_SHOWN])
            )
        if refs.seen.is_first and has_garbage_commits and not refs.found and not refs.deleted:
            raise _lost(f"{self.store.url} has commits, but no branch and no tag")

    def require_listed(self, live: Live, listed: int) -> None:
        """Check that the documents that were just read are among those that are listed.

        Raises:
            StorageError: some are not.
        """
        if listed < live.documents - live.failures:
            missing = live.documents - live.failures - listed
            raise not_listed(self.store, f"{missing:,} objects that were just read")

    def remember(self, refs: RefsFound, since: datetime) -> None:
        """Store what this collection saw, for the next one."""
        seen = [SeenRef(key, version, ref.commit) for key, ref, version in refs.living]
        SeenRefs.write(self.store, seen, refs.corrected(since))


def _shown(ref: SeenRef) -> str:
    name = object_keys.find_ref_name(Key(ref.key))
    kind = "branch" if ref.key.startswith(object_keys.BRANCHES) else "tag"
    return f"{kind} {name!r} (at {ref.commit[:12]})"


def _lost(what: str) -> CorruptionError:
    return CorruptionError(
        f"{what}; nothing was deleted",
        code="lost-refs",
        hint="create them again where they were, or if they were removed on purpose, say so with "
        "`repo.gc(accept_lost_refs=True)`",
    )
