"""Refs, and all that they reach, from one side to the other: objects first, refs last."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from vstore.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    PolicyError,
    SignatureError,
    VstoreError,
)
from vstore.format.commit import TagDocument
from vstore.format.digest import Digest
from vstore.history import fence as fences
from vstore.history.branch_update import update_branch
from vstore.history.refs import Branch
from vstore.maintenance.progress import Progress, silent
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.storage.local import LocalStore
from vstore.transfer.copying import Copied, Copier
from vstore.transfer.moving import Move, MoveUpdate, Rule, is_known_ancestor
from vstore.transfer.report import Outcome, RefUpdate, TransferReport
from vstore.transfer.side import Side, Sides
from vstore.transfer.signatures import (
    SignatureListing,
    copy_later_signatures,
    copy_signatures,
)
from vstore.transfer.walk import Walk, Wanted

_ATTEMPTS = 3
"""How often a transfer is done again that garbage collection undid."""

_MOST_HEADS = 256
"""How many heads of the other side are looked at to find what it has."""


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How a transfer is done.

    Attributes:
        packs: whether chunks are copied, or documents only.
        depth: how many generations of commits are copied; None for all.
        dry_run: whether only to say what would happen.
        unrelated: whether repositories may have nothing in common.
        signatures: whether signatures are copied also of commits that are there already.
        hard_links: whether packs of a repository on the same disk become one file with those
            there.
        believe: raises `SignatureError` for a commit that no ref may be moved to.
        remotes: how what is missing here is read.
        progress: is told how far it is.
    """

    packs: bool = True
    depth: int | None = None
    dry_run: bool = False
    unrelated: bool = False
    signatures: bool = False
    hard_links: bool = False
    believe: Callable[[Digest], None] = lambda _: None
    remotes: RemoteSettings = BY_DEFAULT
    progress: Progress = silent


