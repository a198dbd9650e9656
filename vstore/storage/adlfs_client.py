"""Azure through adlfs: its credentials, but one call of the Azure SDK for each request."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
from adlfs import AzureBlobFileSystem
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
)
from azure.storage.blob import ContentSettings
from fsspec.asyn import sync

from vstore.storage.aiohttp_once import send_once
from vstore.storage.client import NextPage
from vstore.storage.failure import Kind, RequestFailedError, from_http, too_long
from vstore.storage.location import Location, Options
from vstore.storage.media import media_type
from vstore.storage.store import Key, ObjectInfo, Version
from vstore.storage.timeouts import without_timeouts

T = TypeVar("T")

_ONE_ATTEMPT = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 60}


class AdlfsClient:
    """One container through adlfs, with the SDK's retries turned off."""

    def __init__(self, location: Location, options: Options) -> None:
        self._container = location.bucket
        rest, connect, read = without_timeouts(options)
        with _translated():
            self._fs = AzureBlobFileSystem(
                **rest,
                connection_timeout=connect,
                read_timeout=read,
                skip_instance_cache=True,
                use_listings_cache=False,
            )
            sync(self._fs.loop, self._open)

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and its ETag."""
        return self._download(name, most)

    def read_range(self, name: str, start: int, nbytes: int) -> bytes:
        """Return the range, or less of it where the object ends."""
        return self._download(name, nbytes, offset=start, length=nbytes)[0]

    def write(self, name: str, data: bytes) -> None:
        """Replace the object whole."""
        kind = media_type(name)
        how = {} if kind is None else {"content_settings": ContentSettings(content_type=kind)}
        self._upload(name, data, overwrite=True, **how)

    def create(self, name: str, data: bytes) -> Version:
        """Create the object, or be refused."""
        return self._upload(name, data, overwrite=False)

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Replace the object at an ETag, or be refused."""
        return self._upload(name, data, overwrite=True, **_at(expected))

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        try:
            self._delete(name)
        except RequestFailedError as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def remove_at(self, name: str, expected: Version) -> None:
        """Delete the object at an ETag, or be refused."""
        self._delete(name, **_at(expected))

    def pages(self, prefix: str) -> NextPage:
        """List page by page."""
        token: str | None = ""

        def next_page() -> list[ObjectInfo] | None:
            nonlocal token
            if token is None:
                return None
            page, token = self._run(self._page, prefix, token)
            return page

        return next_page

    async def _open(self) -> None:
        transport = self._fs.service_client._pipeline._transport  # noqa: SLF001
        await transport.open()
        send_once(transport.session)

    async def _page(self, prefix: str, token: str) -> tuple[list[ObjectInfo], str | None]:
        container = self._fs.service_client.get_container_client(self._container)
        pages = container.list_blobs(name_starts_with=prefix, **_ONE_ATTEMPT).by_page(token or None)
        page = [
            ObjectInfo(Key(blob.name), blob.size, blob.last_modified)
            async for blob in await anext(pages)
        ]
        return page, pages.continuation_token or None

    def _download(self, name: str, most: int, **arguments: Any) -> tuple[bytes, Version]:
        async def download() -> tuple[bytes, Version]:
            async with self._blob(name) as blob:
                stream = await blob.download_blob(**arguments, **_ONE_ATTEMPT)
                if stream.size > most:
                    raise too_long(f"{stream.size:,}", most)
                return await stream.readall(), Version(stream.properties.etag)

        return self._run(download)

    def _upload(self, name: str, data: bytes, **arguments: Any) -> Version:
        async def upload() -> Version:
            async with self._blob(name) as blob:
                answer = await blob.upload_blob(data, **arguments, **_ONE_ATTEMPT)
                return Version(answer["etag"])

        return self._run(upload)

    def _delete(self, name: str, **arguments: Any) -> None:
        async def delete() -> None:
            async with self._blob(name) as blob:
                await blob.delete_blob(**arguments, **_ONE_ATTEMPT)

        self._run(delete)

    def _blob(self, name: str) -> Any:
        return self._fs.service_client.get_blob_client(self._container, name)

    def _run(self, call: Callable[..., Coroutine[Any, Any, T]], *arguments: object) -> T:
        with _translated():
            result: T = sync(self._fs.loop, call, *arguments)
            return result


def _at(version: Version) -> dict[str, Any]:
    return {"etag": version, "match_condition": MatchConditions.IfNotModified}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (AzureError, OSError, ValueError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RequestFailedError:
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        code = str(getattr(error, "error_code", None) or "")
        message = (error.message or "").partition("\n")[0]
        return from_http(error.status_code, code, message)
    if isinstance(error, ClientAuthenticationError):
        return RequestFailedError(Kind.NO_CREDENTIALS, str(error).partition("\n")[0])
    return RequestFailedError(_kind(error), f"{type(error).__name__}: {error}")


def _kind(error: Exception) -> Kind:
    # The SDK says "request error" of every broken connection, also after the request was sent.
    if isinstance(getattr(error, "inner_exception", None), aiohttp.ClientConnectorError):
        return Kind.UNREACHABLE
    is_transient = isinstance(error, AzureError | ConnectionError | TimeoutError)
    return Kind.TRANSIENT if is_transient else Kind.OTHER
