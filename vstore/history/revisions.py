"""Revisions: `main`, `v1`, a hash or its unique prefix, with `~n` and `^n` behind."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from vstore.errors import InvalidInputError, NotFoundError, StorageError
from vstore.format.digest import Digest, is_digest
from vstore.history.commits import ReadCommit, as_of, first_parent, nth_parent
from vstore.history.refs import Refs
from vstore.wording import nearest

T = TypeVar("T")
V = TypeVar("V")
MIN_PREFIX = 4
MOST_WALKED = 10_000
"""How many commits are looked at for a prefix where none can be listed."""
DENIED = "access-denied"
"""The code of what S3 answers for a missing object, too, to those who may not list the bucket."""
USUAL = "main"
"""What is asked for as a branch first: a tag is seldom called that."""
_LISTED = 10
_REVISION = re.compile(r"(?P<name>.+?)(@\{(?P<at>[^}]*)\})?(?P<steps>([~^]\d*)*)", re.DOTALL)
_STEP = re.compile(r"([~^])(\d*)")
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},64}}")


class AskAll(Protocol):
    """Calls a function with each item, side by side."""

    def __call__(self, function: Callable[[T], V], items: Sequence[T], /) -> Iterator[V]:
        """Yield what the function returns, in the order of the items."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Turns revisions into commits with as few requests as the spelling allows.

    What a name stands for is looked up once, so that revisions that one resolver turns into
    commits are of one time: `main~1` is the parent of `main`, whoever commits meanwhile.
    """

    refs: Refs
    read: ReadCommit
    commits_with_prefix: Callable[[str], Iterable[Digest]]
    ask_all: AskAll
    trust: Callable[[Digest], None] = lambda _: None
    """Raises unless a commit is believed that something else than its whole hash names."""
    _known: dict[str, tuple[Digest, bool]] = field(default_factory=dict)
    _asked: dict[tuple[str, str], Digest | StorageError | None] = field(default_factory=dict)

    def resolve(self, revision: str) -> Digest:
        """Return the commit that a revision names.

        A whole hash needs no request. A branch or a tag needs one round of them: both are asked
        for side by side, but for the branch that is usual. A prefix needs a round more.

        Raises:
            InvalidInputError: not a revision, or a prefix of several commits.
            NotFoundError: nothing is called that.
        """
        return self.resolve_origin(revision)[0]

    def resolve_origin(self, revision: str) -> tuple[Digest, bool]:
        """Return the commit that a revision names, and whether it does so by a hash.

        A commit that was found by its hash may be on no branch and no tag.
        """
        match = _REVISION.fullmatch(str(revision))
        if match is None:
            raise InvalidInputError(
                f"{revision!r} is not a revision",
                code="not-a-revision",
                hint="give a branch, a tag, a commit hash or its prefix, followed by ~n or ^n for "
                "an ancestor",
                revision=str(revision),
            )
        digest, by_hash = self.look_up(match["name"])
        if match["at"] is not None:
            digest = self._at(match["name"], digest, match["at"])
        for kind, count in _STEP.findall(match["steps"]):
            number = int(count) if count else 1
            step = first_parent if kind == "~" else nth_parent
            digest = step(digest, number, self.read)
        return digest, by_hash

    def _at(self, name: str, digest: Digest, at: str) -> Digest:
        """Return where a branch was some moves ago, or what a line of history held at a time."""
        if at.isdecimal():
            log = self.refs.get_branch(name).document.log
            if int(at) >= len(log):
                raise NotFoundError(
                    f"the log of {name!r} has {len(log)} entries, from 0; there is no {at}",
                    code="commit-not-found",
                )
            found = Digest(log[int(at)].commit)
            self.trust(found)
            return found
        try:
            time = datetime.fromisoformat(at)
        except ValueError:
            raise InvalidInputError(
                f"{at!r} in {name}@{{{at}}} is neither a number of updates nor a time",
                code="not-a-revision",
                hint="give a number, or a time like 2026-01-31 or 2026-01-31T12:00:00Z",
                revision=f"{name}@{{{at}}}",
            ) from None
        return as_of(digest, time if time.tzinfo else time.replace(tzinfo=UTC), self.read)

    def names_in(self, revisions: Iterable[str]) -> list[str]:
        """Return the names that revisions begin with, each once."""
        found = [_REVISION.fullmatch(revision) for revision in revisions]
        return list(dict.fromkeys(match["name"] for match in found if match is not None))

    def look_up(self, name: str) -> tuple[Digest, bool]:
        """Return the commit that a name stands for, and whether it is its hash."""
        if name not in self._known:
            found = self._named(name)
            if not is_digest(name):
                self.trust(found[0])
            self._known[name] = found
        return self._known[name]

    def ask(self, names: Iterable[str]) -> None:
        """Ask for the branches and tags of some names, all side by side, before they are named."""
        asked = [
            (kind, name)
            for name in names
            if not is_digest(name)
            for kind in (["branch"] if name == USUAL else ["branch", "tag"])
        ]
        new = [each for each in asked if each not in self._asked]
        self._asked.update(zip(new, self.ask_all(self._find, new), strict=True))

    def _find(self, asked: tuple[str, str]) -> Digest | StorageError | None:
        """Return the commit of a branch or tag, or the error of a store that does not tell."""
        kind, name = asked
        try:
            if kind == "branch":
                branch = self.refs.find_branch(name)
                return None if branch is None else branch.commit
            tag = self.refs.find_tag(name)
            return None if tag is None else Digest(tag.commit)
        except StorageError as error:
            if error.code != DENIED:
                raise
            return error

    def _named(self, name: str) -> tuple[Digest, bool]:
        if is_digest(name):
            return Digest(name), True
        self.ask([name])
        denied: StorageError | None = None
        for kind in ("branch", "tag"):
            asked = kind, name
            if asked not in self._asked:
                self._asked[asked] = self._find(asked)
            found = self._asked[asked]
            if isinstance(found, StorageError):
                denied = found
            elif found is not None:
                return found, False
        if _PREFIX.fullmatch(name):
            return self._with_prefix(name), True
        raise denied or self._unknown(name)

    def _with_prefix(self, prefix: str) -> Digest:
        found = list(self.commits_with_prefix(prefix))
        if not found:
            raise self._unknown(prefix)
        if len(found) > 1:
            some = ", ".join(digest[: len(prefix) + 4] for digest in found[:5])
            raise InvalidInputError(
                f"the prefix {prefix!r} is ambiguous: {len(found)} commits begin with it ({some})",
                code="ambiguous-prefix",
                hint="give more digits",
                prefix=prefix,
            )
        return found[0]

    def _unknown(self, name: str) -> NotFoundError:
        branches, tags = self.refs.branch_names(), self.refs.tag_names()
        return NotFoundError(
            f"no branch, tag or commit is called {name!r}",
            code="revision-not-found",
            hint=_suggestion(name, branches, tags),
            revision=name,
        )


def _suggestion(name: str, branches: Sequence[str], tags: Sequence[str]) -> str | None:
    """Return which branch or tag may be meant: the nearest, or the first of them all."""
    near = nearest(name, [*branches, *tags])
    if near is not None:
        return f"did you mean the {'branch' if near in branches else 'tag'} {near!r}?"
    listed = [
        f"the {what} are: {', '.join(map(repr, names[:_LISTED]))}"
        for what, names in (("branches", branches), ("tags", tags))
        if names
    ]
    return "; ".join(listed) or None


def in_history(prefix: str, start: Digest, read: ReadCommit) -> list[Digest]:
    """Return the commits of a history whose hashes begin with a prefix.

    Of a long history, those among the `MOST_WALKED` that come first.
    """
    seen, waiting = {start}, deque([start])
    while waiting and len(seen) < MOST_WALKED:
        parents = {Digest(parent) for parent in read(waiting.popleft()).parents} - seen
        seen |= parents
        waiting.extend(parents)
    return sorted(digest for digest in seen if digest.startswith(prefix))
