"""What notebooks show of merges: what came of them, and each conflict with its three values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vstore.display import boxes
from vstore.display.html import Content, Markup
from vstore.display.notebook import fitted, representation
from vstore.display.values import cell
from vstore.wording import plural

if TYPE_CHECKING:
    from vstore.merging.conflicts import Conflict
    from vstore.merging.merge import Merged

_SIZES = (96, 48, 24, 0)
_MOST = 50
HEADS = ("where", "sample", "what", "base", "ours", "theirs")


@representation
def conflict_box(conflict: "Conflict") -> Markup:
    """Return a conflict: where, and what is there on each side."""
    return boxes.box("Conflict", conflict.path or "/", _grid([conflict]), note=conflict.kind)


@representation
def merged_box(merged: "Merged") -> Markup:
    """Return what a merge came to, with the conflicts that it met."""
    commit = merged.commit
    head = {"head": None if commit is None else boxes.code(f"{commit.id[:12]} {commit.title}")}
    open_ones = f"{len(merged.unresolved):,} unresolved" if merged.unresolved else None
    note = plural(len(merged.conflicts), "conflict")
    shown = _grid(merged.unresolved or merged.conflicts) if merged.conflicts else None
    return boxes.box(
        "Merge", merged.kind, boxes.facts({**head, "conflicts": open_ones}), shown, note=note
    )


def _grid(conflicts: Sequence["Conflict"]) -> Markup:
    def build(size: int) -> Markup:
        rows = (conflict_row(each, size) for each in conflicts)
        return boxes.grid(HEADS, rows, count=len(conflicts), most=_MOST)

    return fitted(build, _SIZES)


def conflict_row(conflict: "Conflict", size: int) -> tuple[Content, ...]:
    """Return the line of a grid that shows a conflict."""
    sample = None if conflict.sample is None else str(conflict.sample)
    sides = [
        None
        if value is None
        else cell(value, size=size, alt=f"{name} of {conflict.path} {conflict.sample!r}")
        for name, value in (
            ("base", conflict.base),
            ("ours", conflict.ours),
            ("theirs", conflict.theirs),
        )
    ]
    what = conflict.note or f"{conflict.kind} on both sides"
    return (conflict.path or "/", sample, what, *sides)
