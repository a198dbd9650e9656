"""Transforms at work on single samples, for one thread at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vstore.reader.load.copies import copied, generators_of
from vstore.reader.load.engine import Batch
from vstore.reader.load.finishing import Finisher, wants_generator
from vstore.reader.load.randomness import Digest, Reseed, reseed_of


class Hand:
    """Transforms and `collate`, with the generators that they draw from.

    All generators are seeded before every call. So what a sample becomes follows from its
    digest, and columns of one sample that are transformed alike draw alike.
    """

    def __init__(self, functions: tuple[Any, Any], kept: Sequence[Reseed]) -> None:
        transforms, collate = functions
        self._whole = _Call(transforms) if callable(transforms) else None
        self._by_column = (
            {} if callable(transforms) else {n: _Call(each) for n, each in transforms.items()}
        )
        self._collate = _Call(collate) if callable(collate) else None
        self._generator = np.random.Generator(np.random.PCG64(0))
        calls = [self._whole, self._collate, *self._by_column.values()]
        self._reseed = list(kept)
        if any(call is not None and call.wants_generator for call in calls):
            self._reseed += [each for each in [reseed_of(self._generator)] if each is not None]
        self.spares = False
        """Whether functions change samples in place, and get copies that they may change."""
        self.column: str | None = None
        """The column that is transformed at present."""

    @classmethod
    def with_copies(cls, finisher: Finisher) -> "Hand":
        """Return one that shares no state with others.

        Raises:
            NoCopyError: something that a transform keeps cannot be copied.
        """
        return cls(*copied((finisher.transforms, finisher.collate)))

    @classmethod
    def with_originals(cls, finisher: Finisher) -> "Hand":
        """Return one that works with what the user gave."""
        functions = finisher.transforms, finisher.collate
        return cls(functions, generators_of(functions))

    @property
    def draws(self) -> bool:
        """Whether there are generators to seed, besides global ones."""
        return bool(self._reseed)

    def transform(self, batch: Batch, index: int, digest: Digest, lent: Sequence[Reseed]) -> Any:
        """Return what becomes of a sample of a batch: a dict, or the values of some columns.

        `lent` are the generators of others that are to be seeded, too.
        """
        if self._whole is not None:
            sample = {name: self._own(values[index]) for name, values in batch.items()}
            return self._call(self._whole, sample, digest, lent)
        made = []
        for name, call in self._by_column.items():
            self.column = name
            value = self._own(batch[name][index])
            made.append(None if value is None else self._call(call, value, digest, lent))
        self.column = None
        return made

    def _own(self, value: Any) -> Any:
        return value.copy() if self.spares and isinstance(value, np.ndarray) else value

    def collate(self, batch: Any, digest: Digest, lent: Sequence[Reseed]) -> Any:
        """Return what becomes of a batch."""
        return batch if self._collate is None else self._call(self._collate, batch, digest, lent)

    def _call(self, call: "_Call", value: Any, digest: Digest, lent: Sequence[Reseed]) -> Any:
        for reseed in self._reseed:
            reseed(digest)
        for reseed in lent:
            reseed(digest)
        return (
            call.function(value, self._generator) if call.wants_generator else call.function(value)
        )


class _Call:
    """A function, and whether it takes a generator."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.wants_generator = wants_generator(function)
