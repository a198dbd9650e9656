"""The one place that spells the keys of objects, below a repository's root."""

import re
from typing import TypeGuard
from urllib.parse import quote, unquote

from vstore.errors import InvalidInputError
from vstore.format.digest import Digest, is_digest
from vstore.storage.store import Key

REPOSITORY = Key("vstore.json")
BRANCHES = "refs/branches/"
TAGS = "refs/tags/"
DELETED = "refs/deleted/"
COMMITS = "commits/"
INDEX = "index/"
MOVED = "moved/"
PACKS = "packs/"
COLLECTION = "gc/"
COLLECTION_STATE = Key("gc/state.json")
COLLECTION_CLOCK = Key("gc/clock.json")
COLLECTION_REFS = Key("gc/refs.json")
LEASES = "gc/leases/"
PROBES = "probe/"
JOURNALS = "journals/"
REMOTES = "remotes/"
SIGNATURES = "signatures/"
PURGES = "purges/"
POLICIES = "policies/"

OBJECTS = "__objects__"
"""The table at the root that holds what was stored under keys no array or group has."""

_SUFFIX = ".json"
_SAFE = "/-_.+=,"
_MAX_NAME_BYTES = 200
_MAX_REMOTE_BYTES = 100
"""What leaves room for the names of branches behind the name of their remote."""

_MAX_PART_BYTES = 250
"""What a part of a ref's name takes once escaped: files are called at most 255 bytes."""

_MOST_POLICIES = 999_999

_REFUSED = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/@]|/$|\.$|(^|/)\.|\.(json|lock)(/|$)|/@"
)
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that no name holds: controls, line ends, changes of direction, surrogates.

A list of our own, since what Python calls printable differs between its versions.
"""

_DELETED = re.compile(
    r"refs/deleted/(?P<name>(?:branches|tags)/.+)/\d{8}T\d{12}Z-[0-9a-f]{16}\.json"
)
_PURGE = re.compile(r"purges/(\d{8}T\d{12}Z-[0-9a-f]{16})\.json")
_POLICY = re.compile(r"policies/(\d{6})\.json")
_PENDING = re.compile(r"gc/([0-9a-f]+)/\d+\.json")
_PIN = re.compile(r"forks/[0-9a-f]{32}/(branches|tags|commits)/.+")
_SIGNATURE = re.compile(r"signatures/([0-9a-f]{64})/([0-9a-f]{64})\.json")


def commit(digest: Digest) -> Key:
    """Return the key of a commit."""
    return Key(f"{COMMITS}{digest}{_SUFFIX}")


def index(digest: Digest) -> Key:
    """Return the key of a part of a commit that is too large to be stored inside it."""
    return Key(f"{INDEX}{digest[:2]}/{digest}{_SUFFIX}")


def pack(digest: Digest) -> Key:
    """Return the key of a pack."""
    return Key(f"{PACKS}{digest[:2]}/{digest}")


def moved(digest: Digest) -> Key:
    """Return the key of a repacked pack's forwarding document."""
    return Key(f"{MOVED}{digest[:2]}/{digest}{_SUFFIX}")


def moved_at(key: str) -> Digest | None:
    """Return the pack whose forwarding document an object is, None for other objects.

    >>> moved_at(moved(Digest("ab" * 32))) == "ab" * 32
    True
    """
    name = key.rpartition("/")[2].removesuffix(_SUFFIX)
    return Digest(name) if is_digest(name) and key == moved(Digest(name)) else None


def digest_at(key: str) -> Digest | None:
    """Return the digest that names the object at `key`, None where none does.

    >>> digest_at(pack(Digest("ab" * 32))) == "ab" * 32
    True
    """
    name = key.rpartition("/")[2].removesuffix(_SUFFIX)
    if not is_digest(name):
        return None
    digest = Digest(name)
    return digest if key in (commit(digest), index(digest), pack(digest)) else None


def signatures(commit: Digest) -> str:
    """Return the prefix of the signatures of a commit."""
    return f"{SIGNATURES}{commit}/"


