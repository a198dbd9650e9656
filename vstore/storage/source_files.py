"""Ranges of files of others that chunks stay in, below the places that a reader trusts.

Nothing here is asked for an address before the reader's own list has a prefix of it. A file on
this machine is opened without following a link; a web server is not followed to another address.
"""

import http.client
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

from vstore.errors import CorruptionError, InvalidInputError, NotFoundError, StorageError
from vstore.storage.open import open_store
from vstore.storage.store import Data, Key, ObjectStore

TIMEOUT_SECONDS = 60.0
_OK, _PARTIAL = 200, 206
_CONNECTIONS: Mapping[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


class RangeReader(Protocol):
    """Reads ranges of the files below one place."""

    def read(self, path: str, start: int, nbytes: int) -> Data:
        """Return exactly these bytes of a file, by its path below the place.

        Raises:
            StorageError: it cannot be read.
            NotFoundError: it is not there.
            CorruptionError: it ends before them.
        """

    def size(self, path: str) -> int:
        """Return how many bytes a file has."""


def open_place(prefix: str, options: Mapping[str, Any]) -> RangeReader:
    """Return what reads files whose URLs begin with a prefix, which ends in a slash."""
    scheme = prefix.partition("://")[0]
    if scheme == "file":
        return _Folder(prefix.removeprefix("file://"))
    if scheme in ("http", "https"):
        return _WebServer(prefix, options)
    return _Bucket(open_store(prefix.rstrip("/"), storage_options=options))


class _Bucket:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def read(self, path: str, start: int, nbytes: int) -> Data:
        return self._store.get_range(Key(path), start, nbytes)

    def size(self, path: str) -> int:
        found = [info.nbytes for info in self._store.list_prefix(path) if info.key == path]
        if not found:
            raise NotFoundError(f"there is no {path} in {self._store.url}")
        return found[0]


class _Folder:
    """A folder that the caller named; what is in it may have been put there by others."""

    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, path: str, start: int, nbytes: int) -> bytes:
        with self._opened(path) as file:
            has_all = start + nbytes <= os.fstat(file).st_size
            data = os.pread(file, nbytes, start) if has_all else b""
        return _whole(data, nbytes, f"{self._root}{path}")

    def size(self, path: str) -> int:
        with self._opened(path) as file:
            return os.fstat(file).st_size

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        where = f"{self._root}{path}"
        with ExitStack() as opened:
            try:
                file = self._open(path, opened)
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise StorageError(f"{where} is no plain file")
                yield file
            except OSError as exc:
                raise StorageError(f"{where} cannot be read: {exc.strerror}") from exc

    def _open(self, path: str, opened: ExitStack) -> int:
        """Open a file, each folder above it from the one before, and no link."""
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, folder)
        *folders, name = path.split("/")
        for each in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            folder = os.open(each, flags, dir_fd=folder)
            opened.callback(os.close, folder)
        # Not blocking: a pipe of that name would wait for someone to write.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        opened.callback(os.close, file)
        return file


class _WebServer:
    """A plain web server: one connection a request, and no redirect is followed."""

    def __init__(self, prefix: str, options: Mapping[str, Any]) -> None:
        unknown = set(options) - {"headers", "timeout"}
        if unknown:
            raise InvalidInputError(
                f"web servers take headers and a timeout, not {sorted(unknown)}"
            )
        self._url = urlsplit(prefix)
        self._headers = dict(options.get("headers") or {})
        self._timeout = float(options.get("timeout") or TIMEOUT_SECONDS)

    def read(self, path: str, start: int, nbytes: int) -> bytes:
        asked = {"Range": f"bytes={start}-{start + nbytes - 1}"}
        with self._answered("GET", path, asked) as answer:
            if answer.status != _PARTIAL:
                where = f"{self._url.geturl()}{path}"
                raise StorageError(f"{where} was not answered with a part of it: {answer.status}")
            return _whole(answer.read(nbytes), nbytes, path)

    def size(self, path: str) -> int:
        with self._answered("HEAD", path, {}) as answer:
            length = answer.headers.get("Content-Length", "")
            if answer.status != _OK or not length.isdecimal():
                raise StorageError(f"{self._url.geturl()}{path} does not say how long it is")
            return int(length)

    @contextmanager
    def _answered(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _CONNECTIONS[self._url.scheme](self._url.netloc, timeout=self._timeout)
        asked = {**self._headers, "Accept-Encoding": "identity", **headers}
        try:
            connection.request(method, f"{self._url.path}{path}", headers=asked)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            raise StorageError(f"{self._url.geturl()}{path} cannot be read: {exc}") from exc
        finally:
            connection.close()


def _whole(data: bytes, nbytes: int, where: str) -> bytes:
    if len(data) != nbytes:
        raise CorruptionError(f"{where} ends before a chunk that was in it", code="source-changed")
    return data
