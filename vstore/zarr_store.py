"""A commit or a transaction as a Zarr store: `zarr.open_group(ZarrStore(snapshot), mode="r")`."""

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.buffer.core import default_buffer_prototype

from vstore.errors import ClosedError, InvalidInputError
from vstore.format.page import ChunkRef
from vstore.hierarchy.chunk_reader import ChunkReader
from vstore.hierarchy.keys import Keys
from vstore.hierarchy.nodes import StoredHierarchy
from vstore.hierarchy.staged_keys import StagedKeys
from vstore.snapshot import Snapshot
from vstore.transaction import Transaction

T = TypeVar("T")


class ZarrStore(Store):
    """The keys of a commit, read-only, or of a transaction, for anything that speaks Zarr.

    What is written through a transaction's store is part of its commit. Every byte read is
    verified. The store of a snapshot pickles; that of a transaction does within its own
    process only, where it stays the same transaction.

    >>> import vstore, zarr
    >>> repo = vstore.create("memory://zarr-doc")
    >>> with repo.transaction("main", message="Add temperatures") as tx:
    ...     root = zarr.open_group(ZarrStore(tx))
    ...     array = root.create_array("temperature", shape=(4,), chunks=(2,), dtype="f4")
    ...     array[:] = 20.5
    >>> store = ZarrStore(repo.checkout("main"))
    >>> float(zarr.open_group(store, mode="r")["temperature"][3])
    20.5
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = True
    supports_consolidated_metadata = False

    def __init__(self, source: Snapshot | Transaction, *, read_only: bool | None = None) -> None:
        """Show a commit or a transaction as a store.

        Args:
            source: What to show.
            read_only: Whether to refuse writing; a snapshot's store always does.
        """
        is_snapshot = isinstance(source, Snapshot)
        if is_snapshot and read_only is False:
            raise ValueError(
                "a commit never changes, so its store is read-only: write to the store of a "
                "transaction"
            )
        super().__init__(read_only=is_snapshot if read_only is None else read_only)
        self._source = source
        self._lock: AbstractContextManager[Any] = nullcontext()
        if isinstance(source, Transaction):
            self._keys: Keys = StagedKeys(source.staged)
            self._lock = _shared(source).lock
        else:
            self._keys = Keys(StoredHierarchy(source))
        self._reader = ChunkReader(self._keys.hierarchy.fetcher)

    @property
    def source(self) -> Snapshot | Transaction:
        """The snapshot or transaction behind the store."""
        return self._source

    def with_read_only(self, read_only: bool = False) -> "ZarrStore":  # noqa: FBT001, FBT002
        """Return a store of the same snapshot or transaction that refuses writing, or does not."""
        return type(self)(self._source, read_only=read_only)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._source, Transaction):
            return _revived, (_shared(self._source).token, os.getpid(), self.read_only)
        return type(self), (self._source,)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ZarrStore)
            and self.read_only == other.read_only
            and _identity(self._source) == _identity(other._source)
        )

    def __hash__(self) -> int:
        return hash((_identity(self._source), self.read_only))

    def __str__(self) -> str:
        if isinstance(self._source, Snapshot):
            return f"{self._source.url}@{self._source.commit.id}"
        url = self._source.staged.fetcher.store.url
        return f"{url}@{self._source.branch} (transaction)"

    def __repr__(self) -> str:
        return f"ZarrStore({str(self)!r})"

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes under a key, or the part of them that is asked for."""
        await self._ensure_open()
        _check_range(byte_range)
        place = await self._find(key)
        if isinstance(place, ChunkRef):
            place = await self._reader.read(place, keep=byte_range is not None)
        return _buffer(place, prototype, byte_range)

    async def _find(self, key: str) -> Any:
        if self._reader.is_local:
            return self._find_sync(key)
        return await asyncio.to_thread(self._find_sync, key)

    def _find_sync(self, key: str) -> Any:
        with self._guard():
            return self._keys.find(key)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes under a key, without an event loop."""
        _check_range(byte_range)
        place = self._find_sync(key)
        if isinstance(place, ChunkRef):
            place = self._reader.read_sync(place, keep=byte_range is not None)
        return _buffer(place, prototype or default_buffer_prototype(), byte_range)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of values, read side by side."""
        wanted = (self.get(key, prototype, byte_range) for key, byte_range in key_ranges)
        return list(await asyncio.gather(*wanted))

    async def exists(self, key: str) -> bool:
        """Tell whether anything is stored under a key."""
        return await self._find(key) is not None

    async def getsize(self, key: str) -> int:
        """Return how many bytes are stored under a key, without reading them."""
        place = await self._find(key)
        if place is None:
            raise FileNotFoundError(key)
        return place.nbytes if isinstance(place, ChunkRef) else len(place)

    async def set(self, key: str, value: Buffer) -> None:
        """Store bytes under a key."""
        await self._ensure_open()
        self.set_sync(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Store bytes under a key, without an event loop."""
        self._check_writable()
        if not isinstance(value, Buffer):
            raise TypeError(f"a value must be a zarr Buffer, not {type(value).__name__}")
        with self._guard():
            self._staged().set(key, value.to_bytes())

    async def delete(self, key: str) -> None:
        """Remove what is stored under a key; nothing where there is nothing."""
        await self._ensure_open()
        self.delete_sync(key)

    def delete_sync(self, key: str) -> None:
        """Remove what is stored under a key, without an event loop."""
        self._check_writable()
        with self._guard():
            self._staged().delete(key)

    async def delete_dir(self, prefix: str) -> None:
        """Remove every key below a path; for a whole array or group no chunk is looked at."""
        self._check_writable()
        await self._ensure_open()
        with self._guard():
            self._staged().delete_prefix(prefix if not prefix else f"{prefix.rstrip('/')}/")

    async def list(self) -> AsyncIterator[str]:
        """Yield every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key that begins with `prefix`."""
        for key in await self._listed(lambda: list(self._keys.list_prefix(prefix))):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below `prefix`."""
        for name in await self._listed(lambda: list(self._keys.list_dir(prefix))):
            yield name

    async def _listed(self, names: Callable[[], T]) -> T:
        await self._ensure_open()

        def run() -> T:
            with self._guard():
                return names()

        return run() if self._reader.is_local else await asyncio.to_thread(run)

    def _staged(self) -> StagedKeys:
        if not isinstance(self._keys, StagedKeys):
            raise TypeError("the store of a snapshot is read-only")
        return self._keys

    def _guard(self) -> AbstractContextManager[Any]:
        if isinstance(self._source, Transaction) and not self._source.is_open:
            raise ClosedError(
                "the transaction behind this store is finished: open the store of the commit "
                "that it made, or of another transaction"
            )
        return self._lock


class _Shared:
    """What all stores of one transaction have in common."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.lock = threading.RLock()


_SHARED: WeakKeyDictionary[Transaction, _Shared] = WeakKeyDictionary()
_LIVE: WeakValueDictionary[str, Transaction] = WeakValueDictionary()
_REGISTRY = threading.Lock()


def _shared(transaction: Transaction) -> _Shared:
    with _REGISTRY:
        if transaction not in _SHARED:
            _SHARED[transaction] = _Shared()
            _LIVE[_SHARED[transaction].token] = transaction
        return _SHARED[transaction]


def _revived(token: str, pid: int, read_only: bool) -> ZarrStore:  # noqa: FBT001
    """Return a store of the live transaction that was pickled in this process."""
    transaction = _LIVE.get(token)
    if transaction is None or pid != os.getpid():
        raise InvalidInputError(
            "the store of a transaction cannot go to another process, where what is written "
            "would be lost: write with threads, or give each process a part of its own"
        )
    return ZarrStore(transaction, read_only=read_only)


def _identity(source: Snapshot | Transaction) -> tuple[str, str]:
    if isinstance(source, Snapshot):
        return source.url, source.commit.id
    return "", _shared(source).token


def _check_range(byte_range: object) -> None:
    kinds = (RangeByteRequest, OffsetByteRequest, SuffixByteRequest)
    if byte_range is not None and not isinstance(byte_range, kinds):
        raise ValueError(f"Unexpected byte_range, got {byte_range!r}")


def _buffer(
    data: bytes | memoryview | None, prototype: BufferPrototype, byte_range: ByteRequest | None
) -> Buffer | None:
    if data is None:
        return None
    part = memoryview(data)
    if isinstance(byte_range, RangeByteRequest):
        part = part[byte_range.start : byte_range.end]
    elif isinstance(byte_range, OffsetByteRequest):
        part = part[byte_range.offset :]
    elif isinstance(byte_range, SuffixByteRequest):
        part = part[max(0, len(part) - byte_range.suffix) :]
    return prototype.buffer.from_bytes(part)