@dataclass(slots=True)
class Exchange:
    """A transfer of refs from `source` to `target`."""

    sides: Sides
    source: Side
    target: Side
    options: TransferOptions
    is_new: bool = False
    """Whether the target is empty, so that nothing of it need be looked at."""
    refs: list[RefUpdate] = field(default_factory=list)
    copied: Copied = field(default_factory=Copied)
    signatures: int = 0
    """How many signatures were copied."""
    refused: list[VstoreError] = field(default_factory=list)
    _others: list[Digest] = field(default_factory=list)
    """Heads of other branches there."""

    def run(
        self,
        moves: Sequence[Move],
        heads: Sequence[Branch | None],
        tags: Sequence[TagDocument] = (),
    ) -> TransferReport:
        """Copy what is needed, then put the tags and move the branches, in order, each on its own.

        `heads` are the branches at the target as they were read before anything else there.
        """
        asked = None
        if None in heads and not self.options.dry_run:
            asked = fences.ask(self.target.store)
        wanted = self._wanted_moves(moves, heads)
        fresh_tags = self._wanted_tags(tags)
        commits = [move.commit for move, _ in wanted] + [Digest(tag.commit) for tag in fresh_tags]
        if commits:
            self._copy(commits, [head for head in heads if head is not None])
        if self.options.signatures and not self.options.dry_run:
            listing = SignatureListing.begin(self.source.store)
            self.signatures += copy_later_signatures(self.sides, listing, self.target.store)
        for tag in fresh_tags:
            self._put_tag(tag)
        for move, head in wanted:
            self._move(move, head, asked)
        return TransferReport(
            url=self.sides.there.store.url,
            refs=tuple(sorted(self.refs, key=lambda ref: (ref.kind, ref.name))),
            objects=self.copied.objects,
            nbytes=self.copied.nbytes,
            skipped=self.copied.skipped,
            signatures=self.signatures,
            dry_run=self.options.dry_run,
        )

    def _wanted_moves(
        self, moves: Sequence[Move], heads: Sequence[Branch | None]
    ) -> list[tuple[Move, Branch | None]]:
        wanted: list[tuple[Move, Branch | None]] = []
        for move, head in zip(moves, heads, strict=True):
            if head is not None and head.commit == move.commit:
                self._note(move, head, "unchanged")
                continue
            refusal = move.refusal(head, self.source.documents.commit)
            if refusal is None:
                wanted.append((move, head))
            else:
                self._refuse(move, head, refusal)
        return wanted

    def _wanted_tags(self, tags: Sequence[TagDocument]) -> list[TagDocument]:
        wanted: list[TagDocument] = []
        there = self.sides.map(lambda tag: self.target.refs.find_tag(tag.name), tags)
        for tag, found in zip(tags, there, strict=True):
            if found is None:
                wanted.append(tag)
                continue
            old, new = Digest(found.commit), Digest(tag.commit)
            if old == new:
                self.refs.append(RefUpdate(tag.name, "tag", old, new, "unchanged"))
            else:
                self._refuse_tag(tag, old)
        return wanted

    def _refuse_tag(self, tag: TagDocument, old: Digest) -> None:
        reason = f"there is another tag {tag.name!r} there, and tags do not move"
        self.refused.append(AlreadyExistsError(reason, code="tag-exists", name=tag.name))
        new = Digest(tag.commit)
        self.refs.append(RefUpdate(tag.name, "tag", old, new, "rejected", "another commit"))

    def _copy(self, commits: Sequence[Digest], heads: Sequence[Branch]) -> None:
        haves = [head.commit for head in heads]
        if not self.is_new and self._looks_further(commits, heads):
            self._others = self._other_heads({head.name for head in heads})
            haves += self._others
        wanted = Wanted(
            tuple(dict.fromkeys(commits)),
            tuple(dict.fromkeys(haves)),
            packs=self.options.packs,
            depth=self.options.depth,
        )
        walk = Walk(self.source.documents, self.sides.here.documents, wanted)
        copier = Copier(
            self.source.documents,
            self.target.store,
            lists=not self.is_new,
            progress=self.options.progress,
            shares=self._shares(),
            copied=self.copied,
        )
        if self.options.dry_run:
            copier.preview(walk.needs())
            return
        listing = self.sides.requests.submit(SignatureListing.begin, self.source.store)
        copier.copy(walk.needs())
        self.signatures += copy_signatures(
            self.sides, listing.result(), self.target.store, walk.commits
        )

    def _shares(self) -> LocalStore | None:
        """Return whose files of packs the target may have too, if it may."""
        store = self.source.store
        return store if self.options.hard_links and isinstance(store, LocalStore) else None

    def _looks_further(self, commits: Sequence[Digest], heads: Sequence[Branch]) -> bool:
        """Return whether the other side may have more of what is wanted than these heads tell.

        It does not where each commit continues the line of a head without a merge.
        """
        read = self.source.documents.commit
        try:
            lines = {read(head.commit).merges for head in heads}
        except NotFoundError:
            return True
        return len(heads) < len(commits) or any(read(each).merges not in lines for each in commits)

    def _other_heads(self, known: set[str]) -> list[Digest]:
        names = [name for name in self.target.refs.branch_names() if name not in known]
        found = self.sides.map(self.target.refs.find_branch, names[:_MOST_HEADS])
        return [branch.commit for branch in found if branch is not None]

    def _move(self, move: Move, head: Branch | None, asked: fences.Asked | None) -> None:
        outcome: Outcome = "created" if head is None else "updated"
        if head is not None and move.rule is not Rule.FORWARD:
            is_forward = replace(move, rule=Rule.FORWARD).refusal(
                head, self.source.documents.commit
            )
            outcome = "updated" if is_forward is None else "forced"
        if self.options.dry_run:
            self._note(move, head, outcome)
            return
        begun = None if head is None else head.document.fence
        read = self.source.documents.commit
        base = self._base(move.commit) if head is None else None
        update = MoveUpdate(self.target, move, read, begun, asked, base)
        try:
            self.options.believe(move.commit)
            self._retry(update, head)
        except (ConflictError, PolicyError, SignatureError) as error:
            self._refuse(move, head, error)
        else:
            self._note(move, head, outcome)

    def _base(self, commit: Digest) -> Digest | None:
        """Return the newest head of another branch there that a commit descends from."""
        read = self.sides.here.documents.commit
        below = [each for each in self._others if is_known_ancestor(each, commit, read)]
        return max(below, key=lambda each: read(each).generation, default=None)

    def _retry(self, update: MoveUpdate, head: Branch | None) -> None:
        """Move a branch; where a collection deleted what was copied, copy that again first."""
        refs, name = self.target.refs, update.move.name
        for attempt in range(_ATTEMPTS):
            try:
                update_branch(refs, name, head, update, sleep=time.sleep)
            except ConflictError as error:
                if error.code != "objects-deleted" or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return
            head = refs.find_branch(name)
            begun = None if head is None else head.document.fence
            update = replace(update, begun=begun, asked=fences.ask(self.target.store))
            self._copy([update.move.commit], [] if head is None else [head])

    def _put_tag(self, tag: TagDocument) -> None:
        commit = Digest(tag.commit)
        is_new = True
        try:
            if not self.options.dry_run:
                self.options.believe(commit)
                is_new = self.target.refs.restore_tag(tag)
        except (PolicyError, SignatureError) as error:
            self.refused.append(error)
            reason = error.code.replace("-", " ")
            self.refs.append(RefUpdate(tag.name, "tag", None, commit, "rejected", reason))
            return
        if not is_new:
            found = self.target.refs.find_tag(tag.name)
            if found is None or found.commit != tag.commit:
                self._refuse_tag(tag, commit)
                return
        self.refs.append(RefUpdate(tag.name, "tag", None, commit, "created"))

    def _note(self, move: Move, head: Branch | None, outcome: Outcome) -> None:
        old = None if head is None else head.commit
        self.refs.append(RefUpdate(move.name, "branch", old, move.commit, outcome))

    def _refuse(self, move: Move, head: Branch | None, error: VstoreError) -> None:
        self.refused.append(error)
        old = None if head is None else head.commit
        reason = error.code.replace("-", " ")
        self.refs.append(RefUpdate(move.name, "branch", old, move.commit, "rejected", reason))


def check(report: TransferReport, refused: Iterable[VstoreError]) -> TransferReport:
    """Return a report, or raise why a ref was refused.

    Raises:
        ConflictError: a branch was refused; the report is `fields["report"]`.
        AlreadyExistsError: a tag was refused, likewise.
        PolicyError: a branch or a tag was refused by the policies there, likewise.
        SignatureError: a branch or a tag was refused, since its commit is not signed, likewise.
    """
    errors = list(refused)
    if errors:
        first = errors[0]
        first.fields["report"] = report
        raise first
    return report
