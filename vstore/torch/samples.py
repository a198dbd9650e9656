"""Samples by position: what a `DataLoader` with a sampler of its own wants."""

import collections
import operator
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.selection import positions as resolve
from vstore.reader.options import as_cache, as_integer
from vstore.reader.random_access import RandomAccess
from vstore.reader.settings import CACHE_NBYTES, MEMORY_NBYTES
from vstore.reader.source import Source
from vstore.reader.statistics import ReaderStatistics
from vstore.reading.column import Column
from vstore.reading.table import Table
from vstore.torch.tensors import as_tensors


class Sample:
    """Marks the named tuples that hold one sample, or one batch."""

    __slots__ = ()


class Samples(Sequence[Any]):
    """Samples that were read together; torch's own collation makes a batch of them at once."""

    def __init__(self, kind: type, columns: Sequence[Any], length: int) -> None:
        self._kind = kind
        self._columns = columns
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"there are {self._length} samples, and none at {index}")
        return self._kind(*(column[index] for column in self._columns))

    def __iter__(self) -> Iterator[Any]:
        return map(self._kind, *self._columns)

    def together(self) -> Any:
        """Return one tuple of whole columns."""
        return self._kind(*self._columns)


def _collate(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    """Make a batch of samples; those read together need not be put together again."""
    del collate_fn_map
    if isinstance(batch, Samples):
        return batch.together()
    return type(batch[0])(*(default_collate(list(each)) for each in zip(*batch, strict=True)))


default_collate_fn_map[Sample] = _collate


@lru_cache(maxsize=256)
def _kind(fields: tuple[str, ...]) -> type:
    """Return the named tuple of some fields, one and the same for equal fields."""
    make: Any = collections.namedtuple
    base = make("Sample", fields, rename=True)
    methods = {"__slots__": (), "__reduce__": _reduce, "__module__": __name__}
    return type("Sample", (Sample, base), methods)


def _reduce(sample: Any) -> tuple[Any, ...]:
    return _restored, (sample._fields, tuple(sample))


def _restored(fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return _kind(fields)(*values)


@exported_from("vstore.torch")
class SampleDataset(Dataset[Any]):
    """Samples of some columns by position, each a named tuple of tensors.

    Text and bytes come as `str` and `bytes`, images as tensors of shape (height, width[,
    channels]), and a sample that a column lacks as None. Through a `DataLoader` a whole batch
    is read at once; decoded chunks stay in memory, so that a global shuffle decodes each as
    seldom as that memory allows. Works in worker processes however they are started.
    """

    def __init__(self, access: RandomAccess, fields: Sequence[str]) -> None:
        self._access = access
        self._fields = tuple(fields)
        self._kind = _kind(self._fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return SampleDataset, (self._access, self._fields)

    def __len__(self) -> int:
        return len(self._access)

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost this process so far."""
        return self._access.statistics()

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """Return one sample, or several for a slice.

        Raises:
            OutOfBoundsError: a position outside the dataset.
        """
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> Samples:
        """Return several samples, reading each chunk once."""
        positions = resolve(np.array([_as_index(i) for i in indices], np.int64), len(self))
        batch = self._access.take(positions)
        columns = [
            as_tensors(_marked(batch[name], batch.get(name + VALID_SUFFIX)))
            for name in self._access.columns
        ]
        return Samples(self._kind, columns, len(positions))


def _as_index(index: Any) -> int:
    try:
        return operator.index(index)
    except TypeError:
        raise InvalidInputError(
            f"samples are indexed by integers or a slice, not by {index!r}"
        ) from None


def _marked(values: Any, valid: NDArray[np.bool_] | None) -> Any:
    """Return a column of which some samples may be missing as a list with None for those."""
    if valid is None or isinstance(values, list):
        return values
    return [value if there else None for value, there in zip(values, valid, strict=True)]


@exported_from("vstore.torch")
def make_torch_dataset(  # noqa: PLR0913 - Hangar's four, and how much to keep where
    columns: Column | Sequence[Column] | Table,
    keys: Sequence[Any] | None = None,
    index_range: slice | None = None,
    field_names: Sequence[str] | None = None,
    *,
    memory_nbytes: int = MEMORY_NBYTES,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_nbytes: int = CACHE_NBYTES,
) -> SampleDataset:
    """Return a map-style dataset over one or several columns of a commit.

    Args:
        columns: the columns, or a table for all of its columns; those of different tables are
            matched by their samples' keys.
        keys: the samples to use, by key, in this order; all of them when None.
        index_range: the samples to use, by position, in order.
        field_names: the names of the fields of each sample; those of the columns when None,
            or `_0`, `_1`, ... for one that is no Python name.
        memory_nbytes: how much memory decoded chunks may take, in each process.
        cache_dir: a directory on this machine to keep stored chunks in, shared by all
            processes that name it; up to `cache_nbytes`.

    Raises:
        InvalidInputError: the columns differ in length, or an argument makes no sense.
        NotFoundError: no sample has one of the keys.

    >>> import vstore
    >>> repo = vstore.create("memory://torch-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     table = tx.create_table("train", {"x": vstore.ndarray((), "int64")})
    ...     table.extend({"x": [3, 1, 4]})
    >>> dataset = make_torch_dataset(repo.checkout("main")["train"]["x"])
    >>> dataset[1]
    Sample(x=tensor(1))
    """
    listed = _listed(columns)
    if index_range is not None and not isinstance(index_range, slice):
        raise InvalidInputError(f"index_range must be a slice, not {index_range!r}")
    names = [f"{i}" for i in range(len(listed))]
    source = Source.of(dict(zip(names, listed, strict=True)), rows=index_range, keys=keys)
    fields = _fields(listed, field_names)
    memory_nbytes = as_integer("memory_nbytes", memory_nbytes, least=1)
    disk = as_cache(cache_dir, cache_nbytes)
    return SampleDataset(RandomAccess(source, memory_nbytes=memory_nbytes, disk=disk), fields)


def _listed(columns: Any) -> list[Column]:
    if isinstance(columns, Column):
        return [columns]
    if isinstance(columns, Table) and len(columns.columns):
        return list(columns.columns.values())
    if isinstance(columns, list | tuple) and all(isinstance(each, Column) for each in columns):
        return list(columns)
    raise InvalidInputError(
        f"a dataset needs a table, a column or a list of columns, not {columns!r:.100}",
        code="not-readable",
        hint="give a table or columns, such as `[table['image'], table['label']]`",
    )


def _fields(columns: Sequence[Column], given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return _kind(tuple(column.name for column in columns))._fields  # type: ignore[attr-defined, no-any-return]
    fields = (given,) if isinstance(given, str) else tuple(given)
    if len(fields) != len(columns):
        msg = f"there are {len(columns)} columns and {len(fields)} field_names"
        raise InvalidInputError(msg)
    if _kind(fields)._fields != fields:  # type: ignore[attr-defined]
        raise InvalidInputError(f"field_names must be different Python names, not {fields}")
    return fields
