"""Where a URL points, and what of it may be shown."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from vstore.errors import InvalidUrlError
from vstore.storage.store import Key

Options = Mapping[str, object]

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]+)(::|://)")
_SECRET_NAME = re.compile(
    r"key|secret|token|passw|sas|credential|connection_string|auth", re.IGNORECASE
)
_HIDDEN = "***"
_NOT_SECRET = {"key", "username", "aws_access_key_id"}  # of S3: they name the secret
_SHORTEST_SECRET = 4
_SHORTEST_PART = 16
"""A signature or a key is longer; a date or a service is worth showing."""
_QUERY = re.compile(r"\?[^/]*=")


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a prefix in it, its URL without secrets, and the secrets to keep hidden."""

    scheme: str
    bucket: str
    prefix: str
    url: str
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def name(self, key: str) -> str:
        """Return the whole object name of a key, or of a prefix of keys."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key(self, name: str) -> Key:
        """Return the key of a whole object name."""
        return Key(name[len(self.prefix) + 1 :] if self.prefix else name)

    def redact(self, text: str) -> str:
        """Return the text with every secret hidden."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text

    def reveals(self, error: BaseException | None) -> bool:
        """Whether a library's own error, or one that it came from, shows a secret."""
        while error is not None:
            if any(secret in f"{error!s}{error!r}" for secret in self.secrets):
                return True
            error = error.__cause__ or error.__context__
        return False


def scheme_of(url: str) -> str | None:
    """Return the URL's scheme in lower case, or None for a path."""
    match = _SCHEME.match(url)
    return match.group(1).lower() if match else None


def parse_bucket_url(url: str, options: Options) -> Location:
    """Parse a URL whose first part names a bucket or container."""
    scheme = scheme_of(url)
    bucket, _, path = url.partition("://")[2].partition("/")
    prefix = path.rstrip("/")
    if "?" in bucket or _QUERY.search(path):
        # What is signed or secret is not repeated here.
        raise InvalidUrlError(
            f"{scheme}://{bucket.partition('?')[0].rpartition('@')[2]}/… has a query, which the "
            "URL of a bucket cannot have",
            code="secret-in-url",
            hint="pass credentials and other options as storage_options={...}",
        )
    if ":" in bucket.partition("@")[0]:
        raise InvalidUrlError(
            f"{scheme}://…@… has a password, which the URL of a bucket cannot have",
            code="secret-in-url",
            hint="pass credentials and other options as storage_options={...}",
        )
    if scheme is None or not bucket:
        raise InvalidUrlError(
            f"{url!r} names no bucket", hint=f"write {scheme or 's3'}://bucket/prefix"
        )
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise InvalidUrlError(f"{url!r} has an empty, '.' or '..' part in its prefix")
    shown = f"{scheme}://{bucket}/{prefix}".rstrip("/")
    return Location(scheme, bucket, prefix, shown, secrets_of(options))


def parse_other_url(url: str, options: Options) -> Location:
    """Parse a URL of any fsspec filesystem, chained ones too; the prefix is set on opening it."""
    shown, hidden = [], set(secrets_of(options))
    for part in url.split("::"):
        pieces = urlsplit(part)
        found = {pieces.password or pieces.username or "", pieces.query}
        hidden |= _with_parts(found | {unquote(secret) for secret in found})
        host = pieces.netloc.rpartition("@")[2]
        shown.append(urlunsplit((pieces.scheme, host, pieces.path, "", "")) if host else part)
    return Location(scheme_of(url) or "", "", "", "::".join(shown), frozenset(hidden))


def secrets_of(options: Options) -> frozenset[str]:
    """Return the values of options, nested ones too, whose names sound secret."""
    found: set[str] = set()
    for name, value in options.items():
        if isinstance(value, Mapping):
            inner = value if not _SECRET_NAME.search(name) else {f"key{k}": value[k] for k in value}
            found |= secrets_of(inner)
        elif isinstance(value, str) and name not in _NOT_SECRET and _SECRET_NAME.search(name):
            found.add(value)
        elif isinstance(value, str) and "://" in value:
            found |= _secrets_in(value)
    return frozenset(_with_parts(found))


def _secrets_in(url: str) -> set[str]:
    """Return what is secret in the value of an option that is a URL, such as an endpoint."""
    try:
        pieces = urlsplit(url)
    except ValueError:
        return {url}
    return {pieces.password or pieces.username or "", pieces.query} - {""}


def _with_parts(secrets: Iterable[str]) -> set[str]:
    """Return secrets, and the values in those that are lists: queries, connection strings."""
    found = set(secrets)
    for secret in secrets:
        pairs = (part.partition("=") for part in re.split("[&;?]", secret) if "=" in part)
        found |= {value for _, _, value in pairs if len(value) >= _SHORTEST_PART}
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def local_path(url: str | os.PathLike[str]) -> str:
    """Return the path of a path or a `file://` URL, with `~` expanded."""
    path = os.fspath(url)
    for scheme in ("file://", "local://"):
        path = path.removeprefix(scheme)
    if not path:
        raise InvalidUrlError(
            f"{os.fspath(url)!r} names no directory", hint="write '.' for the current directory"
        )
    return os.path.expanduser(path)
