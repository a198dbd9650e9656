"""Repack packs: the first half, in which what is still needed is stored once more.

docs/design/011-repacking.md says why this is safe.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from vstore.errors import CorruptionError, NotFoundError
from vstore.format import forwarding, object_keys
from vstore.format.commit import FORMAT
from vstore.format.digest import Digest, digest_of, read_verified
from vstore.format.forwarding import MovedDocument, runs_of
from vstore.format.page import PackRef
from vstore.history.forwarding import MOST_HOPS
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.gc.gc_report import Repacked
from vstore.maintenance.gc.marking import PackSpace
from vstore.maintenance.progress import Progress, ProgressStep
from vstore.storage.store import Key, ObjectInfo, ObjectStore

MOST_NBYTES = 256 * 2**20
"""Larger packs stay as they are: they hold a single chunk as a rule, and are held in memory."""

THOROUGH = 0.001
"""Up to this share what is dead is to be gone, even where that takes more room than it frees."""

MOST_TIMES = 8
"""How often a pack may be repacked again: each time adds a request to reading."""


@dataclass(slots=True, eq=False)
class Thinned:
    """What became of packs: the chunks of those in `needed` are found by forwarding documents.

    `moved` are packs, by key, whose live chunks were stored once more just now, each with the
    digest of its forwarding document.
    """

    needed: set[Digest] = field(default_factory=set)
    moved: dict[Key, str] = field(default_factory=dict)
    repacked: Repacked = field(default_factory=Repacked)


@dataclass(frozen=True, slots=True)
class Repacking:
    """Repacks packs that are older than `horizon` and of which at least `share` is dead.

    With `packs`, these alone, whatever their size and however little of them is dead: what is
    dead in them is to be gone.
    """

    store: ObjectStore
    forwards: Forwards
    horizon: datetime
    share: float | None
    progress: Progress
    dry_run: bool = False
    packs: frozenset[Digest] = frozenset()

    def run(self, space: PackSpace, thinned: Thinned) -> None:
        """Store what is needed of mostly dead packs once more, and say so, in `thinned`."""
        for pack, runs in self._planned(space):
            kept = sum(nbytes for _, nbytes in runs)
            if not self.dry_run:
                digest = self._thin(pack, runs)
                if digest is None:
                    continue
                thinned.moved[object_keys.pack(pack.digest)] = digest
                thinned.needed.add(pack.digest)
            thinned.repacked += Repacked(1, pack.nbytes - kept, kept)
            self.progress(ProgressStep("repacking packs", thinned.repacked.packs))

    def _planned(self, space: PackSpace) -> Iterator[tuple[PackRef, forwarding.Runs]]:
        is_forced = bool(self.packs)
        for pack in space.mostly_dead(0.0 if self.share is None else self.share):
            if is_forced and pack.digest not in self.packs:
                continue
            info = self._find(pack)
            if info is None or info.modified >= self.horizon or info.nbytes != pack.nbytes:
                continue
            most = MOST_HOPS - 1 if is_forced else MOST_TIMES
            is_large = pack.nbytes > MOST_NBYTES and not is_forced
            if is_large or self.forwards.length(pack.digest) >= most:
                continue
            parts = space.parts(pack.digest)
            runs = runs_of(zip(parts[:, 0].tolist(), parts[:, 1].tolist(), strict=True))
            document = MovedDocument(FORMAT, pack.digest, _into(pack.digest, runs), runs)
            kept = sum(n for _, n in runs) + len(forwarding.encode(document))
            is_thorough = is_forced or (self.share is not None and self.share <= THOROUGH)
            if is_thorough or kept < pack.nbytes:
                yield pack, runs

    def _find(self, pack: PackRef) -> ObjectInfo | None:
        key = object_keys.pack(pack.digest)
        return next((info for info in self.store.list_prefix(key) if info.key == key), None)

    def _thin(self, pack: PackRef, runs: forwarding.Runs) -> str | None:
        """Store a pack of the parts, then the document; return its digest.

        None if the pack is damaged: fsck reports that.
        """
        key, expected = object_keys.pack(pack.digest), bytes.fromhex(pack.digest)
        try:
            whole = memoryview(read_verified(lambda: self.store.get(key), expected, what=key))
        except (CorruptionError, NotFoundError):
            return None
        data = b"".join(whole[offset : offset + nbytes] for offset, nbytes in runs)
        into = digest_of(data)
        self.store.put(object_keys.pack(into), data)
        document = forwarding.encode(MovedDocument(FORMAT, pack.digest, (into, len(data)), runs))
        self.store.put(object_keys.moved(pack.digest), document)
        return digest_of(document)


def _into(pack: Digest, runs: forwarding.Runs) -> tuple[str, int]:
    """Return a stand-in for the pack that the parts will make up, of the right size."""
    other = "0" * 64 if pack != "0" * 64 else "1" * 64
    return other, sum(nbytes for _, nbytes in runs)
