"""Reading chunked arrays: an index in, a NumPy array out, each chunk decoded once."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import islice
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Protocol, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import NotHereError, VstoreError
from vstore.faces import exported_from
from vstore.format.index import locate, walk
from vstore.format.nodes import ArrayNode
from vstore.format.numbers import StoredRows
from vstore.format.page import ChunkRef, Patched, StoredChunk
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import ChunkPart, SelectMany, SelectOne, find_box, select
from vstore.format.zarr.sparse import is_sparse, parts_in
from vstore.lazy import lazy
from vstore.reading.assembly import (
    Assembly,
    Load,
    PackedAssembly,
    PatchCodecs,
    Take,
    require_inside,
)
from vstore.reading.fetch import Fetcher, Handle

if TYPE_CHECKING:
    from vstore.reading import boxes, scratch
else:
    boxes = lazy("vstore.reading.boxes")
    scratch = lazy("vstore.reading.scratch")

MOST_PREFETCHED = 64
"""Of how many chunks rows may be that are brought together."""

Each = Callable[[Sequence[ChunkRef | None], Handle], None]
"""Hand over the verified bytes of all that is asked for, from any thread."""


class ChunkSource(Protocol):
    """Where the chunks of one array come from: a commit, or a transaction over one."""

    @property
    def metadata(self) -> ArrayMetadata:
        """The array's shape, chunks, data type and codecs as they are now."""

    def visit(self, numbers: Sequence[int], take: Take) -> None:
        """Call `take` once for each chunk number, on several threads and in any order."""


