"""In which form a server compares the ETags that it gave: with their quotes, or only without.

The standard writes an ETag in quotes wherever it is. Ceph's gateway gives it so, and then
compares what is in `If-Match` with the bare hash, so that a swap at the right version is
refused every time.
"""

from contextlib import suppress
from uuid import uuid4

from vstore.storage.client import Client
from vstore.storage.failure import Kind, RequestFailedError
from vstore.storage.store import Version

SCRATCH = "probe/"
"""Where throw-away objects are, below a repository's root; garbage collection knows it too."""


class EtagForm:
    """The form that one server takes, once it is known; in quotes until then."""

    def __init__(self, *, is_bare: bool = False) -> None:
        self.is_bare = is_bare
        self._is_known = is_bare

    def sent(self, version: Version) -> Version:
        """Return a version as the server takes it back."""
        return _bare(version) if self.is_bare else version

    def holds(self) -> None:
        """Take note that a swap was carried out, so that there is nothing to find out."""
        self._is_known = True

    def learn(self, client: Client, prefix: str, refused: Version) -> None:
        """Find the form out, after `refused` was refused though the object still has it.

        Tries both, once, on an object whose name begins with `prefix`. The bare form is taken
        only where a bare ETag that is out of date is refused: a server that takes it for no
        condition at all would overwrite what others wrote.
        """
        if self._is_known or refused == _bare(refused):
            return
        name = f"{prefix}{uuid4().hex}"
        with suppress(RequestFailedError):
            self.is_bare = _takes_bare_only(client, name)
            self._is_known = True
        with suppress(RequestFailedError):
            client.remove(name)


def _takes_bare_only(client: Client, name: str) -> bool:
    first = client.create(name, uuid4().bytes)
    if _replaces(client, name, first) or not _replaces(client, name, _bare(first)):
        return False
    return not _replaces(client, name, _bare(first))


def _replaces(client: Client, name: str, expected: Version) -> bool:
    try:
        client.replace(name, uuid4().bytes, expected)
    except RequestFailedError as failure:
        if failure.kind is Kind.REFUSED:
            return False
        raise
    return True


def _bare(version: Version) -> Version:
    is_quoted = len(version) > 2 and version[0] == version[-1] == '"'
    return Version(version[1:-1]) if is_quoted else version
