"""Objects in this process's memory, for tests, examples and scratch work."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4
from weakref import WeakValueDictionary

from vstore.errors import NotFoundError, StorageError
from vstore.faces import exported_from
from vstore.storage.forking import ForkSafeLock
from vstore.storage.ranges import check_range, slice_exactly
from vstore.storage.store import Key, ObjectInfo, Version


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    version: Version
    modified: datetime


@dataclass(eq=False)
class _Space:
    """What one name holds. Dict operations are atomic, so only read-then-write takes the lock."""

    objects: dict[Key, _Object] = field(default_factory=dict)
    lock: ForkSafeLock = field(default_factory=ForkSafeLock)
    writes: int = 0

    def store(self, key: Key, data: bytes) -> Version:
        self.writes += 1
        version = Version(str(self.writes))
        self.objects[key] = _Object(bytes(data), version, datetime.now(UTC))
        return version


_named: dict[str, _Space] = {}
_anonymous: WeakValueDictionary[str, _Space] = WeakValueDictionary()
_registry_lock = ForkSafeLock()


@exported_from("vstore.storage")
class MemoryStore:
    """Objects in memory, shared by every store of the same name in this process.

    A store without a name is private and is freed with its last handle. A pickled store
    finds its objects in the same process and in forked children (which keep their own copy
    from then on); elsewhere unpickling raises `StorageError` rather than show an empty store.

    >>> MemoryStore("fashion").put("a", b"1")
    >>> MemoryStore("fashion").get("a")
    b'1'
    """

    def __init__(self, name: str | None = None) -> None:
        with _registry_lock:
            if name is None:
                self._name = f"anonymous-{uuid4().hex}"
                self._space = _anonymous.setdefault(self._name, _Space())
            else:
                self._name = name
                self._space = _anonymous.get(name) or _named.setdefault(name, _Space())

    @property
    def url(self) -> str:
        """The name under which this process finds the store again."""
        return f"memory://{self._name}"

    @property
    def is_local(self) -> bool:
        """True: no request waits for a network."""
        return True

    def __repr__(self) -> str:
        return f"MemoryStore({self._name!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return MemoryStore._of_this_process, (self._name,)

    @classmethod
    def _of_this_process(cls, name: str) -> Self:
        if name not in _named and name not in _anonymous:
            raise StorageError(
                f"memory://{name} belongs to another process",
                code="memory-of-another-process",
                hint="use a path or a bucket to share data between processes",
            )
        return cls(name)

    def get(self, key: Key) -> bytes:
        """Return the whole object, or raise `NotFoundError`."""
        return self._find(key).data

    def get_versioned(self, key: Key) -> tuple[bytes, Version]:
        """Return the object and its version, or raise `NotFoundError`."""
        found = self._find(key)
        return found.data, found.version

    def get_range(self, key: Key, start: int, nbytes: int) -> bytes:
        """Return exactly `nbytes` bytes from `start`."""
        check_range(key, start, nbytes)
        if nbytes == 0:
            return b""
        return slice_exactly(self._find(key).data, key, start, nbytes)

    def put(self, key: Key, data: bytes) -> None:
        """Store an object, replacing what is there."""
        with self._space.lock:
            self._space.store(key, data)

    def put_if_absent(self, key: Key, data: bytes) -> Version | None:
        """Create the object and return its version; return None if it exists."""
        with self._space.lock:
            return None if key in self._space.objects else self._space.store(key, data)

    def compare_and_swap(self, key: Key, data: bytes, expected: Version) -> Version | None:
        """Replace the object if its version is `expected` and return the new version."""
        with self._space.lock:
            return self._space.store(key, data) if self._is_at(key, expected) else None

    def delete(self, key: Key) -> None:
        """Delete the object; deleting what is not there is not an error."""
        with self._space.lock:
            self._space.objects.pop(key, None)

    def delete_if_version(self, key: Key, expected: Version) -> bool:
        """Delete the object if its version is `expected`; return whether it was."""
        with self._space.lock:
            if not self._is_at(key, expected):
                return False
            del self._space.objects[key]
            return True

    def list_prefix(self, prefix: str) -> Iterator[ObjectInfo]:
        """List the objects whose keys start with `prefix`, in key order."""
        with self._space.lock:
            found = [(key, o) for key, o in self._space.objects.items() if key.startswith(prefix)]
        for key, stored in sorted(found, key=lambda item: item[0]):
            yield ObjectInfo(key, len(stored.data), stored.modified)

    def _find(self, key: Key) -> _Object:
        try:
            return self._space.objects[key]
        except KeyError:
            raise NotFoundError(f"{self.url} holds no object {key!r}") from None

    def _is_at(self, key: Key, expected: Version) -> bool:
        found = self._space.objects.get(key)
        return found is not None and found.version == expected
