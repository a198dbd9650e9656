"""How counts, sizes and the texts of strangers are written for users."""

import re
from collections.abc import Iterable

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
