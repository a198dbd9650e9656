"""The options of a reader, as the user gives them."""

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import Ints
from vstore.reader.chosen_forms import forms_of
from vstore.reader.load.finishing import Collate, Finisher, OnError, Transforms
from vstore.reader.load.forms import NUMPY, Library, Ragged
from vstore.reader.mixture import (
    MixedStream,
    Mixture,
    check_members,
    each_member,
    members_of,
)
from vstore.reader.plan.cursor import Cursor
from vstore.reader.plan.drawing import Weights
from vstore.reader.plan.planner import Shuffle
from vstore.reader.settings import CACHE_NBYTES, MEMORY_NBYTES, Options, group_of
from vstore.reader.source import Source, lengths_of
from vstore.reader.stream import Stream
from vstore.reader.union import Union, names_of_each
from vstore.reader.windows import Windows
from vstore.reading.buffers import Allocate, allocate
from vstore.reading.column import Column
from vstore.reading.disk_cache import DiskCache


@exported_from("vstore.reader")
class ReadOptions(TypedDict, total=False):
    """Keywords of `vstore.reader.Reader` and `vstore.torch.StreamingDataset`."""

    batch_size: int | None
    shuffle: bool | Literal["none", "window", "full"]
    seed: int
    window: int | None
    window_nbytes: int | None
    drop_last: bool
    rank: int | None
    world_size: int | None
    replication: int
    rows: Any
    keys: Sequence[Any] | None
    key_label: str | None
    weights: Any
    lengths: Any
    samples: int | None
    transforms: Transforms
    collate: Collate
    ragged: Ragged | Mapping[str, Ragged] | None
    on_error: OnError
    memory_nbytes: int
    threads: int | None
    requests: int | None
    cache_dir: str | os.PathLike[str] | None
    cache_nbytes: int
    cache_shared: bool


_INTEGERS = {
    "batch_size": (1, True),
    "seed": (0, False),
    "samples": (1, True),
    "window": (1, True),
    "window_nbytes": (1, True),
    "rank": (0, True),
    "world_size": (1, True),
    "replication": (1, False),
    "memory_nbytes": (1, False),
    "threads": (1, True),
    "requests": (1, True),
    "cache_nbytes": (1, False),
}
"""Options that are whole numbers: the least one, and whether there need be none."""


SAMPLES_AT_ONCE = 256
"""How many samples are brought together at most where they are given one by one."""

TRANSFORMED_AT_ONCE = 16
"""The same, where they are transformed first: the first is not to wait for many others."""