def signature(commit: Digest, key: str) -> Key:
    """Return where the signature of a commit is by a public key, given by its hash."""
    return Key(f"{signatures(commit)}{key}{_SUFFIX}")


def signature_at(name: str) -> tuple[Digest, str] | None:
    """Return which commit an object signs, and the hash of the key; None for other objects.

    >>> signature_at(signature(Digest("ab" * 32), "cd" * 32)) == ("ab" * 32, "cd" * 32)
    True
    """
    match = _SIGNATURE.fullmatch(name)
    return (Digest(match[1]), match[2]) if match else None


def pending_part(epoch: str, number: int) -> Key:
    """Return the key of one part of a garbage collection's pending list."""
    return Key(f"{COLLECTION}{epoch}/{number:06}{_SUFFIX}")


def pending_epoch(key: str) -> str | None:
    """Return which collection's pending list `key` is a part of, None if it is none.

    >>> pending_epoch(pending_part("5f3a", 0))
    '5f3a'
    """
    match = _PENDING.fullmatch(key)
    return match[1] if match else None


def lease(token: str) -> Key:
    """Return where a transaction says that it is alive."""
    return Key(f"{LEASES}{token}{_SUFFIX}")


def journal(token: str) -> str:
    """Return the prefix of all that other processes wrote for an open transaction."""
    return f"{JOURNALS}{token}/"


def journal_mark(token: str) -> Key:
    """Return where a transaction says that it takes what other processes write for it."""
    return Key(f"{journal(token)}open{_SUFFIX}")


def journal_entry(token: str, name: str) -> Key:
    """Return where a process says what it wrote for a transaction."""
    return Key(f"{journal(token)}entries/{name}{_SUFFIX}")


def remote(name: str) -> Key:
    """Return the key of a remote, or raise `InvalidInputError`."""
    check_remote_name(name)
    return Key(f"{REMOTES}{quote(name, safe=_SAFE)}{_SUFFIX}")


def remote_at(key: Key) -> str | None:
    """Return the name of the remote at `key`, None if none can be there.

    >>> remote_at(remote("größe"))
    'größe'
    """
    name = unquote(key.removeprefix(REMOTES).removesuffix(_SUFFIX))
    try:
        return name if remote(name) == key else None
    except InvalidInputError:
        return None


def purge(name: str) -> Key:
    """Return where a purge says what it rewrote."""
    return Key(f"{PURGES}{name}{_SUFFIX}")


def purge_at(key: str) -> str | None:
    """Return the id of the purge at `key`, None if none can be there.

    >>> purge_at(purge("20260102T030405678901Z-0123456789abcdef"))
    '20260102T030405678901Z-0123456789abcdef'
    """
    match = _PURGE.fullmatch(key)
    return match[1] if match else None


def policy(number: int) -> Key:
    """Return the key of a version of the policies, or raise `InvalidInputError`."""
    if not 1 <= number <= _MOST_POLICIES:
        raise InvalidInputError(f"versions of policies are numbered from 1 on, not {number}")
    return Key(f"{POLICIES}{number:06}{_SUFFIX}")


def policy_at(key: str) -> int | None:
    """Return the number of the policies at `key`, None if none can be there.

    >>> policy_at(policy(7))
    7
    """
    match = _POLICY.fullmatch(key)
    return (int(match[1]) or None) if match else None


def branch(name: str) -> Key:
    """Return the key of a branch, or raise `InvalidInputError`."""
    return _ref(BRANCHES, name, what="branch")


def pin(fork: str, kind: str, name: str) -> str:
    """Return the name of the branch that keeps a commit for a fork, which is told by its id."""
    return f"forks/{fork}/{kind}/{name}"


def is_pin(branch: str) -> bool:
    """Return whether a branch keeps a commit for a fork.

    >>> is_pin(pin("ab" * 16, "branches", "main")), is_pin("forks/main")
    (True, False)
    """
    return _PIN.fullmatch(branch) is not None


def tag(name: str) -> Key:
    """Return the key of a tag, or raise `InvalidInputError`."""
    return _ref(TAGS, name, what="tag")


