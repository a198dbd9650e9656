"""Any other fsspec filesystem: for reading, or for a single writer who says so."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from blake3 import blake3
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.asyn import sync
from fsspec.core import url_to_fs

from vstore.errors import InvalidUrlError, MissingExtraError, ReadOnlyError, StorageError
from vstore.storage.client import NextPage
from vstore.storage.failure import Kind, RequestFailedError, too_long
from vstore.storage.forking import ForkSafeLock
from vstore.storage.http_reading import read_http
from vstore.storage.location import Location, Options
from vstore.storage.ranges import most_nbytes
from vstore.storage.store import Key, ObjectInfo, Version

_PART_NBYTES = 2**20
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
_KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (FileNotFoundError, Kind.MISSING),
    (KeyError, Kind.MISSING),  # an archive's member, with fsspec before 2026.4
    (IsADirectoryError, Kind.MISSING),
    (NotADirectoryError, Kind.MISSING),
    (PermissionError, Kind.DENIED),
    (ConnectionRefusedError, Kind.UNREACHABLE),
    (ConnectionError, Kind.TRANSIENT),
    (TimeoutError, Kind.TRANSIENT),
)


class FsspecClient:
    """One directory of an fsspec filesystem; an object's version is the BLAKE3 of its content.

    fsspec has no conditional writes, so writing is refused unless `unsafe_single_writer` is
    given: then conditions are checked before writing, which is right only while a single
    process writes.
    """

    def __init__(self, location: Location, options: Options, *, url: str, writable: bool) -> None:
        self._url = location.url
        self._writable = writable
        self._lock = Lock()
        self._fs, root = _open(url, location, options)
        self._root = root.rstrip("/")
        self._turn: AbstractContextManager[None] = _turn(self._fs)

    def read(self, name: str, most: int) -> tuple[bytes, Version]:
        """Return the object and the digest of its content."""
        with _translated(), self._turn:
            data = self._read_whole(self._path(name), most + 1)
        if len(data) > most:
            raise too_long("more", most)
        return data, _version(data)

    def read_range(self, name: str, start: int, nbytes: int) -> bytes:
        """Return the range, or less of it where the object ends."""
        with _translated(), self._turn:
            path = self._path(name)
            if _is_http(self._fs):
                return self._read_http(path, start, nbytes, whole=False)
            return bytes(self._fs.cat_file(path, start=start, end=start + nbytes))

    def _read_whole(self, path: str, most: int) -> bytes:
        """Return an object, or its first `most` bytes."""
        if _is_http(self._fs):
            return self._read_http(path, 0, most, whole=True)
        parts, left = [], most
        with self._fs.open(path, "rb") as file:
            while left and (part := bytes(file.read(min(left, _PART_NBYTES)))):
                parts.append(part)
                left -= len(part)
        return b"".join(parts)

    def _read_http(self, path: str, start: int, nbytes: int, *, whole: bool) -> bytes:
        return bytes(sync(self._fs.loop, read_http, self._fs, path, start, nbytes, whole=whole))

    def write(self, name: str, data: bytes) -> None:
        """Replace the object."""
        self._check_writable()
        path = self._path(name)
        with _translated():
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(path, data)
            self._fs.invalidate_cache()

    def create(self, name: str, data: bytes) -> Version:
        """Look, then create."""
        self._check_writable()
        with self._lock:
            if self._find(name) is not None:
                raise RequestFailedError(Kind.REFUSED, "the object exists")
            self.write(name, data)
        return _version(data)

    def replace(self, name: str, data: bytes, expected: Version) -> Version:
        """Look, then replace."""
        self._check_writable()
        with self._lock:
            if self._find(name) != expected:
                raise RequestFailedError(Kind.REFUSED, "the object has another version")
            self.write(name, data)
        return _version(data)

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        self._check_writable()
        try:
            with _translated():
                self._fs.rm_file(self._path(name))
                self._fs.invalidate_cache()
        except RequestFailedError as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def remove_at(self, name: str, expected: Version) -> None:
        """Look, then delete."""
        self._check_writable()
        with self._lock:
            if self._find(name) != expected:
                raise RequestFailedError(Kind.REFUSED, "the object has another version")
            self.remove(name)

    def pages(self, prefix: str) -> NextPage:
        """List everything at once: fsspec has no pages."""
        is_done = False

        def next_page() -> list[ObjectInfo] | None:
            nonlocal is_done
            page = None if is_done else self._list(prefix)
            is_done = True
            return page

        return next_page

    def _list(self, prefix: str) -> list[ObjectInfo]:
        folder = self._path(prefix.rpartition("/")[0]).rstrip("/")
        try:
            with _translated():
                self._fs.invalidate_cache()
                found = self._fs.find(folder, detail=True)
        except RequestFailedError as failure:
            if failure.kind is Kind.MISSING:
                return []
            raise
        self._learn_sizes(found)
        names = {path[len(self._root) :].lstrip("/"): info for path, info in found.items()}
        return [
            ObjectInfo(Key(name), int(info.get("size") or 0), _modified(info))
            for name, info in names.items()
            if name.startswith(prefix)
        ]

    def _learn_sizes(self, found: dict[str, dict[str, Any]]) -> None:
        """Ask for the sizes that a listing does not tell, as that of a web server."""
        unknown = [path for path, info in found.items() if info.get("size") is None]
        if unknown:
            with _translated():
                for path, nbytes in zip(unknown, self._fs.sizes(unknown), strict=True):
                    found[path]["size"] = nbytes

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _find(self, name: str) -> Version | None:
        try:
            return self.read(name, most_nbytes(name))[1]
        except RequestFailedError as failure:
            if failure.kind is Kind.MISSING:
                return None
            raise

    def _check_writable(self) -> None:
        if not self._writable:
            raise ReadOnlyError(
                f"{self._url} is open for reading only: its filesystem has no conditional "
                f"writes, so two writers could overwrite each other's commits",
                code="no-conditional-writes",
                hint="if only one process ever writes there, open it with "
                "`vstore.open(url, unsafe_single_writer=True)`",
                url=self._url,
            )


def _open(url: str, location: Location, options: Options) -> tuple[Any, str]:
    try:
        fs, root = url_to_fs(url, **options)
    except ImportError as error:
        what = error.name or f"a package for this filesystem ({error})"
        raise MissingExtraError(what, extra=None, purpose=f"opening {location.url}") from error
    except (OSError, ValueError, TypeError) as error:
        # fsspec has no type of its own for this: a bare ValueError stands for many faults.
        if str(error).startswith("Protocol not known"):
            raise InvalidUrlError(
                f"{location.url}: no installed package opens this kind of URL",
                hint="use a path, memory://, s3://, gs://, az://, or install the package of its "
                "fsspec filesystem",
            ) from None
        shown = location.redact(f"{type(error).__name__}: {error}")
        raise StorageError(f"cannot open {location.url}: {shown}") from None
    return fs, root


def _is_http(fs: Any) -> bool:
    """Return whether a filesystem is that of web servers; importing it takes aiohttp."""
    protocol = fs.protocol
    return "http" in ((protocol,) if isinstance(protocol, str) else protocol)


def _turn(fs: Any) -> AbstractContextManager[None]:
    """Return what lets one thread read at a time where all threads share one open file.

    fsspec reads each member of an archive through the archive's own file object: with tar, and
    with zip in Python 3.12 and 3.13, one thread's seek moves another's position.
    """
    while fs is not None:
        if isinstance(fs, AbstractArchiveFileSystem):
            return ForkSafeLock()
        fs = getattr(fs, "fs", None)
    return nullcontext()


def _version(data: bytes) -> Version:
    return Version(blake3(data).hexdigest())


def _modified(info: Mapping[str, Any]) -> datetime:
    """Return when the object changed; one that does not say counts as new, so nothing expires."""
    for name in _TIMES:
        found = info.get(name)
        if isinstance(found, datetime):
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if isinstance(found, int | float):
            return datetime.fromtimestamp(found, UTC)
    return datetime.now(UTC)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RequestFailedError:
        raise
    except Exception as error:
        # Filesystems of many authors raise errors of many libraries.
        kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), Kind.OTHER)
        raise RequestFailedError(kind, f"{type(error).__name__}: {error}") from error
