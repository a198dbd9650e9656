"""What samples and batches of a map-style dataset are made of: names, forms and transforms."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from vstore.errors import InvalidInputError, advise
from vstore.faces import internals, pickled
from vstore.format.table.flat import Flat
from vstore.format.table.names import VALID_SUFFIX
from vstore.reader.chosen_forms import forms_of
from vstore.reader.key_column import KeyColumn
from vstore.reader.load.finishing import Finisher, Transforms, wants_generator
from vstore.reader.load.forms import AS_STORED, Form, Ragged, Results, one_by_one
from vstore.reading.column import Column
from vstore.torch.sample import field_suffix, sample_type
from vstore.torch.tensors import TORCH, as_tensors


@pickled
@dataclass(frozen=True)
class Making:
    """How samples and batches are made of what was read.

    `forms` are those of the columns by the names that samples have for them, in order, masks
    among them. Torch has no tensors for samples of those that are `lists`. `chosen` are the
    forms of what transforms of whole samples make.
    """

    forms: Mapping[str, Form]
    lists: frozenset[str]
    as_dict: bool = False
    transforms: Transforms = field(default_factory=dict)
    chosen: Mapping[str, Form] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Column],
        *,
        as_dict: bool,
        transforms: Transforms,
        ragged: Ragged | Mapping[str, Ragged] | None,
    ) -> "Making":
        """Return how samples of some columns are made, by the names that they get."""
        own = forms_of(columns, ragged, transforms, TORCH)
        forms: dict[str, Form] = {}
        for name, column in columns.items():
            forms[name] = own[name]
            if internals(column).info.optional:
                forms[name + _suffix(VALID_SUFFIX, as_dict=as_dict)] = AS_STORED
        by_column = _by_column(Finisher(TORCH, transforms).transforms)
        unknown = set(by_column) - set(forms)
        if unknown:
            raise InvalidInputError(f"there is no column {min(unknown)!r} to transform")
        parts = [n + _suffix(each, as_dict=as_dict) for n in own for each in own[n].suffixes]
        _check_different([*forms, *parts])
        lists = {name for name, column in columns.items() if not _has_tensors(column)}
        return cls(forms, frozenset(lists - set(by_column)), as_dict, transforms, own)

    def with_keys(self, keys: KeyColumn) -> "Making":
        """Return how samples are made that have their keys, too."""
        keys.checked([*self.forms, *(n + s for n, f in self.forms.items() for s in f.suffixes)])
        if not self.as_dict and sample_type((keys.label,))._fields != (keys.label,):
            raise InvalidInputError(f"key_label must be a Python name, not {keys.label!r}")
        lists = self.lists | {keys.label} if keys.is_listed else self.lists
        return replace(self, forms={**self.forms, keys.label: AS_STORED}, lists=lists)

    def __reduce__(self) -> tuple[Any, ...]:
        # The type of samples is made where it is needed.
        return Making, (self.forms, self.lists, self.as_dict, self.transforms, self.chosen)

    @property
    def flat(self) -> frozenset[str]:
        """The columns of which a batch has samples one behind the other."""
        return Finisher(TORCH, self.transforms, forms=self.forms).flat

    def sample(self, values: Sequence[Any]) -> Any:
        """Return a sample, given as it was read."""
        if not self.transforms:
            return self._put(self.forms, map(as_tensors, values))
        return self._converted(self._changed(values))

    def samples(self, columns: Sequence[Any]) -> list[Any]:
        """Return several samples, given as columns."""
        if self.transforms:
            return [self._converted(made) for made in self._all_changed(columns)]
        listed = [list(each) if isinstance(each, Flat) else each for each in columns]
        parts = [_rows(as_tensors(column)) for column in listed]
        return [self._put(self.forms, values) for values in zip(*parts, strict=True)]

    def batch(self, columns: Sequence[Any]) -> Any:
        """Return a batch, given as columns."""
        made = dict(zip(self.forms, columns, strict=True))
        if self.transforms:
            changed = self._all_changed(columns)
            names = changed[0] if callable(self.transforms) else self.transforms
            results = {name: Results(each[name] for each in changed) for name in names}
            made = results if callable(self.transforms) else made | results
        batch: dict[str, Any] = {}
        for name, values in made.items():
            batch |= self._together(name, values)
        is_as_sample = list(batch) == list(self.forms)
        return self._put(self.forms if is_as_sample else batch, batch.values())

    def _together(self, name: str, values: Any) -> dict[str, Any]:
        """Return what a batch has of a column, by name."""
        forms = self.chosen if callable(self.transforms) else self.forms
        form = forms.get(name, AS_STORED)
        try:
            parts = form.of(name, values, TORCH)
        except InvalidInputError as error:
            advise(error, "give the DataLoader a `collate_fn`, which gets a list of samples")
            raise
        return {name + _suffix(each, as_dict=self.as_dict): part for each, part in parts.items()}

    def _put(self, names: Mapping[str, Any], values: Iterable[Any]) -> Any:
        if self.as_dict:
            return dict(zip(names, values, strict=True))
        return (self._type if names is self.forms else sample_type(tuple(names)))(*values)

    @cached_property
    def _type(self) -> Any:
        by_column = _by_column(self.transforms)
        special = {
            (name, form, name in by_column)
            for name, form in self.forms.items()
            if form.is_array or name in self.lists
        }
        return sample_type(tuple(self.forms), frozenset(special))

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


def _suffix(suffix: str, *, as_dict: bool) -> str:
    return suffix if as_dict else field_suffix(suffix)


def _by_column(transforms: Transforms) -> Mapping[str, Any]:
    return {} if callable(transforms) else transforms


def _has_tensors(column: Column) -> bool:
    is_plain = internals(column).info.kind.is_plain
    return is_plain and isinstance(as_tensors(np.zeros(1, column.dtype)), torch.Tensor)


def _check_different(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise InvalidInputError(
            f"two columns have one name among {', '.join(names)}",
            code="name-taken",
            hint="give `field_names`",
        )


def _rows(column: Any) -> Sequence[Any]:
    return column.unbind(0) if isinstance(column, torch.Tensor) else column


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


def field_columns(
    columns: Sequence[Column], given: Sequence[str] | None, *, as_dict: bool
) -> dict[str, Column]:
    """Return columns by the names that samples have for them.

    Args:
        columns: the columns.
        given: the names that the user chose.
        as_dict: whether samples are dicts, in which any name will do.

    Raises:
        InvalidInputError: the names are not as many, not different, or no names of fields.
    """
    names = tuple(column.name for column in columns)
    if given is not None:
        names = (given,) if isinstance(given, str) else tuple(given)
        if len(names) != len(columns):
            msg = f"there are {len(columns)} columns and {len(names)} field_names"
            raise InvalidInputError(msg)
    if as_dict:
        _check_different(names)
        return dict(zip(names, columns, strict=True))
    fields = sample_type(names)._fields
    if given is not None and fields != names:
        raise InvalidInputError(f"field_names must be different Python names, not {names}")
    return dict(zip(fields, columns, strict=True))
