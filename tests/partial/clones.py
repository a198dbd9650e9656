"""Repositories that hold only a part, made by copying documents and refs."""

from pathlib import Path

from vstore.format import object_keys
from vstore.format.commit import FORMAT
from vstore.format.remote import Remote
from vstore.history.remotes import put_remote
from vstore.storage.local import LocalStore
from vstore.storage.store import ObjectStore

DOCUMENTS = (object_keys.REPOSITORY, "refs/", object_keys.COMMITS, object_keys.INDEX)


def clone_documents(
    origin: ObjectStore, target: Path, *, without: tuple[str, ...] = (), url: str | None = None
) -> LocalStore:
    """Copy everything but packs and what is `without`; the origin promises the rest."""
    store = LocalStore(target)
    promise(store, url or origin.url)
    for prefix in DOCUMENTS:
        for info in origin.list_prefix(prefix):
            if not info.key.startswith(without or ("packs/",)):
                store.put(info.key, origin.get(info.key))
    return store


def promise(store: ObjectStore, url: str, *, name: str = "origin") -> None:
    """Let a remote promise what is missing in a store."""
    put_remote(store, Remote(FORMAT, name, url, promises=True))


def packs_in(store: ObjectStore) -> set[str]:
    """Return the names of all packs in a store."""
    return {info.key for info in store.list_prefix(object_keys.PACKS)}
