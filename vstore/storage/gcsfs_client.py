"""GCS through gcsfs: its credentials and session, but one JSON API call for each request."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

import aiohttp
import google.auth.exceptions
import requests
from fsspec.asyn import sync
from gcsfs.core import GCSFileSystem, quote
from gcsfs.retry import HttpError

from vstore.storage.bodies import read_at_most
from vstore.storage.client import NextPage
from vstore.storage.failure import Kind, RequestFailedError, from_http
from vstore.storage.location import Location, Options
from vstore.storage.media import media_type
from vstore.storage.ranges import MOST_NBYTES
from vstore.storage.store import Key, ObjectInfo, Version
from vstore.storage.timeouts import without_timeouts

_REQUEST_SECONDS = 900
_ERRORS = (
    HttpError,
    OSError,
    ValueError,
    aiohttp.ClientError,
    google.auth.exceptions.GoogleAuthError,
    requests.RequestException,
)
_most: ContextVar[int] = ContextVar("_most", default=MOST_NBYTES)


class _BoundedResponse(aiohttp.ClientResponse):
    """An answer whose body is not read beyond what the task that asks for it expects.

    An error's is not what was asked for: it may be longer.
    """

    async def read(self) -> bytes:
        if self._body is None and self.status < 300:
            self._body = await read_at_most(self.content.read, self.content_length, _most.get())
        return await super().read()


_retrying = GCSFileSystem._request  # noqa: SLF001  # the only call that returns headers
_attempt: Callable[..., Awaitable[tuple[int, Any, Any, bytes]]]
_attempt = getattr(_retrying, "__wrapped__", _retrying)
"""gcsfs's request without its retries, which would send a conditional write twice unseen."""


class GcsfsClient:
    """One bucket through gcsfs; an object's version is its generation.

    The core class is opened rather than the default one, which asks gRPC for the kind of each
    bucket first and waits a minute for servers that have none.
    """

    def __init__(self, location: Location, options: Options) -> None:
        self._bucket = location.bucket
        rest, connect, read = without_timeouts(options)
        timeout = aiohttp.ClientTimeout(
            total=_REQUEST_SECONDS, sock_connect=connect, sock_read=read
        )
        with _translated():  # some kinds of token are tried at once
            self._fs = GCSFileSystem(
                **{"requests_timeout": timeout, **rest},
                session_kwargs={"response_class": _BoundedResponse},
                skip_instance_cache=True,
                use_listings_cache=False,
            )
        self._endpoint = self._fs.base.removesuffix("/storage/v1/")

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and its generation by one request."""
        headers, data = self._media(name, {}, most)
        return data, Version(headers["x-goog-generation"])

    def read_range(self, name: str, start: int, nbytes: int) -> bytes:
        """Return the range, or less of it where the object ends."""
        wanted = {"Range": f"bytes={start}-{start + nbytes - 1}"}
        _, data = self._media(name, wanted, nbytes)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Replace the object whole, by one request."""
        self._upload(name, data)

    def create(self, name: str, data: bytes) -> Version:
        """Create the object, or be refused."""
        return self._upload(name, data, ifGenerationMatch="0")

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Replace the object at a generation, or be refused."""
        return self._upload(name, data, ifGenerationMatch=expected)

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        try:
            self._call("DELETE", "b/{}/o/{}", self._bucket, name)
        except RequestFailedError as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def remove_at(self, name: str, expected: Version) -> None:
        """Delete the object at a generation, or be refused.

        Asks for the generation first, since emulators ignore the condition here.
        """
        _, found = self._call("GET", "b/{}/o/{}", self._bucket, name)
        if str(json.loads(found)["generation"]) != expected:
            raise RequestFailedError(Kind.REFUSED, "the object has another generation")
        self._call("DELETE", "b/{}/o/{}", self._bucket, name, ifGenerationMatch=expected)

    def pages(self, prefix: str) -> NextPage:
        """List page by page."""
        at: dict[str, str] | None = {}

        def next_page() -> list[ObjectInfo] | None:
            nonlocal at
            if at is None:
                return None
            _, body = self._call("GET", "b/{}/o", self._bucket, prefix=prefix, **at)
            page = json.loads(body)
            token = page.get("nextPageToken")
            at = {"pageToken": token} if token else None
            return [_info(found) for found in page.get("items", [])]

        return next_page

    def _media(self, name: str, headers: dict[str, str], most: int) -> tuple[Any, bytes]:
        path = f"{self._endpoint}/download/storage/v1/b/{{}}/o/{{}}"

        async def attempt() -> tuple[Any, bytes]:
            _most.set(most)  # of this task alone
            _, found, _, body = await _attempt(
                self._fs, "GET", path, self._bucket, name, headers=headers, alt="media"
            )
            return found, body

        with _translated():
            result: tuple[Any, bytes] = sync(self._fs.loop, attempt)
            return result

    def _upload(self, name: str, data: bytes, **condition: str) -> Version:
        """Send name and content as one multipart request.

        The boundary is random, since a pack may hold any fixed one.
        """
        boundary = uuid4().hex
        kind = media_type(name) or "application/octet-stream"
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                json.dumps({"name": name, "contentType": kind}).encode(),
                f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--".encode(),
            )
        )
        _, answer = self._call(
            "POST",
            f"{self._endpoint}/upload/storage/v1/b/{quote(self._bucket)}/o",
            uploadType="multipart",
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
            data=BytesIO(body),
            **condition,
        )
        return Version(str(json.loads(answer)["generation"]))

    def _call(self, method: str, path: str, *names: str, **arguments: Any) -> tuple[Any, bytes]:
        with _translated():
            _, headers, _, body = sync(
                self._fs.loop, _attempt, self._fs, method, path, *names, **arguments
            )
            return headers, body


def _info(found: dict[str, str]) -> ObjectInfo:
    modified = datetime.fromisoformat(found["updated"])
    return ObjectInfo(Key(found["name"]), int(found.get("size", 0)), modified)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RequestFailedError:
    if isinstance(error, HttpError):
        return from_http(int(error.code or 500), "", str(error.message))
    return RequestFailedError(_kind(error), f"{type(error).__name__}: {error}")


def _kind(error: Exception) -> Kind:
    """Classify the exceptions by which gcsfs replaces some answers of the server."""
    if isinstance(error.__cause__, google.auth.exceptions.GoogleAuthError):
        error = error.__cause__
    for kinds, kind in _KINDS:
        if isinstance(error, kinds):
            return kind
    # gcsfs replaces an answer of 403 with a bare OSError, whose text alone says so.
    return Kind.DENIED if str(error).startswith("Forbidden") else Kind.OTHER


_KINDS: tuple[tuple[tuple[type[Exception], ...], Kind], ...] = (
    ((FileNotFoundError,), Kind.MISSING),
    ((FileExistsError,), Kind.REFUSED),
    ((aiohttp.ClientConnectorError, google.auth.exceptions.TransportError), Kind.UNREACHABLE),
    ((google.auth.exceptions.DefaultCredentialsError,), Kind.NO_CREDENTIALS),
    ((google.auth.exceptions.RefreshError,), Kind.BAD_CREDENTIALS),
    ((google.auth.exceptions.GoogleAuthError,), Kind.BAD_CREDENTIALS),
    ((aiohttp.ClientError, TimeoutError, ConnectionError), Kind.TRANSIENT),
    ((requests.RequestException,), Kind.TRANSIENT),
)
