"""What a commit says besides its contents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format import document
from vstore.format.commit import Author, format_time
from vstore.format.digest import Digest

if TYPE_CHECKING:
    from vstore.signing.signatures import Signatures


@pickled
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
    signatures: "Signatures | None" = None
    """Signs commits, and checks the heads that they build on, where that is wanted."""

    def __post_init__(self) -> None:
        check_message(self.message)
        document.plain_object(self.metadata, what="metadata")
        document.dumps([self.message, self.author], what="message or author")
        if self.time is not None:
            check_time(self.time)

    def sign(self, commit: Digest) -> None:
        """Sign a commit that a branch is to have, if commits are to be signed."""
        if self.signatures is not None:
            self.signatures.sign_new(commit)

    def require_head(self, commit: Digest | None) -> None:
        """Raise `SignatureError` if a head to build on must be signed and is not."""
        if self.signatures is not None and commit is not None:
            self.signatures.require_head(commit)


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
