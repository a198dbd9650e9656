"""S3 through s3fs: its options and sessions, but one plain S3 call for each request."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
import s3fs
from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from fsspec.asyn import sync

from vstore.errors import UnsupportedStoreError
from vstore.storage.aiohttp_once import send_once
from vstore.storage.bodies import read_at_most
from vstore.storage.client import NextPage
from vstore.storage.failure import Kind, RequestFailedError, from_http
from vstore.storage.location import Location, Options
from vstore.storage.media import media_type
from vstore.storage.store import Key, ObjectInfo, Version
from vstore.storage.timeouts import without_timeouts

_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_TRANSIENT = (
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseParserError,
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
)
_ERRORS = (
    BotoCoreError,
    ClientError,
    OSError,
    TypeError,  # of an option that no session knows
    ValueError,
    aiohttp.ClientError,
)
_KINDS: tuple[tuple[tuple[type[BaseException], ...], Kind], ...] = (
    (_NO_CREDENTIALS, Kind.NO_CREDENTIALS),
    ((ConnectTimeoutError,), Kind.UNREACHABLE),
    ((NoRegionError, InvalidRegionError), Kind.WRONG_REGION),
    ((FileNotFoundError,), Kind.MISSING),
    (_TRANSIENT, Kind.TRANSIENT),
)


class S3fsClient:
    """One bucket through s3fs, with its own and botocore's retries turned off."""

    def __init__(self, location: Location, options: Options) -> None:
        self._bucket = location.bucket
        rest, connect, read = without_timeouts(options)
        config = _config(rest.get("config_kwargs"), connect, read)
        self._fs = s3fs.S3FileSystem(
            **{**rest, "config_kwargs": config},
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        self._fs.retries = 1
        self._call_once = self._fs._call_s3  # noqa: SLF001  # no public call leaves the body unread
        self._has_conditions = False

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and its ETag by one request."""
        with _translated():
            data, answer = sync(self._fs.loop, self._get, name, most)
            return data, Version(answer["ETag"])

    def read_range(self, name: str, start: int, nbytes: int) -> bytes:
        """Return the range, or less of it where the object ends."""
        with _translated():
            data, _ = sync(
                self._fs.loop, self._get, name, nbytes, Range=f"bytes={start}-{start + nbytes - 1}"
            )
            return bytes(data)

    def write(self, name: str, data: bytes) -> None:
        """Replace the object whole, by one plain request."""
        kind = media_type(name)
        how = {} if kind is None else {"ContentType": kind}
        self._call("put_object", Key=name, Body=data, **how)

    def create(self, name: str, data: bytes) -> Version:
        """Create the object, or be refused."""
        return self._put_if(name, data, IfNoneMatch="*")

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Replace the object at an ETag, or be refused."""
        return self._put_if(name, data, IfMatch=expected)

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        self._call("delete_object", Key=name)

    def remove_at(self, name: str, expected: Version) -> None:
        """Read the ETag, then delete at it: not every server heeds that condition, or knows it."""
        if self._call("head_object", Key=name)["ETag"] != expected:
            raise RequestFailedError(Kind.REFUSED, "the object has another version")
        try:
            self._call("delete_object", Key=name, IfMatch=expected)
        except RequestFailedError as failure:
            if failure.kind is not Kind.OTHER:
                raise
            self.remove(name)

    def pages(self, prefix: str) -> NextPage:
        """List page by page."""
        at: dict[str, str] | None = {}

        def next_page() -> list[ObjectInfo] | None:
            nonlocal at
            if at is None:
                return None
            page = self._call("list_objects_v2", Prefix=prefix, **at)
            is_last = not page.get("IsTruncated")
            at = None if is_last else {"ContinuationToken": page["NextContinuationToken"]}
            return [
                ObjectInfo(Key(found["Key"]), found["Size"], found["LastModified"])
                for found in page.get("Contents", [])
            ]

        return next_page

    def _put_if(self, name: str, data: bytes, **condition: str) -> Version:
        self._check_conditions()
        return Version(self._call("put_object", Key=name, Body=data, **condition)["ETag"])

    def _check_conditions(self) -> None:
        """Refuse a botocore too old for conditions: s3fs would silently leave them out."""
        if self._has_conditions:
            return
        with _translated():
            s3 = sync(self._fs.loop, self._fs.set_session)
        known = s3.meta.service_model.operation_model("PutObject").input_shape.members
        if not {"IfMatch", "IfNoneMatch"} <= known.keys():
            raise UnsupportedStoreError(
                "the installed botocore has no conditional writes",
                hint="install a newer s3fs and aiobotocore",
            )
        self._has_conditions = True

    def _call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        with _translated():
            answer: Mapping[str, Any] = sync(
                self._fs.loop, self._call_once, method, Bucket=self._bucket, **arguments
            )
            return answer

    async def _get(self, name: str, most: int, **arguments: str) -> tuple[bytes, Mapping[str, Any]]:
        answer = await self._call_once("get_object", Bucket=self._bucket, Key=name, **arguments)
        try:
            return await read_at_most(
                answer["Body"].read, answer.get("ContentLength"), most
            ), answer
        finally:
            answer["Body"].close()


class _OnceSession(AIOHTTPSession):  # type: ignore[misc]
    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        return send_once(await super()._get_session(proxy_url))


def _config(given: object, connect: float, read: float) -> dict[str, Any]:
    """Return botocore's settings: those given, over ours."""
    ours = {
        "connect_timeout": connect,
        "read_timeout": read,
        "max_pool_connections": 64,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        "http_session_cls": _OnceSession,
    }
    return {**ours, **(given if isinstance(given, Mapping) else {})}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise _failure(error) from error


def _failure(error: BaseException) -> RequestFailedError:
    """Classify what botocore said; s3fs puts its own exception in front of it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ClientError | BotoCoreError):
        cause = cause.__cause__
    if isinstance(cause, ClientError):
        said = cause.response.get("Error", {})
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return from_http(status, str(said.get("Code", "")), str(said.get("Message", "")))
    known = cause or error
    return RequestFailedError(_kind(known), f"{type(known).__name__}: {known}")


def _kind(error: BaseException) -> Kind:
    if isinstance(error, EndpointConnectionError):
        # Said of every broken connection, also of one that broke after the request was sent.
        reason = error.kwargs.get("error")
        is_unsent = isinstance(reason, aiohttp.ClientConnectorError | socket.gaierror)
        return Kind.UNREACHABLE if is_unsent else Kind.TRANSIENT
    return next((kind for classes, kind in _KINDS if isinstance(error, classes)), Kind.OTHER)
