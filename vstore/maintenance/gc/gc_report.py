"""What a garbage collection examined, listed and freed."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vstore.faces import exported_from
from vstore.format.commit import format_time
from vstore.lazy import lazy
from vstore.maintenance.progress import NOTHING, Amount
from vstore.wording import format_nbytes, plural

if TYPE_CHECKING:
    from vstore.maintenance.gc import gc_box
else:
    gc_box = lazy("vstore.maintenance.gc.gc_box")


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Repacked:
    """Packs that were replaced by smaller ones: how much in them is dead, and how much was kept.

    What is kept is stored once more at once; the old packs are pending deletion like the rest.
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

    Every commit that uses a pack names it by its digest, so a pack stays whole unless `repack`
    replaces it.
    """

    nbytes: int
    packs: int
    mostly_dead: int


_LABELS = "freed", "pending", "repacked"
_DRY_LABELS = "to free", "to list", "to repack"


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What one call of `gc` did.

    `freed` was deleted now. `pending` is listed for deletion: the first call after `due`, on
    the store's clock, deletes it. `kept` was pending, but is needed again. `young` is
    unreachable, but newer than the grace period, so that a transaction may be about to commit
    it. `live` is reachable. `repacked` says which packs were replaced, or would be.
    """

    url: str
    dry_run: bool = False
    freed: Amount = NOTHING
    kept: Amount = NOTHING
    pending: Amount = NOTHING
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
        amounts = ("freed", "kept", "pending", "young", "live")
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

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return gc_box.gc_box(self)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        title = f"Garbage collection of {self.url}"
        lines = [f"{title} (dry run: nothing was changed)" if self.dry_run else title]
        if self.cancelled:
            return [*lines, "  cancelled: nothing is pending deletion any more"]
        freed, pending, repacked = _DRY_LABELS if self.dry_run else _LABELS
        lines.append(f"  {freed:<11}{self.freed}")
        if self.kept.objects:
            lines.append(f"  kept       {self.kept}: needed or written again")
        if self.pending.objects:
            due = (
                ""
                if self.due is None
                else f": deleted by the first run after {format_time(self.due)[:19]}Z"
            )
            lines.append(f"  {pending:<11}{self.pending}{due}")
        if self.repacked is not None:
            lines.append(
                f"  {repacked:<11}{plural(self.repacked.packs, 'pack')}: "
                f"{format_nbytes(self.repacked.dead_nbytes)} of them dead, "
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
