"""The document that a commit becomes, and storing it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format import document, object_keys
from vstore.format.commit import (
    FORMAT,
    CommitDocument,
    ancestors_of,
    bounded,
    format_time,
    merges_of,
    parse_time,
)
from vstore.format.digest import Digest, digest_of
from vstore.history.commits import ReadCommit
from vstore.reading.fetch import Fetcher
from vstore.writing.clock import CommitClock
from vstore.writing.commit_options import CommitOptions
from vstore.writing.packs import PackWriter
from vstore.writing.staged_tree import Contents


class CommitWriter:
    """Stores the commits that one transaction comes to; none is the head of a branch yet."""

    def __init__(
        self, fetcher: Fetcher, writer: PackWriter, base: Digest | None, options: CommitOptions
    ) -> None:
        self._fetcher = fetcher
        self._writer = writer
        self._base = base
        self._options = options
        self._parent = None if base is None else fetcher.commit(base)
        now = datetime.now(UTC)
        self._began = now if self._parent is None else max(now, parse_time(self._parent.time))
        self._clock = CommitClock(fetcher, self._parent)
        self._last: Digest | None = None

    def annotate(self, metadata: Mapping[str, Any]) -> None:
        """Add to the metadata of the commit that is to be written."""
        if metadata:
            merged = {**self._options.metadata, **metadata}
            self._options = replace(self._options, metadata=merged)

    def write(
        self, contents: Contents, *, meanwhile: Callable[[], None] | None = None
    ) -> tuple[Digest, CommitDocument] | None:
        """Store a commit of the contents; return None where nothing was changed.

        `meanwhile` is called once the last requests are under way.
        """
        if self._is_unchanged(contents) and not self._options.allow_empty:
            return None
        if self._options.time is None:
            self._clock.prepare()
        made = self._store(contents, self._options, meanwhile)
        time = self._find_right_time(*made)
        if time is not None:
            made = self._store(contents, replace(self._options, time=time))
        self._options.sign(made[0])
        return made

    def _find_right_time(self, digest: Digest, made: CommitDocument) -> datetime | None:
        """Return when a commit was made if the clock that dated it is wrong."""
        if self._options.time is not None:
            return None
        found = self._clock.find_right_time(object_keys.commit(digest), parse_time(made.time))
        parents = (parse_time(self._fetcher.commit(Digest(name)).time) for name in made.parents)
        return None if found is None else max([found, *parents])

    def write_part(self, contents: Contents) -> Digest:
        """Store a commit that no branch is to name; the same one for the same contents."""
        options = replace(self._options, time=self._options.time or self._began)
        return self._store(contents, options)[0]

    def _store(
        self,
        contents: Contents,
        options: CommitOptions,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Digest, CommitDocument]:
        new = commit_document(self._fetcher.commit, self._base, options, contents)
        data = document.dumps(new, what="commit")
        digest = digest_of(data)
        if digest == self._last:
            return digest, new
        for name, part in contents.parts.items():
            self._writer.upload(object_keys.index(name), part)
        self._writer.upload(object_keys.commit(digest), data)
        if meanwhile is not None:
            meanwhile()
        self._writer.finish()
        self._last = digest
        self._fetcher.remember_commit(digest, new)
        return digest, new

    def _is_unchanged(self, contents: Contents) -> bool:
        if self._options.merged:
            return False
        if self._parent is None:
            return not contents.changes
        # As bytes: in memory 1 is true, and a tuple is not the list that it is stored as.
        return document.dumps(contents.tree) == document.dumps(self._parent.tree)


def commit_document(
    read: ReadCommit,
    base: Digest | None,
    options: CommitOptions,
    contents: Contents,
) -> CommitDocument:
    """Return the commit that has these contents, on top of `base` and the commits it merges."""
    digests = [] if base is None else [base]
    digests += [digest for digest in options.merged if digest not in digests]
    parents = [read(digest) for digest in digests]
    depth, ancestors, merges = 0, list[tuple[int, str]](), merges_of(0, parents=len(parents))
    if base is not None:
        depth = parents[0].depth + 1
        ancestors = ancestors_of(base, parents[0].depth, parents[0].ancestors)
        merges = merges_of(parents[0].merges, parents=len(parents))
    return CommitDocument(
        format=FORMAT,
        features=[],
        parents=list(digests),
        generation=max((parent.generation for parent in parents), default=-1) + 1,
        depth=depth,
        ancestors=ancestors,
        author=options.author,
        time=format_time(_time(options.time, parents)),
        message=options.message,
        metadata=document.plain_object(options.metadata, what="metadata"),
        changes=bounded(contents.changes),
        tree=contents.tree,
        merges=merges,
    )


def _time(given: datetime | None, parents: Sequence[CommitDocument]) -> datetime:
    """Return the commit's time, which is never before that of a parent."""
    earliest = max((parse_time(parent.time) for parent in parents), default=None)
    if given is None:
        now = datetime.now(UTC)
        return now if earliest is None else max(now, earliest)
    if earliest is not None and given < earliest:
        raise InvalidInputError(
            f"time={given} is earlier than the time of the parent commit, {earliest}"
        )
    return given
