"""What is to be erased."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format.commit import Author
from vstore.format.digest import Digest
from vstore.format.table.sample_keys import SampleKey

ERASED = "[erased]"
"""What is put in place of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What is to be erased from all commits.

    Attributes:
        path: a table, where samples are to be erased.
        keys: their keys, or beginnings of tuple keys.
        columns: the columns in which; None for all.
        whole: whether the samples are deleted, with their keys.
        texts: texts that are replaced in messages, authors, metadata and attributes.
        replacement: what they are replaced with.
    """

    path: str | None = None
    keys: Sequence[SampleKey] = ()
    columns: Sequence[str] | None = None
    whole: bool = False
    texts: Sequence[str] = ()
    replacement: str = ERASED

    def __post_init__(self) -> None:
        if not self.keys and not self.texts:
            raise InvalidInputError("a purge erases samples, texts or both; got neither")
        if isinstance(self.keys, str | bytes) or isinstance(self.texts, str | bytes):
            raise InvalidInputError("keys and texts are lists, as in ['patient-7']")
        if self.keys and self.path is None:
            raise InvalidInputError("the keys of samples were given without the path of a table")
        if self.whole and self.columns is not None:
            raise InvalidInputError("whole samples are erased in all columns")
        if not all(type(text) is str and len(text) > 0 for text in self.texts):
            raise InvalidInputError("a text to erase is a string that is not empty")
        if any(text in self.replacement for text in self.texts):
            raise InvalidInputError("the replacement contains a text that is to be erased")

    def scrub(self, value: Any) -> Any:
        """Return a JSON value with the texts replaced in all strings, names of members too."""
        if isinstance(value, str):
            for text in self.texts:
                value = value.replace(text, self.replacement)
            return value
        if isinstance(value, dict):
            return {self.scrub(name): self.scrub(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.scrub(member) for member in value)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeOptions:
    """How a purge is done.

    Attributes:
        author: who purges.
        reason: why, for users; it is stored, so it does not say what was erased.
        move_tags: move tags that hold what is to be erased.
        despite_forks: move branches that keep commits for forks.
        dry_run: find out what would be rewritten, and change nothing.
        take_over: finish a garbage collection that died.
        sign: signs a commit that a branch or a tag is about to get.
    """

    author: Author
    reason: str = ""
    move_tags: bool = False
    despite_forks: bool = False
    dry_run: bool = False
    take_over: bool = False
    sign: Callable[[Digest], None] = lambda _: None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