SAMPLES_NBYTES = 2**20
"""How much they have together at most, or one has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Checked `ReadOptions`."""

    batch_size: int | None
    shuffle: bool | Shuffle = False
    seed: int = 0
    window: int | None = None
    window_nbytes: int | None = None
    drop_last: bool = False
    rank: int | None = None
    world_size: int | None = None
    replication: int = 1
    rows: Any = None
    keys: Sequence[Any] | None = None
    key_label: str | None = None
    weights: Any = None
    lengths: Any = None
    samples: int | None = None
    transforms: Transforms = field(default_factory=dict)
    collate: Collate = "dict"
    ragged: Ragged | Mapping[str, Ragged] | None = None
    on_error: OnError = "raise"
    memory_nbytes: int = MEMORY_NBYTES
    threads: int | None = None
    requests: int | None = None
    cache_dir: str | os.PathLike[str] | None = None
    cache_nbytes: int = CACHE_NBYTES
    cache_shared: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Choices":
        """Return the options, or raise `InvalidInputError` for one that there is not."""
        unknown = set(options) - set(cls.__dataclass_fields__)
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise InvalidInputError(f"there is no option {min(unknown)!r}; there are {known}")
        if "batch_size" not in options:
            raise InvalidInputError(
                "no batch_size was given",
                code="no-batch-size",
                hint="say how many samples a batch has, as in `batch_size=256`; "
                "`batch_size=None` reads single samples",
            )
        return cls(**options)

    def __post_init__(self) -> None:
        for name, (least, may_be_absent) in _INTEGERS.items():
            value = getattr(self, name)
            if value is None and may_be_absent:
                continue
            object.__setattr__(self, name, as_integer(name, value, least=least))
        if (self.rank is None) != (self.world_size is None):
            raise InvalidInputError(
                "of rank and world_size only one was given", hint="give both, or neither"
            )
        if self.window is not None and self.window_nbytes is not None:
            raise InvalidInputError(
                "a window was given in samples and in bytes", hint="give one of the two"
            )
        if self.batch_size is None and callable(self.collate):
            raise InvalidInputError("collate makes batches, and batch_size=None makes none")
        if not isinstance(self.drop_last, bool):
            raise InvalidInputError(f"drop_last is True or False, not {self.drop_last!r}")
        as_cache(self.cache_dir, self.cache_nbytes, is_shared=self.cache_shared)

    def stream(
        self,
        data: Any,
        columns: Sequence[str] | None,
        *,
        library: Library = NUMPY,
        allocate: Allocate = allocate,
    ) -> Stream | MixedStream:
        """Return the stream that the choices describe, for users of a library."""
        made = self._made(data, columns, library, allocate)
        samples = made.deal(Cursor()).samples
        if samples and not len(made):
            each = f"{self.batch_size or 1} on each of {self.world_size or 1} ranks"
            raise InvalidInputError(
                f"{samples:,} samples make no whole batch ({each}), and drop_last leaves out the "
                "rest",
                code="no-whole-batch",
                hint="choose a smaller batch_size, or `drop_last=False`",
            )
        return made

    def _made(
        self, data: Any, columns: Sequence[str] | None, library: Library, allocate: Allocate
    ) -> Stream | MixedStream:
        if isinstance(data, Mixture):
            return self._mixed(data, columns, library, allocate)
        source = self._source(data, columns)
        finisher = self._finisher(source.columns, library)
        return Stream(source, self._options(finisher, allocate, source))

    def _mixed(
        self,
        mixture: Mixture,
        columns: Sequence[str] | None,
        library: Library,
        allocate: Allocate,
    ) -> MixedStream:
        """Return the stream of a mixture: of members that are read alike."""
        members = list(members_of(mixture).values())
        names = names_of_each(members, columns, mixture.columns)
        choices = self._of_members(mixture)
        sources = [
            each._source(members[i], names[i])  # noqa: SLF001 - of the same class
            for i, each in enumerate(choices)
        ]
        check_members(sources)
        union = Union.of(sources, mixture.columns)
        finisher = union.adapted(self._finisher(union.columns, library))
        streams = []
        for each, source in zip(choices, sources, strict=True):
            options = each._options(finisher, allocate, source)  # noqa: SLF001
            share = options.memory_nbytes // len(members)
            streams.append(Stream(source, replace(options, memory_nbytes=share)))
        return MixedStream(streams, mixture, union)

    def _of_members(self, mixture: Mixture) -> list["Choices"]:
        """Return the choices among the samples of each member of a mixture."""
        if self.samples is not None:
            raise InvalidInputError("a mixture says itself how long an epoch is: Mixture(samples=)")
        if self.keys is not None:
            raise InvalidInputError(
                "choose samples of a mixture by rows: a function for all members, or a list of one "
                "choice for each, such as rows=[a.positions(keys), slice(100)]"
            )
        names = list(members_of(mixture))
        rows = [self.rows] * len(names) if callable(self.rows) else self.rows
        chosen = _one_each("rows", rows, names)
        weights = _one_each("weights", self.weights, names)
        lengths = _one_each("lengths", self.lengths, names)
        return [
            replace(self, rows=chosen[i], weights=weights[i], lengths=lengths[i])
            for i in range(len(names))
        ]

    def _source(self, data: Any, columns: Sequence[str] | None) -> Source:
        source = Source.of(data, columns, rows=self.rows, keys=self.keys, key_label=self.key_label)
        forms = set(self.ragged.values() if isinstance(self.ragged, Mapping) else [self.ragged])
        if source.packs is not None and not forms <= {None, "list"}:
            raise InvalidInputError(
                "packed sequences are arrays of one shape: leave ragged out",
            )
        if source.width is not None and source.has_ragged and not forms <= {None, "list"}:
            raise InvalidInputError(
                "windows of samples that differ in shape are lists: leave ragged='list', and bring "
                "them into one shape by a transform"
            )
        return source

    def _options(self, finisher: Finisher, allocate: Allocate, source: Source) -> Options:
        window = self.window
        rank, world_size = group_of(self.rank or 0, self.world_size or 1, self.replication)
        if self.window_nbytes is not None:
            window = max(1, int(self.window_nbytes / max(1.0, source.sample_nbytes)))
        return Options(
            batch_size=self.batch_size or _samples_at_once(source, finisher),
            as_samples=self.batch_size is None,
            shuffle=as_shuffle(self.shuffle),
            seed=self.seed,
            window=window,
            samples=self.samples,
            weights=self._drawing(source),
            lengths=self._lengths(source),
            drop_last=self.drop_last,
            rank=rank,
            world_size=world_size,
            replication=self.replication,
            memory_nbytes=self.memory_nbytes,
            threads=self.threads,
            requests=self.requests,
            cache_dir=None if self.cache_dir is None else Path(self.cache_dir).absolute(),
            cache_nbytes=self.cache_nbytes,
            cache_shared=self.cache_shared,
            finish=finisher,
            allocate=allocate,
        )

    def _drawing(self, source: Source) -> Weights | None:
        if self.weights is None:
            return None
        if as_shuffle(self.shuffle) == "none":
            raise InvalidInputError("weights draw samples at random: give shuffle=True with them")
        return Weights.of(self.weights, samples=len(source))

    def _lengths(self, source: Source) -> Ints | None:
        """Return how long samples are, where those of a batch are to be similar."""
        if self.lengths is None:
            return None
        if as_shuffle(self.shuffle) == "none":
            raise InvalidInputError("lengths decide on the order: give shuffle=True with them")
        if self.batch_size is None:
            raise InvalidInputError("lengths make batches, and batch_size=None makes none")
        return lengths_of(self.lengths, source)

    def _finisher(self, columns: Mapping[str, Column], library: Library) -> Finisher:
        by_column = self.transforms if isinstance(self.transforms, Mapping) else {}
        unknown = set(by_column) - set(columns)
        if unknown:
            raise InvalidInputError(f"there is no column {min(unknown)!r} to transform")
        singly = self.batch_size is None
        forms = forms_of(columns, self.ragged, self.transforms, library)
        chosen = next((form.kind for form in forms.values() if form.is_array), None)
        if singly and chosen:
            raise InvalidInputError(
                f"ragged={chosen!r} makes one array of a batch, and batch_size=None gives "
                "single samples"
            )
        return Finisher(library, self.transforms, self.collate, forms, singly, self.on_error)


