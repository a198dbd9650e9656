"""Files put elsewhere through fsspec, for exports. No store of vstore is written this way."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

from vstore.errors import InvalidInputError, InvalidUrlError, VstoreError
from vstore.storage.location import parse_other_url


class ForeignPut:
    """A place on an fsspec filesystem; every error names the address, without secrets."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._location = parse_other_url(url, options)
        try:
            self._filesystem, path = url_to_fs(url, **options)
        except ImportError as exc:
            missing = self._location.redact(str(exc))
            raise InvalidUrlError(f"cannot write {self}: {missing}") from None
        except Exception as exc:  # noqa: BLE001 - each library has its own
            raise self._error(exc) from None
        self._path = path.rstrip("/")

    def __str__(self) -> str:
        return self._location.url

    def exists(self) -> bool:
        """Return whether there is something."""
        try:
            self._filesystem.invalidate_cache()
            return bool(self._filesystem.exists(self._path))
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None

    def put(self, made: Path, *, force: bool) -> None:
        """Put a file, or the files of a folder: under temporary names, and then there.

        Of a folder that is not moved whole, nothing stays, but for files that `force` replaced.
        """
        placed: list[str] = []
        waiting = {f"{self._path}.{secrets.token_hex(8)}.part": each for each in _files(made)}
        try:
            for temporary, (file, _) in waiting.items():
                self._call("put_file", str(file), temporary)
            for temporary, (_, inside) in waiting.items():
                to = f"{self._path}/{inside}" if inside else self._path
                if inside and not self._is_flat:
                    self._call("makedirs", to.rpartition("/")[0], exist_ok=True)
                placed.append(to)
                self._call("cp_file", temporary, to)
        except BaseException:
            for to in placed if not force else ():
                self._drop(to)
            raise
        finally:
            for temporary in waiting:
                self._drop(temporary)

    @property
    def _is_flat(self) -> bool:
        """Whether names with slashes need no folders, as in buckets."""
        protocol = self._filesystem.protocol
        names = (protocol,) if isinstance(protocol, str) else protocol
        return not {"s3", "gs", "gcs", "abfs", "az"}.isdisjoint(names)

    def _call(self, name: str, *paths: str, **options: Any) -> None:
        try:
            getattr(self._filesystem, name)(*paths, **options)
        except Exception as exc:  # noqa: BLE001
            raise self._error(exc) from None

    def _drop(self, path: str) -> None:
        with suppress(Exception):  # it may never have been there
            self._filesystem.rm_file(path)

    def _error(self, error: Exception) -> VstoreError:
        if isinstance(error, VstoreError):
            return error
        said = self._location.redact(str(error)) or "no reason given"
        return InvalidInputError(f"cannot write {self}: {type(error).__name__}: {said}")


def _files(made: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file, or those of a folder, and where each is in the folder."""
    if made.is_file():
        yield made, ""
        return
    for folder, _, names in os.walk(made):
        for name in names:
            path = Path(folder, name)
            yield path, path.relative_to(made).as_posix()
