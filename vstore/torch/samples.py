"""Samples by position: what a `DataLoader` with a sampler of its own wants."""

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from vstore.errors import InvalidInputError, advise
from vstore.faces import exported_from, internals
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.selection import positions as resolve
from vstore.reader.load.finishing import Finisher, Transforms, wants_generator
from vstore.reader.load.forms import AS_STORED, Form, Results, one_by_one
from vstore.reader.options import as_cache, as_integer
from vstore.reader.random_access import RandomAccess
from vstore.reader.settings import CACHE_NBYTES, MEMORY_NBYTES
from vstore.reader.source import Source
from vstore.reader.statistics import ReaderStatistics
from vstore.reading.column import Column
from vstore.reading.table import Table
from vstore.torch.callers import is_collated_by_torch
from vstore.torch.folder import SharedFolder
from vstore.torch.sample import Whole, sample_type
from vstore.torch.tally import Tally
from vstore.torch.tensors import TORCH, as_tensors


@dataclass(frozen=True)
class _Making:
    """How samples and batches are made of what was read.

    `forms` are those of the columns by the names that samples have for them, in order, masks
    among them.
    """

    forms: Mapping[str, Form]
    lists: frozenset[str]
    as_dict: bool = False
    transforms: Transforms = field(default_factory=dict)

    def sample(self, values: Sequence[Any]) -> Any:
        """Return a sample, given as it was read."""
        if not self.transforms:
            return self._put(self.forms, map(as_tensors, values))
        return self._converted(self._changed(values))

    def samples(self, columns: Sequence[Any]) -> list[Any]:
        """Return several samples, given as columns."""
        if self.transforms:
            return [self._converted(made) for made in self._all_changed(columns)]
        parts = [_rows(as_tensors(column)) for column in columns]
        return [self._put(self.forms, values) for values in zip(*parts, strict=True)]

    def batch(self, columns: Sequence[Any]) -> Any:
        """Return a batch, given as columns."""
        if not self.transforms:
            return self._put(self.forms, map(as_tensors, columns))
        changed = self._all_changed(columns)
        made = dict(zip(self.forms, columns, strict=True))
        if callable(self.transforms):
            made = {name: Results(each[name] for each in changed) for name in changed[0]}
        else:
            made |= {name: Results(each[name] for each in changed) for name in self.transforms}
        return self._put(made, [self._together(name, value) for name, value in made.items()])

    def _together(self, name: str, values: Any) -> Any:
        form = self.forms.get(name, AS_STORED)
        try:
            return form.of(name, values, TORCH)[""]
        except InvalidInputError as error:
            advise(error, "give the DataLoader a `collate_fn`, which gets a list of samples")
            raise

    def _put(self, names: Mapping[str, Any], values: Any) -> Any:
        if self.as_dict:
            return dict(zip(names, values, strict=True))
        return (self._type if names is self.forms else sample_type(tuple(names)))(*values)

    @cached_property
    def _type(self) -> Any:
        return sample_type(tuple(self.forms), self.lists)

    def _converted(self, made: Mapping[str, Any]) -> Any:
        values = [one_by_one([value], TORCH)[0] for value in made.values()]
        if not callable(self.transforms):
            return self._put(self.forms, values)
        return self._put(made, values)

    def _all_changed(self, columns: Sequence[Any]) -> list[Mapping[str, Any]]:
        changed = [self._changed(values) for values in zip(*columns, strict=True)]
        if any(list(each) != list(changed[0]) for each in changed):
            raise _no_sample([list(each) for each in changed])
        return changed

    def _changed(self, values: Sequence[Any]) -> Mapping[str, Any]:
        """Return what transforms make of a sample; a column that it lacks stays None."""
        sample = dict(zip(self.forms, values, strict=True))
        if callable(self.transforms):
            made = self._called(self.transforms, sample)
            if not isinstance(made, Mapping):
                raise _no_sample(made)
            return made
        for name, transform in self.transforms.items():
            if sample[name] is not None:
                sample[name] = self._called(transform, sample[name])
        return sample

    def _called(self, transform: Any, value: Any) -> Any:
        if wants_generator(transform):
            return transform(value, _generator())
        return transform(value)


