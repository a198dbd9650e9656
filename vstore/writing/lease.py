"""How a transaction that stays open for long tells garbage collection that it is alive."""

import secrets
import threading
from contextlib import suppress

from vstore.errors import StorageError
from vstore.format import collection, object_keys
from vstore.format.collection import LeaseDocument
from vstore.format.commit import FORMAT
from vstore.history.fence import Stopwatch
from vstore.storage.store import ObjectStore

LEASE_SECONDS = 3600.0
"""The age at which a transaction takes a lease; most end long before and send no request."""

RENEWAL_SECONDS = 900.0
"""How long a lease is valid before the next upload renews it."""


class Lease:
    """Spares what a transaction has uploaded so far; safe to use from several threads.

    Only a courtesy: a transaction whose lease lapses still cannot commit what was deleted.
    """

    def __init__(self, store: ObjectStore, *, age_seconds: float = 0.0) -> None:
        """Begin; `age_seconds` says how long the transaction had been open by then."""
        self._store = store
        self._open = Stopwatch(age_seconds)
        self._renewed: Stopwatch | None = None
        self._token = secrets.token_hex(16)
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Say that the transaction is alive, if it is time to."""
        if self._open.seconds < LEASE_SECONDS:
            return
        with self._lock:
            if self._renewed is not None and self._renewed.seconds < RENEWAL_SECONDS:
                return
            self._renewed = Stopwatch()
        value = LeaseDocument(FORMAT, self._token, self._open.seconds)
        with suppress(StorageError):
            self._store.put(object_keys.lease(self._token), collection.encode(value))

    def release(self) -> None:
        """Say that the transaction is over."""
        if self._renewed is not None:
            self._renewed = None
            with suppress(StorageError):
                self._store.delete(object_keys.lease(self._token))
