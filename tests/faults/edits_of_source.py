"""Bugs as edits of the source: each is put into a copy, to see that the suite notices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that stands once in the files of a pattern, and what is to stand there."""

    files: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake, and the parts of the suite that are there to notice it."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def bug(name: str, tests: tuple[str, ...], files: str, old: str, new: str) -> Bug:
    """Return a bug that is one edit."""
    return Bug(name, (Edit(files, old, new),), tests)
