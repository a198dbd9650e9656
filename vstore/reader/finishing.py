"""From the arrays of a batch to what the user gets. Runs on the reader's threads."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from vstore.errors import InvalidInputError
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


def as_is(batch: Batch, _: Place) -> Batch:
    """Return the batch."""
    return batch


def unchanged(value: Any) -> Any:
    """Return the value."""
    return value


@dataclass(frozen=True)
class Finisher:
    """Converts every column, transforms every sample of some, and makes the batch.

    A transform or `collate` that takes a second argument gets a `numpy.random.Generator`
    that depends on the seed, the epoch and the batch alone.
    """

    convert: Convert = unchanged
    transforms: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    collate: Collate = "dict"

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
        made = {name: self._column(name, value, generator) for name, value in batch.items()}
        if not callable(self.collate):
            return made if self.collate == "dict" else tuple(made.values())
        return self.collate(made, generator) if self._collate_is_random else self.collate(made)

    def _column(self, name: str, value: Any, generator: np.random.Generator | None) -> Any:
        transform = self.transforms.get(name)
        if transform is None:
            return self.convert(value)
        wants = _wants_generator(transform)
        samples = [transform(each, generator) if wants else transform(each) for each in value]
        return self.convert(_stacked(samples))


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
