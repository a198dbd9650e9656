"""Samples by position: what a `DataLoader` with a sampler of its own wants."""

import operator
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.zarr.selection import positions as resolve
from vstore.reader.load.finishing import Transforms
from vstore.reader.load.forms import Ragged
from vstore.reader.options import as_cache, as_integer
from vstore.reader.random_access import RandomAccess
from vstore.reader.settings import CACHE_NBYTES, MEMORY_NBYTES
from vstore.reader.source import Source
from vstore.reader.statistics import ReaderStatistics
from vstore.reading.column import Column
from vstore.reading.table import Table
from vstore.torch.callers import is_collated_by_torch
from vstore.torch.making import Making, field_columns
from vstore.torch.sample import Whole
from vstore.torch.sharing import SharedFolder
from vstore.torch.tally import Tally


@exported_from("vstore.torch")
class SampleDataset(Dataset[Any]):
    """Samples of some columns by position, each a named tuple of tensors, or a dict.

    Text and bytes come as `str` and `bytes`, images as tensors of shape (height, width[,
    channels]). A column of which samples may be missing is followed by a mask, `x_valid` in a
    tuple and `x.valid` in a dict. Through a `DataLoader` a whole batch is read at once;
    decoded chunks stay in memory, so that a global shuffle decodes each as seldom as that
    memory allows. Works in worker processes however they are started.
    """

    def __init__(self, access: RandomAccess, making: Making, tally: Tally | None = None) -> None:
        self._access = access
        self._making = making
        self._tally = Tally(SharedFolder()) if tally is None else tally
        self._length = len(access)

    def __reduce__(self) -> tuple[Any, ...]:
        return SampleDataset, (self._access, self._making, self._tally)

    def __len__(self) -> int:
        return self._length

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost so far, worker processes included."""
        return self._tally.total(self._access.statistics())

    def __getitem__(self, index: Any) -> Any:
        """Return one sample, or a list of several for a slice, a list or an array of integers.

        Raises:
            OutOfBoundsError: a position outside the dataset.
        """
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(self._length)))
        if isinstance(index, list | tuple | range | np.ndarray | torch.Tensor) and np.ndim(index):
            return self.__getitems__(index)
        position = _as_index(index)
        if not 0 <= position < self._length:
            position = int(resolve(np.array([position]), self._length)[0])
        values = list(self._access.take_one(position).values())
        self._note()
        return self._making.sample(values)

    def __getitems__(self, indices: Any) -> list[Any]:
        """Return a list of several samples, reading each chunk once."""
        columns = self._read(indices)
        if is_collated_by_torch():
            return [Whole(self._making.batch(columns))]
        return self._making.samples(columns)

    def _read(self, indices: Any) -> list[Any]:
        if isinstance(indices, np.ndarray | torch.Tensor):
            indices = indices.tolist()
        asked = np.array([_as_index(i) for i in indices], np.int64)
        columns = list(self._access.take(resolve(asked, self._length)).values())
        self._note()
        return columns

    def _note(self) -> None:
        if get_worker_info() is not None:
            self._tally.note(self._access.statistics)


def _as_index(index: Any) -> int:
    try:
        return operator.index(index)
    except TypeError:
        raise InvalidInputError(
            f"samples are indexed by integers, a list of integers or a slice, not by {index!r}"
        ) from None


@exported_from("vstore.torch")
def make_torch_dataset(  # noqa: PLR0913 - Hangar's four, and how much to keep where
    columns: Column | Sequence[Column] | Table,
    keys: Sequence[Any] | None = None,
    index_range: slice | None = None,
    field_names: Sequence[str] | None = None,
    *,
    as_dict: bool = False,
    transforms: Transforms | None = None,
    ragged: Ragged | Mapping[str, Ragged] | None = None,
    key_label: str | None = None,
    memory_nbytes: int = MEMORY_NBYTES,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_nbytes: int = CACHE_NBYTES,
    cache_shared: bool = False,
) -> SampleDataset:
    """Return a map-style dataset over one or several columns of a commit.

    Args:
        columns: the columns, or a table for all of its columns; those of different tables are
            matched by their samples' keys.
        keys: the samples to use, by key, in this order; all of them when None.
        index_range: the samples to use, by position, in order.
        field_names: the names of the fields of each sample; those of the columns when None,
            or `_0`, `_1`, ... for one that is no Python name.
        as_dict: give samples and batches as dicts by name, as the Hugging Face Trainer wants
            them, not as named tuples; any name will do then.
        transforms: functions of one sample, by the name of a column, or one function of a whole
            sample, a dict by name, that returns another; they get NumPy arrays. One with a
            second parameter gets a `numpy.random.Generator` that follows from torch's seed in
            the process.
        ragged: what a batch of torch's own collation has of arrays and images that differ in
            shape, for all columns or by name, as of a `StreamingDataset`; a list when None.
            Samples are what they are without.
        key_label: the name of a last field that has the samples' keys, or, where they have none,
            their positions in the table of the first column.
        memory_nbytes: how much memory decoded chunks may take, in each process.
        cache_dir: a directory on this machine to keep stored chunks in, shared by all
            processes that name it; up to `cache_nbytes`. Only this user can read it.
        cache_shared: use a directory that other users may write to, and let them read it.

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
    by_name = dict(zip(names, listed, strict=True))
    source = Source.of(by_name, rows=index_range, keys=keys, key_label=key_label)
    fields = field_columns(listed, field_names, as_dict=as_dict)
    making = Making.of(fields, as_dict=as_dict, transforms=transforms or {}, ragged=ragged)
    if source.keys is not None:
        making = making.with_keys(source.keys)
    memory_nbytes = as_integer("memory_nbytes", memory_nbytes, least=1)
    disk = as_cache(cache_dir, cache_nbytes, is_shared=cache_shared)
    flat = [i for i, field in zip(names, fields, strict=True) if field in making.flat]
    access = RandomAccess(source, memory_nbytes=memory_nbytes, disk=disk, flat=flat)
    return SampleDataset(access, making)


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
