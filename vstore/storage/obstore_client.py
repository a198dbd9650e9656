"""S3, GCS and Azure through obstore: a Rust client, several times lighter per request."""

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from vstore.storage.client import NextPage
from vstore.storage.failure import Kind, RequestFailedError, from_http, too_long
from vstore.storage.forking import ForkSafeLock
from vstore.storage.location import Location, Options
from vstore.storage.media import media_type
from vstore.storage.obstore_config import Config, configure
from vstore.storage.store import Data, Key, ObjectInfo, Version

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult, UpdateVersion
    from obstore.store import RetryConfig

_CLASSES: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_ONE_ATTEMPT: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
_LISTING_ATTEMPTS: "RetryConfig" = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
_PAGE = 1000

_STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>|\"message\":\s*\"([^\"]*)\"")
_NEVER_SENT = re.compile(r"kind: Connect,|ConnectError")
_NO_CREDENTIALS = re.compile(
    r"169\.254\.1|metadata\.google|/latest/(api/token|meta-data)|token request"
    r"|Missing (SecretAccessKey|AccessKeyId)"
)
"""Signs of the metadata servers that obstore asks last, when nothing else has credentials."""
_PAST_THE_END = re.compile(r"StartTooLarge|bytes 0--1/0")  # the latter: azurite, of nothing
_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (FileNotFoundError, Kind.MISSING),
    (AlreadyExistsError, Kind.REFUSED),
    (PreconditionError, Kind.REFUSED),
    (PermissionDeniedError, Kind.DENIED),
    (UnauthenticatedError, Kind.BAD_CREDENTIALS),
)

_forked = False


def _remember_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


def is_usable() -> bool:
    """Whether obstore works in this process: its threads are not there in a forked child.

    A request from such a child would wait for ever.
    """
    return not _forked


_MOST_CLIENTS = 16
_ENVIRONMENT = ("AWS_", "AZURE_", "GOOGLE_", "HTTP_", "HTTPS_", "ALL_", "NO_", "SSL_")
"""How the variables begin that obstore looks at, in either case, for credentials and proxies."""

_clients: "OrderedDict[str, ObstoreClient]" = OrderedDict()
_lock = ForkSafeLock()


def client_for(location: Location, options: Options) -> "ObstoreClient":
    """Return this process's client of a bucket: one for the same options and environment.

    Opening one takes longer than asking it for an object, and it has no connections yet.
    """
    config = configure(location, options)
    named = [
        (name, value, _changed(value))
        for name, value in sorted(os.environ.items())
        if name.upper().startswith(_ENVIRONMENT)
    ]
    try:
        what = json.dumps([asdict(config), named], sort_keys=True)
    except TypeError:  # options that are no plain values
        return ObstoreClient(config)
    name = sha256(what.encode()).hexdigest()  # what it holds may be secret
    with _lock:
        client = _clients.get(name) or ObstoreClient(config)
        _clients[name] = client
        _clients.move_to_end(name)
        if len(_clients) > _MOST_CLIENTS:
            _clients.popitem(last=False)
    return client


