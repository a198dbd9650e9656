"""What garbage collection stores while it runs: its state, its pending list, and leases.

    gc/state.json              the one collection that is under way, or the last one
    gc/<epoch>/<number>.json   a part of its pending list, by object name
    gc/leases/<token>.json     a transaction that has been open for long and is alive
    gc/clock.json              written to learn the store's time
    gc/refs.json               the branches and tags that the last collection saw

A repository in which nothing was ever collected has none of them.
"""

from bisect import bisect_right
from typing import Literal, TypeVar

import msgspec

from vstore.format.commit import FORMAT
from vstore.format.seal import seal, unseal

Phase = Literal["waiting", "sweeping", "done", "cancelled"]


class CollectionDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state of garbage collection.

    `parts` holds the first object name of each part of the pending list, ascending. What the
    store's clock dates before `horizon` was there when the list was made, so that what is not
    on it was needed. `before` is the last collection before this one that deleted anything.
    `token` is new each time the document is written.
    """

    format: int
    epoch: str
    before: str | None
    phase: Phase
    token: str
    grace_seconds: float
    parts: list[str]
    horizon: str
    objects: int
    nbytes: int

    @property
    def is_pending(self) -> bool:
        """Whether a deletion is pending: neither finished nor cancelled."""
        return self.phase in ("waiting", "sweeping")

    @property
    def is_sweeping(self) -> bool:
        """Whether objects of the pending list may be disappearing."""
        return self.phase == "sweeping"

    @property
    def last_swept(self) -> str | None:
        """The last collection that began to delete, None if none ever did."""
        return self.epoch if self.phase in ("sweeping", "done") else self.before

    def part_of(self, key: str) -> int | None:
        """Return the number of the part that would hold `key`, None where none could."""
        number = bisect_right(self.parts, key) - 1
        return number if number >= 0 else None


class PendingObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """An object that nothing refers to: its key, size and the store's timestamp.

    Or a pack that was repacked: then `moved` is the digest of its forwarding document.
    """

    key: str
    nbytes: int
    modified: str
    moved: str = ""


class PendingDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a pending list, ordered by object name."""

    format: int
    epoch: str
    objects: list[PendingObject]


class LeaseDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction that is alive, and for how long it had been open when it said so."""

    format: int
    token: str
    age_seconds: float


class SeenRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A branch or tag as a collection saw it: its object name, version and commit."""

    key: str
    version: str
    commit: str


class LeftCommit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A commit that a branch left later, by the store's clock, than the branch's log says."""

    commit: str
    time: str


class SeenDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the last collection saw of branches and tags."""

    format: int
    refs: list[SeenRef]
    left: list[LeftCommit]


Kind = TypeVar("Kind", CollectionDocument, PendingDocument, LeaseDocument, SeenDocument)


def encode(value: CollectionDocument | PendingDocument | LeaseDocument | SeenDocument) -> bytes:
    """Return a document of garbage collection as it is stored."""
    return seal(value)


def decode(data: bytes, kind: type[Kind], *, what: str) -> Kind:
    """Return a stored document of garbage collection.

    Raises:
        FormatError: malformed, or of a newer format version.
        CorruptionError: it differs from its own check.
    """
    return unseal(data, kind, version=FORMAT, what=what)
