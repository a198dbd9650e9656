"""Revisions: `main`, `v1`, a hash or its unique prefix, with `~n` and `^n` behind."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.digest import Digest, is_digest
from vstore.history.commits import ReadCommit, as_of, first_parent, nth_parent
from vstore.history.refs import Refs
from vstore.wording import nearest

MIN_PREFIX = 4
_LISTED = 10
_REVISION = re.compile(r"(?P<name>.+?)(@\{(?P<at>[^}]*)\})?(?P<steps>([~^]\d*)*)", re.DOTALL)
_STEP = re.compile(r"([~^])(\d*)")
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},64}}")


@dataclass(frozen=True, slots=True)
class Resolver:
    """Turns revisions into commits with as few requests as the spelling allows.

    What a name stands for is looked up once, so that revisions that one resolver turns into
    commits are of one time: `main~1` is the parent of `main`, whoever commits meanwhile.
    """

    refs: Refs
    read: ReadCommit
    commits_with_prefix: Callable[[str], Iterable[Digest]]
    _known: dict[str, tuple[Digest, bool]] = field(default_factory=dict)

    def resolve(self, revision: str) -> Digest:
        """Return the commit that a revision names.

        A whole hash needs no request, a branch one, a tag two, a prefix three.

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
            return Digest(log[int(at)].commit)
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
            self._known[name] = self._named(name)
        return self._known[name]

    def _named(self, name: str) -> tuple[Digest, bool]:
        if is_digest(name):
            return Digest(name), True
        branch = self.refs.find_branch(name)
        if branch is not None:
            return branch.commit, False
        tag = self.refs.find_tag(name)
        if tag is not None:
            return Digest(tag.commit), False
        if _PREFIX.fullmatch(name):
            return self._with_prefix(name), True
        raise self._unknown(name)

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
