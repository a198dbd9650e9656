"""Commits, refs and the repository document as values."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from vstore.errors import FormatError
from vstore.faces import exported_from
from vstore.format import document
from vstore.format.digest import Digest, digest_of, parse_digest
from vstore.format.seal import break_seal, seal

FORMAT = 1
FEATURES: frozenset[str] = frozenset()
"""Required features this version can read beyond format 1; none yet."""

HEAD_NBYTES = 32 * 1024
"""Up to which size a branch carries a copy of the commit at its head."""

LOG_LENGTH = 50
MOST_PARENTS = 1024
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


@exported_from("vstore")
class Author(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who made a commit."""

    name: str
    email: str | None = None

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.email else self.name


@exported_from("vstore")
class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many samples (or chunks, outside tables) a commit added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    schema: bool = False

    def __add__(self, other: "Changes") -> "Changes":
        """Return what both changed together.

        >>> Changes(added=1) + Changes(added=2, schema=True)
        Changes(added=3, changed=0, removed=0, schema=True)
        """
        return Changes(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.schema or other.schema,
        )


MOST_CHANGES = 256
"""How many paths a commit tells the changes of."""


def bounded(changes: Mapping[str, Changes]) -> dict[str, Changes]:
    """Return what a commit says of changes: of those that are many, groups, with a `/` behind.

    >>> many = {f"scans/day {i}": Changes(added=2) for i in range(300)}
    >>> bounded(many | {"notes": Changes(changed=1)})["scans/"]
    Changes(added=600, changed=0, removed=0, schema=False)
    """
    told = dict(changes)
    while len(told) > MOST_CHANGES:
        deepest = max(path.count("/") - path.endswith("/") for path in told)
        above: dict[str, Changes] = {}
        for path, change in told.items():
            depth = path.count("/") - path.endswith("/")
            group = path.rstrip("/").rpartition("/")[0] + "/"
            name = group if depth == deepest else path
            above[name] = above.get(name, Changes()) + change
        told = above
    return told


def total_changes(several: Iterable[Mapping[str, Changes]]) -> dict[str, Changes]:
    """Return what several commits changed, added up by path."""
    total: dict[str, Changes] = {}
    for changes in several:
        for path, change in changes.items():
            total[path] = total.get(path, Changes()) + change
    return total


class CommitDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A commit as it is stored."""

    format: int
    features: list[str]
    parents: list[str]
    generation: int
    depth: int
    ancestors: list[tuple[int, str]]
    author: Author
    time: str
    message: str
    metadata: dict[str, Any]
    changes: dict[str, Changes]
    tree: dict[str, Any]
    merges: int | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if len(self.parents) > MOST_PARENTS:
            raise ValueError(f"a commit has at most {MOST_PARENTS} parents")
        for digest in [*self.parents, *(digest for _, digest in self.ancestors)]:
            parse_digest(digest, what="parent")
        parse_time(self.time)
        if (
            self.generation < self.depth
            or self.depth < 0
            or len(set(self.parents)) != len(self.parents)
        ):
            raise ValueError("a generation is at least the depth, and parents differ")
        depths = [self.depth, *(depth for depth, _ in self.ancestors)]
        if any(near <= far for near, far in pairwise(depths)) or depths[-1] != 0:
            raise ValueError("the depths of ancestors fall from the commit's own to 0")
        if bool(self.parents) != bool(self.depth):
            raise ValueError("all commits but the first of a line have parents")
        is_merge = len(self.parents) > 1
        if self.merges is not msgspec.UNSET and not is_merge <= self.merges <= self.depth:
            raise ValueError("merges counts the commits of the line that have several parents")


@exported_from("vstore")
class LogEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One move of a branch: where it pointed from then on, when and why."""

    commit: str
    time: str
    action: str


class Fence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a branch says of garbage collection: the last that it met, and whether that went on.

    A collection writes it into every branch before it deletes anything, so that a writer that
    read the branch before notices when it updates the branch.
    """

    epoch: str
    open: bool


@exported_from("vstore")
class BranchDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A branch as it is stored: where it points and its last moves, newest first.

    `head` is a copy of the commit's bytes, as text, if they are few: then reading
    the commit takes no request after reading the branch. `policy` is the number of the
    policies that whoever moves it keeps to, 0 where there are none.
    """

    format: int
    name: str
    commit: str
    token: str
    log: list[LogEntry]
    fence: Fence | None = None
    head: str | None = None
    policy: int = 0

    def __post_init__(self) -> None:
        if self.head is not None and digest_of(self.head.encode()) != self.commit:
            raise ValueError("the copy of the commit at its head is of another commit")
        if self.policy < 0:
            raise ValueError("policies are numbered from 1 on")
        if not 1 <= len(self.log) <= LOG_LENGTH or self.log[0].commit != self.commit:
            raise ValueError(f"its log has 1 to {LOG_LENGTH} moves, and the first one is its head")
        for entry in self.log:
            parse_digest(entry.commit, what="commit")
            parse_time(entry.time)


@exported_from("vstore")
class TagDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tag as it is stored."""

    format: int
    name: str
    commit: str
    token: str
    author: Author
    time: str
    message: str
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        parse_digest(self.commit, what="commit")
        parse_time(self.time)


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in the place of a deleted branch or tag until its object is removed."""

    format: int
    name: str
    token: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    deleted: Literal[True] = True


