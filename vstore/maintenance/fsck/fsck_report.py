"""What a verification found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vstore.faces import exported_from
from vstore.format.digest import Digest
from vstore.lazy import lazy
from vstore.maintenance.fsck.policy_check import PolicyBreach
from vstore.maintenance.progress import NOTHING, Amount
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from vstore.maintenance.fsck import fsck_box
else:
    fsck_box = lazy("vstore.maintenance.fsck.fsck_box")

Fault = Literal["missing", "damaged", "size", "malformed", "chunk"]
_SHOWN_COMMITS = 3
_SHOWN_RANGES = 6


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class FsckReach:
    """What one problem makes unreadable: a path, or everything, in some commits.

    `samples` holds half-open ranges of positions along the first axis; none means all there
    is below `path`. The empty path is the whole commit.
    """

    path: str
    samples: tuple[tuple[int, int], ...]
    commits: tuple[Digest, ...]

    def __str__(self) -> str:
        shown = ", ".join(digest[:12] for digest in self.commits[:_SHOWN_COMMITS])
        more = len(self.commits) - _SHOWN_COMMITS
        shown += f" and {more:,} more" if more > 0 else ""
        return printable(f"{self._what()} in {shown}")

    def _what(self) -> str:
        if not self.samples:
            return f"all of {self.path}" if self.path else "everything"
        ranges = [
            str(first) if stop == first + 1 else f"{first}-{stop - 1}"
            for first, stop in self.samples[:_SHOWN_RANGES]
        ]
        if len(self.samples) > _SHOWN_RANGES:
            ranges.append(f"... {self.samples[-1][1] - 1}")
        return f"{self.path} [{', '.join(ranges)}]"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": self.path,
            "samples": [list(span) for span in self.samples],
            "commits": list(self.commits),
        }


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class FsckProblem:
    """An object that is not as it must be.

    `missing`: it is not there. `damaged`: its bytes are not those that its name or its check
    promises. `size`: the listing gives another size than what refers to it. `malformed`: the
    bytes are right and make no sense. `chunk`: the pack is right and the index that refers
    to it is not.
    """

    key: str
    fault: Fault
    detail: str = ""
    repaired: bool = False
    reaches: tuple[FsckReach, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the problem for users."""
        state = ", restored" if self.repaired else ""
        yield f"{self.fault}{state}: {self.key}{f' ({self.detail})' if self.detail else ''}"
        yield from (f"  reaches {reach}" for reach in self.reaches)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "key": self.key,
            "fault": self.fault,
            "detail": self.detail,
            "repaired": self.repaired,
            "reaches": [reach.to_dict() for reach in self.reaches],
        }


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class FsckReport:
    """What a verification examined and found.

    `unreferenced` is garbage or belongs to transactions that are under way; `lost_heads` are
    commits among it that nothing descends from (at most twenty, newest first). `promised` is
    what is missing here because the remotes `promised_by` hold it, as their listings say;
    `unlisted` is why they could not be listed. `breaches` is what does not keep to the policies
    of the repository.
    """

    url: str
    mode: str
    refs: int = 0
    commits: int = 0
    documents: int = 0
    packs: int = 0
    packs_verified: int = 0
    chunks_verified: int = 0
    nbytes_read: int = 0
    problems: tuple[FsckProblem, ...] = ()
    unreferenced: Amount = NOTHING
    lost_heads: tuple[Digest, ...] = ()
    foreign: tuple[str, ...] = ()
    foreign_amount: Amount = NOTHING
    promised: Amount = NOTHING
    promised_by: tuple[str, ...] = ()
    unlisted: str = ""
    breaches: tuple[PolicyBreach, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether everything that was examined is right, perhaps because it was restored."""
        return all(problem.repaired for problem in self.problems) and not self.breaches

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "url": self.url,
            "mode": self.mode,
            "sound": self.is_sound,
            "examined": {
                "refs": self.refs,
                "commits": self.commits,
                "documents": self.documents,
                "packs": self.packs,
                "packs_verified": self.packs_verified,
                "chunks_verified": self.chunks_verified,
                "nbytes_read": self.nbytes_read,
            },
            "problems": [problem.to_dict() for problem in self.problems],
            "unreferenced": {
                "objects": self.unreferenced.objects,
                "nbytes": self.unreferenced.nbytes,
                "lost_heads": list(self.lost_heads),
            },
            "foreign": {
                "objects": self.foreign_amount.objects,
                "nbytes": self.foreign_amount.nbytes,
                "keys": list(self.foreign),
            },
            "promised": {
                "objects": self.promised.objects,
                "nbytes": self.promised.nbytes,
                "remotes": list(self.promised_by),
                "unlisted": self.unlisted,
            },
            "breaches": [breach.to_dict() for breach in self.breaches],
        }

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return fsck_box.fsck_box(self)

    def __str__(self) -> str:
        return printable("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        yield f"Verification of {self.url} ({self.mode})"
        yield (
            f"  examined  {plural(self.refs, 'ref')}, {plural(self.commits, 'commit')}, "
            f"{plural(self.documents, 'document')}, {plural(self.packs, 'pack')}"
        )
        if self.packs_verified:
            yield (
                f"  verified  every byte of {plural(self.packs_verified, 'pack')}, "
                f"{plural(self.chunks_verified, 'chunk')}; {format_nbytes(self.nbytes_read)} read"
            )
        for problem in self.problems:
            yield from (f"  {line}" for line in problem.lines())
        yield from (f"  against the policies: {breach}" for breach in self.breaches)
        if self.promised.objects:
            seen = f"not checked: {self.unlisted}" if self.unlisted else "listed, sizes agree"
            yield f"  promised  {self.promised}, at {', '.join(self.promised_by)} ({seen})"
        if self.unreferenced.objects:
            yield f"  unreferenced  {self.unreferenced} (vstore gc removes what is old)"
            yield from (f"    lost head {digest[:12]}" for digest in self.lost_heads)
        if self.foreign_amount.objects:
            first = ", ".join(self.foreign[:3])
            yield f"  foreign  {self.foreign_amount}, not vstore's: {first}"
        yield f"  {self._verdict()}"

    def _verdict(self) -> str:
        bad = sum(not problem.repaired for problem in self.problems)
        if bad:
            return f"{plural(bad, 'problem')}: restore them with --repair-from COPY"
        if self.breaches:
            return f"not all keeps to the policies: {len(self.breaches):,} found"
        if self.problems:
            return f"sound: {plural(len(self.problems), 'object')} restored from the copy"
        return "sound"