class StoredArray:
    """The chunks of an array in a commit.

    With `keeps_chunks`, what is read stays with the fetcher for the next reader, bounded.
    """

    def __init__(
        self, fetcher: Fetcher, node: ArrayNode, *, path: str, keeps_chunks: bool = False
    ) -> None:
        self.fetcher = fetcher
        self.node = node
        self.path = path
        self._keeps_chunks = keeps_chunks
        self.metadata = ArrayMetadata.from_dict(node.metadata)
        self.codec = ChunkCodec(self.metadata)
        self._patches = PatchCodecs(self.metadata)

    def visit(self, numbers: Sequence[int], take: Take) -> None:
        """Fetch, verify and decode the chunks; raises `CorruptionError` naming the array."""
        self.visit_at(self.locate(numbers), take)

    def locate(self, numbers: Sequence[int]) -> list[StoredChunk | None]:
        """Return where chunks are, given in ascending order; None for those not stored."""
        return locate(self.node.chunks, np.array(numbers, np.int64), self.fetcher.pages)

    def visit_at(
        self, places: Sequence[StoredChunk | None], take: Take, *, each: Each | None = None
    ) -> None:
        """Do as `visit` does for chunks that were located before; `each` brings their bytes."""
        self._bring(Assembly(self.codec, self._patches, places, take), each)

    def visit_packed(self, places: Sequence[StoredChunk | None], take: Take) -> None:
        """Do as `visit_at` does, making no objects of elements that differ in size.

        Each chunk is given as bytes: see `PackedAssembly`.
        """
        self._bring(PackedAssembly(self.codec, self._patches, places, take), None)

    def reading_through(self, fetcher: Fetcher) -> "StoredArray":
        """Return the same array, whose chunks another fetcher brings."""
        return StoredArray(fetcher, self.node, path=self.path)

    def _bring(self, assembly: Assembly, each: Each | None) -> None:
        try:
            if each is not None:
                each(assembly.refs, assembly.handle)
            else:
                self.fetcher.each(assembly.refs, assembly.handle, keep=self._keeps_chunks)
        except NotHereError as exc:
            raise exc.about(self.path) from exc.__cause__
        except VstoreError as exc:
            exc.add_note(f"while reading {self.path!r}")
            raise

    def encoded(self, place: StoredChunk) -> bytes:
        """Return a chunk's bytes as one whole chunk has them."""
        found: list[bytes] = []

        def take(_: int, load: Load) -> None:
            found.append(bytes(self.codec.encode(load(None))))

        self.visit_at([place], take)
        return found[0]

    def visit_kept(self, numbers: Sequence[int], take: Take) -> None:
        """Do as `visit` does, but keep chunks that are given without a target, read-only.

        They are for the next call, so that reading one element after another decodes a
        chunk once. Those that are not kept are on loan until their last view is gone.
        """
        refs = self.locate(numbers)
        names = [None if ref is None else (ref.digest, self._form) for ref in refs]
        kept = self.fetcher.decoded
        wanted: list[int] = []
        for i, name in enumerate(names):
            found = None if name is None else kept.find(name)
            if found is None:
                wanted.append(i)
            else:
                take(i, partial(_copied, found))
        keeps = kept.worth_keeping([names[i] for i in wanted], each=self.codec.nbytes)

        def handle(j: int, load: Load) -> None:
            i = wanted[j]

            def loaded(out: NDArray[Any] | None) -> NDArray[Any]:
                if out is not None or refs[i] is None:
                    return load(out)
                if names[i] not in keeps:
                    return load(self._lent(refs[i]))
                chunk = load(None)
                kept.keep(names[i], chunk)
                return chunk

            take(i, loaded)

        if wanted:
            self.visit_at([refs[i] for i in wanted], handle)

    def _lent(self, place: StoredChunk | None) -> NDArray[Any] | None:
        """Return memory to decode a chunk into; None for one that is shown as it was read."""
        metadata = self.metadata
        is_shown = self.codec.is_plain and not isinstance(place, Patched)
        if is_shown or metadata.dtype.hasobject:
            return None
        return scratch.POOL.lend(metadata.chunk_shape, metadata.dtype)

    def find_row(self, row: int) -> tuple[bytes, int] | None:
        """Return what holds a row: the digest of what is stored with it, and its place therein.

        None for a row of the fill value. The array is one chunk wide.
        """
        holder = self.find_holder(row)
        return None if holder is None else (holder[0].digest, holder[1])

    def find_holder(self, row: int) -> tuple[ChunkRef, int] | None:
        """Return what is stored with a row, and the row's place therein, as `find_row` does."""
        number, inside = divmod(row, self.metadata.chunk_shape[0])
        (place,) = self.locate([number])
        if place is None:
            return None
        part, inside = place.holder(inside) if isinstance(place, Patched) else (0, inside)
        return place.parts[part], inside

    def read_row(self, row: int) -> Any:
        """Return one row, reading only the part of its chunk that holds it.

        The array is one chunk wide. What is decoded is kept for the next row.
        """
        number, inside = divmod(row, self.metadata.chunk_shape[0])
        (place,) = self.locate([number])
        if not isinstance(place, Patched):
            found: list[Any] = []
            self.visit_kept([number], lambda _, load: found.append(load(None)[inside]))
            return found[0]
        for patch in place.patches:
            require_inside(patch.rows, self.metadata.chunk_shape[0])
        part, inside = place.holder(inside)
        return self._part(place, part)[inside]

    def _part(self, place: Patched, part: int) -> NDArray[Any]:
        """Return the decoded rows of one part of a chunk: what is whole, or one of the patches."""
        rows = sum(count for _, count in place.patches[part - 1].rows) if part else 0
        name, kept = (place.parts[part].digest, self._form, rows), self.fetcher.decoded
        decoded = kept.find(name)
        if decoded is None:
            codec, found = self._patches.of(rows) if part else self.codec, list[NDArray[Any]]()
            assembly = Assembly(
                codec, self._patches, [place.parts[part]], lambda _, load: found.append(load(None))
            )
            self._bring(assembly, None)
            decoded = found[0]
            kept.keep(name, decoded)
        return decoded

    @cached_property
    def _form(self) -> bytes:
        """What a chunk decodes to follows from its bytes and this."""
        document = self.node.metadata
        return msgspec.json.encode({name: document.get(name) for name in _FORM})


_FORM = ("data_type", "chunk_grid", "codecs", "fill_value")


