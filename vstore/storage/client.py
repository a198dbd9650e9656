"""What one engine does for one cloud: a single attempt at each request."""

from collections.abc import Callable
from typing import Literal, Protocol

from vstore.storage.store import Data, ObjectInfo, Version

Engine = Literal["auto", "obstore", "fsspec"]
"""The library that talks to a store; "auto" leaves the choice."""

NextPage = Callable[[], list[ObjectInfo] | None]
"""Returns the next page, or None after the last; after a failure, asks for the same page again."""


class Client(Protocol):
    """One attempt at each request, by whole object names below the bucket.

    Never retries and never caches. Raises only `RequestFailedError`. Safe in several threads,
    but only in the process that opened it.
    """

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and its version by one request.

        Fails with `Kind.TOO_LONG` if the server announces or sends more than `most` bytes,
        before it takes memory for more.
        """

    def read_range(self, name: str, start: int, nbytes: int) -> Data:
        """Return the range, or less of it where the object ends, by one request.

        Takes memory for no more than that, whatever the server sends.
        """

    def write(self, name: str, data: bytes) -> None:
        """Replace the object whole."""

    def create(self, name: str, data: bytes) -> Version:
        """Create the object, or fail with `Kind.REFUSED` if there is one."""

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Replace the object, or fail with `Kind.REFUSED` if its version is another."""

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""

    def remove_at(self, name: str, expected: Version) -> None:
        """Delete the object, or fail with `Kind.REFUSED` if its version is another.

        A client of a service without conditional deletes reads the version, then deletes.
        """

    def pages(self, prefix: str) -> NextPage:
        """List the objects whose names start with `prefix`, by a request for each page."""
