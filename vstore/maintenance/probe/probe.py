"""Trying a live store: whether it keeps the promises that commits rest on."""

import secrets
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from vstore.errors import StorageError, UnsupportedStoreError
from vstore.format import object_keys
from vstore.maintenance.probe import probe_checks as promises
from vstore.maintenance.probe.probe_checks import BrokenPromiseError, Result, Scratch
from vstore.maintenance.probe.probe_report import ProbeCheck, ProbeReport
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectStore, opened_as

THREADS = 8

_Attempt = Callable[[Scratch], Result]
_CONDITIONS: tuple[tuple[str, _Attempt], ...] = (
    ("creates an object once", promises.creates_once),
    ("swaps at its version", promises.swaps_at_its_version),
    ("refuses stale versions", promises.refuses_stale_versions),
    ("deletes at its version", promises.deletes_at_its_version),
)
_RACES: tuple[tuple[str, _Attempt], ...] = (
    ("creates once in a race", promises.creates_once_in_a_race),
    ("swaps once in a race", promises.swaps_once_in_a_race),
    ("loses no update", promises.loses_no_update),
)
_OTHERS: tuple[tuple[str, _Attempt], ...] = (
    ("reads follow writes", promises.reads_follow_writes),
    ("lists what is there", promises.lists_what_is_there),
    ("lists more than a page", promises.lists_more_than_a_page),
    ("reads exact ranges", promises.reads_exact_ranges),
    ("tells the time", promises.tells_the_time),
)


def require_conditions(store: ObjectStore) -> None:
    """Make sure, in four rounds of requests, that a store heeds conditions of writes.

    Sends none to memory and local stores, which are known.

    Raises:
        UnsupportedStoreError: it ignores them, so that writers would destroy each other's
            commits.
    """
    if isinstance(store, MemoryStore | LocalStore):
        return
    prefix = f"{object_keys.PROBES}{secrets.token_hex(16)}"
    created, swapped = Key(f"{prefix}-0"), Key(f"{prefix}-1")
    try:
        with ThreadPoolExecutor(2, thread_name_prefix="vstore-probe") as pool:
            _try_conditions(store, pool, created, swapped)
    finally:
        with ThreadPoolExecutor(2, thread_name_prefix="vstore-probe") as pool:
            for done in [pool.submit(store.delete, key) for key in (created, swapped)]:
                with suppress(StorageError):
                    done.result()


def _try_conditions(store: ObjectStore, pool: Executor, created: Key, swapped: Key) -> None:
    _, first = pool.map(lambda key: store.put_if_absent(key, _body()), (created, swapped))
    again = pool.submit(store.put_if_absent, created, _body())
    second = None if first is None else store.compare_and_swap(swapped, _body(), first)
    if again.result() is not None:
        raise _unsupported(store, "it replaces an object that was only to be created")
    if first is None or second is None:
        raise _unsupported(store, "it refuses to replace an object at its own version")
    if store.compare_and_swap(swapped, _body(), first) is not None:
        raise _unsupported(store, "it replaces an object that has another version meanwhile")


def _unsupported(store: ObjectStore, reason: str) -> UnsupportedStoreError:
    return UnsupportedStoreError(
        f"{store.url} cannot hold a repository: {reason}, so two writers would destroy each "
        "other's commits",
        code="no-guarantee",
        hint=f"see what it does with `vstore.open({opened_as(store)}).probe()`; another server or "
        "a newer version of this one may help",
        url=store.url,
    )


def _body() -> bytes:
    return secrets.token_hex(16).encode()


def probe(store: ObjectStore, *, threads: int = THREADS) -> ProbeReport:
    """Try everything that vstore needs of a store, under throw-away keys, and clean up.

    Args:
        store: where.
        threads: how many writers contend at once.
    """
    return _Probe(Scratch(store, threads)).run()


@dataclass(frozen=True, slots=True)
class _Probe:
    scratch: Scratch
    checks: list[ProbeCheck] = field(default_factory=list)

    def run(self) -> ProbeReport:
        try:
            if self._permissions():
                held = [self._try(name, attempt) for name, attempt in _CONDITIONS]
                for name, attempt in _RACES:
                    if all(held):
                        self._try(name, attempt)
                    else:
                        self.checks.append(ProbeCheck(name, "unknown", "not tried: it fails alone"))
                for name, attempt in _OTHERS:
                    self._try(name, attempt)
        finally:
            self._try("cleans up", promises.cleans_up)
        return ProbeReport(self.scratch.store.url, tuple(self.checks))

    def _permissions(self) -> bool:
        """Try each verb once; where one fails there is nothing more to try."""
        may_list = self._try("may list", promises.may_list)
        if not self._try("may write", promises.may_write):
            self._try("may read", promises.may_read_marker)
            return False
        may_read = self._try("may read", promises.may_read)
        may_delete = self._try("may delete", promises.may_delete)
        return may_list and may_read and may_delete

    def _try(self, name: str, attempt: _Attempt) -> bool:
        try:
            outcome, detail = attempt(self.scratch)
        except BrokenPromiseError as exc:
            outcome, detail = "fails", str(exc)
        except Exception as exc:  # noqa: BLE001 - a store may be of somebody's own class
            outcome, detail = "fails", f"{type(exc).__name__}: {exc}"
        self.checks.append(ProbeCheck(name, outcome, detail))
        return outcome != "fails"
