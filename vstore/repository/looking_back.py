"""Verbs that say what happened, and who vouches for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.repository.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from os import PathLike

    from vstore.diffing.blamed import Blame
    from vstore.diffing.diff import Diff
    from vstore.diffing.history import History
    from vstore.format.table.sample_keys import SampleKey
    from vstore.history.commits import Commit
    from vstore.repository import (
        browsing,
    )
    from vstore.signing.signatures import Signature
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    browsing = lazy("vstore.repository.browsing")


DIGEST_ABOVE = 4096
"""How many bytes a value has at most that a history shows as it is, unless told otherwise."""


class LookingBack(Handle):
    """Verbs that say what happened, and who vouches for it."""

    def log(
        self,
        revision: str | None = None,
        *,
        path: str | None = None,
        sample: SampleKey | None = None,
        skip: int = 0,
        limit: int | None = None,
    ) -> Iterator[Commit]:
        """Yield a commit and all its ancestors, newest first.

        Args:
            revision: where to begin. Default: the default branch. The range `a..b` yields the
                ancestors of `b` that are not ancestors of `a`, and `a...b` those of either
                that are not ancestors of both.
            path: yield only commits that changed something at or below this path.
            sample: with the path of a table or a column, yield only commits that changed this
                sample, given by key, or by position in a table without keys.
            skip: skip this many of these commits first.
            limit: yield at most this many.

        Raises:
            NotFoundError: the sample is in none of the commits; raised at their end.
        """
        wanted = browsing.Wanted(path=path, sample=sample, skip=skip, limit=limit)
        return browsing.log(self._access, revision, wanted)

    def blame(self, path: str, sample: SampleKey, *, revision: str | None = None) -> Commit | Any:
        """Return the commit that last changed a sample.

        `path` is a table or a column. `sample` is a position in a table without keys. For the
        beginning of tuple keys the result is a list: the commit that last changed each of the
        samples below it, in the order of `table.loc[beginning]`.

        Raises:
            NotFoundError: there is no such sample.
        """
        return browsing.blame(self._access, path, sample, revision=revision)

    def blame_all(
        self,
        path: str,
        *,
        samples: Iterable[SampleKey] | None = None,
        prefix: str | tuple[Any, ...] | None = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
    ) -> Blame:
        """Return the commit that last changed each sample of a table or column, in one walk.

        The arguments are those of `history`.

        Raises:
            NotFoundError: nothing is at the path, or a sample is not there.
        """
        asked = browsing.Asked(path=path, samples=samples, prefix=prefix, columns=columns)
        return browsing.blame_all(self._access, asked, revision=revision)

    def history(  # noqa: PLR0913 - which samples, of which commits
        self,
        path: str,
        *,
        samples: Iterable[SampleKey] | None = None,
        prefix: str | tuple[Any, ...] | None = None,
        columns: Sequence[str] | None = None,
        since: str | datetime | None = None,
        revision: str | None = None,
        digest_above: int = DIGEST_ABOVE,
    ) -> History:
        """Return what was done to the samples of a table or column: who, when, from what to what.

        Each commit is compared with its parents once, when the result is iterated over. A
        change is told at the commit that made it, on whatever branch; a merge tells only what
        none of its parents has. The table and its columns are followed through moves and
        renaming.

        Args:
            path: a table, or a column of one.
            samples: keys of samples, beginnings of tuple keys, or positions in a table without
                keys. Default: all.
            prefix: what text keys begin with, or the first parts of tuple keys.
            columns: names of columns of a table. Default: all.
            since: leave out what this revision descends from, or what was made until a time.
            revision: where to begin. Default: the default branch.
            digest_above: a value of more bytes is given as a `ValueDigest`, as files always are.

        Raises:
            NotFoundError: nothing is at the path. A sample that is in none of the commits is
                told at the end of the iteration.

        >>> import vstore
        >>> repo = vstore.create("memory://history-doc", author="Ann <ann@example.org>")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="str")
        ...     table.extend({"x": [1, 2]}, keys=["a", "b"])
        >>> with repo.transaction("main", message="Change") as tx:
        ...     tx["t"].loc["a"] = {"x": 7}
        >>> for change in repo.history("t", samples=["a"]):
        ...     print(change.commit.title, change.key, change.column, change.old, change.new)
        Change a x 1 7
        Start a x None 1
        """
        asked = browsing.Asked(path=path, samples=samples, prefix=prefix, columns=columns)
        return browsing.sample_history(
            self._access, asked, revision=revision, since=since, digest_above=digest_above
        )

    def diff(self, old: str, new: str | None = None) -> Diff:
        """Return the differences between two revisions; `new` defaults to the default branch.

        `old` may be a range: `a..b` means `diff(a, b)`, and `a...b` means what `b` changed since
        its last common commit with `a`.

        >>> import vstore
        >>> repo = vstore.create("memory://diff-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        ...     table.extend({"x": [1, 2, 3]})
        >>> with repo.transaction("main", message="Change") as tx:
        ...     tx["t"]["x"][1] = 7
        >>> print(repo.diff("main~1", "main"))
        t/x: 1 sample changed (1)
        """
        return browsing.diff(self._access, old, new)

    def sign(self, revision: str | None = None, *, key: str | PathLike[str] | None = None) -> str:
        """Sign a commit with an SSH key; return the key's fingerprint. The commit stays as it is.

        Args:
            revision: the commit. Default: the default branch.
            key: the file of the private key, or of the public one whose private half an SSH
                agent has. Default: that of the `SignatureSettings`.

        Raises:
            InvalidInputError: there is no key, or it cannot be used.
            MissingExtraError: there is no `ssh-keygen`.
        """
        access = self._access
        digest = access.resolve_unsigned(revision)
        settings = access.signature_settings
        if key is not None:
            settings = replace(settings, key=key)
        return access.signatures.sign(digest, settings)

    def signatures(self, revision: str | None = None) -> tuple[Signature, ...]:
        """Return the signatures of a commit, each checked against the allowed signers.

        Raises:
            InvalidInputError: no allowed signers are known: see `SignatureSettings`.
            MissingExtraError: there is no `ssh-keygen`.
        """
        return self._access.signatures.check(self._access.resolve_unsigned(revision))

    def verify(self, revision: str | None = None) -> Signature:
        """Return a good signature of a commit: by a key of the allowed signers.

        A good one vouches for all that the commit holds, and for its ancestors.

        Raises:
            SignatureError: the commit has none.
            InvalidInputError: no allowed signers are known: see `SignatureSettings`.
            MissingExtraError: there is no `ssh-keygen`.
        """
        return self._access.signatures.verify(self._access.resolve_unsigned(revision))
