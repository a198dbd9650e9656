"""From the arrays of a batch to what the user gets. Runs on the reader's threads."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.samples import SHAPE_SUFFIX
from vstore.reader.engine import Batch


@dataclass(frozen=True, slots=True)
class Place:
    """Which batch this is: that of a rank behind so many samples of an epoch."""

    seed: int
    epoch: int
    samples: int
    rank: int

    def generator(self) -> np.random.Generator:
        """Return a source of randomness that is the same whenever this batch is made."""
        key = [self.seed & (2**64 - 1), self.epoch, self.samples, self.rank]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


Finish = Callable[[Batch, Place], Any]
"""Make of a batch, given as arrays and lists by column, what the user gets."""

Collate = Literal["dict", "tuple"] | Callable[..., Any]
Convert = Callable[[Any], Any]
Ragged = Literal["list", "padded", "nested"]


def as_is(batch: Batch, _: Place) -> Batch:
    """Return the batch."""
    return batch


def unchanged(value: Any) -> Any:
    """Return the value."""
    return value


@dataclass(frozen=True)
class Finisher:
    """Converts every column, transforms every sample of some, and makes the batch.

    `ragged` says for columns of arrays of differing shape what becomes of those of a batch:
    a list, one array padded with zeros beside their shapes, or what `nest` makes of them.

    A transform or `collate` that takes a second argument gets a `numpy.random.Generator`
    that depends on the seed, the epoch and the batch alone.
    """

    convert: Convert = unchanged
    transforms: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    collate: Collate = "dict"
    ragged: Mapping[str, Ragged] = field(default_factory=dict)
    nest: Convert | None = None

    def __post_init__(self) -> None:
        if not callable(self.collate) and self.collate not in ("dict", "tuple"):
            msg = f"collate is 'dict', 'tuple' or a function of a batch, not {self.collate!r}"
            raise InvalidInputError(msg)
        for name, transform in self.transforms.items():
            if not callable(transform):
                raise InvalidInputError(f"the transform of {name!r} is no function: {transform!r}")

    @cached_property
    def _collate_is_random(self) -> bool:
        return callable(self.collate) and _wants_generator(self.collate)

    def __call__(self, batch: Batch, place: Place) -> Any:
        """Return what the user gets for a batch."""
        needs_generator = self.transforms or self._collate_is_random
        generator = place.generator() if needs_generator else None
        made: Batch = {}
        for name, value in batch.items():
            transformed = self._transformed(name, value, generator)
            form = self.ragged.get(name, "list")
            if form == "list" or not isinstance(transformed, list):
                made[name] = self.convert(transformed)
            elif form == "nested" and self.nest is not None:
                made[name] = self.nest(transformed)
            else:
                made[name] = self.convert(padded(transformed))
                made[name + SHAPE_SUFFIX] = self.convert(shapes_of(transformed))
        if not callable(self.collate):
            return made if self.collate == "dict" else tuple(made.values())
        return self.collate(made, generator) if self._collate_is_random else self.collate(made)

    def _transformed(self, name: str, value: Any, generator: np.random.Generator | None) -> Any:
        transform = self.transforms.get(name)
        if transform is None:
            return value
        if _wants_generator(transform):
            return _stacked([transform(each, generator) for each in value])
        return _stacked([transform(each) for each in value])


def padded(samples: list[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays of one rank as one array, each followed by zeros.

    >>> padded([np.array([1, 2]), np.array([3])]).tolist()
    [[1, 2], [3, 0]]
    """
    if not samples:
        return np.zeros((0,))
    largest = shapes_of(samples).max(axis=0)
    result = np.zeros((len(samples), *largest), np.result_type(*samples))
    for row, sample in zip(result, samples, strict=True):
        row[tuple(map(slice, sample.shape))] = sample
    return result


def shapes_of(samples: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the shapes of arrays of one rank, one row each."""
    return np.array([sample.shape for sample in samples], np.int64).reshape(len(samples), -1)


def _stacked(samples: list[Any]) -> Any:
    """Return transformed samples as one array where they are arrays of the same shape."""
    if not all(isinstance(sample, np.ndarray | np.generic | int | float) for sample in samples):
        return samples
    shapes = {np.shape(sample) for sample in samples}
    return np.stack(samples) if len(shapes) == 1 else samples


def _wants_generator(function: Callable[..., Any]) -> bool:
    """Tell whether a function has two parameters that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        p for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty
    ]
    return len(needed) >= 2
