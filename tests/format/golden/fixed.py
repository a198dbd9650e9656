"""Clocks that stand still and random names that count, so that a repository is made again alike."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from unittest import mock

from vstore.history import deletion_records, tag_refs
from vstore.repository import opening
from vstore.writing import clock, committing

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
_DATED = (deletion_records, tag_refs, opening, clock, committing)
"""The modules that ask what time it is."""


class Clock:
    """A clock that goes on by a second when it is told to."""

    def __init__(self) -> None:
        self.time = NOON

    def tick(self) -> None:
        self.time += timedelta(seconds=1)


@contextmanager
def fixed() -> Iterator[Clock]:
    """Let nothing that vstore stores depend on when, or how often, it is made."""
    made, numbers = Clock(), count(1)

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return made.time

    def token_hex(nbytes: int = 16) -> str:
        return f"{next(numbers):0{2 * nbytes}x}"

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(secrets, "token_hex", token_hex))
        for module in _DATED:
            stack.enter_context(mock.patch.object(module, "datetime", Fixed))
        yield made
