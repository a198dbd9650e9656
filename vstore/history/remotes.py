"""The remotes of a repository: which other copies it knows.

They are documents of their own and no refs, so that programs that know none of them ignore them.
"""

import os

from msgspec.structs import replace

from vstore.errors import AlreadyExistsError, ConflictError, NotFoundError
from vstore.format import object_keys, remote
from vstore.format.remote import Remote
from vstore.history.documents import read_again
from vstore.storage.location import local_path, scheme_of
from vstore.storage.store import ObjectStore, Version


def read_remotes(store: ObjectStore) -> dict[str, Remote]:
    """Return all remotes by name, in the order of their names; 1 request and 1 for each.

    Raises:
        FormatError: one is malformed, or of a newer format version.
        CorruptionError: one is damaged.
    """
    listed = [object_keys.remote_at(info.key) for info in store.list_prefix(object_keys.REMOTES)]
    found: dict[str, Remote] = {}
    for name in sorted(name for name in listed if name is not None):
        try:
            found[name], _ = read_remote(store, name)
        except NotFoundError:
            continue  # removed just now
    return found


def read_remote(store: ObjectStore, name: str) -> tuple[Remote, Version]:
    """Return a remote and its version, or raise `NotFoundError`; 1 request."""
    key = object_keys.remote(name)
    try:
        return read_again(lambda: store.get_versioned(key), lambda data: remote.decode(data, name))
    except NotFoundError:
        raise NotFoundError(
            f"there is no remote {name!r}", code="remote-not-found", name=name
        ) from None


def put_remote(store: ObjectStore, value: Remote, *, expected: Version | None = None) -> Version:
    """Store a remote and return its version.

    Args:
        store: where the repository is.
        value: what to store, under its name.
        expected: the version to replace. If None, there must be none of that name yet, but
            for one that is equal.

    Raises:
        AlreadyExistsError: there is another remote of that name.
        ConflictError: it was changed or removed since it had the version `expected`.
    """
    key, data = object_keys.remote(value.name), remote.encode(value)
    if expected is None:
        version = store.put_if_absent(key, data)
    else:
        version = store.compare_and_swap(key, data, expected)
    if version is not None:
        return version
    try:
        here, version = read_remote(store, value.name)
    except NotFoundError:
        here = None
    if version is not None and here == value:
        return version
    if expected is None:
        raise AlreadyExistsError(
            f"there is a remote {value.name!r} already", code="remote-exists", name=value.name
        )
    raise ConflictError(
        f"the remote {value.name!r} was changed meanwhile",
        code="changed-meanwhile",
        name=value.name,
    )


def rename_remote(store: ObjectStore, old: str, new: str) -> None:
    """Give a remote another name; its branches here keep theirs.

    Raises:
        NotFoundError: there is none of the old name.
        AlreadyExistsError: there is one of the new name.
        ConflictError: it was changed meanwhile; both names are there then.
    """
    found, version = read_remote(store, old)
    put_remote(store, replace(found, name=new))
    _delete(store, old, version)


def delete_remote(store: ObjectStore, name: str) -> None:
    """Remove a remote; its branches here stay.

    Raises:
        NotFoundError: there is none of that name.
        ConflictError: it was changed meanwhile.
    """
    _, version = read_remote(store, name)
    _delete(store, name, version)


def _delete(store: ObjectStore, name: str, version: Version) -> None:
    if not store.delete_if_version(object_keys.remote(name), version):
        raise ConflictError(
            f"the remote {name!r} was changed meanwhile", code="changed-meanwhile", name=name
        )


def storable_url(url: str | os.PathLike[str]) -> str:
    """Return an address as a remote says it: a URL as it is, a path absolute.

    Raises:
        InvalidUrlError: the address may contain a secret, or is none.
    """
    text = os.fspath(url)
    if scheme_of(text) in (None, "file", "local"):
        text = os.path.abspath(local_path(text))
    remote.check_remote_url(text)
    return text
