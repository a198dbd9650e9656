"""What a transfer did."""

from dataclasses import dataclass
from typing import Any, Literal

from vstore.faces import exported_from
from vstore.format.digest import Digest
from vstore.wording import format_nbytes, plural

Outcome = Literal["created", "updated", "forced", "unchanged", "deleted", "rejected"]


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class RefUpdate:
    """What became of one branch or tag on the other side.

    Attributes:
        name: its name there.
        kind: `branch` or `tag`.
        old: the commit it was at, None if there was none of that name.
        new: the commit it is at now, None if it was deleted.
        outcome: what happened; of a dry run, what would.
        reason: why it was rejected.
    """

    name: str
    kind: Literal["branch", "tag"]
    old: Digest | None
    new: Digest | None
    outcome: Outcome
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the update as values for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "old": self.old,
            "new": self.new,
            "outcome": self.outcome,
            "reason": self.reason,
        }


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class TransferReport:
    """What a push, a fetch or a clone did.

    Attributes:
        url: the address of the other repository.
        refs: what became of each branch and tag.
        objects: how many objects were sent.
        nbytes: how many bytes they have.
        skipped: how many objects were needed and there already.
        signatures: how many signatures of commits were sent.
        remote: what the other repository is called here, None for one that has no name.
        dry_run: whether nothing was sent or moved.
        notices: what was erased there since the last fetch, for users.
    """

    url: str
    refs: tuple[RefUpdate, ...] = ()
    objects: int = 0
    nbytes: int = 0
    skipped: int = 0
    signatures: int = 0
    remote: str | None = None
    dry_run: bool = False
    notices: tuple[str, ...] = ()

    @property
    def rejected(self) -> tuple[RefUpdate, ...]:
        """The updates that were refused."""
        return tuple(ref for ref in self.refs if ref.outcome == "rejected")

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing had to be done."""
        return not self.signatures and all(ref.outcome == "unchanged" for ref in self.refs)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values for JSON."""
        return {
            "remote": self.remote,
            "url": self.url,
            "refs": [ref.to_dict() for ref in self.refs],
            "objects": self.objects,
            "nbytes": self.nbytes,
            "skipped_objects": self.skipped,
            "signatures": self.signatures,
            "dry_run": self.dry_run,
            "notices": list(self.notices),
        }

    def __str__(self) -> str:
        lines = [_line(ref) for ref in self.refs] or ["nothing to do"]
        sent = f"{plural(self.objects, 'object')}, {format_nbytes(self.nbytes)}"
        there = f"; {plural(self.skipped, 'object')} were there already" if self.skipped else ""
        if self.objects or self.skipped:
            lines.append(f"{'would send' if self.dry_run else 'sent'} {sent}{there}")
        if self.signatures:
            lines.append(f"sent {plural(self.signatures, 'signature')}")
        lines += self.notices
        return "\n".join(lines)


def _line(ref: RefUpdate) -> str:
    old = "" if ref.old is None else ref.old[:12]
    new = "" if ref.new is None else ref.new[:12]
    where = f"{old} -> {new}" if old and new and old != new else old or new
    why = f" ({ref.reason})" if ref.reason else ""
    return f"{ref.outcome:<9} {ref.kind} {ref.name} {where}{why}"
