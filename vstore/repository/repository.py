"""The front door: a repository's branches, commits, merges and history."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vstore.faces import exported_from
from vstore.history.commits import Commit, describe
from vstore.lazy import lazy
from vstore.maintenance.gc.options import DEFAULT_EXPIRE, GcOptions
from vstore.maintenance.progress import Progress, silent
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.repository.access import Access
from vstore.repository.branches import Branches, Tags, restore
from vstore.signing.settings import UNSIGNED, SignatureSettings
from vstore.storage.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from os import PathLike
    from pathlib import Path

    from vstore.diffing.blamed import Blame
    from vstore.diffing.diff import Diff
    from vstore.diffing.history import History
    from vstore.format.commit import Author, RepositoryDocument
    from vstore.format.digest import Digest
    from vstore.format.table.sample_keys import SampleKey
    from vstore.maintenance import traces
    from vstore.maintenance.fsck import fsck
    from vstore.maintenance.fsck.fsck import Checkpoint, FsckCursor, Mode
    from vstore.maintenance.fsck.fsck_report import FsckReport
    from vstore.maintenance.gc import collecting
    from vstore.maintenance.gc.gc_report import GcReport
    from vstore.maintenance.probe import probe
    from vstore.maintenance.probe.probe_report import ProbeReport
    from vstore.maintenance.purge import request as erasing
    from vstore.maintenance.purge.purge_report import PurgeReport
    from vstore.maintenance.traces import TraceReport
    from vstore.maintenance.usage import By, Usage
    from vstore.merging.conflicts import Resolution
    from vstore.merging.merge import Merged
    from vstore.partial.dropping import DroppedData
    from vstore.partial.fetching import FetchedData
    from vstore.partial.whereabouts import Whereabouts
    from vstore.reading.snapshot import Snapshot
    from vstore.repository import (
        boxes,
        browsing,
        copies,
        held,
        measuring,
        publishing,
        purging,
        remotes,
        rewriting,
    )
    from vstore.repository.remotes import Remotes
    from vstore.signing.signatures import Signature
    from vstore.storage.store import ObjectStore
    from vstore.writing import commit_options
    from vstore.writing.transaction import Transaction
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    boxes = lazy("vstore.repository.boxes")
    browsing = lazy("vstore.repository.browsing")
    copies = lazy("vstore.repository.copies")
    collecting = lazy("vstore.maintenance.gc.collecting")
    commit_options = lazy("vstore.writing.commit_options")
    erasing = lazy("vstore.maintenance.purge.request")
    fsck = lazy("vstore.maintenance.fsck.fsck")
    held = lazy("vstore.repository.held")
    measuring = lazy("vstore.repository.measuring")
    probe = lazy("vstore.maintenance.probe.probe")
    publishing = lazy("vstore.repository.publishing")
    purging = lazy("vstore.repository.purging")
    remotes = lazy("vstore.repository.remotes")
    rewriting = lazy("vstore.repository.rewriting")
    traces = lazy("vstore.maintenance.traces")


DIGEST_ABOVE = 4096
"""How many bytes a value has at most that a history shows as it is, unless told otherwise."""


@exported_from("vstore")
class Repository:
    """A repository in an object store.

    Opening it makes no request. Several threads can use it, and it can be pickled.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        author: Author | None = None,
        remotes: RemoteSettings = BY_DEFAULT,
        signatures: SignatureSettings = UNSIGNED,
    ) -> None:
        self._access = Access(store, author=author, remotes=remotes, signatures=signatures)

    def __reduce__(self) -> tuple[Any, ...]:
        access = self._access
        make = partial(
            Repository,
            author=access.given_author,
            remotes=access.remote_settings,
            signatures=access.signature_settings,
        )
        return make, (self.store,)

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
        """The content of the repository file; raises `NotFoundError` if there is none."""
        return self._access.description

    @property
    def default_branch(self) -> str:
        """The branch that is used if none is named."""
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
    def remotes(self) -> Remotes:
        """Other repositories that this one exchanges commits with, by name."""
        return remotes.Remotes(self._access)

    @property
    def _internals(self) -> Access:
        return self._access

    @property
    def author(self) -> Author:
        """The author of commits, as passed to `open`; by default the user's login name."""
        return self._access.author()

    def resolve(self, revision: str | None = None, *, as_of: datetime | None = None) -> Digest:
        """Return the id of the commit that a revision names; see `checkout`."""
        return self._access.resolve(revision, as_of=as_of)

    def checkout(self, revision: str | None = None, *, as_of: datetime | None = None) -> Snapshot:
        """Return a commit opened for reading.

        Args:
            revision: a branch, a tag, a commit id or a unique prefix of one, followed by `~n`
                or `^n` for an ancestor. Default: the default branch.
            as_of: the state of the revision's first-parent line at this time.

        Raises:
            NotFoundError: the revision or the repository does not exist.
            InvalidInputError: the prefix is ambiguous, or the revision is malformed.
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
            branch: the branch to update. Default: the default branch.
            message: the commit message.
            author: `"Ann Lee <ann@example.org>"`. Default: the repository's author.
            metadata: any value that JSON can represent.
            time: the commit's time. Default: now.
            allow_empty: commit even if nothing was changed.

        Raises:
            NotFoundError: the branch or the repository does not exist.
        """
        options = commit_options.CommitOptions(
            message=message,
            author=self._access.author(author),
            metadata=metadata or {},
            time=time,
            allow_empty=allow_empty,
            signatures=self._access.signing,
        )
        return publishing.begin(self._access, branch, options)

    def merge(  # noqa: PLR0913 - what is merged, and what the commit says
        self,
        revision: str,
        *,
        into: str | None = None,
        message: str | None = None,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        resolve: Resolution | None = None,
        dry_run: bool = False,
    ) -> Merged:
        """Merge a revision into a branch, by sample.

        A branch without commits of its own is fast-forwarded, without a merge commit. If the
        branch has all commits of the revision already, nothing is changed. The merge commit's
        metadata say how conflicts were decided, and by whom; `history` shows it.

        Args:
            revision: the revision to merge.
            into: the branch to update. Default: the default branch.
            message: the message of the merge commit.
            author: the author of the merge commit.
            metadata: the metadata of the merge commit, next to what is said of conflicts.
            resolve: `ours`, `theirs`, a function of the `Conflict`, or a dict of paths.
            dry_run: report what would happen, including conflicts, and change nothing.

        Raises:
            ConflictError: conflicts remain, in `conflicts`; nothing was changed.
        """
        name = self.default_branch if into is None else into
        options = commit_options.CommitOptions(
            message=message or f"Merge {revision} into {name}",
            author=self._access.author(author),
            metadata=metadata or {},
            signatures=self._access.signing,
        )
        access = self._access
        publishing.require_own(access, name)
        branch, theirs = access.resolve_for(name, revision, keeps=not dry_run)
        merger = publishing.BranchMerge(access.fetcher, access.refs, branch, options)
        if dry_run:
            return merger.preview(theirs, resolve=resolve)
        return merger.run(theirs, resolve=resolve)

    def pull(  # noqa: PLR0913 - what is fetched, and what the commit says
        self,
        branch: str | None = None,
        *,
        remote: str = "origin",
        message: str | None = None,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        resolve: Resolution | None = None,
        progress: Progress = silent,
    ) -> Merged:
        """Fetch a branch from a remote and merge it into the branch of the same name.

        Args:
            branch: the branch. Default: the default branch.
            remote: the name of the remote.
            message: the message of the merge commit.
            author: the author of the merge commit.
            metadata: the metadata of the merge commit.
            resolve: what to do with conflicts; see `merge`.
            progress: receives the state of the work.

        Raises:
            ConflictError: conflicts remain, in `conflicts`; the branch was not changed.
            NotFoundError: there is no such remote, or no such branch there.
        """
        name = self.default_branch if branch is None else branch
        self.remotes[remote].fetch(name, progress=progress)
        theirs = f"{remote}/{name}"
        if self._access.refs.find_branch(name) is None:
            self.branches.create(name, at=theirs)
        message = message or f"Merge {theirs} into {name}"
        return self.merge(
            theirs, into=name, message=message, author=author, metadata=metadata, resolve=resolve
        )

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

    def cherry_pick(
        self,
        revision: str,
        *,
        into: str | None = None,
        parent: int = 1,
        message: str = "",
        metadata: Mapping[str, Any] | None = None,
        resolve: Resolution | None = None,
    ) -> Commit:
        """Apply the changes of one commit to a branch; for a merge, compared with `parent`.

        The new commit has the author, message and metadata of the old one; a `message` replaces
        its, and `metadata` are added.
        """
        rewriter = self._builder(into, message=message, metadata=metadata)
        picked = self._access.resolve_kept(revision)
        return rewriter.cherry_pick(picked, parent=parent, resolve=resolve)

    def revert(  # noqa: PLR0913 - what is undone, and what the commit says
        self,
        revision: str,
        *,
        into: str | None = None,
        parent: int = 1,
        message: str = "",
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        resolve: Resolution | None = None,
    ) -> Commit:
        """Undo the changes of one commit with a new one; for a merge, compared with `parent`."""
        rewriter = self._builder(into, message=message, author=author, metadata=metadata)
        reverted = self._access.resolve_kept(revision)
        return rewriter.revert(reverted, parent=parent, resolve=resolve)

    def rebase(
        self,
        branch: str,
        *,
        onto: str,
        metadata: Mapping[str, Any] | None = None,
        resolve: Resolution | None = None,
    ) -> Commit:
        """Replay the branch's own commits on top of `onto`, and update the branch.

        `metadata` are added to those of each commit.
        """
        rewriter = self._builder(branch, metadata=metadata)
        return rewriter.rebase(self._access.resolve_kept(onto), resolve=resolve)

    def reset(self, branch: str, *, to: str) -> Commit:
        """Set a branch to any commit; `undo` sets it back."""
        return self._rewriter(branch).reset(self.resolve(to))

    def undo(self, name: str | None = None) -> Commit:
        """Undo the last update of a branch, or the deletion of a branch or tag.

        A deleted tag is restored if there is no branch of that name.

        Raises:
            NotFoundError: there is no update to undo, or nothing of that name was deleted.
            ConflictError: the branch was updated just now, or gc deleted the commit.
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
        """Replace the head commit to change its message, author or metadata.

        What you do not pass stays as it is.
        """
        rewriter = self._builder(branch, message=message, author=author, metadata=metadata)
        return rewriter.amend(keeps_author=author is None)

    def squash(
        self,
        branch: str,
        *,
        since: str,
        message: str,
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Combine all commits of a branch after `since` into one.

        `metadata` are added to those of the head.
        """
        rewriter = self._builder(branch, message=message, author=author, metadata=metadata)
        return rewriter.squash(self.resolve(since))

    def _builder(self, branch: str | None, **options: Any) -> rewriting.Rewriter:
        """Return what rewrites a branch whose head is believed."""
        rewriter = self._rewriter(branch, **options)
        rewriter.options.require_head(rewriter.branch.commit)
        return rewriter

    def _rewriter(
        self,
        branch: str | None,
        *,
        message: str = "",
        author: Author | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> rewriting.Rewriter:
        access = self._access
        options = commit_options.CommitOptions(
            message=message,
            author=access.author(author),
            metadata=metadata or {},
            signatures=access.signing,
        )
        return rewriting.Rewriter(access.fetcher, access.refs, access.branch(branch), options)

    def commit(self, revision: str | None = None) -> Commit:
        """Return a commit's author, time, message and so on, without opening its contents."""
        digest = self.resolve(revision)
        return describe(digest, self._access.fetcher.commit(digest))

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

    def copy(  # noqa: PLR0913 - what, from where, and to where
        self,
        url: str | PathLike[str],
        path: str,
        new_path: str | None = None,
        *,
        revision: str | None = None,
        branch: str | None = None,
        replace: bool = False,
        message: str | None = None,
        author: Author | str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Copy a table, array or group out of another repository, in one commit.

        Chunks are copied as they are stored, and only those that are missing. The commit's
        metadata says where they came from, so that `update` finds it again.

        Args:
            url: the other repository.
            path: what to copy.
            new_path: where to put it. Default: the same path.
            revision: the commit there. Default: the default branch.
            branch: the branch to update. Default: the default branch.
            replace: delete what is at `new_path` first, in the same commit.
            message: the message of the commit.
            author: the author of the commit.
            storage_options: passed to the client of the other store.

        Raises:
            NotFoundError: there is no such repository, or nothing at the path.
            AlreadyExistsError: something is at the path here.
        """
        options = copies.CopyOptions(
            branch=branch, message=message, author=author, storage_options=storage_options
        )
        to = path if new_path is None else new_path
        return copies.copy_from(self, url, path, to, options, revision=revision, replaces=replace)

    def update(  # noqa: PLR0913 - what, from where, and how
        self,
        path: str,
        *,
        revision: str | None = None,
        branch: str | None = None,
        discard_changes: bool = False,
        message: str | None = None,
        author: Author | str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Commit | None:
        """Bring what `copy` copied up to date with its source; return None if it is.

        Args:
            path: where the copy is.
            revision: another revision of the source than the one that was copied.
            branch: the branch to update. Default: the default branch.
            discard_changes: replace the copy even if it was changed here.
            message: the message of the commit.
            author: the author of the commit.
            storage_options: passed to the client of the other store.

        Raises:
            NotFoundError: nothing is at the path, or it was not copied.
            ConflictError: the copy was changed here.
        """
        options = copies.CopyOptions(
            branch=branch, message=message, author=author, storage_options=storage_options
        )
        return copies.update(
            self, path, options, revision=revision, discards_changes=discard_changes
        )

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
        """Verify the repository and list the samples that damage affects; see `FsckOptions`.

        `repair_from` is a copy of the repository, or its address, to restore objects from.
        What is damaged is restored from a remote that promises objects, if there is one and no
        copy is given. `checkpoint` receives a cursor every few seconds, from which a later call
        can `resume`.
        """
        copy = _store_of(repair_from)
        options = fsck.FsckOptions(
            mode=mode, share=share, decode=decode, repair_from=copy, resume=resume
        )
        remotes = self._access.remote_settings
        return fsck.fsck(
            self.store, options, progress=progress, checkpoint=checkpoint, remotes=remotes
        )

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
        accept_lost_refs: bool = False,
        cancel: bool = False,
        progress: Progress = silent,
    ) -> GcReport:
        """Delete what has been pending for the grace period, and list what is garbage now.

        Garbage is deleted in two calls, a grace period (24 hours) apart: call it daily. Readers
        and writers may go on meanwhile. `GcOptions` explains the options; `cancel` cancels
        the pending deletion and does nothing else.

        Raises:
            ConflictError: another collection is deleting.
            CorruptionError: something reachable is missing or damaged, or a branch or tag is
                gone that nobody deleted; nothing was deleted.
            StorageError: the store does not list everything that it holds.
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
            accept_lost_refs=accept_lost_refs,
        )
        remotes = self._access.remote_settings
        return collecting.collect(self.store, options, progress=progress, remotes=remotes)

    def purge(  # noqa: PLR0913 - what is erased, and from where
        self,
        path: str | None = None,
        keys: Sequence[SampleKey] = (),
        *,
        columns: Sequence[str] | None = None,
        whole: bool = False,
        texts: Sequence[str] = (),
        replacement: str = "[erased]",
        reason: str = "",
        author: Author | str | None = None,
        revision: str | None = None,
        move_tags: bool = False,
        despite_forks: bool = False,
        dry_run: bool = False,
        take_over: bool = False,
        progress: Progress = silent,
    ) -> PurgeReport:
        """Erase samples or texts from all commits, the first one too, and delete their bytes.

        Every commit that holds them is rewritten, and all that follow it; branches, logs and
        deletion records are moved to the new commits. Whoever asks for an old commit is told
        which one is in its place. Other programs may go on meanwhile. If a purge is
        interrupted, call it again with the same arguments.

        Args:
            path: a table with keys, and followed through moves.
            keys: keys of samples, or beginnings of tuple keys.
            columns: erase their values in these columns. Default: all.
            whole: erase the samples with their keys, which deletes them.
            texts: replaced in messages, authors, metadata and attributes, wherever they are.
            replacement: what texts are replaced with.
            reason: why, for users. It is stored, so it must not say what was erased.
            author: who purges.
            revision: where the table is looked up. Default: the default branch.
            move_tags: move tags that keep such commits.
            despite_forks: move the branches that keep such commits for forks.
            dry_run: find out what would be rewritten, and change nothing.
            take_over: finish a garbage collection that died.
            progress: told how far it is.

        Raises:
            NotFoundError: nothing is at the path, or a sample is in no commit.
            ConflictError: tags or forks keep such commits, or garbage is being collected.
        """
        erasure = erasing.Erasure(
            path=path,
            keys=keys,
            columns=columns,
            whole=whole,
            texts=texts,
            replacement=replacement,
        )
        options = erasing.PurgeOptions(
            author=self._access.author(author),
            reason=reason,
            move_tags=move_tags,
            despite_forks=despite_forks,
            dry_run=dry_run,
            take_over=take_over,
        )
        report = purging.purge(self._access, erasure, options, revision=revision, progress=progress)
        self._access = self._access.fresh()
        signing = self._access.signing
        for name in self.branches if signing is not None and not dry_run else ():
            if signing is not None and self.branches[name] in report.rewritten.values():
                signing.sign_new(self.branches[name])
        return report

    def find_traces(
        self, wanted: str, *, remote: str | None = None, progress: Progress = silent
    ) -> TraceReport:
        """Search every object for a text, or for the digest of a value or an object.

        All is decoded: documents, chunks of all columns and what patches cover of them, whether
        a commit reaches it or not. `remote` searches the repository there instead.
        """
        store = self.store if remote is None else self.remotes[remote].store
        return traces.find_traces(store, wanted, progress)

    @property
    def nbytes(self) -> int:
        """The bytes of all objects in the store, garbage included; asks for a listing."""
        return sum(info.nbytes for info in self.store.list_prefix(""))

    def usage(self, revision: str | None = None, *, by: By = "table") -> Usage:
        """Return what is stored for what, with what is shared told apart.

        `by="table"` and `"column"` are of one commit, `"branch"` of all histories, `"kind"` of
        all objects in the store.
        """
        return measuring.usage(self._access, revision, by=by)

    def fetch_data(  # noqa: PLR0913 - what is wanted, and of which commits
        self,
        path: str = "",
        *,
        samples: Any = None,
        keys: Sequence[SampleKey] | None = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
        all_history: bool = False,
        limit: int | None = None,
        progress: Progress = silent,
    ) -> FetchedData:
        """Bring data here that a remote promised, and keep it.

        Packs of which half or more is wanted are brought whole, else only what is wanted of
        them. What is here already is not brought again.

        Args:
            path: a group, table, column or array; by default everything.
            samples: an index of samples of a table or column, as in `table[samples]`.
            keys: keys of samples, in place of `samples`.
            columns: the columns of a table. Default: all.
            revision: the commit. Default: the default branch.
            all_history: bring what the ancestors of the commit have there, too.
            limit: how many bytes are brought at most.
            progress: told how far it is.

        Raises:
            NotFoundError: nothing is at the path, or no remote promises anything.
            NotHereError: the remotes cannot be read.
        """
        selection = held.Selection(
            path=path, samples=samples, keys=keys, columns=columns, with_keys=True
        )
        return held.fetch_data(
            self._access, selection, revision, all_history, limit=limit, progress=progress
        )

    def drop(
        self,
        path: str,
        *,
        samples: Any = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
        all_history: bool = False,
        dry_run: bool = False,
    ) -> DroppedData:
        """Delete the local copy of data that a listing of a remote shows with its size.

        It is read from the remote from then on. What no remote has stays here. The arguments are
        those of `fetch_data`; `dry_run` deletes nothing.

        Raises:
            NotFoundError: nothing is at the path, or no remote promises anything.
            NotHereError: a remote cannot be listed.
        """
        selection = held.Selection(path=path, samples=samples, columns=columns)
        return held.drop_data(self._access, selection, revision, all_history, dry_run=dry_run)

    def whereis(
        self, path: str = "", *, samples: Any = None, revision: str | None = None
    ) -> Whereabouts:
        """Return how much of the data of a path is here, and at each remote that promises it.

        Raises:
            NotFoundError: nothing is at the path.
            NotHereError: a remote cannot be listed.
        """
        selection = held.Selection(path=path, samples=samples)
        return held.whereis(self._access, selection, revision)

    def local_data(self, path: str = "", *, revision: str | None = None) -> list[Whereabouts]:
        """Return how much of each column and array at and below a path is here; asks no remote."""
        return held.local_data(self._access, path, revision)

    def probe(self) -> ProbeReport:
        """Check that the store provides the guarantees commits depend on."""
        return probe.probe(self.store)

    def __repr__(self) -> str:
        return f"<vstore.Repository {self.url}>"

    def _repr_html_(self) -> str:
        return boxes.repository_box(self)


def _store_of(copy: Repository | str | Path | None) -> ObjectStore | None:
    if copy is None or isinstance(copy, Repository):
        return None if copy is None else copy.store
    return open_store(copy)
