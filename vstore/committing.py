"""What a commit says beside its contents, and the document it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format import document
from vstore.format.commit import (
    FORMAT,
    Author,
    Changes,
    CommitDocument,
    ancestors_of,
    format_time,
    parse_time,
)
from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOptions:
    """What a commit says beside its contents."""

    message: str
    author: Author
    metadata: Mapping[str, Any] = field(default_factory=dict)
    time: datetime | None = None
    allow_empty: bool = False
    merged: Sequence[Digest] = ()
    """Commits that are parents beside the one that the transaction began at."""

    def __post_init__(self) -> None:
        document.plain_object(self.metadata, what="metadata")
        document.dumps([self.message, self.author], what="message or author")
        if self.time is not None:
            check_time(self.time)


def commit_document(
    read: ReadCommit,
    base: Digest | None,
    options: CommitOptions,
    tree: dict[str, Any],
    changes: dict[str, Changes],
) -> CommitDocument:
    """Return the commit that holds `tree` on top of `base` and the commits it merges."""
    digests = [] if base is None else [base]
    digests += [digest for digest in options.merged if digest not in digests]
    parents = [read(digest) for digest in digests]
    depth, ancestors = 0, list[tuple[int, str]]()
    if base is not None:
        depth = parents[0].depth + 1
        ancestors = ancestors_of(base, parents[0].depth, parents[0].ancestors)
    return CommitDocument(
        format=FORMAT,
        features=[],
        parents=list(digests),
        generation=max((parent.generation for parent in parents), default=-1) + 1,
        depth=depth,
        ancestors=ancestors,
        author=options.author,
        time=format_time(_time(options.time, parents)),
        message=options.message,
        metadata=document.plain_object(options.metadata, what="metadata"),
        changes=changes,
        tree=tree,
    )


def _time(given: datetime | None, parents: Sequence[CommitDocument]) -> datetime:
    """Return the commit's time, which is never before that of a parent."""
    earliest = max((parse_time(parent.time) for parent in parents), default=None)
    if given is None:
        now = datetime.now(UTC)
        return now if earliest is None else max(now, earliest)
    if earliest is not None and given < earliest:
        raise InvalidInputError(f"time={given} lies before the parent commit's, {earliest}")
    return given


def check_time(time: object) -> None:
    """Raise `InvalidInputError` unless `time` may be a commit's."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise InvalidInputError(
            f"time is a datetime with a time zone, for instance tzinfo=UTC; got {time!r}"
        )
    try:
        format_time(time)
    except OverflowError as exc:
        raise InvalidInputError(f"time={time} has no form in UTC") from exc
