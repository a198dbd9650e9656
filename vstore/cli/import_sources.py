"""What `vstore import` is given: a repository or none, and sources."""

import os
from pathlib import Path

import typer

from vstore.cli.settings import Settings
from vstore.errors import InvalidInputError


def split_sources(words: list[str], settings: Settings) -> tuple[str | None, list[str]]:
    """Return the repository's address and the sources: a repository is never a file itself."""
    if not words:
        raise typer.BadParameter("name what to import", param_hint="SOURCE")
    first, *rest = words
    if settings.repo is not None or Path(first).is_file():
        return None, words
    if rest:
        return first, rest
    if _is_repository(first) or not (Path(first).exists() or first == "-" or "*" in first):
        problem = "is a repository" if _is_repository(first) else "is no file"
        raise InvalidInputError(f"{first!r} {problem}", hint="name what to import, after the URL")
    return None, words


def _is_repository(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "vstore.json"))


def short_name(source: str) -> str:
    """Return what a commit's message calls a source.

    >>> short_name("photos/pets/"), short_name("-")
    ('pets', '-')
    """
    return Path(source.rstrip("/")).name or source
