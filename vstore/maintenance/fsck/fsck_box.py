"""What a notebook shows of a verification."""

from typing import TYPE_CHECKING

from vstore.display import boxes
from vstore.display.html import Content, Markup
from vstore.display.notebook import representation
from vstore.wording import format_nbytes, plural

if TYPE_CHECKING:
    from vstore.maintenance.fsck.fsck_report import FsckReport


@representation
def fsck_box(report: "FsckReport") -> Markup:
    """Return what a verification examined and found."""
    shown: dict[str, Content] = {
        "repository": boxes.code(report.url),
        "examined": f"{plural(report.refs, 'ref')}, {plural(report.commits, 'commit')}, "
        f"{plural(report.documents, 'document')}, {plural(report.packs, 'pack')}",
        "verified": f"{plural(report.packs_verified, 'pack')}, "
        f"{plural(report.chunks_verified, 'chunk')}, {format_nbytes(report.nbytes_read)} read"
        if report.packs_verified
        else None,
        "unreferenced": str(report.unreferenced) if report.unreferenced.objects else None,
        "lost heads": ", ".join(head[:12] for head in report.lost_heads),
        "against the policies": "; ".join(map(str, report.breaches[:5])) or None,
        "not vstore's": str(report.foreign_amount) if report.foreign_amount.objects else None,
    }
    rows = (
        (
            f"{problem.fault}{', restored' if problem.repaired else ''}",
            problem.key,
            problem.detail,
            "; ".join(map(str, problem.reaches[:5])),
        )
        for problem in report.problems
    )
    heads = ("fault", "object", "detail", "reaches")
    found = boxes.grid(heads, rows, count=len(report.problems)) if report.problems else None
    verdict = boxes.verdict("sound", is_good=True)
    if not report.is_sound:
        bad = sum(not problem.repaired for problem in report.problems) + len(report.breaches)
        verdict = boxes.verdict(plural(bad, "problem"), is_good=False)
    return boxes.box("Verification", verdict, boxes.facts(shown), found, note=report.mode)
