"""What a notebook shows of a garbage collection."""

from typing import TYPE_CHECKING

from vstore.display import boxes
from vstore.display.html import Content, Markup
from vstore.display.notebook import representation
from vstore.maintenance.progress import Amount
from vstore.wording import format_nbytes, plural

if TYPE_CHECKING:
    from vstore.maintenance.gc.gc_report import GcReport


@representation
def gc_box(report: "GcReport") -> Markup:
    """Return what a garbage collection did, or would do."""
    due = "" if report.due is None else f", deleted after {report.due:%Y-%m-%d %H:%M} UTC"
    dead, repacked = report.dead, report.repacked
    shown: dict[str, Content] = {
        "repository": boxes.code(report.url),
        "to free" if report.dry_run else "freed": str(report.freed),
        "kept": _amount(report.kept),
        "to list" if report.dry_run else "pending": f"{report.pending}{due}"
        if report.pending.objects
        else None,
        "repacked": None
        if repacked is None
        else f"{plural(repacked.packs, 'pack')}, {format_nbytes(repacked.dead_nbytes)} dead",
        "young": _amount(report.young),
        "live": _amount(report.live),
        "dead space": None
        if dead is None
        else f"{format_nbytes(dead.nbytes)} inside {plural(dead.packs, 'pack')}",
        "examined": f"{plural(report.commits, 'commit')}, {plural(report.documents, 'document')}",
    }
    note = "cancelled" if report.cancelled else "dry run" if report.dry_run else None
    return boxes.box("Garbage collection", None, boxes.facts(shown), note=note)


def _amount(amount: Amount) -> str | None:
    return str(amount) if amount.objects else None
