"""Verifying a repository, naming what damage reaches, and restoring it from a copy."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from vstore.errors import FormatError, InvalidInputError, VstoreError
from vstore.faces import exported_from
from vstore.format import document, object_keys
from vstore.format.collection import CollectionDocument
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, parse_digest
from vstore.format.nodes import ArrayNode
from vstore.format.page import Leaf, PackRef
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.history.fence import find_collection, is_there, pending_among
from vstore.maintenance.crawl import Kind, Task, crawl
from vstore.maintenance.digest_set import DigestSet
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.fsck.chunk_rows import ChunkRows
from vstore.maintenance.fsck.findings import CheckingReader, Findings, ReportedError, Restorer
from vstore.maintenance.fsck.forwarding_check import check_moves
from vstore.maintenance.fsck.fsck_report import Fault, FsckProblem, FsckReport
from vstore.maintenance.fsck.key_check import check_keys
from vstore.maintenance.fsck.lineage import Lineage
from vstore.maintenance.fsck.pack_check import PackChecker, Verified
from vstore.maintenance.fsck.policy_check import find_breaches
from vstore.maintenance.fsck.reach import Attribution
from vstore.maintenance.fsck.ref_check import RefsChecked, check_refs, lost_heads
from vstore.maintenance.fsck.sample_check import check_samples
from vstore.maintenance.fsck.signature_check import check_signatures
from vstore.maintenance.fsck.source_check import check_sources
from vstore.maintenance.inventory import Inventory
from vstore.maintenance.progress import Progress, ProgressStep, silent
from vstore.maintenance.promises import Promised, Promises
from vstore.reading.fetch import Fetcher
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.reading.sources import Sources
from vstore.storage.store import Key, ObjectStore

Mode = Literal["quick", "full"]
_CHECKPOINT_SECONDS = 5.0


@exported_from("vstore")
class FsckCursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a verification of packs came, as a small JSON value.

    `after` is the last pack that was verified; `packs`, `chunks` and `nbytes` count what
    was; `problems` and `bad_chunks` are what was found by then.
    """

    version: int
    options: str
    after: str
    packs: int
    chunks: int
    nbytes: int
    problems: list[tuple[str, Fault, str, bool]]
    bad_chunks: list[tuple[str, int, str]]

    def to_json(self) -> str:
        """Return the cursor as text."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "FsckCursor":
        """Return the cursor that `to_json` wrote, or raise `InvalidInputError`."""
        try:
            found = document.loads(text.encode(), cls, what="cursor")
            if found.version != 1:
                raise InvalidInputError(f"the cursor has version {found.version}, not 1")
            if found.after:
                parse_digest(found.after, what="the cursor's place")
        except FormatError as exc:
            raise InvalidInputError(f"this is no cursor of fsck: {exc}") from exc
        return found


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class FsckOptions:
    """What is verified.

    `mode`: `quick` reads and verifies every document and compares the sizes of packs with one
    listing; `full` reads every byte of every pack that something needs, too, and compares the
    keys of tables at the heads of branches and tags with their index.
    `share`: (n, t) reads the packs of the n-th of t shares only, so that t runs read all.
    `decode`: decode every chunk as well and, with `full`, read every sample at the heads of
    branches and tags.
    `repair_from`: a copy of the repository from which to restore what is missing or damaged.
    `resume`: go on where an interrupted run with the same options was.
    """

    mode: Mode = "quick"
    share: tuple[int, int] | None = None
    decode: bool = False
    repair_from: ObjectStore | None = None
    resume: FsckCursor | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("quick", "full"):
            raise InvalidInputError(f"mode={self.mode!r} is neither 'quick' nor 'full'")
        if self.share is not None and not 1 <= self.share[0] <= self.share[1]:
            raise InvalidInputError(f"share={self.share} is not (n, t) with 1 <= n <= t")
        if self.decode and not self.reads_packs:
            raise InvalidInputError("decode=True needs mode='full', or a share")
        if self.resume is not None and self.resume.options != self.described:
            raise InvalidInputError(
                f"the cursor is of a run with {self.resume.options}, not {self.described}"
            )

    @property
    def reads_packs(self) -> bool:
        """Whether packs are read."""
        return self.mode == "full" or self.share is not None

    @property
    def described(self) -> str:
        """The options in words."""
        words: str = self.mode
        if self.share is not None:
            words = f"share {self.share[0]} of {self.share[1]}"
        return f"{words}, decoding" if self.decode else words

    def has_share(self, digest: Digest) -> bool:
        """Whether a pack is among those to be read."""
        if not self.reads_packs:
            return False
        return self.share is None or int(digest[:16], 16) % self.share[1] == self.share[0] - 1


Checkpoint = Callable[[FsckCursor], None]
_PLAIN = FsckOptions()


def fsck(
    store: ObjectStore,
    options: FsckOptions = _PLAIN,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
    remotes: RemoteSettings | None = BY_DEFAULT,
) -> FsckReport:
    """Verify a repository.

    Writes nothing, unless there is a copy to repair from, or a remote that promises objects:
    then what is damaged is restored. What is missing and promised is no damage. May run while
    others write: what they are about to commit counts as unreferenced.

    Args:
        store: the repository's store.
        options: what is verified.
        progress: told how far it is.
        checkpoint: given a cursor every few seconds, to resume from after an interruption.
        remotes: how remotes are reached.
    """
    fetcher = Fetcher(store, remotes)
    promises = Promises(fetcher.elsewhere, progress)
    run = _Run(store, options, progress, checkpoint or (lambda _: None), promises, fetcher.sources)
    return run.run()


@dataclass(slots=True, eq=False)
class _Counts:
    commits: list[Digest] = field(default_factory=list)
    documents: int = 0
    packs: int = 0
    packs_verified: int = 0
    chunks_verified: int = 0
    nbytes_read: int = 0


@dataclass(slots=True, eq=False)
class _Run:
    store: ObjectStore
    options: FsckOptions
    progress: Progress
    checkpoint: Checkpoint
    promises: Promises
    sources: Sources
    findings: Findings = field(default_factory=Findings)
    counts: _Counts = field(default_factory=_Counts)
    said: dict[Digest, int] = field(default_factory=dict)
    """How long packs are said to be that are listed with another length."""
    live: DigestSet = field(default_factory=DigestSet)
    inventory: Inventory = field(default_factory=Inventory)
    rows: ChunkRows = field(default_factory=ChunkRows)
    outside: ChunkRows = field(default_factory=ChunkRows)
    """The chunks that stay in files elsewhere."""
    forwards: Forwards = field(init=False)
    promised: Promised = field(init=False)
    after: str = ""
    sweeping: CollectionDocument | None = None

    @property
    def restorer(self) -> Restorer:
        copy = self.options.repair_from
        return Restorer(
            self.store, copy, self.findings, self.forwards.sources(), self.promises.find_store
        )

    def __post_init__(self) -> None:
        self.forwards = Forwards(self.store)
        self.promised = Promised(self.promises)

    def run(self) -> FsckReport:
        self._resume()
        refs = check_refs(self.store, self.restorer)
        # Listed after the refs were read, so that all they refer to was there before.
        self.inventory = Inventory.take(self.store, self.progress)
        self.rows = ChunkRows(self.options.decode)
        self.forwards = Forwards.read(self.store)
        check_moves(self.forwards, self.inventory, self.restorer)
        check_signatures(self.restorer, self.inventory.signatures)
        remembered = [digest for digest in refs.remembered if self._is_listed(digest)]
        checker = _Checker(self)
        crawl(refs.heads, CheckingReader(self.restorer, self.promised.takes), checker)
        # What logs alone remember may be what a collection is deleting, or was when it died.
        state = find_collection(self.store)
        self.sweeping = state if state is not None and state.is_sweeping else None
        crawl(remembered, CheckingReader(self.restorer, self._may_be_gone), checker)
        if self.options.reads_packs:
            self._verify_packs()
            check_sources(self.sources, self.outside.by_pack(), self.findings)
        if self.options.mode == "full" and self.options.share is None:
            # What is promised is not brought here to be verified.
            fetcher = Fetcher(self.store, RemoteSettings(offline=True, cache_nbytes=0))
            check_keys(fetcher, refs.heads, self.findings)
            if self.options.decode:
                check_samples(fetcher, refs.heads, self.findings)
        problems = self._attributed()
        breaches = tuple(find_breaches(Fetcher(self.store, None)))
        return replace(self._report(refs, problems), breaches=breaches)

    def _may_be_gone(self, key: Key) -> bool:
        """Return whether an object that only logs refer to is being deleted, or promised."""
        return self._is_being_deleted(key) or self.promised.takes(key)

    def _is_being_deleted(self, key: Key) -> bool:
        state = self.sweeping
        return state is not None and bool(pending_among(self.store, state, [key]))

    def _is_listed(self, digest: Digest) -> bool:
        return self.inventory.commits.find(digest) is not None

    def _resume(self) -> None:
        cursor = self.options.resume
        if cursor is None:
            return
        self.after = cursor.after
        self.counts.packs_verified = cursor.packs
        self.counts.chunks_verified = cursor.chunks
        self.counts.nbytes_read = cursor.nbytes
        for key, fault, detail, repaired in cursor.problems:
            self.findings.report(key, fault, detail, repaired=repaired)
        self.findings.add_bad_chunks(
            (Digest(pack), offset, Digest(digest)) for pack, offset, digest in cursor.bad_chunks
        )

    def _verify_packs(self) -> None:
        total = self.counts.packs_verified + sum(1 for _ in self._wanted_packs())
        checker = PackChecker(self.restorer, self.rows.by_pack())
        last = time.monotonic()
        for verified in checker.each(self._wanted_packs()):
            self._count(verified, total)
            if time.monotonic() - last > _CHECKPOINT_SECONDS:
                last = time.monotonic()
                self.checkpoint(self._cursor())
        self.checkpoint(self._cursor())

    def _wanted_packs(self) -> Iterator[tuple[Digest, int]]:
        for digest, nbytes in self.inventory.packs.items(after=self.after):
            if digest in self.live and self.options.has_share(digest):
                # Of one that is too long, no more than it should have: a sparse file has no end.
                yield digest, min(nbytes, self.said.get(digest, nbytes))

    def _count(self, verified: Verified, total: int) -> None:
        self.after = verified.pack
        counts = self.counts
        counts.packs_verified += 1
        counts.chunks_verified += verified.chunks
        counts.nbytes_read += verified.nbytes
        self.progress(
            ProgressStep("verifying packs", counts.packs_verified, total, counts.nbytes_read)
        )

    def _cursor(self) -> FsckCursor:
        packs = [
            (problem.key, problem.fault, problem.detail, problem.repaired)
            for problem in self.findings.problems.values()
            if problem.key.startswith(object_keys.PACKS)
        ]
        return FsckCursor(
            version=1,
            options=self.options.described,
            after=self.after,
            packs=self.counts.packs_verified,
            chunks=self.counts.chunks_verified,
            nbytes=self.counts.nbytes_read,
            problems=packs,
            bad_chunks=[*sorted(self.findings.bad_chunks)],
        )

    def take_pack(self, pack: PackRef) -> bool:
        """Compare a pack with the listing; return whether its chunks are to be verified."""
        if self.live.add(pack.digest):
            self.counts.packs += 1
            self._compare(pack)
        return self.options.has_share(pack.digest) and pack.digest > self.after

    def _compare(self, pack: PackRef) -> None:
        key = object_keys.pack(pack.digest)
        listed = self.inventory.packs.find(pack.digest)
        if listed == pack.nbytes:
            return
        if listed is None and self.promised.takes_pack(pack):
            return
        if listed is None and not is_there(self.store, key):
            if self._is_being_deleted(key):
                return
            self.lose_pack(pack)
        elif listed is not None:
            detail = f"{listed:,} bytes, not {pack.nbytes:,}"
            self.said[pack.digest] = max(pack.nbytes, self.said.get(pack.digest, 0))
            if self.restorer.restore(key, "size", detail) is None:
                self.findings.doubtful.add(pack.digest)

    def lose_pack(self, pack: PackRef, detail: str = "") -> None:
        """Report a pack that is missing, unless the copy has it."""
        if self.restorer.restore(object_keys.pack(pack.digest), "missing", detail) is None:
            self.findings.lost_packs.add(pack.digest)

    def _attributed(self) -> tuple[FsckProblem, ...]:
        if any(True for _ in self.findings.open_problems()):
            attribution = Attribution(Fetcher(self.store, None), self.findings, self.forwards)
            reaches = attribution.run(self._walked())
        else:
            reaches = {}
        return tuple(
            FsckProblem(p.key, p.fault, p.detail, p.repaired, reaches.get(p.key, ()))
            for p in sorted(self.findings.problems.values(), key=lambda p: p.key)
        )

    def _walked(self) -> Iterator[Digest]:
        for count, digest in enumerate(self.counts.commits, 1):
            if not self._is_listed(digest) and not self.findings.is_open(
                object_keys.commit(digest)
            ):
                continue  # promised
            self.progress(
                ProgressStep("finding what damage reaches", count, len(self.counts.commits))
            )
            yield digest

    def _report(self, refs: RefsChecked, problems: tuple[FsckProblem, ...]) -> FsckReport:
        return FsckReport(
            url=self.store.url,
            mode=self.options.described,
            refs=refs.count,
            commits=len(self.counts.commits),
            documents=self.counts.documents,
            packs=self.counts.packs,
            packs_verified=self.counts.packs_verified,
            chunks_verified=self.counts.chunks_verified,
            nbytes_read=self.counts.nbytes_read,
            problems=problems,
            unreferenced=self.inventory.unreferenced(self.live),
            lost_heads=lost_heads(self.store, self.inventory, self.live),
            foreign=tuple(self.inventory.foreign),
            foreign_amount=self.inventory.foreign_amount,
            promised=self.promised.amount,
            promised_by=self.promises.names if self.promised.amount.objects else (),
            unlisted=self.promised.unlisted,
        )


@dataclass(frozen=True, slots=True)
class _Checker:
    """Counts what a walk reads, and compares what it says with what is there."""

    run: _Run
    lineage: Lineage = field(default_factory=Lineage)

    def is_new(self, kind: Kind, digest: Digest) -> bool:
        if not self.run.live.add(digest):
            return False
        self.run.counts.documents += 1
        if kind == "commit":
            self.run.counts.commits.append(digest)
            self.run.progress(ProgressStep("walking commits", len(self.run.counts.commits)))
        return True

    def commit(self, digest: Digest, found: CommitDocument) -> None:
        for liar, detail in self.lineage.take(digest, found):
            self.run.findings.report(object_keys.commit(liar), "malformed", detail)

    def array(self, path: str, node: ArrayNode) -> None:
        try:
            ArrayMetadata.from_dict(node.metadata)
        except VstoreError as exc:
            self.run.findings.report(path, "malformed", f"the metadata of the array: {exc}")

    def leaf(self, leaf: Leaf, node: ArrayNode, path: str) -> None:  # noqa: ARG002
        leaf = self.run.forwards.translated(leaf)
        wanted = {pack.digest for pack in leaf.packs if self.run.take_pack(pack)}
        for pack in self.run.promised.lacks(leaf):
            self.run.lose_pack(pack, "the remote does not have all of its chunks")
        sources = {pack.digest for pack in leaf.packs if pack.is_source}
        self.run.rows.add(leaf, node, wanted - sources)
        self.run.outside.add(leaf, node, wanted & sources)

    def failed(self, task: Task, error: VstoreError) -> None:
        if not isinstance(error, ReportedError):
            self.run.findings.report(task.key, "malformed", str(error))