def _changed(path: str) -> int | None:
    """Return when a file of credentials changed last, None for what names none."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


class ObstoreClient:
    """One bucket through obstore, with its own retries turned off."""

    def __init__(self, config: Config) -> None:
        self._store = _open(config, retries=_ONE_ATTEMPT)
        self._config = config
        self._has_checksums = False
        self._by_generation = config.service == "gs"

    @cached_property
    def _lister(self) -> S3Store | GCSStore | AzureStore:
        return _open(self._config, retries=_LISTING_ATTEMPTS)

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and its version by one request."""
        with _translated():
            found = obstore.get(self._store, name)
            if found.meta["size"] > most:
                raise too_long(f"{found.meta['size']:,}", most)
            return bytes(found.bytes()), self._version(found.meta)

    def read_range(self, name: str, start: int, nbytes: int) -> Data:
        """Return the range, or less of it where the object ends."""
        with _translated():
            found = obstore.get(self._store, name, options={"range": (start, start + nbytes)})
            first, last = found.range
            if first != start or last > start + nbytes:
                raise too_long(f"those from {first:,} to {last:,}, not {start:,} on: other", nbytes)
            return memoryview(found.bytes())

    def write(self, name: str, data: bytes) -> None:
        """Replace the object whole, by one plain request."""
        kind = media_type(name)
        how = {} if kind is None else {"attributes": {"Content-Type": kind}}
        self._put(name, data, use_multipart=False, **how)

    def create(self, name: str, data: bytes) -> Version:
        """Create the object, or be refused."""
        return self._version(self._put(name, data, mode="create"))

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Replace the object at a version, or be refused."""
        at: UpdateVersion = {"version": expected} if self._by_generation else {"e_tag": expected}
        return self._version(self._put(name, data, mode=at))

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        try:
            with _translated():
                obstore.delete(self._store, name)
        except RequestFailedError as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def remove_at(self, name: str, expected: Version) -> None:
        """Read the version, then delete: obstore knows no conditional delete."""
        with _translated():
            if self._version(obstore.head(self._store, name)) != expected:
                raise RequestFailedError(Kind.REFUSED, "the object has another version")
        self.remove(name)

    def pages(self, prefix: str) -> NextPage:
        """List page by page; obstore lists whole path segments only, so the rest is filtered.

        A listing cannot be taken up again where it failed, so that here obstore asks again itself.
        """
        listing: Iterator[Sequence[ObjectMeta]] | None = None
        is_started = False

        def next_page() -> list[ObjectInfo] | None:
            nonlocal listing, is_started
            try:
                with _translated():
                    if listing is None:
                        folder = prefix.rpartition("/")[0]
                        listing = iter(obstore.list(self._lister, folder, chunk_size=_PAGE))
                    page = next(listing, None)
            except RequestFailedError as failure:
                if is_started:  # the broken listing would now claim to be at its end
                    raise RequestFailedError(Kind.OTHER, failure.detail) from failure.__cause__
                listing = None
                raise
            is_started = True
            return None if page is None else _infos(page, prefix)

        return next_page

    def _put(self, name: str, data: bytes, **how: Any) -> "PutResult":
        """Store an object, with a checksum from when a bucket refused one that had none.

        A bucket with object lock does. That nothing was written is certain then.
        """
        try:
            with _translated():
                return obstore.put(self._store, name, data, **how)
        except RequestFailedError as failure:
            wants_checksum = "HTTP 400 InvalidRequest" in failure.detail
            if self._has_checksums or self._config.service != "s3" or not wants_checksum:
                raise
        values = {**self._config.values, "checksum_algorithm": "SHA256"}
        store = _open(replace(self._config, values=values), retries=_ONE_ATTEMPT)
        with _translated():
            stored = obstore.put(store, name, data, **how)
        self._store, self._has_checksums = store, True
        return stored

    def _version(self, found: "PutResult") -> Version:
        version = found["version"] if self._by_generation else found["e_tag"]
        if not version:
            raise RequestFailedError(Kind.OTHER, "the server did not say the object's version")
        return Version(version)


def _open(config: Config, *, retries: "RetryConfig") -> S3Store | GCSStore | AzureStore:
    with _translated():
        store: S3Store | GCSStore | AzureStore = _CLASSES[config.service](
            config.bucket,
            config=config.values,
            client_options=config.client_options,
            retry_config=retries,
        )
    return store


def _infos(page: "Sequence[ObjectMeta]", prefix: str) -> list[ObjectInfo]:
    return [
        ObjectInfo(Key(found["path"]), found["size"], found["last_modified"])
        for found in page
        if found["path"].startswith(prefix)
    ]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RequestFailedError:
    # obstore's exceptions have neither status nor code: both are in the text only.
    text = str(error)
    summary = text.partition("\n\nDebug source")[0]
    if _NO_CREDENTIALS.search(summary) and not isinstance(error, FileNotFoundError):
        return RequestFailedError(Kind.NO_CREDENTIALS, summary.partition("\n")[0])
    if status := _STATUS.search(summary):
        code, said = _CODE.search(summary), _MESSAGE.search(summary)
        message = (said.group(1) or said.group(2) or "") if said else ""
        return from_http(
            int(status.group(1) or status.group(2)),
            code.group(1) if code else "",
            message.partition("\n")[0],
        )
    return RequestFailedError(_kind(error, text), summary.partition("\n")[0])


def _kind(error: Exception, text: str) -> Kind:
    """Classify an error that carries no answer of the server."""
    if "HTTP error" in text:
        return Kind.UNREACHABLE if _NEVER_SENT.search(text) else Kind.TRANSIENT
    if _PAST_THE_END.search(text):
        return Kind.RANGE
    if "redirect without LOCATION" in text:
        return Kind.WRONG_REGION
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), Kind.OTHER)