@exported_from("vstore")
class DeletedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A note that a branch or a tag was deleted: what it was, so that it can come back."""

    format: int
    time: str
    branch: BranchDocument | None = None
    tag: TagDocument | None = None

    def __post_init__(self) -> None:
        parse_time(self.time)
        if (self.branch is None) == (self.tag is None):
            raise ValueError("either a branch or a tag was deleted")

    @property
    def ref(self) -> BranchDocument | TagDocument:
        """What was deleted."""
        found = self.branch if self.branch is not None else self.tag
        if found is None:
            raise AssertionError
        return found


@exported_from("vstore")
class RepositoryDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document that marks a repository."""

    format: int
    features: list[str]
    id: str
    default_branch: str
    created: str


Stored = TypeVar(
    "Stored", CommitDocument, BranchDocument, TagDocument, DeletedDocument, RepositoryDocument
)


Ref = TypeVar("Ref", BranchDocument, TagDocument)


def encode(
    value: BranchDocument | TagDocument | Tombstone | DeletedDocument | RepositoryDocument,
) -> bytes:
    """Return a document that no digest names, with the digest of its other members inside."""
    return seal(value)


def decode(data: bytes, kind: type[Stored], *, what: str) -> Stored:
    """Return a stored document, refusing what a newer vstore wrote.

    Raises:
        FormatError: malformed, a newer format version, or an unknown required feature.
        CorruptionError: a document that no digest names differs from its own `check`.
    """
    value = _known(document.parse(data, what=what), what)
    if kind is not CommitDocument:
        value = break_seal(value, what=what)
    return document.convert(value, kind, what=what)


def decode_ref(data: bytes, kind: type[Ref], *, what: str) -> Ref | Tombstone:
    """Return a stored branch or tag, or what says that it was deleted.

    Raises:
        FormatError: malformed, or a newer format version.
        CorruptionError: it differs from its own `check`.
    """
    value = break_seal(_known(document.parse(data, what=what), what), what=what)
    if "deleted" in value:
        found = document.convert(value, Tombstone, what=what)
        if len(data) != len(encode(found)):
            raise FormatError(
                f"{what} is malformed: it was deleted in a form that is not canonical"
            )
        return found
    return document.convert(value, kind, what=what)


def _known(value: Any, what: str) -> dict[str, Any]:
    """Return a document's members, unless a newer vstore wrote it."""
    if not isinstance(value, dict):
        raise FormatError(f"{what} must be a JSON object")
    version = value.get("format")
    if not isinstance(version, int) or version < 1:
        raise FormatError(f"{what} has no valid format version: {version!r}")
    if version > FORMAT:
        raise FormatError(
            f"{what} has the format version {version}; this vstore reads up to {FORMAT}",
            code="format-too-new",
            hint="install a newer vstore",
        )
    unknown = _unknown_features(value.get("features", []), what)
    if unknown:
        raise FormatError(
            f"{what} needs the features {unknown}, which this vstore does not know",
            code="format-too-new",
            hint="install a newer vstore",
        )
    return value


def _unknown_features(features: object, what: str) -> list[str]:
    if not isinstance(features, list):
        raise FormatError(f"{what}: features must be a list")
    return [
        str(feature)
        for feature in features
        if not isinstance(feature, str) or feature not in FEATURES
    ]


def format_time(time: datetime) -> str:
    """Return an aware time as stored: UTC, microseconds, `Z`.

    >>> format_time(datetime(2026, 1, 2, tzinfo=UTC))
    '2026-01-02T00:00:00.000000Z'
    """
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse_time(text: str) -> datetime:
    """Return a stored time, or raise `FormatError`."""
    msg = f"{text[:60]!r} is not a time like 2026-01-02T03:04:05.678901Z"
    if not _TIME.fullmatch(text):
        raise FormatError(msg)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise FormatError(msg) from None


def ancestors_of(
    parent: Digest, depth: int, ancestors: list[tuple[int, str]]
) -> list[tuple[int, str]]:
    """Return the ancestors that a child of `parent`, itself at `depth`, lists.

    First-parent ancestors with their depths, nearest first: all back to one whose depth ends
    in a zero, from there those whose depth ends in a zero back to one that ends in two, and so
    on to depth 0. So any ancestor is O(log n) reads away, a hundred of them are three rounds
    of reads away, and what a child lists follows from what its parent lists.

    >>> line = [(0, "a")]
    >>> for depth in range(1, 124):
    ...     line = ancestors_of(Digest(f"{depth}"), depth, line)
    >>> [depth for depth, _ in line]
    [123, 122, 121, 120, 110, 100, 0]
    """
    return [(depth, parent), *(entry for entry in ancestors if _is_listed(entry[0], depth))]


def _is_listed(depth: int, newest: int) -> bool:
    """Return whether a list that begins at depth `newest` has an ancestor at `depth`."""
    span = 10
    while depth and depth % span == 0:
        span *= 10
    return depth == 0 or depth >= newest - newest % span


def merges_of(before: int | msgspec.UnsetType, *, parents: int) -> int | msgspec.UnsetType:
    """Return how many merges a line has with a commit of this many parents on top of it.

    `before` is the count of the first parent, and unknown where that is.
    """
    return before if before is msgspec.UNSET else before + (parents > 1)
