"""A commit or a transaction as a Zarr store: `zarr.open_group(ZarrStore(snapshot), mode="r")`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core import sync as zarr_sync
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.buffer.core import default_buffer_prototype

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, pickled
from vstore.format.page import ChunkRef
from vstore.hierarchy.changes import Change
from vstore.hierarchy.nodes import Place
from vstore.reading.snapshot import Snapshot
from vstore.writing.transaction import Transaction
from vstore.zarr.chunk_reader import ChunkReader
from vstore.zarr.gathering import Gathering, Give
from vstore.zarr.sources import CommitView, OpenTransaction, Source, source_of


@exported_from("vstore.zarr_store")
class ZarrStore(Store):
    """The keys of a commit, read-only, or of a transaction, for anything that speaks Zarr.

    What is written through a transaction's store is part of its commit. Every byte read is
    verified. Stores pickle. Where that of a transaction is unpickled in another process, of
    Dask, Ray or a pool, what is written there is part of the commit too, as soon as writing
    returns; see `vstore.sharing.loan`.

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

    def __init__(
        self, source: Snapshot | Transaction | Source, *, read_only: bool | None = None
    ) -> None:
        """Show a commit or a transaction as a store.

        Args:
            source: What to show.
            read_only: Whether to refuse writing; a snapshot's store always does.
        """
        self._source = source_of(source)
        is_commit = isinstance(self._source, CommitView)
        if is_commit and read_only is False:
            raise ValueError(
                "a commit never changes, so its store is read-only: write to the store of a "
                "transaction"
            )
        super().__init__(read_only=is_commit if read_only is None else read_only)
        self._reader = ChunkReader(self._source)
        self._writes = Gathering(self._write_all)

    @property
    def supports_consolidated_metadata(self) -> bool:
        """Whether Zarr may consolidate: it may in a transaction, which keeps nothing of it.

        A commit has all documents together, so copies of them would only grow old. What writers
        such as AnnData do at their end succeeds. But xarray asks, outside of Zarr's event loop,
        in order to consolidate the whole store after each array: it is told that it need not.
        """
        return not self.read_only and _is_zarrs_loop()

    @property
    def source(self) -> Snapshot | Transaction:
        """The snapshot or transaction behind the store, where this process holds it."""
        if isinstance(self._source, CommitView):
            return self._source.snapshot
        if isinstance(self._source, OpenTransaction):
            return self._source.transaction
        raise InvalidInputError("another process holds the transaction; here there is its store")

    def with_read_only(self, read_only: bool = False) -> "ZarrStore":  # noqa: FBT001, FBT002
        """Return a store of the same snapshot or transaction that refuses writing, or does not."""
        return type(self)(self._source, read_only=read_only)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._source, CommitView):
            return ZarrStore, (self._source.snapshot,)
        return store_revived, (*self._source.revival(), self.read_only)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ZarrStore":
        return self.with_read_only(self.read_only)

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return "vstore.ZarrStore", *self._source.identity

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ZarrStore)
            and self.read_only == other.read_only
            and self._source.identity == other._source.identity
        )

    def __hash__(self) -> int:
        return hash((self._source.identity, self.read_only))

    def __str__(self) -> str:
        return self._source.name

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
        data = await self._reader.read(key, keep=byte_range is not None)
        return _buffer(data, prototype, byte_range)

    async def _find(self, key: str) -> Place:
        if self._reader.is_local:
            return self._source.find(key)
        return await asyncio.to_thread(self._source.find, key)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes under a key, without an event loop."""
        _check_range(byte_range)
        data = self._reader.read_sync(key, keep=byte_range is not None)
        return _buffer(data, prototype or default_buffer_prototype(), byte_range)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of values, read side by side."""
        wanted = (self.get(key, prototype, byte_range) for key, byte_range in key_ranges)
        return list(await asyncio.gather(*wanted))

    async def exists(self, key: str) -> bool:
        """Return whether anything is stored under a key."""
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
        await self._write(self._checked(key, value))

    def set_sync(self, key: str, value: Buffer) -> None:
        """Store bytes under a key, without an event loop."""
        self._source.write([self._checked(key, value)])

    def _checked(self, key: str, value: object) -> Change:
        self._check_writable()
        if not isinstance(value, Buffer):
            raise TypeError(f"a value must be a zarr Buffer, not {type(value).__name__}")
        return Change(key, value.to_bytes())

    async def delete(self, key: str) -> None:
        """Remove what is stored under a key; nothing where there is nothing."""
        self._check_writable()
        await self._ensure_open()
        await self._write(Change(key, None))

    def delete_sync(self, key: str) -> None:
        """Remove what is stored under a key, without an event loop."""
        self._check_writable()
        self._source.write([Change(key, None)])

    async def delete_dir(self, prefix: str) -> None:
        """Remove every key below a path; for a whole array or group no chunk is looked at."""
        self._check_writable()
        await self._ensure_open()
        await self._write(Change(f"{prefix.rstrip('/')}/" if prefix else "", None))

    async def _write(self, change: Change) -> None:
        """Make a change; where each costs a request, with those asked for at the same time."""
        if self._source.is_shared:
            await self._writes.ask(change)
        else:
            self._source.write([change])

    def _write_all(self, changes: Sequence[Change], give: Give[None]) -> None:
        self._source.write(changes)
        for i in range(len(changes)):
            give(i, None)

    async def list(self) -> AsyncIterator[str]:
        """Yield every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key that begins with `prefix`."""
        for key in await self._listed(self._source.list_prefix, prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below `prefix`."""
        for name in await self._listed(self._source.list_dir, prefix):
            yield name

    async def _listed(self, names: Callable[[str], Sequence[str]], prefix: str) -> Sequence[str]:
        await self._ensure_open()
        if self._reader.is_local:
            return names(prefix)
        return await asyncio.to_thread(names, prefix)


def _is_zarrs_loop() -> bool:
    """Return whether Zarr's own event loop runs this: its functions, not who calls them."""
    try:
        return asyncio.get_running_loop() is zarr_sync.loop[0]
    except RuntimeError:
        return False


@pickled
def store_revived(
    revive: Callable[[Any], Source],
    what: Any,
    read_only: bool,  # noqa: FBT001
) -> ZarrStore:
    """Return a store again, of what a pickle of it holds."""
    return ZarrStore(revive(what), read_only=read_only)


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
