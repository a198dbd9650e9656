"""A store of one's own: a repository in a folder, each object one file.

    python examples/folder_store.py

A store is any object with the verbs of `vstore.storage.ObjectStore`. docs/guides/stores.md tells
how to write one, and how to test it. (vstore keeps folders itself, without a lock for all.)
"""

import argparse
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

import numpy as np

import vstore
from vstore import CorruptionError, InvalidInputError, NotFoundError
from vstore.storage import Key, ObjectInfo, Version

VERSION_NBYTES = 32
"""Every file begins with the object's version, a random number in hexadecimal digits."""


class FolderStore:
    """Objects in a folder, seen by every process of this machine.

    It holds nothing but a path, so threads, pickles and forked children share nothing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Where the store is."""
        return f"folder://{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether no request waits for a network."""
        return True

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        return self.get_versioned(key)[0]

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and its version, or raise `NotFoundError`."""
        try:
            content = self._file(key).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"{self.url} holds no object {key!r}") from None
        return content[VERSION_NBYTES:], Version(content[:VERSION_NBYTES].decode())

    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        """Return exactly `nbytes` bytes from `start`."""
        if start < 0 or nbytes < 0:
            raise InvalidInputError(f"{nbytes} bytes from {start} are no range")
        part = self.get(key)[start : start + nbytes]
        if len(part) < nbytes:
            raise CorruptionError(f"{key} in {self.url} ends before byte {start + nbytes}")
        return part

    def put(self, key: Key, data: bytes) -> None:
        """Store an object, replacing what is there."""
        self._write(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None if it exists."""
        with self._locked():
            return None if self._file(key).exists() else self._write(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        with self._locked():
            return self._write(key, data) if self._is_at(key, expected) else None

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""
        self._file(key).unlink(missing_ok=True)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was."""
        with self._locked():
            is_there = self._is_at(key, expected)
            if is_there:
                self.delete(key)
            return is_there

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, in key order."""
        files = {unquote(path.name): path for path in self.path.glob("*.object")}
        for name in sorted(files):
            key = name.removesuffix(".object")
            if key.startswith(prefix):
                found = files[name].stat()
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                yield ObjectInfo(Key(key), found.st_size - VERSION_NBYTES, modified)

    def _file(self, key: Key) -> Path:
        return self.path / (quote(key, safe="") + ".object")

    def _write(self, key: Key, data: bytes) -> Version:
        """Write an object beside its place and move it there, so that no part is ever seen."""
        version = Version(uuid4().hex)
        beside = self.path / f"{uuid4().hex}.new"
        with beside.open("wb") as file:
            file.write(version.encode() + data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file(key))
        return version

    def _is_at(self, key: Key, expected: Version) -> bool:
        try:
            return self.get_versioned(key)[1] == expected
        except NotFoundError:
            return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other writers out, in this process and in others."""
        with (self.path / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def __repr__(self) -> str:
        return f"FolderStore({str(self.path)!r})"


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description="A repository in a store of one's own")
    parser.add_argument("--quick", action="store_true", help="as always: it takes a second")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(Path(folder) / "repository")
        repo = vstore.create(store)
        with repo.transaction("main", message="Add digits") as tx:
            table = tx.create_table("train", {"label": vstore.ndarray((), "int64")})
            table.extend({"label": np.arange(10)})
        print(vstore.open(store).checkout("main").summary())
        print(repo.probe())


if __name__ == "__main__":
    main()
