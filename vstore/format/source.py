"""Sources: packs whose chunks stay in files elsewhere, and the addresses of such files.

A source is stored where a pack would be. It lists files, which are thought of as lying back to
back: the offset of a chunk in the pack says in which file it is, and where.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from vstore.errors import FormatError, InvalidUrlError
from vstore.format import document
from vstore.format.commit import FORMAT
from vstore.format.digest import digest_of
from vstore.format.page import PackRef

MOST_FILES = 512
MOST_URL_BYTES = 4096
SCHEMES = frozenset({"file", "http", "https", "s3", "gs", "az", "abfs", "memory"})
"""Where files may be. What they are reads bytes by their places and runs nothing."""

_URL = re.compile(r"([a-z0-9]+)://([A-Za-z0-9._:\-]*)/(.*)", re.DOTALL)
_CONTROL = re.compile("[\x00-\x20\x7f\\\\?#]")


class SourceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source as it is stored: files by what follows the prefix in their URLs, and their sizes."""

    format: int
    prefix: str
    files: list[tuple[str, int]]


class Place(NamedTuple):
    """Where bytes are: a file's URL, and the offset in it."""

    url: str
    offset: int


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """The files of a source, checked."""

    urls: tuple[str, ...]
    ends: tuple[int, ...]

    def find(self, offset: int, nbytes: int) -> Place | None:
        """Return where a chunk is, None if it is not inside one file."""
        i = bisect_right(self.ends, offset)
        start = self.ends[i - 1] if i else 0
        if i == len(self.ends) or offset + nbytes > self.ends[i]:
            return None
        return Place(self.urls[i], offset - start)

    @property
    def starts(self) -> dict[str, int]:
        """Return where each file begins."""
        return dict(zip(self.urls, (0, *self.ends[:-1]), strict=True))


def decode(data: bytes, *, what: str) -> SourceFiles:
    """Return the files that a source lists.

    Raises:
        FormatError: it is malformed, of a newer version, or an address is not allowed.
    """
    found = document.loads(data, SourceDocument, what=what)
    if found.format != FORMAT:
        raise FormatError(f"{what} has the format version {found.format}, not {FORMAT}")
    if not 0 < len(found.files) <= MOST_FILES or not found.prefix.endswith("/"):
        raise FormatError(f"{what} lists no files, too many, or has no prefix")
    if any(not 0 <= nbytes < 2**53 for _, nbytes in found.files):
        raise FormatError(f"{what}: the size of a file is out of range")
    try:
        urls = tuple(checked_url(found.prefix + path) for path, _ in found.files)
    except InvalidUrlError as exc:
        raise FormatError(f"{what}: {exc}") from exc
    ends = tuple(accumulate(nbytes for _, nbytes in found.files))
    if len({*urls}) != len(urls) or ends[-1] >= 2**53:
        raise FormatError(f"{what} lists a file twice, or more bytes than can be counted")
    return SourceFiles(urls, ends)


def encode(files: Sequence[tuple[str, int]]) -> tuple[PackRef, bytes]:
    """Return the source that lists files, by URL and size, and what refers to it."""
    urls = [checked_url(url) for url, _ in files]
    prefix = common_prefix(urls)
    paths = [(url[len(prefix) :], nbytes) for url, (_, nbytes) in zip(urls, files, strict=True)]
    data = document.dumps(SourceDocument(FORMAT, prefix, paths))
    return PackRef(digest_of(data), len(data), is_source=True), data


def common_prefix(urls: Sequence[str]) -> str:
    """Return what URLs of one place begin with, to the last slash.

    >>> common_prefix(["s3://bucket/a/b/1.nc", "s3://bucket/a/b2/1.nc"])
    's3://bucket/a/'
    """
    low, high = min(urls), max(urls)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[: low.rfind("/", 0, same) + 1]


def place_of(url: str) -> str:
    """Return the part of a URL that all files of one source share: scheme and host or bucket."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def checked_url(url: str) -> str:
    """Return a URL that can be meant in one way only.

    Raises:
        InvalidUrlError: it has a user, a query or a fragment, parts like `..`, or a scheme that
            is not one of `SCHEMES`.
    """
    match = _URL.fullmatch(url)
    if match is None or match[1] not in SCHEMES or len(url.encode()) > MOST_URL_BYTES:
        raise InvalidUrlError(
            f"{url[:200]!r} is no address of a file that chunks may stay in: a scheme of "
            f"{', '.join(sorted(SCHEMES))}, a host without a user, and a path without a query"
        )
    path = match[3]
    decoded = unquote(path)
    parts = decoded.split("/")
    is_odd = any(part in ("", ".", "..") for part in parts) or len(parts) != path.count("/") + 1
    if is_odd or _CONTROL.search(decoded) or (match[1] == "file") != (not match[2]):
        raise InvalidUrlError(f"{url[:200]!r} does not say plainly where a file is")
    return url
