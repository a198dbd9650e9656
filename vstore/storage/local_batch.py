"""Objects of a local store that are acknowledged together, and files that two stores share."""

import errno
import os
import stat
import threading

from blake3 import blake3

from vstore.errors import NotFoundError, UnknownOutcomeError
from vstore.storage.folder import Folder, make_folders
from vstore.storage.local import DURABLE, LocalStore
from vstore.storage.local_file import translated
from vstore.storage.store import Key

_MAY_NOT_LINK = (
    *(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS),
    *(errno.EMLINK, errno.EXDEV, errno.EACCES),
)
_PART_NBYTES = 2**20


class LocalBatch(LocalStore):
    """A local store whose directories are flushed together: by `flush`, not after each object.

    An object is whole or absent at every moment, as ever. It survives a power cut once `flush`
    has returned, and nothing may refer to it before. Safe to use from several threads.
    """

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store.url)
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}
        """Directories whose names are not flushed yet, in the order they were used."""
        self._entered: dict[str, tuple[int, int]] = {}

    def flush(self) -> None:
        """Make all objects survive a power cut that were stored, shared or noted so far.

        Raises:
            UnknownOutcomeError: it is not known whether they would.
        """
        with self._lock:
            waiting, self._waiting = list(self._waiting), {}
            entered, self._entered = self._entered, {}
        for path in waiting:
            names = [] if path == self.url else os.path.relpath(path, self.url).split(os.sep)
            try:
                with Folder.open(self.url) as root, root.descend(names) as folder:
                    folder.flush()
            except OSError as failure:
                raise UnknownOutcomeError(
                    f"objects were written to {self.url}, but whether they would survive a power "
                    f"cut is unknown: flushing {path} failed ({failure.strerror})"
                ) from failure
        DURABLE.update(entered)

    def note(self, key: Key) -> None:
        """Flush the directories of an object too that is there: who wrote it may not have."""
        path = self.url
        folders = [path := os.path.join(path, name) for name in self._parts(key)[:-1]]
        with self._lock:
            self._waiting.update(dict.fromkeys([self.url, *folders]))

    def share(self, source: LocalStore, key: Key, nbytes: int, digest: str) -> bool:
        """Give the file of an object of another store a name here too; both share it then.

        The file is read, to be sure of its content. Returns False, changing nothing, if it has
        another one, if the name is taken here, or if the system does not let the two share it.
        """
        *above, name = self._parts(key)
        try:
            with translated(key, "write"), source._place(key) as place:  # noqa: SLF001
                file = _whole_file(place.folder, place.name, nbytes, digest)
                if file is None:
                    return False
                make_folders(self.url)
                with Folder.open(self.url) as root, self._made(root, above) as folder:
                    return self._linked(place.folder, place.name, folder, name, file)
        except NotFoundError:
            return False

    def _linked(
        self, source: Folder, source_name: str, folder: Folder, name: str, file: tuple[int, int]
    ) -> bool:
        try:
            source.link(source_name, folder, name)
        except FileExistsError:
            return False
        except OSError as failure:
            if failure.errno in _MAY_NOT_LINK:
                return False
            raise
        found = folder.find(name)
        if found is None or (found.st_dev, found.st_ino) != file:
            folder.remove(name)
            return False
        self._keep_names(folder)
        return True

    def _keep_names(self, folder: Folder) -> None:
        with self._lock:
            self._waiting[folder.path] = None

    def _note_kept(self, path: str, identity: tuple[int, int]) -> None:
        with self._lock:
            self._entered[path] = identity


def _whole_file(folder: Folder, name: str, nbytes: int, digest: str) -> tuple[int, int] | None:
    """Return what tells a file from others if it has the digest and is flushed, else None.

    Its bytes go through one small buffer, which costs far less than to hold all of them.
    """
    found = folder.find(name)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != nbytes:
        return None
    descriptor = folder.open_file(name)
    try:
        state, buffer = blake3(), bytearray(min(_PART_NBYTES, nbytes))
        while count := os.readv(descriptor, [buffer]):
            state.update(memoryview(buffer)[:count])
        if state.hexdigest() != digest:
            return None
        os.fsync(descriptor)
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino
