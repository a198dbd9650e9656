"""Objects on a server: retries, lost responses, forks and pickling, the same for every engine."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from vstore.errors import (
    NotFoundError,
    StorageError,
    UnknownOutcomeError,
    VstoreError,
)
from vstore.storage.backoff import Backoff
from vstore.storage.client import Client
from vstore.storage.conditions import SCRATCH_OBJECT, Conditions
from vstore.storage.etags import SCRATCH, EtagForm
from vstore.storage.failure import Kind, RequestFailedError, explain
from vstore.storage.forking import never_close_in_child
from vstore.storage.location import Location
from vstore.storage.logs import logger, timed
from vstore.storage.ranges import check_range, most_nbytes, too_short
from vstore.storage.store import Data, Key, ObjectInfo, ObjectStore, Version

T = TypeVar("T")

_UNREACHABLE_ATTEMPTS = 4
"""Fewer than for a failing server: a wrong endpoint should not take long to be reported."""


class Opening(Protocol):
    """How to reach a store, as a value that pickles; `connect` may be called in any process."""

    @property
    def location(self) -> Location:
        """Where the objects are."""

    def connect(self) -> Client:
        """Open a client for this process, without sending a request."""


class RemoteStore:
    """Objects below a prefix of a bucket.

    Every request is tried a bounded number of times. A conditional write whose response is lost
    or unclear is settled by reading the object back: if it holds exactly the bytes that were to
    be written, the write won, so callers give such bodies a unique token. Two writers of equal
    bytes may therefore both be told that they won.

    Before its first conditional write, and every ten minutes, a store makes sure that the server
    heeds conditions.

    A server that takes ETags back without their quotes only is found out at the first swap that
    it refuses for that, with up to five requests, and given what it takes from then on.

    The client is opened again in a forked child, since none of the libraries survives a fork.
    """

    def __init__(
        self,
        opening: Opening,
        *,
        backoff: Backoff | None = None,
        reopen: Callable[[], ObjectStore] | None = None,
    ) -> None:
        """Open a client. `reopen` is what a pickle calls, so that it names public places only."""
        self._opening = opening
        self._reopen = reopen
        self._location = opening.location
        self._backoff = backoff or Backoff()
        self._etags = EtagForm()
        self._conditions = Conditions()
        self._creates_below: set[str] = set()
        self._connected = self._connect()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        reopen = self._reopen or partial(RemoteStore, self._opening, backoff=self._backoff)
        return reopen, (), {"takes_bare_etags": self.takes_bare_etags}

    def __setstate__(self, state: dict[str, bool]) -> None:
        self._etags = EtagForm(is_bare=state["takes_bare_etags"])

    @property
    def url(self) -> str:
        """Where the store is, with any secret left out."""
        return self._location.url

    @property
    def is_local(self) -> bool:
        """False: every request may wait for a network."""
        return False

    @property
    def _client(self) -> Client:
        connected = self._connected
        if connected.pid != os.getpid():
            # Two threads may both connect; one client is then dropped, which is harmless.
            connected = self._connected = self._connect()
        return connected.client

    @property
    def takes_bare_etags(self) -> bool:
        """Whether the server was found to take ETags back without their quotes only."""
        return self._etags.is_bare

    def _connect(self) -> "_Connected":
        try:
            client = self._opening.connect()
        except RequestFailedError as failure:
            raise self._final(failure, "connect") from None
        logger.info("%s is reached by %s", self.url, type(client).__name__)
        return _Connected(client)

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        return self.get_versioned(key)[0]

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and its version, or raise `NotFoundError`."""
        name, most = self._location.name(key), most_nbytes(key)
        return self._ask(f"read {key!r}", lambda: self._client.read(name, most))

    def get_range(self, key: Key, start: int, nbytes: int) -> Data:
        """Return exactly `nbytes` bytes from `start`."""
        check_range(key, start, nbytes)
        if nbytes == 0:
            return b""
        name = self._location.name(key)

        def read() -> Data:
            try:
                return self._client.read_range(name, start, nbytes)
            except RequestFailedError as failure:
                if failure.kind is Kind.RANGE:
                    return b""
                raise

        found = self._ask(f"read {key!r}", read)
        if len(found) != nbytes:
            raise too_short(key, start, nbytes, found=len(found))
        return found

    def put(self, key: Key, data: bytes) -> None:
        """Store an object whole or not at all, replacing what is there.

        Where a bucket's policy lets objects be created only, what holds other bytes is denied.
        """
        self._ask(f"write {key!r}", lambda: self._write(key, data), writes=True)

    def _write(self, key: Key, data: bytes) -> None:
        """Send a plain write; where that is denied, and from then on, one that only creates."""
        name, folder = self._location.name(key), key.partition("/")[0]
        if folder in self._creates_below:
            self._create(key, data)
            return
        try:
            self._client.write(name, data)
        except RequestFailedError as denied:
            if denied.kind is not Kind.DENIED:
                raise
            try:
                self._create(key, data)
            except RequestFailedError as failure:
                raise denied if failure.kind is Kind.DENIED else failure from None
            self._creates_below.add(folder)

    def _create(self, key: Key, data: bytes) -> None:
        name = self._location.name(key)
        try:
            self._client.create(name, data)
        except RequestFailedError as failure:
            if failure.kind is not Kind.REFUSED:
                raise
            if self._client.read(name, most_nbytes(key))[0] != data:
                reason = "the object holds other bytes, and may not be replaced"
                raise RequestFailedError(Kind.DENIED, reason) from None

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None if it holds other bytes."""
        name = self._location.name(key)
        return self._settle(key, data, lambda: self._client.create(name, data), expected=None)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        name = self._location.name(key)

        def replace() -> Version:
            version = self._client.replace(name, data, self._etags.sent(expected))
            self._etags.holds()
            return version

        return self._settle(key, data, replace, expected=expected)

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""
        name = self._location.name(key)
        self._ask(f"delete {key!r}", lambda: self._client.remove(name), writes=True)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was.

        Conditional on the server through fsspec, on S3 where the server knows it. Any service
        through obstore is asked for the version first, so that a swap in between is lost. After a
        lost response the object may be gone although this returns False.
        """
        name = self._location.name(key)

        def remove() -> bool:
            try:
                self._client.remove_at(name, expected)
            except RequestFailedError as failure:
                if failure.kind in (Kind.REFUSED, Kind.MISSING):
                    return False
                raise
            return True

        return self._ask(f"delete {key!r}", remove, writes=True)

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, page by page.

        S3, GCS and Azure list in key order. Of a server that does not, each page is sorted.
        """
        next_page, before = self._client.pages(self._location.name(prefix)), None
        while (page := self._ask(f"list {prefix!r}", next_page, writes=True)) is not None:
            if page and page == before:
                raise StorageError(
                    f"{self.url} gives the same page of its listing again and again",
                    code="stale-listing",
                    hint=f"check the store with `vstore.open({self.url!r}).probe()`",
                    url=self.url,
                )
            before = page
            for found in sorted(page, key=lambda found: found.key):
                key = self._location.key(found.key)
                if key != SCRATCH_OBJECT:
                    yield ObjectInfo(key, found.nbytes, found.modified)

    def _ask(self, action: str, call: Callable[[], T], *, writes: bool = False) -> T:
        """Send a request that may be repeated until it succeeds or will not."""
        failure = RequestFailedError(Kind.OTHER, "no attempt was allowed")
        for attempt, _ in enumerate(self._backoff.attempts_left(), 1):
            try:
                return timed(action, call)
            except RequestFailedError as caught:
                failure = caught
                self._log_failure(action, failure)
                if not _is_worth_repeating(failure, attempt):
                    break
        raise self._final(failure, action, writes=writes)

    def _settle(
        self, key: Key, data: bytes, write: Callable[[], Version], *, expected: Version | None
    ) -> Version | None:
        """Send a conditional write until it is known whether it won."""
        action, attempts = f"write {key!r}", _Attempts()
        self._conditions.require(self._client, self._location)
        for _ in self._backoff.attempts_left():
            try:
                return timed(action, write)
            except RequestFailedError as failure:
                attempts.failed(failure)
                self._log_failure(action, failure)
                if not attempts.are_settled_by_looking(creating=expected is None):
                    break
            body, version = self._look(key, attempts)
            if body == data:
                return version
            if version != expected:
                if attempts.may_have_written:
                    raise self._unknown(key, attempts.last)
                return None
            self._doubt_form(attempts.last, expected)
        if attempts.may_have_written:
            raise self._unknown(key, attempts.last)
        raise self._final(attempts.last, action, writes=True)

    def _log_failure(self, action: str, failure: RequestFailedError) -> None:
        if failure.kind not in (Kind.MISSING, Kind.RANGE):
            detail = self._location.redact(failure.detail)
            logger.info("%s at %s failed (%s): %s", action, self.url, failure.kind.name, detail)

    def _doubt_form(self, failure: RequestFailedError, expected: Version | None) -> None:
        """Find out in which form the server takes ETags, if it refused one that is right."""
        if expected is not None and failure.kind is Kind.REFUSED:
            self._etags.learn(self._client, self._location.name(SCRATCH), expected)

    def _look(self, key: Key, attempts: "_Attempts") -> tuple[bytes | None, Version | None]:
        """Return what is there now; without an answer, the write's outcome is not known either."""
        try:
            return self.get_versioned(key)
        except NotFoundError:
            return None, None
        except StorageError:
            if attempts.may_have_written or attempts.last.kind is Kind.REFUSED:
                raise self._unknown(key, attempts.last) from None
            raise

    def _unknown(self, key: Key, failure: RequestFailedError) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{key!r} at {self.url} may or may not have been written: "
            f"{self._location.redact(failure.detail)}",
            hint="read the branch again to see whether the write took effect",
        )

    def _final(
        self, failure: RequestFailedError, action: str, *, writes: bool = False
    ) -> VstoreError:
        kind = Kind.NO_BUCKET if writes and failure.kind is Kind.MISSING else failure.kind
        shown = RequestFailedError(kind, self._location.redact(failure.detail))
        error = explain(shown, action=action, url=self.url)
        if not self._location.reveals(failure.__cause__):
            error.__cause__ = failure.__cause__
        error.__suppress_context__ = True
        return error


