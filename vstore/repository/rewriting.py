"""Doing changes again elsewhere: cherry-pick, revert, rebase, reset, amend, squash, undo."""

import time
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import msgspec

from vstore.errors import ConflictError, InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import CommitDocument, format_time, parse_time
from vstore.format.digest import Digest, digest_of
from vstore.format.document import dumps
from vstore.history.branch_update import Sleep, update_branch
from vstore.history.commits import Commit, describe
from vstore.history.decisions import MEMBER, recorded
from vstore.history.lines import meeting
from vstore.history.merge_base import is_ancestor
from vstore.history.refs import Branch, Refs, is_entry
from vstore.merging.conflicts import Resolution
from vstore.merging.merge import replay
from vstore.merging.sides import Sides
from vstore.reading.fetch import Fetcher
from vstore.writing.commit_options import CommitOptions


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Moves one branch, as it was read, to commits made from others.

    Nothing is half-done: commits are stored first, and the branch is updated once at the
    end, only if nobody else updated it since it was read.
    """

    fetcher: Fetcher
    refs: Refs
    branch: Branch
    options: CommitOptions
    sleep: Sleep = time.sleep

    def cherry_pick(self, picked: Digest, *, parent: int, resolve: Resolution | None) -> Commit:
        """Make the changes of one commit again on the head.

        Raises:
            ConflictError: the changes exclude what the head holds, or are there already.
        """
        document = self.fetcher.commit(picked)
        base = self._parent(picked, parent)
        sides = Sides(base, self.branch.commit, picked, may_be_in_ours=True)
        made = self._replay(sides, document, resolve)
        if made is None:
            raise ConflictError(
                f"the changes of {picked[:12]} are on {self.branch.name!r} already",
                code="nothing-to-do",
            )
        return self._finish(made, f"cherry-pick: {picked[:12]}")

    def revert(self, reverted: Digest, *, parent: int, resolve: Resolution | None) -> Commit:
        """Undo the changes of one commit on the head; of a merge, against the named parent."""
        document = self.fetcher.commit(reverted)
        base = self._parent(reverted, parent)
        title = (document.message.splitlines() or [""])[0]
        options = self.options
        if not options.message:
            message = f"Revert {title!r}\n\nThis reverts commit {reverted}."
            options = replace(options, message=message)
        sides = Sides(reverted, self.branch.commit, base)
        made = self._replay_with(sides, options, resolve, what=f"cannot revert {reverted[:12]}")
        if made is None:
            raise ConflictError(
                f"the changes of {reverted[:12]} are undone already", code="nothing-to-do"
            )
        return self._finish(made, f"revert: {reverted[:12]}")

    def rebase(self, onto: Digest, *, resolve: Resolution | None) -> Commit:
        """Make the commits that `onto` lacks again on top of it, oldest first.

        Merges among them are left out: what they merged is replayed by itself.
        """
        if is_ancestor(self.branch.commit, onto, self.fetcher.commit):
            return self._finish_at(onto, "rebase: fast-forward")
        head = onto
        grafts: dict[Digest, tuple[Digest | None, Digest]] = {}
        for digest in self._commits_beyond(onto):
            document = self.fetcher.commit(digest)
            if len(document.parents) > 1:
                continue
            below = self._parent(digest, 1)
            made = self._replay(Sides(below, head, digest, grafts), document, resolve)
            if made is not None:
                head = made[0]
                grafts[head] = below, digest
        return self._finish_at(head, f"rebase: onto {onto[:12]}")

    def reset(self, to: Digest) -> Commit:
        """Move the branch to any commit; `undo` moves it back."""
        return self._finish_at(to, f"reset: to {to[:12]}")

    def undo(self) -> Commit:
        """Move the branch to where it was before its last move."""
        log = self.branch.document.log
        if len(log) < 2:
            raise NotFoundError(
                f"the branch {self.branch.name!r} was not updated since it was created",
                code="nothing-to-undo",
            )
        return self._finish_at(Digest(log[1].commit), f"undo: {log[0].action}")

    def amend(self, *, keeps_author: bool) -> Commit:
        """Put a commit with the options' message, author and metadata in the head's place."""
        old = self.fetcher.commit(self.branch.commit)
        options = self.options
        new = msgspec.structs.replace(
            old,
            message=options.message or old.message,
            author=old.author if keeps_author else options.author,
            metadata=dict(options.metadata) or old.metadata,
        )
        return self._finish(self._store(new), "amend")

    def squash(self, since: Digest) -> Commit:
        """Put one commit in the place of all that came after `since`."""
        head = self.fetcher.commit(self.branch.commit)
        if since == self.branch.commit:
            raise InvalidInputError("there is nothing to squash: the commit is the head itself")
        if not is_ancestor(since, self.branch.commit, self.fetcher.commit):
            raise InvalidInputError(
                f"{since[:12]} is not an ancestor of the branch {self.branch.name!r}",
                code="not-an-ancestor",
            )
        if meeting(since, self.branch.commit, self.fetcher.commit) != since:
            return self._squash_merged(since)
        below = self.fetcher.commit(since)
        new = msgspec.structs.replace(
            head,
            parents=[since],
            generation=below.generation + 1,
            depth=below.depth + 1,
            ancestors=commits.ancestors_of(since, below.depth, below.ancestors),
            merges=commits.merges_of(below.merges, parents=1),
            message=self.options.message,
            author=self.options.author,
            metadata=self._metadata(head),
            changes=commits.bounded(
                commits.total_changes(
                    self.fetcher.commit(d).changes for d in self._commits_beyond(since)
                )
            ),
        )
        return self._finish(self._store(new), f"squash: since {since[:12]}")

    def _squash_merged(self, since: Digest) -> Commit:
        """Squash onto a commit that was merged: rows of its tables may be elsewhere here."""
        sides = Sides(since, since, self.branch.commit)
        head = self.fetcher.commit(self.branch.commit)
        options = replace(self.options, allow_empty=True, metadata=self._metadata(head))
        made = self._replay_with(sides, options, None, what="cannot squash")
        assert made is not None
        return self._finish(made, f"squash: since {since[:12]}")

    def _parent(self, digest: Digest, number: int) -> Digest | None:
        parents = self.fetcher.commit(digest).parents
        if not parents and number == 1:
            return None
        if not 1 <= number <= len(parents):
            raise InvalidInputError(
                f"the commit {digest[:12]} has {len(parents)} parents; there is no parent {number}"
            )
        return Digest(parents[number - 1])

    def _commits_beyond(self, floor: Digest) -> list[Digest]:
        """Return the commits of the branch that `floor` lacks, oldest first."""
        read = self.fetcher.commit
        stack, seen = [self.branch.commit], {self.branch.commit}
        found: list[Digest] = []
        while stack:
            digest = stack.pop()
            if is_ancestor(digest, floor, read):
                continue
            found.append(digest)
            parents = [Digest(name) for name in read(digest).parents if name not in seen]
            seen.update(parents)
            stack += parents
        return sorted(found, key=lambda digest: (read(digest).generation, read(digest).time))

    def _metadata(self, old: CommitDocument) -> dict[str, Any]:
        """Return what a commit's metadata become: the options' go over them."""
        kept = {name: each for name, each in old.metadata.items() if name != MEMBER}
        return kept | dict(self.options.metadata)

    def _replay(
        self, sides: Sides, document: CommitDocument, resolve: Resolution | None
    ) -> tuple[Digest, CommitDocument] | None:
        options = CommitOptions(
            message=self.options.message or document.message,
            author=document.author,
            metadata=self._metadata(document),
            time=self.options.time,
            signatures=self.options.signatures,
        )
        title = (document.message.splitlines() or [""])[0]
        return self._replay_with(sides, options, resolve, what=f"cannot replay {title!r}")

    def _replay_with(
        self, sides: Sides, options: CommitOptions, resolve: Resolution | None, *, what: str
    ) -> tuple[Digest, CommitDocument] | None:
        transaction, conflicts = replay(self.fetcher, sides, options, resolve=resolve)
        if conflicts.unresolved:
            transaction.discard()
            conflicts.check(what)
        decided = recorded(conflicts.decisions, self.options.author)
        internals(transaction).annotate(decided)
        return internals(transaction).write()

    def _store(self, document: CommitDocument) -> tuple[Digest, CommitDocument]:
        earliest = max(
            (parse_time(self.fetcher.commit(Digest(p)).time) for p in document.parents),
            default=parse_time(document.time),
        )
        time_made = max(earliest, parse_time(document.time))
        document = msgspec.structs.replace(document, time=format_time(time_made))
        data = dumps(document, what="commit")
        digest = digest_of(data)
        self.fetcher.store.put(object_keys.commit(digest), data)
        self.fetcher.remember_commit(digest, document)
        self.options.sign(digest)
        return digest, document

    def _finish(self, made: tuple[Digest, CommitDocument], action: str) -> Commit:
        self._move(made[0], action)
        return describe(*made)

    def _finish_at(self, digest: Digest, action: str) -> Commit:
        document = self.fetcher.commit(digest)
        if digest != self.branch.commit:
            self.refs.require_kept(digest)
            self._move(digest, action)
        return describe(digest, document)

    def _move(self, digest: Digest, action: str) -> None:
        mine = _Rewrite(self.refs, self.branch, digest, action)
        update_branch(self.refs, self.branch.name, self.branch, mine, sleep=self.sleep)


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """A commit that stays what it is, for a branch that nobody else may have updated."""

    refs: Refs
    began: Branch
    digest: Digest
    action: str

    def attempt(self, head: Branch | None) -> Branch | None:
        assert head is not None
        begun = self.began.document.fence
        return self.refs.move_branch(head, self.digest, action=self.action, begun=begun)

    def is_in(self, head: Branch) -> bool:
        """Return whether the branch's log tells of the update.

        The history of the head does not: a branch that was to be reset to an ancestor has it
        all along.
        """
        last = self.began.document.log[0]
        since = takewhile(lambda entry: entry != last, head.document.log)
        return any(is_entry(entry, self.digest, self.action) for entry in since)

    def redo(self, head: Branch | None) -> "_Rewrite":
        """Return the update if nothing but the fence changed; there is no other to make."""
        assert head is not None
        if (head.commit, head.document.log) != (self.began.commit, self.began.document.log):
            raise ConflictError(
                f"the branch {self.began.name!r} was updated meanwhile; nothing was changed",
                code="ref-moved",
                hint="try again",
                name=self.began.name,
            )
        return self
