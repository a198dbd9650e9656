"""The store's clock, and the transactions that say by it that they are alive."""

import secrets
from datetime import datetime, timedelta

from vstore.errors import FormatError, NotFoundError, StorageError
from vstore.format import object_keys
from vstore.format.collection import LeaseDocument
from vstore.history.documents import read_collection
from vstore.storage.store import Key, ObjectInfo, ObjectStore, opened_as

_SHORTEST_LEASE = timedelta(hours=1)
_MARGIN = timedelta(minutes=2)
"""Added to a lease's age, for clocks that run at different speeds and coarse timestamps."""


def store_now(store: ObjectStore) -> datetime:
    """Return the time by the store's own clock: two requests."""
    store.put(object_keys.COLLECTION_CLOCK, secrets.token_hex(16).encode())
    for info in store.list_prefix(object_keys.COLLECTION_CLOCK):
        if info.key == object_keys.COLLECTION_CLOCK:
            return info.modified
    raise StorageError(
        f"{store.url} does not list an object that was just stored, so nothing can be deleted "
        "safely",
        code="stale-listing",
        hint=f"check the store with `vstore.open({opened_as(store)}).probe()`",
        url=store.url,
    )


def oldest_lease(store: ObjectStore, now: datetime, grace: timedelta) -> datetime | None:
    """Return when the oldest transaction that is alive began, by the store's clock."""
    starts = [
        info.modified - timedelta(seconds=age) - _MARGIN
        for info in store.list_prefix(object_keys.LEASES)
        if info.modified >= now - max(grace, _SHORTEST_LEASE)
        and (age := _age_seconds(store, info.key)) is not None
    ]
    return min(starts, default=None)


def _age_seconds(store: ObjectStore, key: Key) -> float | None:
    try:
        return read_collection(store, key, LeaseDocument)[0].age_seconds
    except NotFoundError:
        return None
    except FormatError:
        return timedelta(days=365).total_seconds()  # somebody is alive, but since when?


def remove_lapsed(store: ObjectStore, now: datetime, grace: timedelta) -> None:
    """Delete the leases of transactions that died."""
    for info in list(store.list_prefix(object_keys.LEASES)):
        if info.modified < now - max(grace, _SHORTEST_LEASE):
            store.delete(info.key)


def remove_journals(store: ObjectStore, horizon: datetime) -> None:
    """Delete what other processes wrote for transactions that died before `horizon`.

    The mark of a transaction goes first: it tells one that is alive after all.
    """
    by_token: dict[str, list[ObjectInfo]] = {}
    for info in store.list_prefix(object_keys.JOURNALS):
        token = info.key[len(object_keys.JOURNALS) :].partition("/")[0]
        by_token.setdefault(token, []).append(info)
    for token, found in by_token.items():
        if all(info.modified < horizon for info in found):
            store.delete(object_keys.journal_mark(token))
            for info in found:
                store.delete(info.key)
