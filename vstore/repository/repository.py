"""The front door: a repository's branches, commits, merges and history."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vstore.faces import exported_from
from vstore.history.commits import Commit, describe
from vstore.lazy import lazy
from vstore.maintenance.gc.options import DEFAULT_EXPIRE, GcOptions
from vstore.maintenance.progress import Progress, silent
from vstore.repository.access import Access
from vstore.repository.branches import Branches, Tags, restore
from vstore.storage.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from vstore.diffing.diff import Diff
    from vstore.format.commit import Author, RepositoryDocument
    from vstore.format.digest import Digest
    from vstore.format.table.sample_keys import SampleKey
    from vstore.maintenance.fsck import fsck
    from vstore.maintenance.fsck.fsck import Checkpoint, FsckCursor, Mode
    from vstore.maintenance.fsck.fsck_report import FsckReport
    from vstore.maintenance.gc import collecting
    from vstore.maintenance.gc.gc_report import GcReport
    from vstore.maintenance.probe import probe
    from vstore.maintenance.probe.probe_report import ProbeReport
    from vstore.merging.conflicts import Resolution
    from vstore.merging.merge import Merged
    from vstore.reading.snapshot import Snapshot
    from vstore.repository import browsing, publishing, rewriting
    from vstore.storage.store import ObjectStore
    from vstore.writing import commit_options
    from vstore.writing.transaction import Transaction
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    browsing = lazy("vstore.repository.browsing")
    collecting = lazy("vstore.maintenance.gc.collecting")
    commit_options = lazy("vstore.writing.commit_options")
    fsck = lazy("vstore.maintenance.fsck.fsck")
    probe = lazy("vstore.maintenance.probe.probe")
    publishing = lazy("vstore.repository.publishing")
    rewriting = lazy("vstore.repository.rewriting")


@exported_from("vstore")
class Repository:
    """A repository in an object store.

    Opening one makes no request; the first use does. Safe to use from several threads,
    and pickles.
    """

    def __init__(self, store: ObjectStore, *, author: Author | None = None) -> None:
        self._access = Access(store, author=author)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Repository, author=self._access.given_author), (self.store,)

    @property
    def url(self) -> str:
        """The repository's address, with any secret left out."""
        return self.store.url

    @property
    def store(self) -> ObjectStore:
        """The object store that holds the repository."""
        return self._access.store

    @property
    def description(self) -> RepositoryDocument:
        """The document that marks the repository, or `NotFoundError` where there is none."""
        return self._access.description

    @property
    def default_branch(self) -> str:
        """The branch that is meant where none is named."""
        return self._access.default_branch

    @property
    def branches(self) -> Branches:
        """The branches, by name."""
        return Branches(self._access)

    @property
    def tags(self) -> Tags:
        """The tags, by name."""
        return Tags(self._access)

    @property
    def _internals(self) -> Access:
        return self._access

    @property
    def author(self) -> Author:
        """Who commits: as given when the repository was opened, else the user's login name."""
        return self._access.author()

    def resolve(self, revision: str | None = None, *, as_of: datetime | None = None) -> Digest:
        """Return the id of the commit that a revision names; see `checkout`."""
        return self._access.resolve(revision, as_of=as_of)

    def checkout(self, revision: str | None = None, *, as_of: datetime | None = None) -> Snapshot:
        """Return a commit opened for reading.

        Args:
            revision: a branch, a tag, a commit id or its unique prefix, with `~n` or `^n`
                behind it for ancestors; the default branch when None.
            as_of: the state of the revision's first-parent line at this time.

        Raises:
            NotFoundError: nothing is called that, or there is no repository.
            InvalidInputError: the prefix is ambiguous, or the revision malformed.
        """
        return browsing.snapshot(self._access, self.resolve(revision, as_of=as_of))

    def transaction(
        self,
        branch: str | None = None,
        *,
        message: str,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        allow_empty: bool = False,
    ) -> Transaction:
        """Begin changes that become one commit on `branch`.

        Args:
            branch: the branch to move; the default branch, made by its first commit, when
                None.
            message: what the commit says.
            author: `"Ann Lee <ann@example.org>"`; the repository's author when None.
            metadata: anything JSON can hold.
            time: the commit's time; now when None.
            allow_empty: commit even where nothing was changed.

        Raises:
            NotFoundError: no such branch, or there is no repository.
        """
        options = commit_options.CommitOptions(
            message=message,
            author=self._access.author(author),
            metadata=metadata or {},
            time=time,
            allow_empty=allow_empty,
        )
        return publishing.begin(self._access, branch, options)

    def merge(
        self,
        revision: str,
        *,
        into: str | None = None,
        message: str | None = None,
        author: Author | str | None = None,
        resolve: Resolution | None = None,
        dry_run: bool = False,
    ) -> Merged:
        """Merge a revision into a branch (the default branch when None), by sample.

        Where the branch has nothing that the revision lacks it moves forward without a
        commit; where it has all of it nothing happens.

        Args:
            revision: what is merged.
            into: the branch that moves.
            message: what the merge commit says.
            author: who merges.
            resolve: `ours`, `theirs`, a function of the `Conflict`, or a mapping of paths
                to these.
            dry_run: tell what would happen, conflicts included, and change nothing.

        Raises:
            ConflictError: conflicts that `resolve` leaves, in `conflicts`; nothing changed.
        """
        name = self.default_branch if into is None else into
        options = commit_options.CommitOptions(
            message=message or f"Merge {revision} into {name}",
            author=self._access.author(author),
        )
        access = self._access
        merger = publishing.BranchMerge(access.fetcher, access.refs, access.branch(name), options)
        if dry_run:
            return merger.preview(self.resolve(revision), resolve=resolve)
        return merger.run(self._access.resolve_kept(revision), resolve=resolve)

    def log(
        self,
        revision: str | None = None,
        *,
        path: str | None = None,
        sample: SampleKey | None = None,
        skip: int = 0,
        limit: int | None = None,
    ) -> Iterator[Commit]:
        """Yield a commit and all it descends from, newest first.

        Args:
            revision: where to begin, the default branch when None. `a..b` leaves out what
                `a` descends from, `a...b` what both do.
            path: only commits that changed what is at or below this path.
            sample: with the path of a table or of one column, only commits that changed
                this sample (its key; its position without keys).
            skip: leave out this many of these first.
            limit: at most this many.
        """
        wanted = browsing.Wanted(path=path, sample=sample, skip=skip, limit=limit)
        return browsing.log(self._access, revision, wanted)

    def blame(self, path: str, sample: SampleKey, *, revision: str | None = None) -> Commit:
        """Return the commit that last changed a sample (its key; its position without keys).

        `path` is a table, or one column of it. The beginning of tuple keys stands for all
        samples whose keys begin so: the commit that last changed, added or deleted one of them.

        Raises:
            NotFoundError: there is no such sample.
        """
        return browsing.blame(self._access, path, sample, revision=revision)

    def diff(self, old: str, new: str | None = None) -> Diff:
        """Return what differs between two revisions; `new` is the default branch when None.

        `old` may be `a..b`, the same as `diff(a, b)`, or `a...b`: what `b` changed since it
        parted from `a`.

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

    def cherry_pick(
        self,
        revision: str,
        *,
        into: str | None = None,
        parent: int = 1,
        resolve: Resolution | None = None,
    ) -> Commit:
        """Make the changes of one commit again on a branch; of a merge, against `parent`."""
        rewriter = self._rewriter(into)
        picked = self._access.resolve_kept(revision)
        return rewriter.cherry_pick(picked, parent=parent, resolve=resolve)

    def revert(
        self,
        revision: str,
        *,
        into: str | None = None,
        parent: int = 1,
        message: str = "",
        resolve: Resolution | None = None,
    ) -> Commit:
        """Undo the changes of one commit by a new one; of a merge, against `parent`."""
        rewriter = self._rewriter(into, message=message)
        reverted = self._access.resolve_kept(revision)
        return rewriter.revert(reverted, parent=parent, resolve=resolve)

    def rebase(self, branch: str, *, onto: str, resolve: Resolution | None = None) -> Commit:
        """Make the commits that only `branch` has again on top of `onto`; move the branch."""
        return self._rewriter(branch).rebase(self._access.resolve_kept(onto), resolve=resolve)

    def reset(self, branch: str, *, to: str) -> Commit:
        """Move a branch to any commit; `undo` moves it back."""
        return self._rewriter(branch).reset(self.resolve(to))

    def undo(self, name: str | None = None) -> Commit:
        """Move a branch to where it was before its last move; bring it back if it was deleted.

        So too a tag that was deleted, where no branch has its name.

        Raises:
            NotFoundError: the branch has not moved, or nothing of that name was deleted.
            ConflictError: the branch moved just now, or garbage collection deleted the commit.
        """
        name = self.default_branch if name is None else name
        if self._access.refs.find_branch(name) is not None:
            return self._rewriter(name).undo()
        return self.commit(restore(self._access, name))

    def amend(
        self,
        branch: str | None = None,
        *,
        message: str = "",
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Put a commit with another message, author or metadata in the head's place.

        What is not given stays as it is.
        """
        rewriter = self._rewriter(branch, message=message, author=author, metadata=metadata)
        return rewriter.amend(keeps_author=author is None)

    def squash(self, branch: str, *, since: str, message: str) -> Commit:
        """Put one commit in the place of all that came after `since` on a branch."""
        return self._rewriter(branch, message=message).squash(self.resolve(since))

    def _rewriter(
        self,
        branch: str | None,
        *,
        message: str = "",
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> rewriting.Rewriter:
        options = commit_options.CommitOptions(
            message=message, author=self._access.author(author), metadata=metadata or {}
        )
        access = self._access
        return rewriting.Rewriter(access.fetcher, access.refs, access.branch(branch), options)

    def commit(self, revision: str | None = None) -> Commit:
        """Return what a commit says, its contents left unopened."""
        digest = self.resolve(revision)
        return describe(digest, self._access.fetcher.commit(digest))

    def fsck(  # noqa: PLR0913 - one option for each way of looking
        self,
        *,
        mode: Mode = "quick",
        share: tuple[int, int] | None = None,
        decode: bool = False,
        repair_from: Repository | str | Path | None = None,
        resume: FsckCursor | None = None,
        progress: Progress = silent,
        checkpoint: Checkpoint | None = None,
    ) -> FsckReport:
        """Verify the repository and name what damage reaches; see `FsckOptions`.

        `repair_from` is a copy, or its address, from which what is missing or damaged is
        restored. `checkpoint` is given a cursor every few seconds, to `resume` from.
        """
        copy = _store_of(repair_from)
        options = fsck.FsckOptions(
            mode=mode, share=share, decode=decode, repair_from=copy, resume=resume
        )
        return fsck.fsck(self.store, options, progress=progress, checkpoint=checkpoint)

    def gc(  # noqa: PLR0913 - one option for each way of collecting
        self,
        *,
        grace: timedelta | None = None,
        expire: timedelta = DEFAULT_EXPIRE,
        dry_run: bool = False,
        wait: bool = False,
        take_over: bool = False,
        measure: bool = False,
        repack: float | None = None,
        cancel: bool = False,
        progress: Progress = silent,
    ) -> GcReport:
        """Delete what has been pending for the grace period, and list what is garbage now.

        Garbage is deleted in two calls, a grace period (24 hours) apart: call it daily. Readers
        and writers may go on meanwhile. `GcOptions` explains the options; `cancel` cancels
        the pending deletion and does nothing else.

        Raises:
            ConflictError: another collection is deleting.
            CorruptionError: something needed is missing or damaged; nothing was deleted.
        """
        if cancel:
            return collecting.cancel(self.store)
        options = GcOptions(
            grace=grace,
            expire=expire,
            dry_run=dry_run,
            wait=wait,
            take_over=take_over,
            measure=measure,
            repack=repack,
        )
        return collecting.collect(self.store, options, progress=progress)

    def probe(self) -> ProbeReport:
        """Try whether the store keeps the promises that commits rest on, with its own objects."""
        return probe.probe(self.store)

    def __repr__(self) -> str:
        return f"<vstore.Repository {self.url}>"


def _store_of(copy: Repository | str | Path | None) -> ObjectStore | None:
    if copy is None or isinstance(copy, Repository):
        return None if copy is None else copy.store
    return open_store(copy)
