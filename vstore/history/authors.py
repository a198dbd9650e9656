"""Who commits."""

import getpass
import re
from typing import Any

from vstore.errors import InvalidInputError
from vstore.format.commit import Author

_AUTHOR = re.compile(r"(?P<name>[^<>\n]+?)\s*(<(?P<email>[^<>\s]+)>)?")


def as_author(author: Author | str | None) -> Author | None:
    """Return an author written as `Name` or `Name <email>`; None stays None."""
    if author is None or isinstance(author, Author):
        return author
    text: Any = author
    match = _AUTHOR.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise InvalidInputError(f"an author reads 'Name' or 'Name <email>', not {author!r}")
    return Author(match["name"], match["email"])


def login_name() -> Author:
    """Return the name the user is logged in under."""
    try:
        return Author(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return Author("unknown")