def _no_sample(made: Any) -> InvalidInputError:
    return InvalidInputError(
        "a transform of whole samples returns a dict with the same names for each, "
        f"not {made!r:.100}"
    )


_generators: dict[tuple[int, int], np.random.Generator] = {}


def _generator() -> np.random.Generator:
    """Return the generator of this process, which follows from torch's seed in it."""
    key = os.getpid(), torch.initial_seed()
    if key not in _generators:
        _generators.clear()
        _generators[key] = np.random.default_rng(key[1])
    return _generators[key]


def _rows(column: Any) -> Sequence[Any]:
    return column.unbind(0) if isinstance(column, torch.Tensor) else column


@exported_from("vstore.torch")
class SampleDataset(Dataset[Any]):
    """Samples of some columns by position, each a named tuple of tensors, or a dict.

    Text and bytes come as `str` and `bytes`, images as tensors of shape (height, width[,
    channels]). A column of which samples may be missing is followed by a mask, `x_valid` in a
    tuple and `x.valid` in a dict. Through a `DataLoader` a whole batch is read at once;
    decoded chunks stay in memory, so that a global shuffle decodes each as seldom as that
    memory allows. Works in worker processes however they are started.
    """

    def __init__(self, access: RandomAccess, making: _Making, tally: Tally | None = None) -> None:
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
        as_dict: give samples and batches as dicts by name, as the Hugging Face Trainer wants
            them, not as named tuples; any name will do then.
        transforms: functions of one sample, by the name of a column, or one function of a whole
            sample, a dict by name, that returns another; they get NumPy arrays. One with a
            second parameter gets a `numpy.random.Generator` that follows from torch's seed in
            the process.
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
    making = _making(listed, field_names, as_dict=as_dict, transforms=transforms)
    memory_nbytes = as_integer("memory_nbytes", memory_nbytes, least=1)
    disk = as_cache(cache_dir, cache_nbytes)
    return SampleDataset(RandomAccess(source, memory_nbytes=memory_nbytes, disk=disk), making)


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


def _making(
    columns: Sequence[Column],
    given: Sequence[str] | None,
    *,
    as_dict: bool,
    transforms: Transforms | None,
) -> _Making:
    named = list(_named(columns, _names(columns, given), VALID_SUFFIX if as_dict else "_valid"))
    names = tuple(name for name, _ in named)
    if as_dict and len(set(names)) != len(names):
        raise InvalidInputError(
            f"two columns have one name among {', '.join(names)}",
            code="name-taken",
            hint="give `field_names`",
        )
    fields = names if as_dict else sample_type(names)._fields
    if given is not None and fields != names:
        raise InvalidInputError(f"field_names must be different Python names, not {names}")
    forms = dict(zip(fields, (form for _, form in named), strict=True))
    finisher = Finisher(TORCH, {} if transforms is None else transforms)
    by_column = {} if callable(finisher.transforms) else finisher.transforms
    unknown = set(by_column) - set(fields)
    if unknown:
        raise InvalidInputError(f"there is no column {min(unknown)!r} to transform")
    lists = {n for n, form in forms.items() if form.dtype is None and n not in by_column}
    return _Making(forms, frozenset(lists), as_dict, finisher.transforms)


def _names(columns: Sequence[Column], given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return tuple(column.name for column in columns)
    names = (given,) if isinstance(given, str) else tuple(given)
    if len(names) != len(columns):
        raise InvalidInputError(f"there are {len(columns)} columns and {len(names)} field_names")
    return names


def _named(
    columns: Sequence[Column], names: Sequence[str], suffix: str
) -> Iterator[tuple[str, Form]]:
    """Yield the names and forms of columns, and of the masks that follow some of them."""
    for column, name in zip(columns, names, strict=True):
        info = internals(column).info
        has_tensors = info.kind.is_plain and isinstance(
            as_tensors(np.zeros(1, column.dtype)), torch.Tensor
        )
        dtype = column.dtype if has_tensors else None
        yield name, Form(dtype=dtype, may_be_missing=info.optional and not info.kind.is_plain)
        if info.optional:
            yield name + suffix, Form(dtype=np.dtype(bool))
