"""How counts, sizes and the texts of strangers are written for users."""

import re
from collections.abc import Iterable, Sequence

_MAX_EDITS = 2
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def format_nbytes(nbytes: int) -> str:
    """Return a size, in three digits.

    >>> format_nbytes(999), format_nbytes(999_960), format_nbytes(31_400_000)
    ('999 B', '1 MB', '31.4 MB')
    """
    value, unit = float(nbytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.3g} {_UNITS[unit]}"


def plural(count: int, noun: str) -> str:
    """Return a count and its noun.

    >>> plural(1, "object"), plural(2000, "object")
    ('1 object', '2,000 objects')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_MOST_NAMES = 20


def listed(names: Iterable[str], between: str = ", ") -> str:
    """Return names in a line, of many the first and how many more there are.

    >>> listed(["a", "b"]), listed(map(str, range(30)))[-17:]
    ('a, b', '19, … and 10 more')
    """
    found = list(names)
    shown = between.join(found[:_MOST_NAMES])
    rest = len(found) - _MOST_NAMES
    return printable(f"{shown}{between}… and {rest:,} more" if rest > 0 else shown)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is at most two edits from a mistyped one, if there is one.

    >>> nearest("v1.1", ["main", "v1.0"]), nearest("tarin", ["train", "test"])
    ('v1.0', 'train')
    >>> nearest("x", ["main"])
    """
    most = min(_MAX_EDITS, len(name) // 2)
    distances = ((_edits(name, each, most), each) for each in known)
    found = min((pair for pair in distances if pair[0] <= most), default=None)
    return None if found is None else found[1]


def choice(name: str, known: Sequence[str]) -> str | None:
    """Return advice for a name that is unknown: the nearest, or the first of those known.

    >>> choice("lable", ["image", "label"]), choice("z", ["image", "label"])
    ("did you mean 'label'?", "choose one of 'image', 'label'")
    """
    near = nearest(name, known)
    if near is not None:
        return f"did you mean {near!r}?"
    return f"choose one of {listed(map(repr, known))}" if known else None


def _edits(a: str, b: str, most: int) -> int:
    """Return how many insertions, deletions, changes and swaps lead from one word to another.

    Above `most` it may be any greater number.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, before, last = [i], row, before
        for j, y in enumerate(b, 1):
            cost = min(row[-1] + 1, before[j] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row + before) > most:
            return most + 1
    return row[-1]


MISLEADING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
"""Control characters, and those that change the direction of text or break its lines."""


def printable(text: str) -> str:
    r"""Return text without characters that control a terminal or the direction of text.

    >>> printable("red \x1b[31m"), printable("gpj.\u202eexe")
    ('red ?[31m', 'gpj.?exe')
    """
    return MISLEADING.sub("?", text)
