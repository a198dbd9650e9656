"""What a garbage collection examined, condemned and freed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vstore.faces import exported_from
from vstore.format.commit import format_time
from vstore.maintenance.progress import NOTHING, Amount
from vstore.wording import format_nbytes, plural


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Repacked:
    """Packs that were thinned out: how much in them is dead and goes, and how much was kept.

    What was kept is stored once more at once; the packs themselves go with what is condemned.
    """

    packs: int = 0
    dead_nbytes: int = 0
    kept_nbytes: int = 0

    def __add__(self, other: "Repacked") -> "Repacked":
        return Repacked(
            self.packs + other.packs,
            self.dead_nbytes + other.dead_nbytes,
            self.kept_nbytes + other.kept_nbytes,
        )

    def to_dict(self) -> dict[str, int]:
        """Return plain values."""
        return {
            "packs": self.packs,
            "dead_nbytes": self.dead_nbytes,
            "kept_nbytes": self.kept_nbytes,
        }


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class DeadSpace:
    """Chunks that nothing needs in packs that something else needs.

    A pack is named by its digest in every commit that uses it, so it stays whole unless it is
    thinned out (`repack`).
    """

    nbytes: int
    packs: int
    mostly_dead: int


_LABELS = "freed", "condemned", "repacked"
_DRY_LABELS = "to free", "to condemn", "to repack"


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What one call of `gc` did.

    `freed` was deleted now; `condemned` waits until `due`, on the store's clock, and is
    deleted by the next call after that; `spared` was condemned and is needed again; `young`
    is needed by nothing, but newer than the grace period, so that a transaction may be about
    to commit it; `live` is needed. `repacked` says which packs were thinned out, or would be.
    """

    url: str
    dry_run: bool = False
    freed: Amount = NOTHING
    spared: Amount = NOTHING
    condemned: Amount = NOTHING
    due: datetime | None = None
    young: Amount = NOTHING
    live: Amount = NOTHING
    commits: int = 0
    documents: int = 0
    dead: DeadSpace | None = None
    repacked: Repacked | None = None
    cancelled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        amounts = ("freed", "spared", "condemned", "young", "live")
        plain: dict[str, Any] = {"url": self.url, "dry_run": self.dry_run}
        for name in amounts:
            amount: Amount = getattr(self, name)
            plain[name] = {"objects": amount.objects, "nbytes": amount.nbytes}
        plain["due"] = None if self.due is None else format_time(self.due)
        plain["examined"] = {"commits": self.commits, "documents": self.documents}
        plain["dead"] = None
        if self.dead is not None:
            plain["dead"] = {
                "nbytes": self.dead.nbytes,
                "packs": self.dead.packs,
                "mostly_dead": self.dead.mostly_dead,
            }
        plain["repacked"] = None if self.repacked is None else self.repacked.to_dict()
        plain["cancelled"] = self.cancelled
        return plain

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        title = f"Garbage collection of {self.url}"
        lines = [f"{title} (dry run: nothing was changed)" if self.dry_run else title]
        if self.cancelled:
            return [*lines, "  called off: nothing is condemned any more"]
        freed, condemned, repacked = _DRY_LABELS if self.dry_run else _LABELS
        lines.append(f"  {freed:<11}{self.freed}")
        if self.spared.objects:
            lines.append(f"  spared     {self.spared}: condemned, but needed or written again")
        if self.condemned.objects:
            due = "" if self.due is None else f": may go after {format_time(self.due)[:19]}Z"
            lines.append(f"  {condemned:<11}{self.condemned}{due}")
        if self.repacked is not None:
            lines.append(
                f"  {repacked:<11}{plural(self.repacked.packs, 'pack')}: "
                f"{format_nbytes(self.repacked.dead_nbytes)} in them dead, "
                f"{format_nbytes(self.repacked.kept_nbytes)} stored once more"
            )
        if self.young.objects:
            lines.append(
                f"  young      {self.young}: unreferenced, but newer than the grace period"
            )
        if self.live.objects:
            lines.append(f"  live       {self.live}")
        if self.dead is not None:
            lines.append(
                f"  dead space {format_nbytes(self.dead.nbytes)} inside "
                f"{plural(self.dead.packs, 'live pack')}, {self.dead.mostly_dead:,} mostly dead"
            )
        lines.append(
            f"  examined   {plural(self.commits, 'commit')}, "
            f"{plural(self.documents, 'document')} read"
        )
        return lines