def _copied(chunk: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    if out is None:
        return chunk
    out[...] = chunk
    return out


def prefetch_rows(sources: Sequence[ChunkSource | None], rows: StoredRows) -> None:
    """Bring what several arrays of a commit hold of some rows with one round of requests.

    The fetcher keeps it for the next read. Nothing is read if it is too much to keep.
    """
    refs: list[ChunkRef] = []
    for source in sources:
        if isinstance(source, StoredArray):
            metadata = source.metadata
            parts = select((rows,), metadata.shape, metadata.chunk_shape).parts()
            numbers = sorted(part.number for part in islice(parts, MOST_PREFETCHED + 1))
            if len(refs) + len(numbers) > MOST_PREFETCHED:
                return
            for place in source.locate(numbers):
                refs += () if place is None else place.parts
    if len(refs) > 1:
        fetchers = [source.fetcher for source in sources if isinstance(source, StoredArray)]
        fetchers[0].prefetch(refs)


def read(source: ChunkSource, index: Any) -> Any:
    """Return the elements an index picks; a scalar where it picks one.

    Integers, slices and an ellipsis mean what they mean in NumPy; arrays of integers or
    booleans may be on any axis, several select their cross product.

    Raises:
        OutOfBoundsError: an integer outside the axis.
        InvalidInputError: anything else that is no index of the array.
    """
    metadata = source.metadata
    if isinstance(source, StoredArray) and (row := _single_row(index, metadata)) is not None:
        return _read_row(source, row)
    if isinstance(source, StoredArray) and (box := _sparse_box(source, index)) is not None:
        return _read_sparse(source, box)
    selection = select(index, metadata.shape, metadata.chunk_shape)
    result = np.empty(selection.shape, metadata.dtype)
    _read_into(result, source, list(selection.parts()))
    final = result.reshape(selection.final_shape)
    return final[()] if final.ndim == 0 else final


def _read_into(result: NDArray[Any], source: ChunkSource, parts: Sequence[ChunkPart]) -> None:
    chunk_shape = source.metadata.chunk_shape

    def take(i: int, load: Load) -> None:
        part = parts[i]
        target = _direct_target(result, part, chunk_shape)
        if target is not None:
            load(target)
        else:
            result[part.outside] = load(None)[part.inside]

    numbers = [part.number for part in parts]
    if isinstance(source, StoredArray):
        source.visit_kept(numbers, take)
    else:
        source.visit(numbers, take)


def _sparse_box(source: StoredArray, index: Any) -> list[range] | None:
    """Return the box that an index picks, if it is one with hardly any chunk stored in it."""
    box = find_box(index, source.metadata.shape)
    stored = source.node.chunks.chunks if source.node.chunks is not None else 0
    return box if box is not None and is_sparse(box, source.metadata, stored) else None


def _read_sparse(source: StoredArray, box: Sequence[range]) -> NDArray[Any]:
    """Return the elements of a box: fill values, and those of the chunks that are stored."""
    metadata, index = source.metadata, source.node.chunks
    result = np.empty([len(side) for side in box], metadata.dtype)
    result[...] = metadata.fill_value
    if index is not None:
        numbers = [number for number, _ in walk(index, source.fetcher.pages)]
        _read_into(result, source, list(parts_in(box, metadata, numbers)))
    return result


def _single_row(index: Any, metadata: ArrayMetadata) -> int | None:
    """Return the row that an index picks, if it is one that is in one chunk."""
    row = index[0] if type(index) is tuple and len(index) == 1 else index
    is_whole = metadata.shape and metadata.chunk_shape[1:] == metadata.shape[1:]
    return row if type(row) is int and is_whole and 0 <= row < metadata.shape[0] else None


def _read_row(source: StoredArray, row: int) -> Any:
    found = source.read_row(row)
    return found.copy() if isinstance(found, np.ndarray | np.void) else found


def _direct_target(
    result: NDArray[Any], part: ChunkPart, chunk_shape: tuple[int, ...]
) -> NDArray[Any] | None:
    """Return the view of the result that is exactly this chunk, if there is one."""
    for inside, size in zip(part.inside, chunk_shape, strict=True):
        if not isinstance(inside, slice) or (inside.start, inside.stop) != (0, size):
            return None
    target: NDArray[Any] = result[(*part.outside, ...)]
    return target if target.flags.c_contiguous and target.shape == chunk_shape else None


@exported_from("vstore")
class Array:
    """A plain N-dimensional array of a commit: index it as a NumPy array to read it."""

    def __init__(
        self, source: ChunkSource, *, path: str, reopen: Callable[[str], object] | None = None
    ) -> None:
        self._internals = source
        self._path = path
        self._reopen = reopen

    def __reduce__(self) -> tuple[Any, ...]:
        if self._reopen is None:
            raise TypeError("an array of an open transaction does not pickle: commit first")
        return self._reopen, (self._path,)

    @property
    def path(self) -> str:
        """Where the array is in the repository."""
        return self._path

    @property
    def metadata(self) -> ArrayMetadata:
        """The array's Zarr v3 metadata."""
        return self._internals.metadata

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.metadata.shape

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk, which Dask splits the array by: `dask.array.from_array(array)`."""
        return self.metadata.chunk_shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy data type that reading gives."""
        return self.metadata.dtype

    @property
    def attributes(self) -> dict[str, Any]:
        """The array's attributes, as a copy."""
        return dict(self.metadata.attributes)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-dimensional array")
        return self.shape[0]

    @overload
    def __getitem__(self, index: tuple[Any, ...] | SelectOne | EllipsisType) -> Any: ...
    @overload
    def __getitem__(self, index: SelectMany) -> NDArray[Any]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return what the index picks; see `vstore.reading.array.read`."""
        self._require_usable()
        return read(self._internals, index)

    def _require_usable(self) -> None:
        """Refuse to be read, where that is not possible any more."""

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("reading a stored array always copies")
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"<vstore.Array {self._path!r} {self.shape} {self.dtype}>"

    def _repr_html_(self) -> str:
        return boxes.array_box(self)
