"""Where another copy of a repository is, and whether it holds what is missing here.

    remotes/<name>.json   one remote

Garbage collection leaves them alone. A reader looks at them only after it missed an object.
"""

import re
from urllib.parse import urlsplit

import msgspec

from vstore.errors import FormatError, InvalidInputError, InvalidUrlError
from vstore.format import object_keys
from vstore.format.commit import FORMAT
from vstore.format.seal import seal, unseal

MOST_URL_BYTES = 4096
MOST_PATHS = 1024
"""How many paths `only` names at most."""

_ID = re.compile("[0-9a-f]{32}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:[/\\]")
_WITH_USERS = {"abfs", "abfss", "az", "hdfs", "sftp", "smb", "ssh"}
"""Schemes in which a name before the host is an account or a container, and no secret."""


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A remote as it is stored.

    Attributes:
        format: the version of the format.
        name: what it is called; its branches here begin with this name and a slash.
        url: where it is, without credentials; a path is absolute.
        id: the id of the repository there, None if it was never asked.
        promises: whether objects may be missing here because the remote holds them.
        only: the paths whose data belongs here; empty for all.
        read_only: whether nothing may be pushed there.
        metadata_only: whether commits are fetched without the chunks that they name.
    """

    format: int
    name: str
    url: str
    id: str | None = None
    promises: bool = False
    only: tuple[str, ...] = ()
    read_only: bool = False
    metadata_only: bool = False

    def __post_init__(self) -> None:
        object_keys.check_remote_name(self.name)
        check_remote_url(self.url)
        if self.id is not None and not _ID.fullmatch(self.id):
            raise InvalidInputError("the id of a repository is 32 lower-case hexadecimal digits")
        if len(self.only) > MOST_PATHS or len(set(self.only)) != len(self.only):
            raise InvalidInputError(f"a remote names at most {MOST_PATHS:,} paths, each once")
        for path in self.only:
            if not path or "/".join(object_keys.split_path(path)) != path:
                raise InvalidInputError(f"{path!r} is not the path of anything in a repository")


def encode(remote: Remote) -> bytes:
    """Return a remote as it is stored."""
    return seal(remote)


def decode(data: bytes, name: str) -> Remote:
    """Return the stored remote of that name.

    Raises:
        FormatError: malformed, of a newer format version, or of another name.
        CorruptionError: it differs from its own check.
    """
    what = f"the remote {name!r}"
    found = unseal(data, Remote, version=FORMAT, what=what)
    if found.name != name:
        raise FormatError(f"{what} is called {found.name!r}")
    return found


def check_remote_url(url: str) -> None:
    """Raise `InvalidUrlError` unless a remote may be stored with that address.

    It has no password, no query, which may be a signature, and no name of a user where that
    may be a token. A path is absolute.
    """
    if not 1 <= len(url.encode(errors="replace")) <= MOST_URL_BYTES:
        raise InvalidUrlError(f"the address of a remote has 1 to {MOST_URL_BYTES:,} bytes")
    if not url.isprintable():
        raise InvalidUrlError("the address of a remote has a character that cannot be shown")
    parts = url.split("::")
    if not _SCHEME.match(parts[-1]) and not (len(parts) == 1 and _ABSOLUTE.match(url)):
        raise InvalidUrlError(
            f"{url!r} is neither a URL nor an absolute path, so it cannot be stored as a remote"
        )
    for part in parts:
        _check_part(part)


def _check_part(part: str) -> None:
    found = _SCHEME.match(part)
    if found is None:
        return
    try:
        pieces = urlsplit(part)
    except ValueError:
        raise InvalidUrlError("the address of the remote is malformed") from None
    is_account = found[1].lower() in _WITH_USERS
    if pieces.password is not None or pieces.query or (pieces.username and not is_account):
        raise InvalidUrlError(  # what may be secret is not repeated here
            f"the address {found[1]}://…{pieces.netloc.rpartition('@')[2]}… has a user, a password "
            "or a query, which may be secret, so it cannot be stored as a remote",
            code="secret-in-url",
            hint="pass credentials and other options as storage_options={...}",
        )