def _samples_at_once(source: Source, finisher: Finisher) -> int:
    """Return how many samples are brought together where they are given one by one."""
    most = SAMPLES_AT_ONCE if finisher.only_converts else TRANSFORMED_AT_ONCE
    nbytes = source.geometry.row_nbytes * (source.width or 1)
    return max(1, min(most, int(SAMPLES_NBYTES / max(1.0, nbytes))))


def _one_each(name: str, given: Any, names: Sequence[Any]) -> Sequence[Any]:
    """Return what is chosen for each member of a mixture: None for all, or a list of one each."""
    members = len(names)
    if given is None:
        return [None] * members
    if isinstance(given, Mapping):
        return each_member(given, names, name)
    is_list = isinstance(given, list | tuple) and not isinstance(given, Windows)
    if not is_list or len(given) != members or any(_is_number(each) for each in given):
        one = "a function, or a list" if name == "rows" else "a list"
        raise InvalidInputError(
            f"{name} of a mixture is {one} with one choice for each of its {members} members, None "
            f"for all samples of a member, not {given!r:.100}"
            + ("; Mixture(members, weights) weighs the members" if name == "weights" else "")
        )
    return list(given)


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | np.bool_)


def as_shuffle(value: Any) -> Shuffle:
    """Return the shuffle mode that a user's choice means.

    >>> as_shuffle(True), as_shuffle(False), as_shuffle("full")
    ('window', 'none', 'full')
    """
    if isinstance(value, bool):
        return "window" if value else "none"
    mode: Shuffle = value
    return mode


def as_cache(directory: Any, nbytes: Any, *, is_shared: Any = False) -> DiskCache | None:
    """Return the cache that a user's choices mean, or raise `InvalidInputError`."""
    nbytes = as_integer("cache_nbytes", nbytes, least=1)
    if not isinstance(is_shared, bool):
        raise InvalidInputError(f"cache_shared is True or False, not {is_shared!r}")
    if directory is None:
        return None
    if not isinstance(directory, str | os.PathLike):
        raise InvalidInputError(f"cache_dir is a directory, not {directory!r}")
    cache = DiskCache(Path(directory).absolute(), nbytes, is_shared)
    cache.check()
    return cache


def as_integer(name: str, value: Any, *, least: int) -> int:
    """Return a whole number of any library as an `int`, or raise `InvalidInputError`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise InvalidInputError(f"{name} is a whole number of {least} or more, not {value!r}")
    return number
