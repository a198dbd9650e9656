"""Patterns of file names, as in shells."""

import re
from functools import lru_cache

MAGIC = re.compile(r"[*?[]")


def matches(path: str, pattern: str) -> bool:
    """Return whether a pattern stands for a path; without `/` it is one for the name alone.

    >>> matches("a/b/x.PNG", "*.png"), matches("a/b/x.png", "a/**/*.png"), matches("a/b", "a*")
    (True, True, False)
    """
    name = path if "/" in pattern else path.rpartition("/")[2]
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return re.compile("".join(map(_translated, parts)), re.IGNORECASE | re.DOTALL)


def _translated(part: str) -> str:
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if part in known:
        return known[part]
    if part.startswith("[") and part.endswith("]"):
        return "[" + part[1:-1].replace("\\", "\\\\").replace("!", "^", 1) + "]"
    return re.escape(part)
