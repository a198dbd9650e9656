"""A purge as a whole: rewrite commits, say which became which, move refs, delete old bytes.

docs/design/133-erasure.md says why it may be interrupted at any moment, and run again.
"""

import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec

from vstore.errors import ConflictError, NotFoundError
from vstore.format import object_keys, purges
from vstore.format.commit import FORMAT, format_time
from vstore.format.digest import Digest
from vstore.format.purges import PurgeDocument
from vstore.history.policies import newest_policy, require_purger
from vstore.history.purges import list_purges
from vstore.history.refs import Refs
from vstore.maintenance.digest_set import DigestSet
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.gc.collecting import Only, cancel, collect
from vstore.maintenance.gc.marking import Live, mark
from vstore.maintenance.gc.options import GcOptions
from vstore.maintenance.gc.state import State
from vstore.maintenance.objects import require_repository
from vstore.maintenance.progress import NOTHING, Amount, Progress, silent
from vstore.maintenance.purge.moving import FORKS, FoundRefs, Mover
from vstore.maintenance.purge.purge_report import PurgeReport
from vstore.maintenance.purge.request import Erasure, PurgeOptions
from vstore.maintenance.purge.rewriting import Rewriter
from vstore.reading.fetch import Fetcher
from vstore.storage.store import Key, ObjectStore, Version

_ROUNDS = 100
_TRIES = 5
_PAUSE_SECONDS = 1.0


def purge(
    fetcher: Fetcher,
    refs: Refs,
    erasure: Erasure,
    options: PurgeOptions,
    *,
    table_id: str = "",
    progress: Progress = silent,
) -> PurgeReport:
    """Erase samples and texts from all commits, and delete the bytes that held them.

    Raises:
        NotFoundError: a sample is in no commit.
        ConflictError: a tag or a fork keeps what is to be erased, or garbage is being collected.
        PolicyError: the policies do not let the author erase data.
    """
    require_repository(fetcher.store)
    return _Purge(fetcher, refs, erasure, options, table_id, progress).run()


