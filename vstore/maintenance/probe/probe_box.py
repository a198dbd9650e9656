"""What a notebook shows of a probe."""

from typing import TYPE_CHECKING

from vstore.display import boxes
from vstore.display.html import Markup
from vstore.display.notebook import representation

if TYPE_CHECKING:
    from vstore.maintenance.probe.probe_report import ProbeReport


@representation
def probe_box(report: "ProbeReport") -> Markup:
    """Return what a store was found to guarantee."""
    rows = ((check.outcome, check.name, check.detail) for check in report.checks)
    found = boxes.grid(("outcome", "check", "detail"), rows, count=len(report.checks))
    verdict = boxes.verdict(report.verdict, is_good=report.verdict == "suitable")
    return boxes.box("Probe", verdict, boxes.facts({"store": boxes.code(report.url)}), found)
