"""Files of others, through fsspec: what imports read. No store of vstore is opened this way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs

from vstore.errors import InvalidInputError, InvalidUrlError, NotFoundError, VstoreError
from vstore.storage.location import Location, parse_other_url


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """What a filesystem says of a file; None where it does not."""

    path: str
    size: int | None = None
    modified: float | None = None
    etag: str | None = None


class ForeignFiles:
    """A filesystem and a path in it. Every error names the address, without secrets.

    It pickles, with its options: only vstore's own processes get it.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._location: Location = parse_other_url(url, options)
        try:
            self._filesystem, self.path = url_to_fs(url, **options)
        except ImportError as exc:
            missing = self._location.redact(str(exc))
            raise InvalidUrlError(f"cannot read {self}: {missing}") from None
        except Exception as exc:  # noqa: BLE001 - each library has its own
            raise self._error(exc) from None

    def __str__(self) -> str:
        return self._location.url

    def find(self) -> list[ForeignFile]:
        """Return all files below the path, in the order of their paths."""
        try:
            self._filesystem.invalidate_cache()
            found = self._filesystem.find(self.path, detail=True)
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None
        return [_described(path, found[path]) for path in sorted(found)]

    def glob(self) -> list[ForeignFile]:
        """Return the files that the path, a pattern, stands for."""
        try:
            found = self._filesystem.glob(self.path, detail=True)
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None
        files = (_described(path, found[path]) for path in sorted(found))
        return [file for file in files if found[file.path].get("type") != "directory"]

    def info(self) -> ForeignFile | None:
        """Return what is at the path, None if that is a folder."""
        try:
            found = self._filesystem.info(self.path)
        except FileNotFoundError:
            raise NotFoundError(f"there is nothing at {self}", code="file-not-found") from None
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None
        return None if found.get("type") == "directory" else _described(self.path, found)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading."""
        try:
            return cast("BinaryIO", self._filesystem.open(path, "rb"))
        except FileNotFoundError:
            raise NotFoundError(f"{self} is gone: {path}", code="file-not-found") from None
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None

    def _error(self, error: Exception) -> VstoreError:
        if isinstance(error, FileNotFoundError):
            return NotFoundError(f"there is nothing at {self}", code="file-not-found")
        if isinstance(error, VstoreError):
            return error
        said = self._location.redact(str(error)) or "no reason given"
        return InvalidInputError(f"cannot read {self}: {type(error).__name__}: {said}")


def known_schemes() -> Iterator[str]:
    """Yield the schemes of addresses that fsspec knows."""
    yield from fsspec.available_protocols()


def _described(path: str, found: Mapping[str, Any]) -> ForeignFile:
    size = found.get("size")
    etag = next((found[name] for name in ("ETag", "etag", "md5Hash") if found.get(name)), None)
    return ForeignFile(
        path,
        int(size) if size is not None else None,
        _seconds(next((found[n] for n in _TIMES if found.get(n) is not None), None)),
        None if etag is None else str(etag).strip('"'),
    )


_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def _seconds(time: Any) -> float | None:
    if hasattr(time, "timestamp"):
        return float(time.timestamp())
    return float(time) if isinstance(time, int | float) else None
