"""Verbs that move branches: merging, rewriting, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.maintenance.progress import Progress, silent
from vstore.repository.branches import restore
from vstore.repository.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vstore.format.commit import Author
    from vstore.format.table.sample_keys import SampleKey
    from vstore.history.commits import Commit
    from vstore.maintenance.purge import request as erasing
    from vstore.maintenance.purge.purge_report import PurgeReport
    from vstore.merging.conflicts import Resolution
    from vstore.merging.merge import Merged
    from vstore.repository import (
        publishing,
        purging,
        rewriting,
    )
    from vstore.writing import commit_options
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    commit_options = lazy("vstore.writing.commit_options")
    erasing = lazy("vstore.maintenance.purge.request")
    publishing = lazy("vstore.repository.publishing")
    purging = lazy("vstore.repository.purging")
    rewriting = lazy("vstore.repository.rewriting")


class Changing(Handle):
    """Verbs that move branches: merging, rewriting, copying."""

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
            PolicyError: the policies do not let the author erase data.
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
            sign=self._access.sign_new,
        )
        report = purging.purge(self._access, erasure, options, revision=revision, progress=progress)
        self._access = self._access.fresh()
        return report