@dataclass
class _Purge:
    fetcher: Fetcher
    refs: Refs
    erasure: Erasure
    options: PurgeOptions
    table_id: str
    progress: Progress
    _document: PurgeDocument | None = None
    _version: Version | None = None
    _rewritten: dict[Digest, Digest] = field(default_factory=dict)
    _planned: dict[Digest, Digest] = field(default_factory=dict)

    @property
    def store(self) -> ObjectStore:
        return self.fetcher.store

    def run(self) -> PurgeReport:
        policy = newest_policy(self.store)
        if policy is not None:
            require_purger(policy.rules, self.options.author)
        self._resume()
        holding = self._check()
        report = PurgeReport(url=self.store.url, dry_run=self.options.dry_run, holding=len(holding))
        if self.options.dry_run:
            return replace(report, commits=len(self._planned))
        rewriter = self._rewriter(self._rewritten, stores=True)
        mover = Mover(self.store, self.refs, self.erasure, self.options, rewriter.now)
        for _ in range(_ROUNDS):
            found = FoundRefs.read(self.store, self.refs)
            self._rewrite(rewriter, found)
            self._write(rewriter)
            if mover.is_settled(found):
                break
            mover.move(found)
        else:
            raise ConflictError(
                "branches kept changing while they were purged", code="ref-moved", hint="try again"
            )
        freed, left = self._delete_bytes()
        if not left:
            self._finish()
        return replace(
            report,
            id=None if self._document is None else self._document.id,
            commits=len(rewriter.rewritten),
            rewritten=rewriter.successors,
            nbytes_written=rewriter.editor.nbytes,
            freed=freed,
            left=left,
        )

    def _rewriter(self, known: dict[Digest, Digest], *, stores: bool) -> Rewriter:
        return Rewriter(
            self.fetcher, self.erasure, self.table_id, known, self.progress, stores=stores
        )

    def _resume(self) -> None:
        """Take up a purge that was interrupted: what it rewrote stays."""
        state = State.read(self.store)
        if self.options.take_over and state.pending is not None and state.pending.is_sweeping:
            nothing = Only(DigestSet(), frozenset())
            collect(self.store, GcOptions(take_over=True), remotes=None, only=nothing)
        for document, version in list_purges(self.store):
            if not document.done:
                self._document, self._version = document, version
                self._rewritten = {Digest(o): Digest(n) for o, n in document.commits.items()}

    def _check(self) -> set[Digest]:
        """Find out what holds what is to be erased, before anything is written.

        Raises:
            NotFoundError: a sample is in no commit.
            ConflictError: tags or forks keep such commits.
        """
        found = FoundRefs.read(self.store, self.refs)
        planner = self._rewriter(dict(self._rewritten), stores=False)
        planner.run(found.heads())
        missing = [key for key in self.erasure.keys if key not in planner.eraser.found]
        if missing and not self._rewritten:
            raise NotFoundError(
                f"there is no sample {missing[0]!r} at {self.erasure.path!r} in any commit",
                code="sample-not-found",
            )
        self._planned = planner.rewritten
        tags = [t.name for t, _ in found.tags.values() if Digest(t.commit) in planner.rewritten]
        if self.options.dry_run:
            return planner.holding
        if tags and not self.options.move_tags:
            raise ConflictError(
                f"the tags {', '.join(map(repr, sorted(tags)[:5]))} keep commits that hold what is "
                "to be erased; nothing was changed",
                code="purge-pinned",
                names=tags,
            )
        forks = [
            branch.name
            for branch in found.branches.values()
            if branch.name.startswith(FORKS) and branch.commit in planner.rewritten
        ]
        if forks and not self.options.despite_forks:
            raise ConflictError(
                f"{len(forks)} branches of forks, such as {forks[0]!r}, keep commits that hold "
                "what is to be erased; nothing was changed",
                code="purge-pinned",
                names=forks,
            )
        return planner.holding

    def _rewrite(self, rewriter: Rewriter, found: FoundRefs) -> None:
        rewriter.run(found.heads())
        for digest in found.remembered():
            try:
                rewriter.run([digest])
            except NotFoundError:
                continue  # garbage collection deleted it: a log remembers longer than that

    def _write(self, rewriter: Rewriter) -> None:
        """Say which commits became which, before any ref says so."""
        now = self.options.now
        old = self._document
        if old is None:
            if not rewriter.rewritten:
                return
            name = f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(8)}"
            old = PurgeDocument(
                FORMAT, name, format_time(now), self.options.author, self.options.reason, {}
            )
        packs = tuple(sorted({*old.packs, *rewriter.editor.replaced}))
        new = msgspec.structs.replace(old, commits=dict(rewriter.successors), packs=packs)
        self._put(new)

    def _put(self, new: PurgeDocument) -> None:
        if new == self._document:
            return
        key, data = object_keys.purge(new.id), purges.encode(new)
        if self._version is None:
            version = self.store.put_if_absent(key, data)
        else:
            version = self.store.compare_and_swap(key, data, self._version)
        if version is None:
            raise ConflictError(
                "another purge is under way in this repository", code="purge-running"
            )
        self._document, self._version = new, version

    def _delete_bytes(self) -> tuple[Amount, tuple[Key, ...]]:
        """Delete what only the old commits needed; return how much, and what is left."""
        if self._document is None:
            return NOTHING, ()
        freed, left = NOTHING, tuple[Key, ...]()
        for attempt in range(_TRIES):
            only = self._targets()
            state = State.read(self.store)
            if state.pending is not None and not state.pending.is_sweeping:
                cancel(self.store)
            options = GcOptions(grace=timedelta(0), take_over=self.options.take_over)
            report = collect(self.store, options, progress=self.progress, remotes=None, only=only)
            freed += report.freed
            before, left = left, self._left()
            if not left or (left == before and report.freed == NOTHING):
                break
            if attempt < _TRIES - 1:
                time.sleep(_PAUSE_SECONDS)  # the clock of a store may be coarse
        return freed, left

    def _targets(self) -> Only:
        """Return all that the old commits need, and the packs that hold erased chunks."""
        document = self._document
        assert document is not None
        old = Live()
        mark(self.store, map(Digest, document.commits), old, tolerate=(NotFoundError,))
        forwards = Forwards.read(self.store)
        packs = {Digest(pack) for pack in document.packs}
        for pack in list(packs):
            packs.update(moved.into.digest for moved in forwards.way(pack))
        for pack in packs:
            old.digests.add(pack)
        for pack, moved in forwards.moved.items():
            if pack in old.digests:
                old.digests.add(moved.into.digest)
        return Only(old.digests, frozenset(packs))

    def _left(self) -> tuple[Key, ...]:
        """Return the old commits, and packs with erased chunks, that are still there."""
        document = self._document
        assert document is not None
        commits = self._listed(object_keys.COMMITS) & {*document.commits}
        packs = self._listed(object_keys.PACKS) & {*document.packs}
        return (
            *(object_keys.commit(Digest(each)) for each in sorted(commits)),
            *(object_keys.pack(Digest(each)) for each in sorted(packs)),
        )

    def _listed(self, prefix: str) -> set[str]:
        names = (object_keys.digest_at(info.key) for info in self.store.list_prefix(prefix))
        return {digest for digest in names if digest is not None}

    def _finish(self) -> None:
        for info in list(self.store.list_prefix(object_keys.SIGNATURES)):
            commit = info.key.split("/")[1]
            if self._document is not None and commit in self._document.commits:
                self.store.delete(info.key)
        if self._document is not None:
            self._put(msgspec.structs.replace(self._document, packs=(), done=True))
