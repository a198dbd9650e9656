"""What a commit says besides its contents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format import document
from vstore.format.commit import Author, format_time
from vstore.format.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOptions:
    """What a commit says besides its contents."""

    message: str
    author: Author
    metadata: Mapping[str, Any] = field(default_factory=dict)
    time: datetime | None = None
    allow_empty: bool = False
    merged: Sequence[Digest] = ()
    """Commits that are parents besides the one that the transaction began at."""

    def __post_init__(self) -> None:
        check_message(self.message)
        document.plain_object(self.metadata, what="metadata")
        document.dumps([self.message, self.author], what="message or author")
        if self.time is not None:
            check_time(self.time)


def check_message(message: object) -> None:
    """Raise `InvalidInputError` unless `message` may be a commit's."""
    if not isinstance(message, str):
        raise InvalidInputError(f"the message of a commit must be a string, not {message!r}")


def check_time(time: object) -> None:
    """Raise `InvalidInputError` unless `time` may be a commit's."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise InvalidInputError(
            f"time must be a datetime with a time zone; got {time!r}",
            code="time-without-zone",
            hint="give one, as in `datetime(2026, 1, 31, tzinfo=UTC)`",
        )
    try:
        format_time(time)
    except OverflowError as exc:
        raise InvalidInputError(f"time={time} has no form in UTC") from exc
