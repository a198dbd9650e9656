"""What a verification has found so far, and restoring it from a copy."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vstore.errors import CorruptionError, NotFoundError
from vstore.format import object_keys
from vstore.format.digest import Digest, raw_digest, read_settled
from vstore.format.forwarding import Moved
from vstore.maintenance.crawl import Task
from vstore.maintenance.fsck.fsck_report import Fault, FsckProblem
from vstore.storage.store import Key, ObjectStore

BadChunk = tuple[Digest, int, Digest]
"""A chunk that cannot be read: its pack, its offset there, and the digest it should have."""


class ReportedError(CorruptionError):
    """A document cannot be had, and the findings say so already."""


@dataclass(slots=True, eq=False)
class Findings:
    """Problems by key, and which chunks they concern; safe to use from several threads.

    `bad_chunks` are (pack, offset, digest); `lost_packs` are missing; `doubtful` packs have another
    size than they should, and which of their chunks are bad is found out when it matters.
    """

    problems: dict[str, FsckProblem] = field(default_factory=dict)
    bad_chunks: set[BadChunk] = field(default_factory=set)
    lost_packs: set[Digest] = field(default_factory=set)
    doubtful: set[Digest] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, key: str, fault: Fault, detail: str = "", *, repaired: bool = False) -> None:
        """Take a problem; of two about one object the first stays."""
        with self._lock:
            self.problems.setdefault(key, FsckProblem(key, fault, detail, repaired))

    def add_bad_chunks(self, found: Iterable[BadChunk]) -> None:
        """Take chunks that are not what the index says."""
        with self._lock:
            self.bad_chunks.update(found)

    def is_open(self, key: str) -> bool:
        """Return whether an object has a problem that was not repaired."""
        found = self.problems.get(key)
        return found is not None and not found.repaired

    def open_problems(self) -> Iterator[FsckProblem]:
        """Yield what was not repaired."""
        yield from (problem for problem in self.problems.values() if not problem.repaired)


@dataclass(frozen=True, slots=True)
class Restorer:
    """Puts objects that are missing or damaged back from a copy, if there is one.

    Without a copy, those that are damaged are taken from where `promised_by` leads.
    """

    store: ObjectStore
    copy: ObjectStore | None
    findings: Findings
    sources: Mapping[Digest, Sequence[Moved]] = field(default_factory=dict)
    promised_by: Callable[[], ObjectStore | None] = lambda: None

    def restore(self, key: Key, fault: Fault, detail: str = "") -> bytes | None:
        """Report a problem; return the restored bytes, or None where nothing could be done."""
        digest = object_keys.digest_at(key)
        copy = self.promised_by() if self.copy is None and fault != "missing" else self.copy
        data = None if copy is None or digest is None else self._find(copy, key, digest)
        if data is not None and digest is not None and raw_digest(data) == bytes.fromhex(digest):
            self.store.put(key, data)
            self.findings.report(key, fault, detail, repaired=True)
            return data
        if copy is not None:
            what = "does not have it" if data is None else "has it damaged too"
            detail = f"{detail}; the copy {what}".lstrip("; ")
        self.findings.report(key, fault, detail)
        return None

    def _find(self, copy: ObjectStore, key: Key, digest: Digest) -> bytes | None:
        """Return an object of the copy, or make a pack of one that the copy has from before."""
        data = _find(copy, key, digest)
        if data is not None and raw_digest(data) == bytes.fromhex(digest):
            return data
        for moved in self.sources.get(digest, ()):
            whole = self._find(copy, object_keys.pack(moved.pack), moved.pack)
            if whole is not None and raw_digest(whole) == bytes.fromhex(moved.pack):
                return moved.rebuild(whole)
        return data


def _find(store: ObjectStore, key: Key, digest: Digest) -> bytes | None:
    """Return an object as it is there, None where there is none."""
    try:
        return read_settled(lambda: store.get(key), bytes.fromhex(digest))
    except NotFoundError:
        return None
    except CorruptionError:
        return b""  # far too long to be what it should be


@dataclass(frozen=True, slots=True)
class CheckingReader:
    """Reads documents, reports those that are missing or damaged, and restores them.

    What is missing and `may_be_gone` is not reported.
    """

    restorer: Restorer
    may_be_gone: Callable[[Key], bool] = lambda _: False

    def __call__(self, task: Task) -> bytes:
        """Return the verified bytes of a document.

        Raises:
            ReportedError: they cannot be had.
        """
        findings = self.restorer.findings
        data = _find(self.restorer.store, task.key, task.digest)
        if data is None and not self.may_be_gone(task.key):
            data = self.restorer.restore(task.key, "missing")
        elif data is not None and raw_digest(data) != bytes.fromhex(task.digest):
            data = self.restorer.restore(task.key, "damaged", f"{len(data):,} bytes")
        if data is None:
            raise ReportedError(f"{task.what} cannot be read")
        if task.nbytes not in (None, len(data)):
            findings.report(
                task.key, "size", f"{len(data):,} bytes, not {task.nbytes:,} as is said of it"
            )
        return data
