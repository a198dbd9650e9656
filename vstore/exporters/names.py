"""Names of exported files, made of keys that may be anything."""

import re
import unicodedata
from urllib.parse import quote

from vstore.errors import InvalidInputError
from vstore.wording import printable

MAX_PART_NBYTES = 255
MAX_PATH_NBYTES = 4000

_RESERVED = re.compile(r"^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)", re.IGNORECASE)


def file_path(key: object) -> str:
    """Return the path that a sample's key suggests: parts of a tuple are folders."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


def checked_path(path: str, *, is_escaped: bool = False) -> str:
    """Return a relative path that every filesystem takes, and that stays where it begins.

    Args:
        path: what a key suggests.
        is_escaped: write what cannot stand in a name as %XX, instead of refusing it.

    Raises:
        InvalidInputError: it cannot be the path of a file.

    >>> checked_path("cats/1.png"), checked_path("../x", is_escaped=True)
    ('cats/1.png', '%2E%2E/x')
    """
    parts = path.split("/")
    made = [_escaped(part) for part in parts] if is_escaped else parts
    for part in made:
        reason = _why_not(part)
        if reason:
            raise _refused(path, reason)
    whole = "/".join(made)
    if len(whole.encode()) > MAX_PATH_NBYTES:
        raise _refused(path, "it is too long")
    return whole


def _escaped(part: str) -> str:
    """Return a part of a path with what is not safe in it as %XX, as in URLs."""
    made = "".join(
        char
        if _is_plain(char) and char not in '%\\:*?"<>|'
        else quote(char, safe="", errors="surrogatepass")
        for char in part
    )
    if made in ("", ".", ".."):
        return "%2E" * len(made) or "%"
    if made[-1] in ". ":
        made = made[:-1] + quote(made[-1]).replace(".", "%2E")
    if made[0] == " ":
        made = "%20" + made[1:]
    return f"%{ord(made[0]):02X}{made[1:]}" if _RESERVED.match(made) else made


def _why_not(part: str) -> str:
    """Return why a part of a path cannot be a name, nothing if it can."""
    if part in ("", ".", ".."):
        return f"{part!r} is no name" if part else "a part of it is empty"
    if not all(map(_is_plain, part)) or "\\" in part:
        return "it has characters that names of files do not have"
    try:
        nbytes = len(part.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return "a part of it is longer than 255 bytes" if nbytes > MAX_PART_NBYTES else ""


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char not in _DIRECTIONS


_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _refused(path: str, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"the key {printable(path)[:80]!r} cannot be the path of a file: {reason}",
        code="unsafe-name",
        hint="export with the option escape_names, which writes such characters as %XX",
    )
