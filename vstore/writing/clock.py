"""Which clock dates a commit: this computer's, unless the store's shows that it is wrong.

A commit is never dated before its parent. So one clock that is far ahead would date all the
commits that follow, whoever makes them.
"""

import warnings
from datetime import UTC, datetime, timedelta

from vstore.format import object_keys
from vstore.format.commit import CommitDocument, format_time, parse_time
from vstore.reading.fetch import Fetcher
from vstore.storage.store import Key

TOLERANCE = timedelta(hours=1)
"""How far ahead of the store's clock the one that dates commits may be."""


class CommitClock:
    """Compares this computer's clock with the store's, where there is a reason to.

    There is none while commits follow each other within `TOLERANCE`, and no request then.
    """

    def __init__(self, fetcher: Fetcher, parent: CommitDocument | None) -> None:
        self._fetcher = fetcher
        self._parent = parent
        self._begun = _unknown

    def prepare(self) -> None:
        """Ask, while other requests are under way, what is compared with."""
        if self._parent is None:
            self._begun = self._fetcher.pool().submit(self._stored, object_keys.REPOSITORY).result

    def _stored(self, key: Key) -> datetime | None:
        """Return when an object was stored, by the store's clock."""
        found = self._fetcher.store.list_prefix(key)
        return next((info.modified for info in found if info.key == key), None)

    def find_right_time(self, key: Key, made: datetime) -> datetime | None:
        """Return the store's time if the clock that dated the commit at `key` is far ahead of it.

        Warns of such a clock, and of a parent whose date is still to come.
        """
        since = self._begun() if self._parent is None else parse_time(self._parent.time)
        if since is not None and since - datetime.now(UTC) > TOLERANCE:
            warnings.warn(
                f"the commit that this one follows is dated {format_time(since)}, which is still "
                "to come, and no commit is dated before its parent: this one has the same date",
                stacklevel=2,
            )
        if since is not None and made - since <= TOLERANCE:
            return None
        stored = self._stored(key)
        if stored is None or made - stored <= TOLERANCE:
            return None
        warnings.warn(
            f"the clock of this computer says {format_time(made)}, and that of "
            f"{self._fetcher.store.url} {format_time(stored)}: the commit is dated by the store's",
            stacklevel=2,
        )
        return stored


def _unknown() -> datetime | None:
    return None
