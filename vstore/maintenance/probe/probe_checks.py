"""The promises of a store, each as a function that tries it and raises where it is broken."""

import pickle
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from vstore.errors import CorruptionError, NotFoundError, UnknownOutcomeError, VstoreError
from vstore.format import object_keys
from vstore.maintenance.probe.probe_report import Outcome
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.remote import RemoteStore
from vstore.storage.store import Key, ObjectStore, Version

T = TypeVar("T")
Result = tuple[Outcome, str]

_ROUNDS = 4
_INCREMENTS = 4
_COUNT_SECONDS = 20.0
_SKEW_SECONDS = 60.0
_PAGED = 1010
"""More objects than S3 and GCS list in one answer."""

_PAGE_THREADS = 32


class BrokenPromiseError(Exception):
    """The store did something that it must not."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A place in a store for throw-away objects, and how many writers contend there."""

    store: ObjectStore
    threads: int
    prefix: str = field(default_factory=lambda: f"{object_keys.PROBES}{secrets.token_hex(8)}-")

    def key(self, name: str) -> Key:
        """Return the key of a throw-away object."""
        return Key(self.prefix + name)

    def created(self, key: Key, data: bytes) -> Version:
        """Create an object, which must work."""
        version = self.store.put_if_absent(key, data)
        if version is None:
            raise BrokenPromiseError("a new object is refused")
        return version

    def swapped(self, key: Key, data: bytes, version: Version) -> Version:
        """Replace an object, which must work."""
        swapped = self.store.compare_and_swap(key, data, version)
        if swapped is None:
            raise BrokenPromiseError("an object cannot be replaced at its own version")
        return swapped

    def another_handle(self) -> ObjectStore | None:
        """Return a store with connections of its own, None where there is no way to get one."""
        try:
            other: object = pickle.loads(pickle.dumps(self.store))
        except (pickle.PicklingError, TypeError, AttributeError, VstoreError):
            return None
        return other if isinstance(other, ObjectStore) else None

    def in_threads(self, function: Callable[[int, ObjectStore], T]) -> Sequence[T]:
        """Call a function on all threads, each with a handle of its own."""
        handles = [self.another_handle() or self.store for _ in range(self.threads)]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, range(self.threads), handles))

    def race(self, write: Callable[[ObjectStore, bytes], Version | None]) -> list[bytes]:
        """Let all threads write at once; return what was acknowledged.

        A loser may be told that the outcome is unknown: some servers answer an error then.
        """
        start = threading.Barrier(self.threads)

        def contend(number: int, store: ObjectStore) -> bytes | None:
            body = f"{number} {secrets.token_hex(8)}".encode()
            start.wait()
            with suppress(UnknownOutcomeError):
                return body if write(store, body) is not None else None
            return None

        return [body for body in self.in_threads(contend) if body is not None]


