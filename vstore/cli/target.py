"""Which repository and which revision the caller means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vstore.errors import InvalidInputError
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import config
    from vstore.format import object_keys
else:
    config = lazy("vstore.cli.config")
    object_keys = lazy("vstore.format.object_keys")

URL_VARIABLE = "VSTORE_URL"
_PATH_STARTS = ("/", "./", "../", "~", ".\\", "..\\")


@dataclass(frozen=True, slots=True)
class Target:
    """A repository's address and a revision of it; None stands for the default of each."""

    url: str | None = None
    revision: str | None = None


def parse_target(text: str | None) -> Target:
    """Return what a command's first argument means: `URL`, `URL@REV`, `@REV` or `REV`.

    What looks like an address is one: a URL, a path that begins like one, a directory that
    holds a repository, or an alias of the user's configuration. Any other word is a revision
    of the default repository.

    >>> parse_target("s3://bucket/fashion@v1")
    Target(url='s3://bucket/fashion', revision='v1')
    >>> parse_target("main~2")
    Target(url=None, revision='main~2')
    >>> parse_target("@")
    Target(url=None, revision=None)
    """
    if not text or text.startswith("@"):
        return Target(None, (text or "")[1:] or None)
    address, at, revision = text.rpartition("@")
    if is_repository(text) or not at or _is_part_of_url(text, address, revision):
        return Target(text) if _is_address(text) else Target(None, text)
    return Target(address, revision or None)


def _is_address(text: str) -> bool:
    is_path = text in (".", "..") or text.startswith(_PATH_STARTS)
    return is_path or "://" in text or is_repository(text) or config.expand_alias(text) != text


def _is_part_of_url(text: str, address: str, revision: str) -> bool:
    """Return whether the last `@` is none before a revision: `abfs://container@account/x`."""
    host = address.partition("://")[2]
    return "://" in revision or ("://" in text and "/" not in host and "/" in revision)


def is_repository(path: str) -> bool:
    """Return whether a directory on this machine holds a repository."""
    return (Path(path).expanduser() / object_keys.REPOSITORY).is_file()


def default_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return $VSTORE_URL, else the current directory if it is a repository.

    Raises:
        InvalidInputError: neither is there.
    """
    found = environment.get(URL_VARIABLE, "")
    if not found and not is_repository("."):
        raise InvalidInputError(
            "no repository given, and the current directory is not one",
            hint=f"give its URL or path, pass --repo, or set {URL_VARIABLE}; create a repository "
            "with `vstore init URL`",
        )
    return found or "."