@dataclass(frozen=True, eq=False)
class _Connected:
    client: Client
    pid: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        never_close_in_child(self)


class _Attempts:
    """What the failed attempts at one conditional write say together."""

    def __init__(self) -> None:
        self.may_have_written = False
        self.last = RequestFailedError(Kind.OTHER, "no attempt was allowed")
        self._unreachable = 0

    def failed(self, failure: RequestFailedError) -> None:
        self.last = failure
        self.may_have_written |= failure.kind is Kind.TRANSIENT
        self._unreachable += failure.kind is Kind.UNREACHABLE

    def are_settled_by_looking(self, *, creating: bool) -> bool:
        """Whether it is worth reading the object back and perhaps sending the write again."""
        if self.last.kind is Kind.UNREACHABLE:
            return self._unreachable < _UNREACHABLE_ATTEMPTS
        if self.last.kind is Kind.MISSING:
            return not creating  # what is to be replaced is gone; a creation misses its bucket
        return self.last.kind in (Kind.REFUSED, Kind.TRANSIENT)


def _is_worth_repeating(failure: RequestFailedError, attempt: int) -> bool:
    if failure.kind is Kind.UNREACHABLE:
        return attempt < _UNREACHABLE_ATTEMPTS
    # An unconditional write is refused only while a conditional one is under way.
    return failure.kind in (Kind.TRANSIENT, Kind.REFUSED)
