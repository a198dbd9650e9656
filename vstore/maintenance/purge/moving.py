"""Branches and tags are moved to the commits that stand in place of theirs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import BranchDocument, DeletedDocument, LogEntry, TagDocument
from vstore.format.digest import Digest
from vstore.history.deletion_records import read_deleted
from vstore.history.refs import Branch, Refs
from vstore.maintenance.purge.request import Erasure, PurgeOptions
from vstore.storage.store import Key, ObjectStore, Version

FORKS = "forks/"
"""How the names of branches begin that keep commits for forks."""


@dataclass
class FoundRefs:
    """The branches, tags and deletion records of a repository."""

    branches: dict[Key, Branch] = field(default_factory=dict)
    tags: dict[Key, tuple[TagDocument, Version]] = field(default_factory=dict)
    deleted: dict[Key, DeletedDocument] = field(default_factory=dict)

    @classmethod
    def read(cls, store: ObjectStore, refs: Refs) -> "FoundRefs":
        """Read all of them."""
        found = cls()
        for info in list(store.list_prefix("refs/")):
            if object_keys.find_deleted(info.key):
                note = read_deleted(store, info.key)
                if note is not None:
                    found.deleted[info.key] = note
                continue
            stored = refs.stored(info.key)
            if stored is None:
                continue
            ref, version = stored
            if isinstance(ref, BranchDocument):
                found.branches[info.key] = Branch(ref, version)
            elif isinstance(ref, TagDocument):
                found.tags[info.key] = ref, version
        return found

    def heads(self) -> list[Digest]:
        """Return the commits that branches and tags are at."""
        tags = [Digest(tag.commit) for tag, _ in self.tags.values()]
        return [branch.commit for branch in self.branches.values()] + tags

    def remembered(self) -> list[Digest]:
        """Return the commits that only logs and deletion records name."""
        logs = [b.document.log for b in self.branches.values()]
        logs += [note.branch.log for note in self.deleted.values() if note.branch is not None]
        left = [Digest(entry.commit) for log in logs for entry in log]
        return [*left, *(Digest(note.ref.commit) for note in self.deleted.values())]


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves refs, each by one conditional write, to what stands in place of their commits.

    What logs and deletion records name moves too, so that updates can still be undone.
    """

    store: ObjectStore
    refs: Refs
    erasure: Erasure
    options: PurgeOptions
    now: Callable[[Digest], Digest]

    def is_settled(self, found: FoundRefs) -> bool:
        """Return whether no ref and no record names or says what is to be erased."""
        return not (
            any(self._is_touched(branch.document) for branch in found.branches.values())
            or any(self._tag(tag) != tag for tag, _ in found.tags.values())
            or any(self._note(note) != note for note in found.deleted.values())
        )

    def move(self, found: FoundRefs) -> None:
        """Move all refs that need it, as they were read; one that changed meanwhile is left."""
        for branch in found.branches.values():
            document = branch.document
            if not self._is_touched(document):
                continue
            head, log = self.now(branch.commit), self._log(document.log)
            self._sign(branch.commit, head)
            self.refs.rewrite_branch(branch, head, log, author=self.options.author)
        for tag, version in found.tags.values():
            if self._tag(tag) != tag:
                self._sign(Digest(tag.commit), self.now(Digest(tag.commit)))
                self.refs.replace_tag(self._tag(tag), version)
        for key, note in found.deleted.items():
            if self._note(note) != note:
                self.store.put(key, commits.encode(self._note(note)))

    def _sign(self, old: Digest, new: Digest) -> None:
        if old != new:
            self.options.sign(new)

    def _is_touched(self, branch: BranchDocument) -> bool:
        return (
            self.now(Digest(branch.commit)) != branch.commit or self._log(branch.log) != branch.log
        )

    def _log(self, log: list[LogEntry]) -> list[LogEntry]:
        """Return the moves of a branch as they may be known."""
        return [
            replace(
                entry,
                commit=self.now(Digest(entry.commit)),
                action=self.erasure.scrub(entry.action),
            )
            for entry in log
        ]

    def _tag(self, tag: TagDocument) -> TagDocument:
        return replace(
            tag,
            commit=self.now(Digest(tag.commit)),
            message=self.erasure.scrub(tag.message),
            metadata=self.erasure.scrub(tag.metadata),
            author=commits.Author(*self.erasure.scrub([tag.author.name, tag.author.email])),
        )

    def _note(self, note: DeletedDocument) -> DeletedDocument:
        branch, tag = note.branch, note.tag
        if branch is not None:
            commit, log = self.now(Digest(branch.commit)), self._log(branch.log)
            branch = replace(branch, commit=commit, log=log)
        return replace(note, branch=branch, tag=None if tag is None else self._tag(tag))
