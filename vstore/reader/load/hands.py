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
        """The column whose transform failed, where one did."""

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

    def at_work_on(self, batch: Batch, lent: Sequence[Reseed]) -> Callable[[int, Digest], Any]:
        """Return what makes of a batch's sample, by its number, a dict or values of some columns.

        That is the value itself where it is one column: the garbage collector follows every list.
        `lent` are the generators of others that are to be seeded, too.
        """
        if self._whole is not None:
            return self._whole_samples(self._whole, batch, lent)
        return self._columns(batch, lent)

    def _whole_samples(
        self, call: "_Call", batch: Batch, lent: Sequence[Reseed]
    ) -> Callable[[int, Digest], Any]:
        columns, spares = list(batch.items()), self.spares
        reseeds, function, more = self._to_seed(lent), call.function, self._more(call)

        def changed(index: int, digest: Digest) -> Any:
            sample = {name: values[index] for name, values in columns}
            if spares:
                sample = {name: _copy(value) for name, value in sample.items()}
            for reseed in reseeds:
                reseed(digest)
            return function(sample, *more)

        return changed

    def _columns(self, batch: Batch, lent: Sequence[Reseed]) -> Callable[[int, Digest], Any]:
        calls = [
            (name, self._column(call, batch[name], lent)) for name, call in self._by_column.items()
        ]

        if len(calls) == 1:
            self.column, only = calls[0]
            return only

        def changed(index: int, digest: Digest) -> Any:
            made: list[Any] = []
            try:
                for _, change in calls:
                    made.append(change(index, digest))
            except Exception:
                self.column = calls[len(made)][0]
                raise
            return made

        return changed

    def _column(
        self, call: "_Call", values: Any, lent: Sequence[Reseed]
    ) -> Callable[[int, Digest], Any]:
        """Return what makes of a sample, by its number, the value of one column."""
        reseeds, function, generator = self._to_seed(lent), call.function, self._generator
        if self.spares:
            values = _Copies(values)

        def changed(index: int, digest: Digest) -> Any:
            value = values[index]
            if value is None:
                return None
            for reseed in reseeds:
                reseed(digest)
            return function(value)

        def drawn(index: int, digest: Digest) -> Any:
            value = values[index]
            if value is None:
                return None
            for reseed in reseeds:
                reseed(digest)
            return function(value, generator)

        return drawn if call.wants_generator else changed

    def _to_seed(self, lent: Sequence[Reseed]) -> list[Reseed]:
        return [*self._reseed, *lent]

    def _more(self, call: "_Call") -> tuple[Any, ...]:
        return (self._generator,) if call.wants_generator else ()

    def collate(self, batch: Any, digest: Digest, lent: Sequence[Reseed]) -> Any:
        """Return what becomes of a batch."""
        call = self._collate
        if call is None:
            return batch
        for reseed in self._to_seed(lent):
            reseed(digest)
        return call.function(batch, *self._more(call))


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


class _Copies:
    """The samples of a column, each a copy that a function may change."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __getitem__(self, index: int) -> Any:
        """Return a copy of a sample."""
        return _copy(self._values[index])


class _Call:
    """A function, and whether it takes a generator."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.wants_generator = wants_generator(function)
