"""Whether a server still heeds the conditions of conditional writes: asked before one is sent.

A server that ignores them, perhaps since its last update or behind a new gateway, would let
writers overwrite each other's commits and acknowledge all of them.
"""

import time
from collections.abc import Callable

from vstore.errors import UnsupportedStoreError
from vstore.storage.client import Client
from vstore.storage.etags import SCRATCH
from vstore.storage.failure import Kind, RequestFailedError
from vstore.storage.location import Location
from vstore.storage.store import Key, Version

_SECONDS = 600.0
"""How long an answer is believed."""

SCRATCH_OBJECT = Key(f"{SCRATCH}conditions")
"""An object that stays, so that a server which heeds conditions refuses both requests.

The store's own: it is not listed.
"""

_BODY = b"vstore tries here whether conditional writes are conditional"
_NEVER = {
    "s3": Version('"00000000000000000000000000000000"'),
    "gs": Version("1"),
    "az": Version('"0x8D0000000000000"'),
}
"""A version that the object does not have, by service; what is not listed checks by itself."""


class Conditions:
    """What is known of one server, for one handle in one process."""

    def __init__(self) -> None:
        self._believed_until = 0.0

    def require(self, client: Client, location: Location) -> None:
        """Make sure, in two requests, that conditions are heeded; none if that is known.

        Raises:
            UnsupportedStoreError: they are not.
        """
        never = _NEVER.get(location.scheme)
        if never is None or time.monotonic() < self._believed_until:
            return
        name = location.name(SCRATCH_OBJECT)
        try:
            ignored = _ignored(client, name, never)
        except RequestFailedError:
            return  # the write itself tells what is wrong, or works where this one may not
        if ignored is not None:
            raise UnsupportedStoreError(
                f"{location.url} cannot hold a repository: it ignores {ignored}, so writers would "
                "destroy each other's commits; nothing was written",
                code="no-guarantee",
                hint=f"see what it does with `vstore.open({location.url!r}).probe()`; another "
                "server or a newer version of this one may help",
                url=location.url,
            )
        self._believed_until = time.monotonic() + _SECONDS


def _ignored(client: Client, name: str, never: Version) -> str | None:
    """Return the condition that a server ignores, None if it heeds both."""

    def create() -> Version:
        return client.create(name, _BODY)

    # Where it was not there before, it is created once.
    if _is_written(create) and _is_written(create):
        return "If-None-Match"
    if _is_written(lambda: client.replace(name, _BODY, never)):
        return "If-Match"
    return None


def _is_written(write: Callable[[], object]) -> bool:
    try:
        write()
    except RequestFailedError as failure:
        if failure.kind is Kind.REFUSED:
            return False
        raise
    return True