def require(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    """Raise unless a condition holds."""
    if not condition:
        raise BrokenPromiseError(otherwise)


def find(store: ObjectStore, key: Key) -> bytes | None:
    """Return an object, None where there is none."""
    try:
        return store.get(key)
    except NotFoundError:
        return None


def may_list(at: Scratch) -> Result:
    """Listing is allowed."""
    list(at.store.list_prefix(at.prefix))
    return "holds", ""


def may_write(at: Scratch) -> Result:
    """Writing is allowed."""
    at.store.put(at.key("plain"), b"plain")
    return "holds", ""


def may_read(at: Scratch) -> Result:
    """Reading is allowed."""
    require(at.store.get(at.key("plain")) == b"plain", "an object reads back changed")
    return "holds", ""


def may_read_marker(at: Scratch) -> Result:
    """Reading is allowed, tried on a repository's own document since nothing can be written."""
    with suppress(NotFoundError):
        at.store.get(object_keys.REPOSITORY)
    return "holds", ""


def may_delete(at: Scratch) -> Result:
    """Deleting is allowed, twice in a row, and takes effect."""
    at.store.delete(at.key("plain"))
    at.store.delete(at.key("plain"))
    require(find(at.store, at.key("plain")) is None, "a deleted object can be read")
    return "holds", ""


def creates_once(at: Scratch) -> Result:
    """What exists is not created again."""
    key = at.key("create")
    require(at.store.put_if_absent(key, b"1") is not None, "a new object is refused")
    again = at.store.put_if_absent(key, b"2")
    require(again is None, "an object that exists is replaced: If-None-Match is ignored")
    require(at.store.get(key) == b"1", "a refused creation changed the object")
    return "holds", ""


def swaps_at_its_version(at: Scratch) -> Result:
    """An object is replaced at its own version."""
    key = at.key("swap")
    first = at.created(key, b"1")
    second = at.store.compare_and_swap(key, b"2", first)
    if second is None:
        unquoted = at.store.compare_and_swap(key, b"2", Version(first.strip('"')))
        hint = ": it takes ETags only without their quotes" if unquoted is not None else ""
        raise BrokenPromiseError(f"an object cannot be replaced at its own version{hint}")
    require(at.store.get_versioned(key) == (b"2", second), "a swap is not read back")
    require(first != second, "the version does not change with the content")
    is_bare = isinstance(at.store, RemoteStore) and at.store.takes_bare_etags
    back = ", which the server takes back only without them" if is_bare else ""
    return "holds", f"the version is {_form(second)}{back}"


def refuses_stale_versions(at: Scratch) -> Result:
    """An object is not replaced at a version that it had before, nor one that is gone."""
    key = at.key("stale")
    first = at.created(key, b"1")
    second = at.swapped(key, b"2", first)
    stale = at.store.compare_and_swap(key, b"3", first)
    require(stale is None, "a stale version replaces the object: If-Match is ignored")
    require(at.store.get(key) == b"2", "a refused swap changed the object")
    gone = at.store.compare_and_swap(at.key("never"), b"3", second)
    require(gone is None, "an object that does not exist is swapped")
    require(find(at.store, at.key("never")) is None, "a refused swap made an object")
    return "holds", ""


def deletes_at_its_version(at: Scratch) -> Result:
    """An object is deleted at its own version only."""
    key = at.key("delete")
    first = at.created(key, b"1")
    second = at.swapped(key, b"2", first)
    require(not at.store.delete_if_version(key, first), "a stale version deletes")
    require(at.store.delete_if_version(key, second), "its own version does not delete")
    return "holds", ""


def creates_once_in_a_race(at: Scratch) -> Result:
    """Of many that create one object, one wins."""
    for number in range(_ROUNDS):
        key = at.key(f"race-create-{number}")
        won = at.race(partial(_create, key))
        require(len(won) == 1, f"{len(won)} of {at.threads} writers created one object")
        require(at.store.get(key) == won[0], "the loser of a race is stored")
    return "holds", f"{_ROUNDS} races of {at.threads}"


def swaps_once_in_a_race(at: Scratch) -> Result:
    """Of many that swap from one version, one wins."""
    for number in range(_ROUNDS):
        key = at.key(f"race-swap-{number}")
        first = at.created(key, b"0")
        won = at.race(partial(_swap, key, first))
        require(len(won) == 1, f"{len(won)} of {at.threads} writers won one swap")
        require(at.store.get(key) == won[0], "the loser of a race is stored")
    return "holds", f"{_ROUNDS} races of {at.threads}"


def _create(key: Key, store: ObjectStore, body: bytes) -> Version | None:
    return store.put_if_absent(key, body)


def _swap(key: Key, expected: Version, store: ObjectStore, body: bytes) -> Version | None:
    return store.compare_and_swap(key, body, expected)


def loses_no_update(at: Scratch) -> Result:
    """Clients that read, add and swap until it works add as often as they were told."""
    key = at.key("counter")
    at.created(key, b"0 start")

    started = time.monotonic()

    def count(_: int, store: ObjectStore) -> tuple[int, int]:
        done = unclear = 0
        while done < _INCREMENTS and time.monotonic() - started < _COUNT_SECONDS:
            data, version = store.get_versioned(key)
            body = f"{int(data.split()[0]) + 1} {secrets.token_hex(8)}".encode()
            try:
                done += store.compare_and_swap(key, body, version) is not None
            except UnknownOutcomeError:
                unclear += 1
        return done, unclear

    acknowledged, unclear = (sum(each) for each in zip(*at.in_threads(count), strict=True))
    found = int(at.store.get(key).split()[0])
    is_right = acknowledged <= found <= acknowledged + unclear
    require(is_right, f"of {acknowledged} acknowledged updates {found} are there")
    rate = acknowledged / max(time.monotonic() - started, 1e-6)
    return "holds", f"{acknowledged} by {at.threads} writers, {rate:,.0f} a second"


def reads_follow_writes(at: Scratch) -> Result:
    """What was written is read at once, also over other connections."""
    key, other = at.key("fresh"), at.another_handle()
    version = at.created(key, b"0")
    for number in range(1, 6):
        body = str(number).encode()
        version = at.swapped(key, body, version)
        for reader in (at.store, other or at.store):
            require(reader.get(key) == body, "an older state is read after a write")
    at.store.delete(key)
    require(find(other or at.store, key) is None, "a deleted object is read")
    return "holds", "" if other else "through one handle only"


def lists_what_is_there(at: Scratch) -> Result:
    """Listings show what was written and not what was deleted, in order."""
    names = ["list-a-1", "list-a-2", "list-b", "list."]
    for name in names:
        at.store.put(at.key(name), b"x" * len(name))
    found = list(at.store.list_prefix(at.key("list")))
    listed = [info.key for info in found]
    require(listed == sorted(listed), "a listing is not in the order of keys")
    require(set(listed) == {at.key(n) for n in names}, "a listing lacks what was written")
    sizes = all(info.nbytes == len(info.key) - len(at.prefix) for info in found)
    require(sizes, "a listing tells wrong sizes")
    at.store.delete(at.key("list-a-1"))
    left = [info.key for info in at.store.list_prefix(at.key("list-a-"))]
    require(left == [at.key("list-a-2")], "a listing shows what was deleted")
    return "holds", ""


def lists_more_than_a_page(at: Scratch) -> Result:
    """A listing of more objects than fit one answer is whole, and so is one of those before."""
    if isinstance(at.store, MemoryStore | LocalStore):
        return "holds", "it has no pages"
    keys = [at.key(f"page-{number:04}") for number in range(_PAGED)]
    with ThreadPoolExecutor(_PAGE_THREADS) as pool:
        list(pool.map(lambda key: at.store.put(key, b"."), keys))
        found = [info.key for info in at.store.list_prefix(at.key("page-"))]
        list(pool.map(at.store.delete, keys))
    require(
        set(found) == set(keys) and len(found) == len(keys),
        f"a listing shows {len(set(found)):,} of {len(keys):,} objects",
    )
    return "holds", f"{len(keys):,} objects"


def reads_exact_ranges(at: Scratch) -> Result:
    """Ranges are exact, and one past the end is refused."""
    key, data = at.key("range"), bytes(range(256)) * 16
    at.store.put(key, data)
    for start, nbytes in ((0, 1), (255, 2), (1000, 3000), (4095, 1), (0, 4096)):
        found = at.store.get_range(key, start, nbytes)
        require(found == data[start : start + nbytes], f"the range {start}+{nbytes} is wrong")
    try:
        at.store.get_range(key, 4000, 200)
    except CorruptionError:
        return "holds", ""
    raise BrokenPromiseError("a range past the end is not refused")


def tells_the_time(at: Scratch) -> Result:
    """The store's clock is near this machine's."""
    before = datetime.now(UTC)
    at.store.put(at.key("clock"), b"tick")
    after = datetime.now(UTC)
    listed = [info.modified for info in at.store.list_prefix(at.key("clock"))]
    require(len(listed) == 1, "an object that was just stored is not listed, or not once")
    (found,) = listed
    skew = max((found - after).total_seconds(), (before - found).total_seconds() - 1.0, 0.0)
    behind = "behind" if found < before else "ahead of"
    if skew > _SKEW_SECONDS:
        return "doubtful", f"the store's clock is {skew:,.0f} s {behind} this machine's"
    return "holds", f"within {max(1.0, skew):.0f} s of this machine's"


def cleans_up(at: Scratch) -> Result:
    """Delete every throw-away object."""
    left = [info.key for info in at.store.list_prefix(at.prefix)]
    with ThreadPoolExecutor(_PAGE_THREADS) as pool:
        list(pool.map(at.store.delete, left))
    return "holds", f"{len(left)} throw-away objects deleted"


def _form(version: Version) -> str:
    """Return which kind of version a store gives."""
    if version.startswith('"'):
        return "an ETag in quotes"
    if re.fullmatch(r"[0-9a-f]{32}(-\d+)?", version):
        return "an ETag without quotes"
    if version.isdigit():
        return "a number"
    return "a digest of the content" if re.fullmatch("[0-9a-f]{64}", version) else "opaque"
