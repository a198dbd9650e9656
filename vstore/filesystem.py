"""The protocol `vstore` of fsspec: the Zarr keys of a commit as files, read-only, for any address.

It is chained over the address of the repository: `vstore://era/t2m::s3://bucket/repo@main` is
the array `era/t2m` of the head of `main`.
"""

import json
from collections.abc import Mapping
from typing import Any

from fsspec.implementations.memory import MemoryFile
from fsspec.spec import AbstractFileSystem

from vstore.errors import InvalidInputError, ReadOnlyError
from vstore.faces import exported_from, internals
from vstore.format.nodes import GroupNode
from vstore.format.page import ChunkRef
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import StoredHierarchy
from vstore.hierarchy.zarr_keys import Keys
from vstore.reading.snapshot import Snapshot
from vstore.repository.opening import checkout

__all__ = ["CommitFileSystem"]

_LOCAL = ("file", "local")


@exported_from("vstore.filesystem")
class CommitFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files that Zarr sees in a commit; each read is verified. What writes raises an error.

    Groups have the documents of what is below them in theirs, so that readers list nothing.

    >>> import tempfile, vstore
    >>> folder = tempfile.TemporaryDirectory()
    >>> repo = vstore.create(folder.name + "/repo")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [3, 1, 4]
    >>> files = CommitFileSystem(f"{folder.name}/repo@main")
    >>> files.ls("x", detail=False)
    ['x/c', 'x/zarr.json']
    >>> folder.cleanup()
    """

    protocol = "vstore"
    root_marker = ""
    cachable = False  # a branch moves

    def __init__(
        self,
        fo: str | Snapshot = "",
        *,
        target_protocol: str | None = None,
        target_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Open a commit.

        Args:
            fo: the address of the repository, followed by `@` and a revision; or a snapshot.
            target_protocol: the protocol of the address, where it was taken off.
            target_options: the options of the repository's store.
            **options: what fsspec gives to every filesystem.
        """
        super().__init__(**options)
        if isinstance(fo, Snapshot):
            snapshot = fo
        else:
            if not fo:
                raise InvalidInputError(
                    "the address of a repository follows '::', as in vstore://::s3://bucket/repo@v1"
                )
            snapshot = checkout(_address(fo, target_protocol), storage_options=target_options)
        self._snapshot = snapshot
        self._fetcher = internals(snapshot).fetcher
        self._keys = Keys(StoredHierarchy(snapshot))
        self._documents: dict[str, bytes] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Others get this commit, wherever the branch is by then.
        return CommitFileSystem, (self._snapshot,)

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return "vstore.filesystem", self._snapshot.url, self._snapshot.commit.id

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path)
        return stripped.partition("::")[0].strip("/")

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002
        """Return what is directly below a path: names, or what `info` says of each."""
        path = self._strip_protocol(path)
        names = self._keys.list_dir(path)
        if not names:
            found = self.info(path)
            return [found if detail else path]
        paths = [f"{path}/{name}" if path else name for name in names]
        return [self.info(each) for each in paths] if detail else paths

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return whether a path is a file or a directory, and how large it is.

        Raises:
            FileNotFoundError: it is neither.
        """
        path = self._strip_protocol(path)
        found = self._find(path) if path else None
        if found is not None:
            size = found.nbytes if isinstance(found, ChunkRef) else len(found)
            return {"name": path, "size": size, "type": "file"}
        if path and not self._keys.list_dir(path):
            raise FileNotFoundError(path)
        return {"name": path, "size": 0, "type": "directory"}

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Return the bytes of a file, or a part of them; a chunk is read whole and verified."""
        path = self._strip_protocol(path)
        found = self._find(path) if path else None
        if found is None:
            raise FileNotFoundError(path)
        data = self._fetcher.chunk(found) if isinstance(found, ChunkRef) else memoryview(found)
        return bytes(data[start:end])

    def _find(self, path: str) -> bytes | ChunkRef | None:
        """Return the bytes of a file, or where they are."""
        target = self._keys.target(path)
        if target.is_document and isinstance(target.node, GroupNode):
            if target.path not in self._documents:
                self._documents[target.path] = self._document(target.path)
            return self._documents[target.path]
        return self._keys.find(path)

    def _document(self, path: str) -> bytes:
        start = f"{path}/" if path else ""
        found = {other: documents.as_written(each) for other, each in self._keys.documents(start)}
        own = found.pop(path, {})
        below = {name[len(start) :]: each for name, each in found.items()}
        return json.dumps(documents.consolidated(own, below)).encode()

    def _open(self, path: str, mode: str = "rb", **_: Any) -> MemoryFile:
        if mode != "rb":
            raise _read_only()
        return MemoryFile(self, path, self.cat_file(path))

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise _read_only()

    pipe_file = put_file = cp_file = rm_file = _rm = rm = mv = makedirs = mkdir = _refuse
    touch = rmdir = _refuse


def _read_only() -> ReadOnlyError:
    return ReadOnlyError("a commit never changes: write to the store of a transaction, `tx.store`")


def _address(fo: str, protocol: str | None) -> str:
    """Return the address of a repository whose protocol fsspec may have taken off."""
    if protocol is None or protocol in _LOCAL or "://" in fo:
        return fo
    return f"{protocol}://{fo.lstrip('/')}"
