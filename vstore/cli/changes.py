"""Changes of samples as text."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from vstore.cli.commits import SHORT, subject
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.diffing import values
    from vstore.diffing.cell_changes import SampleChange
else:
    values = lazy("vstore.diffing.values")

_WIDTH = 60
_STYLES = {"added": "green", "removed": "red", "changed": "cyan", "resolved": "magenta"}


def change_line(change: "SampleChange") -> Text:
    """Return a change as `train/label  shoe-17  3 -> 7`."""
    place, key = f"{change.path}/{change.column}", key_text(change.key)
    moved = " -> ".join(_sides(change))
    if change.decision is not None:
        moved += f" ({change.decision} by {change.decided_by})"
    return Text("  ").join(
        [
            Text(printable(place), "bold"),
            Text(printable(key)),
            Text(printable(moved), _STYLES[change.status]),
        ]
    )


def history_line(change: "SampleChange") -> Text:
    """Return a change with the commit that made it."""
    commit = change.commit
    assert commit is not None
    return Text("  ").join(
        [
            Text(commit.id[:SHORT], "yellow"),
            Text(f"{commit.time:%Y-%m-%d}"),
            Text(printable(commit.author.name)),
            change_line(change),
            Text(subject(commit)),
        ]
    )


def key_text(key: object) -> str:
    """Return how a sample is called; `-` for one without a name."""
    return "-" if key is None else key if isinstance(key, str) else str(key)


def _sides(change: "SampleChange") -> Iterator[str]:
    for side, gone in (("old", "added"), ("new", "removed")):
        yield "nothing" if change.status == gone else _short(getattr(change, side))


def _short(value: object) -> str:
    if isinstance(value, values.ValueDigest):
        return str(value)
    text = json.dumps(values.plain_value(value), ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
