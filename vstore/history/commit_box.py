"""What a notebook shows of a commit."""

from collections.abc import Mapping
from datetime import UTC, datetime

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.display.notebook import representation
from vstore.history.commits import Commit
from vstore.wording import plural

_AGES = (
    (365 * 86400, "year"),
    (30 * 86400, "month"),
    (86400, "day"),
    (3600, "hour"),
    (60, "minute"),
)


@representation
def commit_box(commit: Commit) -> Markup:
    """Return a commit: what it says of itself, and what it changed."""
    return boxes.box("Commit", boxes.shortened(commit.title), commit_facts(commit), changes(commit))


def commit_facts(commit: Commit, before: Mapping[str, Content] | None = None) -> Markup:
    """Return who made a commit, when and why, after what else is to be said first."""
    _, _, rest = commit.message.partition("\n")
    said: dict[str, Content] = {
        **(before or {}),
        "commit": boxes.code(commit.id),
        "author": boxes.shortened(str(commit.author)),
        "time": when(commit),
        "message": element("pre", boxes.shortened(rest.strip(), 2000)) if rest.strip() else None,
    }
    if len(commit.parents) != 1:
        shown = [f"{parent[:12]} " for parent in commit.parents[:8]]
        said["parents"] = joined(*shown) if shown else "none, it is the first commit"
    return joined(boxes.facts(said), boxes.attributes_of(commit.metadata))


def when(commit: Commit) -> str:
    """Return when a commit was made, and how long ago that is."""
    return f"{commit.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {age(commit.time)}"


def age(time: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = (datetime.now(UTC) - time).total_seconds()
    for length, unit in _AGES:
        if seconds >= length:
            return f"{plural(int(seconds // length), unit)} ago"
    return "just now"


def changes(commit: Commit) -> Markup:
    """Return how many samples a commit says that it changed, by path."""
    rows = (
        (
            path or "/",
            _signed("+", change.added, "added"),
            _signed("~", change.changed, "changed"),
            _signed("-", change.removed, "removed"),
            "yes" if change.schema else None,
        )
        for path, change in sorted(commit.changes.items())
    )
    heads = ("path", "added", "changed", "removed", "schema")
    if not commit.changes:
        return Markup()
    return boxes.grid(heads, rows, right=[1, 2, 3], count=len(commit.changes))


def _signed(sign: str, count: int, verb: str) -> Content:
    return element("span", f"{sign}{count:,}", class_=f"vstore-{verb}") if count else None
