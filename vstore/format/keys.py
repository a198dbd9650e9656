"""The one place that spells where objects lie below a repository's root."""

import re
from urllib.parse import quote, unquote

from vstore.errors import InvalidInputError
from vstore.format.digest import Digest, is_digest
from vstore.storage.store import Key

REPOSITORY = Key("vstore.json")
BRANCHES = "refs/branches/"
TAGS = "refs/tags/"
COMMITS = "commits/"
INDEX = "index/"
PACKS = "packs/"

_SUFFIX = ".json"
_SAFE = "/-_.+=,"
_MAX_NAME_BYTES = 200
_REFUSED = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/@]|/$|\.$|(^|/)\.|\.(json|lock)(/|$)|/@"
)


def commit(digest: Digest) -> Key:
    """Return where a commit lies."""
    return Key(f"{COMMITS}{digest}{_SUFFIX}")


def index(digest: Digest) -> Key:
    """Return where a part of a commit that is too large to sit inside it lies."""
    return Key(f"{INDEX}{digest[:2]}/{digest}{_SUFFIX}")


def pack(digest: Digest) -> Key:
    """Return where a pack lies."""
    return Key(f"{PACKS}{digest[:2]}/{digest}")


def branch(name: str) -> Key:
    """Return where a branch lies, or raise `InvalidInputError`."""
    return _ref(BRANCHES, name, what="branch")


def tag(name: str) -> Key:
    """Return where a tag lies, or raise `InvalidInputError`."""
    return _ref(TAGS, name, what="tag")


def ref_name(key: Key) -> str:
    """Return the name of the branch or tag that lies at `key`.

    >>> ref_name(branch("team/größe"))
    'team/größe'
    """
    prefix = BRANCHES if key.startswith(BRANCHES) else TAGS
    return unquote(key[len(prefix) : -len(_SUFFIX)])


def _ref(prefix: str, name: str, *, what: str) -> Key:
    check_ref_name(name, what=what)
    return Key(f"{prefix}{quote(name, safe=_SAFE)}{_SUFFIX}")


def check_ref_name(name: str, *, what: str) -> None:
    """Raise `InvalidInputError` unless `name` may name a branch or a tag.

    Git's rules, and two more: no part ends in `.json`, and a name is no whole digest.
    """
    if not name or not isinstance(name, str):
        raise InvalidInputError(f"a {what} needs a name; got {name!r}")
    try:
        nbytes = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"the {what} name {name!r} is not valid Unicode") from None
    if nbytes > _MAX_NAME_BYTES:
        msg = f"the {what} name is {nbytes} bytes long; at most {_MAX_NAME_BYTES} are allowed"
        raise InvalidInputError(msg)
    found = _REFUSED.search(name)
    if found or is_digest(name) or not name.isprintable():
        hint = repr(found.group()) if found else "unprintable characters, or being a whole digest"
        msg = f"the {what} name {name!r} is not allowed: Git's rules for ref names refuse {hint}"
        raise InvalidInputError(msg)


def check_node_name(name: str, *, what: str) -> None:
    """Raise `InvalidInputError` unless `name` may name a group, an array or a column.

    Zarr v3's rules for node names: not empty, no slash, not only dots, no leading `__`.
    """
    if not name or not isinstance(name, str):
        raise InvalidInputError(f"a {what} needs a name; got {name!r}")
    if "/" in name or not name.strip(".") or name.startswith("__") or not name.isprintable():
        msg = (
            f"the {what} name {name!r} is not allowed: no slash, not only dots, no leading '__', "
            "printable characters only"
        )
        raise InvalidInputError(msg)
    if name == "zarr.json":
        raise InvalidInputError(f"a {what} cannot be called 'zarr.json'")


def split_path(path: str, *, what: str = "path") -> tuple[str, ...]:
    """Return the names along a slash-separated path; the root is the empty tuple."""
    if not isinstance(path, str):
        raise InvalidInputError(f"a {what} is a string of names joined by slashes; got {path!r}")
    names = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    for name in names:
        check_node_name(name, what=what)
    return names
