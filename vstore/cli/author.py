"""Who commits, when the library is used from the command line."""

import os
import re
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

import vstore
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import config
    from vstore.format.commit import Author
else:
    config = lazy("vstore.cli.config")

_AUTHOR = "VSTORE_AUTHOR"
_NAME = "VSTORE_AUTHOR_NAME"
_EMAIL = "VSTORE_AUTHOR_EMAIL"
_GIT_SECONDS = 2
_NAME_FORM = re.compile(r"[^<>\n]+")
_EMAIL_FORM = re.compile(r"[^<>\s]+")


def find_author(
    given: str | None, environment: Mapping[str, str] = os.environ
) -> "Author | str | None":
    """Return the author to commit as: the first that is there of these.

    `--author`, `$VSTORE_AUTHOR`, `$VSTORE_AUTHOR_NAME` with `$VSTORE_AUTHOR_EMAIL`, `author` of
    the user's configuration, Git's `user.name` with `user.email`. None leaves it to the
    library: the login name. What the caller stated is returned as it is, for the library to
    refuse if it is malformed.
    """
    stated = given or environment.get(_AUTHOR)
    if stated:
        return stated
    if environment.get(_NAME):
        name, email = environment[_NAME], environment.get(_EMAIL, "")
        return _author(name, email) or f"{name} <{email}>"
    own = _author(*config.configured_author())
    if own is not None:
        return own
    configured = _git_config()
    return _author(configured.get("user.name", ""), configured.get("user.email", ""))


def _author(name: str, email: str) -> "Author | None":
    """Return an author, or None where the parts cannot make one."""
    name, email = name.strip(), email.strip()
    if not _NAME_FORM.fullmatch(name) or (email and not _EMAIL_FORM.fullmatch(email)):
        return None
    return vstore.Author(name, email or None)


def _git_config() -> dict[str, str]:
    """Return what Git knows of the user; nothing where there is no Git or it fails."""
    command = ["git", "config", "--null", "--get-regexp", r"^user\.(name|email)$"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_GIT_SECONDS, text=True, check=False
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return {}
    lines = [entry.partition("\n") for entry in done.stdout.split("\0")]
    return {key: value for key, _, value in lines if key}