def deletion(ref: Key, stamp: str) -> Key:
    """Return the key of the deletion record of a branch or tag; stamps sort by time."""
    return Key(f"{deletions(ref)}{stamp}{_SUFFIX}")


def deletions(ref: Key) -> str:
    """Return the prefix of all deletion records of one branch or tag, and perhaps others."""
    return f"{DELETED}{ref.removeprefix('refs/').removesuffix(_SUFFIX)}/"


def find_deleted(key: Key) -> Key | None:
    """Return where the branch or tag lay that a note says was deleted; None for no note.

    >>> note = deletion(tag("v1"), "20260102T030405678901Z-0123456789abcdef")
    >>> find_deleted(note)
    'refs/tags/v1.json'
    """
    match = _DELETED.fullmatch(key)
    ref = Key(f"refs/{match['name']}{_SUFFIX}") if match else None
    return None if ref is None or find_ref_name(ref) is None else ref


def find_ref_name(key: Key) -> str | None:
    """Return the name of the branch or tag at `key`, None if none can be there.

    >>> find_ref_name(branch("team/größe"))
    'team/größe'
    >>> find_ref_name(Key("refs/branches/.~lock.json"))
    """
    prefix, what = (BRANCHES, "branch") if key.startswith(BRANCHES) else (TAGS, "tag")
    name = unquote(key[len(prefix) :].removesuffix(_SUFFIX))
    try:
        return name if _ref(prefix, name, what=what) == key else None
    except InvalidInputError:
        return None


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
    if max(len(quote(part, safe=_SAFE)) for part in name.split("/")) > _MAX_PART_BYTES:
        msg = (
            f"the {what} name {name!r} has too long a part for a file name: every byte beyond "
            f"ASCII takes three there, and a part at most {_MAX_PART_BYTES} in all"
        )
        raise InvalidInputError(msg)
    found = _REFUSED.search(name) or _INVISIBLE.search(name)
    if found or is_digest(name):
        hint = repr(found.group()) if found else "being a whole digest"
        msg = f"the {what} name {name!r} is not allowed: Git's rules for ref names refuse {hint}"
        raise InvalidInputError(msg)


def check_remote_name(name: str) -> None:
    """Raise `InvalidInputError` unless `name` may name a remote, and begin names of branches."""
    check_ref_name(name, what="remote")
    if "/" in name or len(name.encode()) > _MAX_REMOTE_BYTES:
        msg = (
            f"the remote name {name!r} is not allowed: no slash, at most {_MAX_REMOTE_BYTES} bytes"
        )
        raise InvalidInputError(msg)


def check_node_name(name: str, *, what: str) -> None:
    """Raise `InvalidInputError` unless `name` may name a group, an array or a column.

    Zarr v3's rules for node names: not empty, no slash, not only dots, no leading `__`.
    """
    if not name or not isinstance(name, str):
        raise InvalidInputError(f"a {what} needs a name; got {name!r}")
    if "/" in name or not name.strip(".") or name.startswith("__") or _INVISIBLE.search(name):
        msg = (
            f"the {what} name {name!r} is not allowed: no slash, not only dots, no leading '__', "
            "no control characters"
        )
        raise InvalidInputError(msg)
    if name == "zarr.json":
        raise InvalidInputError(f"a {what} cannot be called 'zarr.json'")


def is_path(path: object) -> TypeGuard[str]:
    """Return whether something may be the path of a node."""
    try:
        split_path(path)  # type: ignore[arg-type]
    except InvalidInputError:
        return False
    return True


def path_below(group: str, path: str) -> str:
    """Return the path from the root of what is at `path` in a group."""
    return "/".join([*split_path(group), *split_path(path)])


def split_path(path: str, *, what: str = "path") -> tuple[str, ...]:
    """Return the names along a slash-separated path; the root is the empty tuple."""
    if not isinstance(path, str):
        raise InvalidInputError(f"a {what} is a string of names joined by slashes; got {path!r}")
    names = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    if "" in names:
        raise InvalidInputError(f"the {what} {path!r} has an empty name between two slashes")
    for name in names[1:] if names[:1] == (OBJECTS,) else names:
        check_node_name(name, what=what)
    return names
