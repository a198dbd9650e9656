"""Commits as users see them, and walks over the graph they form."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format.commit import Author, Changes, CommitDocument, parse_time
from vstore.format.digest import Digest
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.history import commit_box
else:
    commit_box = lazy("vstore.history.commit_box")

ReadCommit = Callable[[Digest], CommitDocument]
"""Return a commit, or raise `NotFoundError`."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id is the BLAKE3 digest of its bytes and pins all it holds."""

    id: Digest
    parents: tuple[Digest, ...]
    author: Author
    time: datetime
    message: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Changes] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The first line of the message."""
        return (self.message.splitlines() or [""])[0]

    def __repr__(self) -> str:
        when = f"{self.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        title, author = self.title, printable(self.author.name)
        return f"<vstore.Commit {self.id[:12]} {title!r} by {author}, {when}>"

    def _repr_html_(self) -> str:
        return commit_box.commit_box(self)

    def __str__(self) -> str:
        return printable(f"{self.id[:12]} {self.title}".rstrip())


def describe(digest: Digest, document: CommitDocument) -> Commit:
    """Return a stored commit as users see it."""
    return Commit(
        digest,
        tuple(Digest(parent) for parent in document.parents),
        document.author,
        parse_time(document.time),
        document.message,
        document.metadata,
        document.changes,
    )


def first_parent(digest: Digest, distance: int, read: ReadCommit) -> Digest:
    """Return the ancestor `distance` steps back along first parents, in O(log n) reads.

    Raises:
        NotFoundError: the line is shorter than that.
    """
    document = read(digest)
    target = document.depth - distance
    if target < 0:
        raise NotFoundError(
            f"the commit {digest[:12]} has only {document.depth} ancestors", code="commit-not-found"
        )
    while document.depth > target:
        within = [name for depth, name in document.ancestors if depth >= target]
        digest = Digest(within[-1] if within else document.parents[0])
        document = read(digest)
    return digest


def as_of(digest: Digest, time: datetime, read: ReadCommit) -> Digest:
    """Return the latest commit on the first-parent line made at `time` or before.

    Commits on a line never go back in time, so O(log n) reads find it.

    Raises:
        InvalidInputError: `time` has no time zone.
        NotFoundError: the line begins later.
    """
    if time.tzinfo is None:
        raise InvalidInputError(
            f"as_of={time} has no time zone",
            code="time-without-zone",
            hint="give one, as in `datetime(2026, 1, 31, tzinfo=UTC)`",
        )
    document = read(digest)
    while parse_time(document.time) > time:
        if not document.parents:
            raise NotFoundError(
                f"the first commit was made on {document.time}, after {time}",
                code="commit-not-found",
            )
        listed = [Digest(name) for _, name in document.ancestors]
        later = last_before(listed, lambda name: parse_time(read(name).time) <= time)
        digest = later or Digest(document.parents[0])
        document = read(digest)
    return digest


def last_before(names: Sequence[Digest], is_beyond: Callable[[Digest], bool]) -> Digest | None:
    """Return the last of some names before the first that is beyond; O(log n) questions.

    All behind one that is beyond are beyond too. None where the first one is.
    """
    count = bisect_left(names, 1, key=is_beyond)
    return names[count - 1] if count else None


def nth_parent(digest: Digest, number: int, read: ReadCommit) -> Digest:
    """Return the commit's parent of that number, counted from 1; 0 is the commit itself."""
    if number == 0:
        return digest
    parents = read(digest).parents
    if number > len(parents):
        raise NotFoundError(
            f"the commit {digest[:12]} has {len(parents)} parents, not {number}",
            code="commit-not-found",
        )
    return Digest(parents[number - 1])
